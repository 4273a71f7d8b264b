"""The way to the API fails: connections refused or reset, requests and answers lost, answers that drip or come late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

from backfill.model import RealmId
from backfill.rehearsal.faults.fault import Fault
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.mishap import Mishap
from backfill.simulator.injection.network import CutReply, Delay, LostReply, LostRequest, SlowReply
from backfill.wire import Lane

if TYPE_CHECKING:
    from backfill.rehearsal.stage import Stage

API = tuple(lane.value for lane in Lane)
"""All but the token endpoint."""

MISHAPS: Sequence[Mishap] = (
    LostRequest(),
    LostRequest(hold_s=300),
    LostReply(),
    LostReply(hold_s=300),
    LostReply(after_commit=False),
    CutReply(),
    SlowReply(piece_bytes=2_000, pause_s=0.5),
    Delay(before_s=5, after_s=2),
    Delay(before_s=40),
)
"""Those of 300 s are longer than any patience, that of 40 s is longer than a read's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadNetwork(Fault):
    """A share of the exchanges with the API, at random."""

    name: ClassVar[str] = "connection refused"
    chance: ClassVar[float] = 0.3
    share: float
    refused: bool
    mishaps: tuple[Mishap, ...]

    @classmethod
    def drawn(cls, rng: Random, *, realms: int) -> Self:  # noqa: ARG003  # the signature is all faults'
        return cls(
            share=rng.choice((0.02, 0.1, 0.3)),
            refused=rng.random() < 0.3,
            mishaps=tuple(rng.sample(MISHAPS, k=rng.randint(1, 3))),
        )

    def injections(self) -> Sequence[Injection]:
        return [Injection(mishap, lanes=API, probability=self.share) for mishap in self.mishaps]

    def cuts_off(self, stage: Stage, realm_id: RealmId) -> bool:  # noqa: ARG002  # any realm's
        if not self.refused or stage.rng.random() >= self.share:
            return False
        stage.injected(self)
        return True
