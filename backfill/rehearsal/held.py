"""What a world's realms begin with that were read before: all landed and proven; and the outage after that."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import TYPE_CHECKING

import anyio

from backfill.model import Proof, RealmId, Refusal
from backfill.qbo.catalogue import CATALOGUE
from backfill.qbo.records import read_rows
from backfill.rehearsal.pages_in_hand import PagesInHand
from backfill.rehearsal.runs import EARLIER_RUN

if TYPE_CHECKING:  # the stage holds its world, and the world its job
    from backfill.rehearsal.ground import Ground
    from backfill.rehearsal.stage import Stage

CHANGES_IN_AN_OUTAGE = 20
"""That people make in each realm, at most."""


async def hold(stage: Stage, ground: Ground) -> None:
    """Land every company and prove it, as an extract would have left it just now."""
    store = ground.store("an earlier command", PagesInHand(stage.world.head_bytes))
    for realm_id in stage.realm_ids:
        company = stage.simulator.fleet.company(realm_id)
        at = company.stamp()
        stood = company.state_at(at)
        lease = await store.acquire(realm_id)
        proofs = []
        for name, entity in CATALOGUE.items():
            aside = stage.world.settings.poisoned.get((realm_id, name), frozenset()) & stood[name].keys()
            records, _ = read_rows(entity, [doc for id_, doc in stood[name].items() if id_ not in aside], deleted_at=at)
            unread, _ = read_rows(entity, [stood[name][id_] for id_ in sorted(aside)], deleted_at=at)
            refusals = [Refusal("", "4002", "it cannot be read", record.id.encode()) for record in unread]
            await store.land(lease, EARLIER_RUN, name, records, refusals=refusals)
            proofs.append(Proof(name, True, "as it was", len(stood[name]), len(records), len(aside), at))
        await store.finish_scan(lease, EARLIER_RUN, proofs)
        await store.release(lease)


async def outage(stage: Stage, *, longest_s: float) -> None:
    """Nobody listens for a while, and people go on with their work: in the first minute, and before the last."""
    rng = Random(f"outage of world {stage.world.seed}")
    length_s = rng.choice((600.0, 86_400.0, longest_s)) if stage.world.scale == 1 else 0.5
    for part_s in (length_s / 2, length_s / 2):
        for realm_id in stage.realm_ids:
            stage.simulator.people(realm_id).act(rng.randint(0, CHANGES_IN_AN_OUTAGE // 2))
        await anyio.sleep(part_s)


def proven_since(stage: Stage, realm_id: RealmId) -> datetime:
    """When the realm was proven last; the oldest of its entities."""
    return min(proof.watermark for proof in stage.store.proofs(realm_id).values() if proof.watermark is not None)
