"""Reports are cut, wrong by a cent, given up by the gateway, or served for a while by a service that holds less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Self

from backfill.rehearsal.faults.fault import Fault
from backfill.simulator.injection.behaviour import Behaviour
from backfill.simulator.injection.bodies import InvalidBody, TruncatedBody
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.mishap import Mishap
from backfill.simulator.injection.refusals import GatewayTimeout
from backfill.simulator.injection.reports import CutReport, WrongAmount
from backfill.wire import Lane

TOTALLED = ("GeneralLedger", "ProfitAndLoss", "BalanceSheet", "TrialBalance")
"""Where a cut shows by a total that is missing, and a wrong amount by one that it does not come to. Of a bare list
that ends too soon without a word nobody can tell."""

MISHAPS: Sequence[tuple[Mishap, tuple[str, ...]]] = (
    (CutReport(after_lines=3), TOTALLED),
    (CutReport(after_lines=20), TOTALLED),
    (WrongAmount(), TOTALLED),
    (Behaviour(settings={"reports": {"cells": 400}}), ()),
    (Behaviour(settings={"reports": {"shape": "modern", "lists": "bare"}}), ()),
    (GatewayTimeout(hold_s=119), ()),
    (TruncatedBody(), ()),
    (TruncatedBody(share=0.0), ()),
    (InvalidBody(), ()),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BadReports(Fault):
    """A share of the reports, at random."""

    name: ClassVar[str] = "bad reports"
    chance: ClassVar[float] = 0.4
    share: float
    mishaps: tuple[tuple[Mishap, tuple[str, ...]], ...]
    """What befalls them, and which of them; no name: any."""

    @classmethod
    def drawn(cls, rng: Random, *, realms: int) -> Self:  # noqa: ARG003  # the signature is all faults'
        # Of a service that spoils every third answer nothing larger than a day's would ever be dared again.
        return cls(share=rng.choice((0.03, 0.1)), mishaps=tuple(rng.sample(MISHAPS, k=rng.randint(1, 3))))

    def injections(self) -> Sequence[Injection]:
        return [
            Injection(mishap, lanes=(Lane.REPORT.value,), entities=names, probability=self.share)
            for mishap, names in self.mishaps
        ]
