"""The way to the API fails: connections refused or reset, answers lost after the server has acted."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

from backfill.rehearsal.faults.fault import Fault
from backfill.rehearsal.mishap import Exchange, Mishap

if TYPE_CHECKING:
    from backfill.rehearsal.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class BadNetwork(Fault):
    """A share of the exchanges with the API, at random."""

    name: ClassVar[str] = "bad network"
    chance: ClassVar[float] = 0.3
    share: float
    mishaps: tuple[Mishap, ...]

    @classmethod
    def drawn(cls, rng: Random, *, realms: int) -> Self:  # noqa: ARG003  # the signature is all faults'
        return cls(
            share=rng.choice((0.02, 0.1, 0.3)),
            mishaps=tuple(rng.sample(list(Mishap), k=rng.randint(1, len(Mishap)))),
        )

    def mishap(self, stage: Stage, exchange: Exchange) -> Mishap | None:
        if exchange.lane == "token" or stage.rng.random() >= self.share:
            return None
        stage.injected(self)
        return stage.rng.choice(self.mishaps)
