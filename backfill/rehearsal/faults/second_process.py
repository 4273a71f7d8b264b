"""Somebody begins the same command a second time, beside the first: two processes want the same realms and tokens."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

import anyio

from backfill.rehearsal.faults.fault import Fault

if TYPE_CHECKING:
    from backfill.rehearsal.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondProcess(Fault):
    """It has a run of its own, and reads what the first has read once more."""

    name: ClassVar[str] = "second process"
    chance: ClassVar[float] = 0.2
    at_s: float

    @classmethod
    def drawn(cls, rng: Random, *, realms: int) -> Self:  # noqa: ARG003  # the signature is all faults'
        return cls(at_s=rng.choice((0.0, rng.uniform(0, 5), rng.uniform(0, 60))))

    async def strike(self, stage: Stage) -> None:
        await anyio.sleep(self.at_s)
        stage.injected(self)
        await stage.rival()
