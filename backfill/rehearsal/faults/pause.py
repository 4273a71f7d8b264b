"""The process is stopped for longer than its lease lasts (SIGSTOP, a laptop's lid), and then let go on."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

import anyio

from backfill.rehearsal.faults.fault import Fault

if TYPE_CHECKING:
    from backfill.rehearsal.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(Fault):
    """Meanwhile another process may take its realms over: then it must stop, and spoil nothing."""

    name: ClassVar[str] = "paused process"
    chance: ClassVar[float] = 0.15
    at_s: float
    for_s: float
    rival: bool
    """Another process wants the same realms."""

    @classmethod
    def drawn(cls, rng: Random, *, realms: int) -> Self:  # noqa: ARG003  # the signature is all faults'
        return cls(
            at_s=rng.choice((rng.uniform(0, 3), rng.uniform(0, 60))),
            for_s=rng.choice((5.0, 35.0, 70.0)),
            rival=rng.random() < 0.7,
        )

    async def strike(self, stage: Stage) -> None:
        await anyio.sleep(self.at_s)
        for process in stage.living:
            process.life.pause(self.for_s)
            stage.pauses += 1
            stage.injected(self)
        if self.rival:
            await stage.rival()
