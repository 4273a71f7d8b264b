"""The wall clock of our machine is put forward or back, by seconds or by days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

import anyio

from backfill.rehearsal.faults.fault import Fault

if TYPE_CHECKING:
    from backfill.rehearsal.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockJumps(Fault):
    """(seconds after the one before, new difference from the server's clock in seconds)."""

    name: ClassVar[str] = "clock jump"
    chance: ClassVar[float] = 0.2
    bunches: ClassVar[bool] = True
    jumps: tuple[tuple[float, float], ...]

    @classmethod
    def drawn(cls, rng: Random, *, realms: int) -> Self:  # noqa: ARG003  # the signature is all faults'
        def jump() -> tuple[float, float]:
            off_s = rng.choice((5.0, 3_600.0, 86_400.0, 60 * 86_400.0))
            return rng.choice((0.0, rng.uniform(0, 2), rng.uniform(0, 60))), rng.choice((-1, 1)) * off_s

        return cls(jumps=tuple(jump() for _ in range(rng.choice((1, 1, 3)))))

    async def strike(self, stage: Stage) -> None:
        for after_s, off_s in self.jumps:
            await anyio.sleep(after_s)
            stage.clock_off = timedelta(seconds=off_s)
            stage.injected(self)
