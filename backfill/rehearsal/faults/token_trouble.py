"""The token endpoint fails: above all, the new value of a refresh token is granted and never arrives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Self

from backfill.rehearsal.faults.fault import Fault
from backfill.simulator.injection.bodies import InvalidBody, TruncatedBody
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.mishap import Mishap
from backfill.simulator.injection.network import Delay, LostReply, LostRequest
from backfill.simulator.injection.refusals import ErrorPage, TooManyRequests
from backfill.simulator.injection.subject import TOKEN_LANE
from backfill.simulator.injection.tokens import RefreshRace, RefusedGrant

MISHAPS: Sequence[Mishap] = (
    LostRequest(),
    LostReply(),
    LostReply(hold_s=300),
    TruncatedBody(),
    InvalidBody(),
    ErrorPage(status=503),
    TooManyRequests(),
    Delay(before_s=20),
    RefusedGrant(),
    RefreshRace(),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTrouble(Fault):
    """A share of the refreshes, at random."""

    name: ClassVar[str] = "token trouble"
    chance: ClassVar[float] = 0.25
    parks: ClassVar[bool] = True
    share: float
    mishaps: tuple[Mishap, ...]

    @classmethod
    def drawn(cls, rng: Random, *, realms: int) -> Self:  # noqa: ARG003  # the signature is all faults'
        return cls(share=rng.choice((0.1, 0.5)), mishaps=tuple(rng.sample(MISHAPS, k=rng.randint(1, 2))))

    def injections(self) -> Sequence[Injection]:
        return [Injection(mishap, lanes=(TOKEN_LANE,), probability=self.share) for mishap in self.mishaps]
