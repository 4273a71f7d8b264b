"""The landing broken on purpose: rows dropped, documents altered, some to be newer than the company's, what is deleted
alive again and what lives marked."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from backfill.store.memory_rows import Row

if TYPE_CHECKING:  # the stage holds its world, and the world its job
    from backfill.rehearsal.stage import Stage

ENTITIES = ("Account", "Bill", "Customer", "ExchangeRate", "Invoice", "Item", "JournalEntry", "RecurringTransaction")
"""Read in all the ways that there are."""

WOUNDS_MOST = 6
"""In each realm."""

AHEAD = timedelta(days=400)
"""How much newer a row says that it is than the company's own ever will be while the world lasts."""

NEVER = "99999999"
"""The Id of an object that no company has."""


def damage(stage: Stage) -> None:
    """Break some rows of each realm, in the stage's own store."""
    rng = Random(f"damage of world {stage.world.seed}")
    for realm_id in stage.realm_ids:
        for _ in range(rng.randint(0, WOUNDS_MOST)):
            entity = rng.choice(ENTITIES)
            if (realm_id, entity) in stage.world.settings.poisoned:
                continue  # it cannot be walked, so nobody could name what is wrong
            held = stage.store.rows(realm_id, entity)
            assert isinstance(held, dict), "the store's own"
            live = sorted(id_ for id_, row in held.items() if row.deleted_at is None)
            if live:
                _wound(held, rng.choice(live), rng, stage.our_clock())
                stage.trace.add("wound", realm_id, entity)


def _wound(held: dict[str, Row], id_: str, rng: Random, now: datetime) -> None:
    row = held[id_]
    match rng.choice(("dropped", "altered", "ahead", "risen", "marked")):
        case "dropped":
            del held[id_]
        case "altered":
            held[id_] = replace(row, doc=b'{"Altered":true,' + row.doc[1:])
        case "ahead":
            held[id_] = replace(row, doc=b'{"Altered":true,' + row.doc[1:], updated_at=now + AHEAD)
        case "risen":
            kind, colon, number = id_.rpartition(":")
            held[f"{kind}{colon}{NEVER}" if not number.count("-") else id_] = row
        case _:
            held[id_] = replace(row, deleted_at=now)
