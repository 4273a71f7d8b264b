"""Intuit says that there were too many requests when there were not: in every form, with and without Retry-After."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Literal, Self

from backfill.rehearsal.faults.bad_network import API
from backfill.rehearsal.faults.fault import Fault
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.refusals import TooManyRequests
from backfill.simulator.settings import ThrottleBody


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals(Fault):
    """A share of the answers, at random."""

    name: ClassVar[str] = "refusals"
    chance: ClassVar[float] = 0.2
    refuses: ClassVar[bool] = True
    share: float
    form: ThrottleBody
    retry_after: Literal["absent", "seconds", "date"]
    wait_s: float

    @classmethod
    def drawn(cls, rng: Random, *, realms: int) -> Self:  # noqa: ARG003  # the signature is all faults'
        return cls(
            share=rng.choice((0.02, 0.1, 0.3)),
            form=rng.choice(("xml", "json_lower", "json_upper", "http_403_legacy", "no_body")),
            retry_after=rng.choice(("absent", "seconds", "date")),
            wait_s=rng.choice((1.0, 30.0, 3_600.0)),
        )

    def injections(self) -> Sequence[Injection]:
        mishap = TooManyRequests(form=self.form, retry_after=self.retry_after, wait_s=self.wait_s)
        return [Injection(mishap, lanes=API, probability=self.share)]
