"""Other apps of the same realm use up its limits, evenly or in bursts: what is left for us is refused."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

import anyio

from backfill.rehearsal.faults.fault import Fault

if TYPE_CHECKING:
    from backfill.rehearsal.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherApps(Fault):
    """Bursts, each of a share of the realm's minute."""

    name: ClassVar[str] = "other apps"
    chance: ClassVar[float] = 0.2
    refuses: ClassVar[bool] = True
    every_s: float
    share: float
    bursts: int

    @classmethod
    def drawn(cls, rng: Random, *, realms: int) -> Self:  # noqa: ARG003  # the signature is all faults'
        return cls(every_s=rng.choice((0.5, 10.0, 60.0)), share=rng.choice((0.3, 1.0)), bursts=rng.choice((1, 3, 6)))

    async def strike(self, stage: Stage) -> None:
        limits = stage.world.limits
        for _ in range(self.bursts):
            for realm_id in stage.realm_ids:
                stage.simulator.throttle.inject(
                    realm_id,
                    round(self.share * limits.requests_per_window),
                    at=anyio.current_time(),
                    batches=round(self.share * limits.realm_batches_per_window),
                )
                stage.injected(self)
            await anyio.sleep(self.every_s)
