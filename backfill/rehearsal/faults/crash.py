"""The process is killed, at any await, and another one goes on: on this machine or elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

from backfill.rehearsal.faults.fault import Fault
from backfill.rehearsal.life import Kill

if TYPE_CHECKING:
    from backfill.rehearsal.stage import Stage

REACHES_MOST = 120
"""A small realm is read by some fifty reaches outside: half of the kills fall into the first realm's work."""

STEPS_MOST = 12
"""Between two timers the loop rarely takes more steps than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash(Fault):
    """As by `kill -9`."""

    name: ClassVar[str] = "crash"
    chance: ClassVar[float] = 0.5
    kills: tuple[Kill, ...]

    @classmethod
    def drawn(cls, rng: Random, *, realms: int) -> Self:
        def kill() -> Kill:
            return Kill(
                reach=rng.randint(1, REACHES_MOST * realms),
                wait_s=rng.choice((0.0, 0.0, rng.uniform(0, 0.5), rng.uniform(0, 40))),
                steps=rng.randint(0, STEPS_MOST),
                restart_s=rng.choice((0.0, 1.0, 20.0)),
                elsewhere=rng.random() < 0.3,
            )

        return cls(kills=tuple(kill() for _ in range(rng.choice((1, 1, 2, 4)))))

    def open(self, stage: Stage) -> None:
        stage.kills += self.kills
        stage.on_death.append(lambda: stage.injected(self))
