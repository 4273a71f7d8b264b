"""A company's owner disconnects the app, and connects it again after a while, or never."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

import anyio

from backfill.rehearsal.faults.fault import Fault
from backfill.simulator.settings import Disconnected, SimulatorSettings

if TYPE_CHECKING:
    from backfill.rehearsal.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked(Fault):
    """One realm, by its number."""

    name: ClassVar[str] = "revoked realm"
    chance: ClassVar[float] = 0.15
    realm: int
    at_s: float
    for_good: bool
    refusal: Disconnected

    @classmethod
    def drawn(cls, rng: Random, *, realms: int) -> Self:
        return cls(
            realm=rng.randrange(realms),
            at_s=rng.choice((0.0, rng.uniform(0, 3), rng.uniform(0, 60))),
            for_good=rng.random() < 0.5,
            refusal=rng.choice(("3200", "3100", "120")),
        )

    def settings(self, settings: SimulatorSettings) -> SimulatorSettings:
        return replace(settings, disconnected=self.refusal)

    async def strike(self, stage: Stage) -> None:
        await anyio.sleep(self.at_s)
        realm_id = stage.realm_ids[self.realm]
        stage.troubles[self] = realm_id
        stage.simulator.oauth.revoke(realm_id)
        stage.injected(self)

    def heal(self, stage: Stage) -> None:
        if self in stage.troubles and not self.for_good:
            stage.reconnect(stage.troubles.pop(self))
