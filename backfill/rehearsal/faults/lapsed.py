"""A company's subscription lapses, and is paid again: Intuit says so in bare text, within a 200."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

import anyio

from backfill.rehearsal.faults.bad_network import API
from backfill.rehearsal.faults.fault import Fault
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.refusals import BareText

if TYPE_CHECKING:
    from backfill.rehearsal.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapsed(Fault):
    """One realm, by its number."""

    name: ClassVar[str] = "lapsed subscription"
    chance: ClassVar[float] = 0.08
    realm: int
    at_s: float

    @classmethod
    def drawn(cls, rng: Random, *, realms: int) -> Self:
        return cls(realm=rng.randrange(realms), at_s=rng.choice((0.0, rng.uniform(0, 3), rng.uniform(0, 60))))

    async def strike(self, stage: Stage) -> None:
        await anyio.sleep(self.at_s)
        realm_id = stage.realm_ids[self.realm]
        stage.troubles[self] = realm_id
        stage.simulator.injections.add(Injection(BareText(), realms=(realm_id,), lanes=API))
        stage.injected(self)

    def heal(self, stage: Stage) -> None:
        stage.troubles.pop(self, None)
