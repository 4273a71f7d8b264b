"""People work on the very objects that a load changes, at the same time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

import anyio

from backfill.model import RealmId
from backfill.rehearsal.faults.fault import Fault
from backfill.simulator.documents import decode

if TYPE_CHECKING:
    from backfill.rehearsal.stage import Stage


PLACES: Mapping[str, Callable[[int], dict[str, object]]] = {
    "Customer": lambda number: {"Suffix": f"No. {number}"},
    "Vendor": lambda number: {"Suffix": f"No. {number}"},
    "Invoice": lambda number: {"TrackingNum": f"edited {number}"},
    "Bill": lambda number: {"DueDate": f"2026-12-{number % 31 + 1:02}"},
}
"""What people write, beside what the load writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Editors(Fault):
    """Each time one object gets another version: what was to be changed is not what was read any more."""

    name: ClassVar[str] = "same object edited"
    chance: ClassVar[float] = 0.4
    every_s: float
    times: int

    @classmethod
    def drawn(cls, rng: Random, *, realms: int) -> Self:  # noqa: ARG003  # the signature is all faults'
        return cls(every_s=rng.choice((0.1, 1.0, 20.0)), times=rng.choice((10, 60)))

    async def strike(self, stage: Stage) -> None:
        for number in range(self.times):
            await anyio.sleep(stage.rng.expovariate(1 / self.every_s))
            objects = _objects(stage)
            if not objects:
                return  # nothing is loaded in this world
            realm_id, entity, id_ = stage.rng.choice(objects)
            company = stage.simulator.fleet.company(realm_id)
            row = company.table(entity).get(id_)
            if row is not None:
                with stage.books.people():
                    company.replace(entity, id_, decode(row.doc) | PLACES[entity](number))
                stage.injected(self)


def _objects(stage: Stage) -> Sequence[tuple[RealmId, str, str]]:
    """Realm, entity and Id of what is to be changed and was there before."""
    return [(row.realm_id, row.entity, row.object_id) for row in stage.load.rows if row.object_id]
