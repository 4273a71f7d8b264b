"""The way to the token endpoint fails: among others, the new value of a refresh token is granted and never arrives."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

from backfill.rehearsal.faults.fault import Fault
from backfill.rehearsal.mishap import Exchange, Mishap

if TYPE_CHECKING:
    from backfill.rehearsal.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class LostTokens(Fault):
    """A share of the exchanges with the token endpoint, at random."""

    name: ClassVar[str] = "lost token"
    chance: ClassVar[float] = 0.2
    share: float

    @classmethod
    def drawn(cls, rng: Random, *, realms: int) -> Self:  # noqa: ARG003  # the signature is all faults'
        return cls(share=rng.choice((0.1, 0.5)))

    def mishap(self, stage: Stage, exchange: Exchange) -> Mishap | None:
        if exchange.lane != "token" or stage.rng.random() >= self.share:
            return None
        stage.injected(self)
        return stage.rng.choice(list(Mishap))
