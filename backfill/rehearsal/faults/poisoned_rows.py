"""Stored rows that fail every page they are on. They stay so: the rest is to be landed, and they are set aside."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from backfill.rehearsal.faults.fault import Fault
from backfill.simulator.settings import SimulatorSettings

if TYPE_CHECKING:
    from backfill.rehearsal.stage import Stage

ENTITIES = ("Account", "Bill", "Customer", "Invoice", "Item", "JournalEntry", "TaxCode")
"""Read in all the ways that there are; every company has some of most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoisonedRows(Fault):
    """Some rows of one entity of one realm."""

    name: ClassVar[str] = "poisoned rows"
    chance: ClassVar[float] = 0.15
    realm: int
    entity: str
    rows: int
    code: Literal["4002", "10000"]

    @classmethod
    def drawn(cls, rng: Random, *, realms: int) -> Self:
        return cls(
            realm=rng.randrange(realms),
            entity=rng.choice(ENTITIES),
            rows=rng.choice((1, 1, 3)),
            code=rng.choice(("4002", "10000")),
        )

    def settings(self, settings: SimulatorSettings) -> SimulatorSettings:
        return replace(settings, poison_code=self.code, poisoned={})

    def open(self, stage: Stage) -> None:
        realm_id = stage.realm_ids[self.realm]
        entity, count = self.entity, self.rows
        if stage.world.settings.limit_plus_one:
            entity = "Invoice"  # of those that share a second the order changes, and with it who stands beside whom
        rows = stage.simulator.fleet.company(realm_id).table(entity).by_created()
        if stage.world.settings.limit_plus_one:
            # What stands between two of them, or first before one, could not be told from them: it is said unproven.
            # People delete rows, too, and what is second now may be the first then: those of the later half are not.
            rows, count = rows[max(2, len(rows) // 2) :], 1
        ids = frozenset(row.id for row in stage.rng.sample(list(rows), k=min(count, len(rows))))
        poisoned = stage.world.settings.poisoned
        assert isinstance(poisoned, dict), "made above, for this world alone"
        poisoned[realm_id, entity] = ids
        for _ in ids:
            stage.injected(self)
