"""Which reports of a company are asked for, with which parameters and for which periods. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from backfill.jobs import report_periods
from backfill.jobs.company_facts import CompanyFacts
from backfill.jobs.report_options import ReportOptions
from backfill.model import RunId
from backfill.qbo.report_calls import Parameters, parameters, said
from backfill.qbo.reports import DAY_COLUMNS_MAX, REPORTS, Basis, Dates, Kind, Report
from backfill.report_model import ALWAYS, HeldReport, Period


@dataclass(frozen=True, slots=True)
class Asked:
    """One report with its parameters."""

    report: Report
    parameters: Parameters
    basis: Basis | None
    by: str = ""
    last_only: bool = False
    """It is read for its last period only, to prove another by."""

    @property
    def key(self) -> str:
        """The parameters as they are kept."""
        return said(self.parameters)

    @property
    def title(self) -> str:
        """What the user knows it by."""
        basis = f" {self.basis}" if self.basis else ""
        part = " (last period)" if self.last_only else ""
        return f"{self.report.name}{basis}{f' by {self.by}' if self.by else ''}{part}"

    @property
    def days_max(self) -> int | None:
        """The longest period that has all its columns; None: any has."""
        return DAY_COLUMNS_MAX if self.by == "Days" else None

    @property
    def divisible(self) -> bool:
        """Whether a period of it can be asked for in parts: a balance at a day cannot."""
        return self.report.dates is Dates.RANGE and self.report.kind in {Kind.FLOW, Kind.LIST}


@dataclass(frozen=True, slots=True)
class Planned:
    """One period of one report: `period` is its name, `dates` what is there to be asked for today."""

    asked: Asked
    period: Period
    dates: Period


def what_to_ask(options: ReportOptions, facts: CompanyFacts) -> list[Asked]:
    """Each report on each basis and summary that it knows, once; and what the proofs need beside."""
    found: dict[tuple[str, str], Asked] = {}
    for report in options.reports:
        if not report.offered_in(facts.country):
            continue
        for basis in options.bases if report.based else (None,):
            for by in options.by if report.by else ("",):
                words = parameters(report, basis=basis, by=by, multicurrency=facts.multicurrency)
                asked = Asked(report, words, basis, by)
                found.setdefault((report.name, asked.key), asked)
    for asked in list(found.values()):
        if asked.report.ties_to:
            beside = companion(asked)
            found.setdefault((beside.report.name, beside.key), replace(beside, last_only=True))
    return list(found.values())


def companion(asked: Asked) -> Asked:
    """The as-of report of the same books that `asked` must lead up to."""
    report = REPORTS[asked.report.ties_to]
    return Asked(report, parameters(report, basis=asked.basis), asked.basis)


def plan(asked: Asked, options: ReportOptions, facts: CompanyFacts, today: date) -> list[Planned]:
    """The periods of one report, oldest first."""
    if asked.report.dates is Dates.NONE:
        return [Planned(asked, ALWAYS, ALWAYS)]
    first, last = options.first or facts.first_date, options.last or today
    periods = report_periods.planned(first, last, fiscal_month=facts.fiscal_month, months=options.period_months)
    named = [report_periods.within(period, options.first, options.last) for period in periods]
    # A period may begin with a day that the company's own calendar has not come to.
    found = [Planned(asked, one, report_periods.within(one, None, last)) for one in named if one.start <= last]
    return found[-1:] if asked.last_only else found


def open_dates(planned: Planned, held: Iterable[HeldReport], *, read_again: bool, run_id: RunId) -> Sequence[Period]:
    """What of the period is still to be read. `read_again`: what an earlier run has read does not count."""
    tiles = [
        one.part.dates
        for one in held
        if one.part.period == planned.period and one.part.closes and not (read_again and one.run_id != run_id)
    ]
    if not planned.asked.divisible:
        return [] if planned.dates in tiles else [planned.dates]
    return report_periods.missing(planned.dates, tiles)
