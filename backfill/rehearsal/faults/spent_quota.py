"""The month's quota of metered calls is spent: every call of the app is refused, for as long as phase one lasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Self

from backfill.rehearsal.faults.bad_network import API
from backfill.rehearsal.faults.fault import Fault
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.refusals import TooManyRequests


@dataclass(frozen=True, slots=True, kw_only=True)
class SpentQuota(Fault):
    """From so many calls on."""

    name: ClassVar[str] = "spent quota"
    chance: ClassVar[float] = 0.04
    refuses: ClassVar[bool] = True
    after: int

    @classmethod
    def drawn(cls, rng: Random, *, realms: int) -> Self:
        return cls(after=rng.randint(0, 20 * realms))

    def injections(self) -> Sequence[Injection]:
        return [Injection(TooManyRequests(), lanes=API, after=self.after)]
