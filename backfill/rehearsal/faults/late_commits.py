"""Intuit acts long after it was asked, and perhaps after nobody waits for it any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Self

from backfill.rehearsal.faults.fault import Fault
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.network import Delay, LostReply
from backfill.wire import Lane

LATEST_S = 70.0
"""With the 45 s that a bad network may add to it, it acts within the 120 s for which Intuit works on a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LateCommits(Fault):
    """A share of the writes and batches, at random; and a share whose answers are lost on top of it."""

    name: ClassVar[str] = "late commits"
    chance: ClassVar[float] = 0.25
    share: float
    lost_share: float

    @classmethod
    def drawn(cls, rng: Random, *, realms: int) -> Self:  # noqa: ARG003  # the signature is all faults'
        return cls(share=rng.choice((0.05, 0.3)), lost_share=rng.choice((0.0, 0.1, 0.3)))

    def injections(self) -> Sequence[Injection]:
        lanes = (Lane.WRITE.value, Lane.BATCH.value)
        late = Injection(Delay(before_s=0, jitter_s=LATEST_S), lanes=lanes, probability=self.share)
        if not self.lost_share:
            return [late]
        return [late, Injection(LostReply(), lanes=lanes, probability=self.lost_share)]
