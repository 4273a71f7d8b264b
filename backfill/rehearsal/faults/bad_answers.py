"""Intuit answers, and what it says is broken: half of it, no JSON, HTML, a fault within a 200, items missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Self

from backfill.rehearsal.faults.bad_network import API
from backfill.rehearsal.faults.fault import Fault
from backfill.simulator.injection.batches import ItemFault, ItemsWithoutBid, MissingItems
from backfill.simulator.injection.behaviour import Behaviour
from backfill.simulator.injection.bodies import InvalidBody, TruncatedBody
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.mishap import Mishap
from backfill.simulator.injection.refusals import ApiFault, ErrorPage, GatewayTimeout, NoBody
from backfill.simulator.injection.sizes import AnswerTooLarge, BodyTooLarge

MISHAPS: Sequence[Mishap] = (
    TruncatedBody(),
    TruncatedBody(share=0.0),
    InvalidBody(flaw="comma"),
    InvalidBody(flaw="byte"),
    InvalidBody(flaw="nan"),
    NoBody(),
    NoBody(status=500),
    ErrorPage(status=200),
    ErrorPage(status=502),
    ErrorPage(status=503, after_commit=True),
    ErrorPage(status=504),
    GatewayTimeout(hold_s=20),
    ApiFault(code="10000"),
    ApiFault(code="10000", status=200),
    ApiFault(code="6000", status=200),
    ItemFault(code="3001"),
    ItemFault(code="10000"),
    MissingItems(),
    ItemsWithoutBid(),
    AnswerTooLarge(over_rows=20),
    BodyTooLarge(over_bytes=1_500),
    Behaviour(settings={"batch_shuffled": True, "id_sort": "error"}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BadAnswers(Fault):
    """A share of the answers, at random."""

    name: ClassVar[str] = "bad answers"
    chance: ClassVar[float] = 0.4
    refuses: ClassVar[bool] = True
    share: float
    mishaps: tuple[Mishap, ...]

    @classmethod
    def drawn(cls, rng: Random, *, realms: int) -> Self:  # noqa: ARG003  # the signature is all faults'
        return cls(share=rng.choice((0.02, 0.1, 0.3)), mishaps=tuple(rng.sample(MISHAPS, k=rng.randint(1, 3))))

    def injections(self) -> Sequence[Injection]:
        return [Injection(mishap, lanes=API, probability=self.share) for mishap in self.mishaps]
