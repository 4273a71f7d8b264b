"""Whether the periods of a report are whole and agree: with themselves, with one another, with the books at their ends.

    whole     every planned period is held, to its last date
    sums      in every answer each section's rows add up to its total (found when it was landed)
    chain     what an account had at one period's end it has at the next one's beginning
    tie       opening + periods = closing: a balance sheet of the day says the same as all that led up to it
    overlap   what was read in two ways in one run comes to the same

Income and expense begin a fiscal year with nothing or go on, and retained earnings take up each year's result without a
transaction: Intuit's reference leaves open which a ledger shows, so across a year's end both are right. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import TypeAlias

from backfill.jobs import report_periods
from backfill.jobs.company_facts import Account, CompanyFacts
from backfill.jobs.report_figures import account, added, differing, together
from backfill.jobs.report_plan import Asked, Planned, companion
from backfill.model import RunId
from backfill.qbo.reports import Kind
from backfill.report_model import Figures, HeldReport, Period

Place: TypeAlias = tuple[str, str, Period]
"""Report's name, parameters and planned period."""

_ZERO = Decimal(0)
_NET_INCOME = "NetIncome"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Something that does not add up, in words that name the place; and the periods whose re-reading may cure it."""

    reason: str
    periods: Sequence[Place]
    lacks: Period | None = None
    """The planned period that is not whole."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Dates that are whole, with what they come to."""

    part: HeldReport
    dates: Period
    figures: Figures

    @property
    def place(self) -> Place:
        return _place(self.part)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is held of one report, and of that which it must lead up to, in the order of dates."""

    asked: Asked
    planned: Sequence[Planned]
    held: Sequence[HeldReport]
    """Of the report; and of this run with other parameters."""
    beside: Sequence[HeldReport]
    """Of the report that it ties to, as its companion is asked."""
    facts: CompanyFacts
    run_id: RunId
    from_the_beginning: bool
    """The first period begins with the company's first transaction."""


def mismatches(evidence: Evidence) -> list[Mismatch]:
    """All that does not add up."""
    own = _stretches(evidence)
    return [
        *_missing(evidence),
        *_wrong_sums(evidence),
        *_broken_chain(evidence, own),
        *_wrong_result(evidence, own),
        *_wrong_balances(evidence, own),
        *_disagreeing(evidence, own),
    ]


def _of_parameters(evidence: Evidence) -> Iterator[HeldReport]:
    periods = {planned.period for planned in evidence.planned}
    key = evidence.asked.key
    return (one for one in evidence.held if one.part.parameters == key and one.part.period in periods)


def _stretches(evidence: Evidence) -> list[Stretch]:
    """The planned periods' dates in order, the cuts of one day put together."""
    return _together(list(_of_parameters(evidence)))


def _together(held: Sequence[HeldReport]) -> list[Stretch]:
    def place(one: HeldReport) -> tuple[Period, Period, str]:
        return one.part.dates, one.part.period, one.part.parameters

    ordered = sorted(held, key=lambda one: (*place(one), one.part.number))
    found = []
    for (dates, _, _), group in groupby(ordered, key=place):
        parts = list(group)
        if parts[-1].part.closes:
            found.append(Stretch(parts[-1], dates, together(parts)))
    return found


def _missing(evidence: Evidence) -> Iterator[Mismatch]:
    held = [one.part for one in _of_parameters(evidence) if one.part.closes]
    for planned in evidence.planned:
        tiles = [part.dates for part in held if part.period == planned.period]
        if evidence.asked.divisible:
            missing = report_periods.missing(planned.dates, tiles)
        else:
            missing = [] if planned.dates in tiles else [planned.dates]
        for dates in missing:
            yield Mismatch(f"{evidence.asked.title}: {dates} is not there", (), lacks=planned.period)


def _wrong_sums(evidence: Evidence) -> Iterator[Mismatch]:
    for one in _of_parameters(evidence):
        for fault in one.faults:
            yield Mismatch(f"{evidence.asked.title} of {one.part.dates}: {fault}", [_place(one)])


class _Balance:
    """What an account may have: one amount, or across a year's end one of two; and the places that say so.

    Periods that do not name the account leave its balance as it was: the place may be any number of them before.
    """

    def __init__(self, *amounts: Decimal, places: Iterable[Place] = ()) -> None:
        self.amounts = set(amounts)
        self.places = frozenset(places)

    def moved(self, change: Decimal, place: Place) -> _Balance:
        return _Balance(*(amount + change for amount in self.amounts), places=self.places | {place})


def _broken_chain(evidence: Evidence, own: Sequence[Stretch]) -> Iterator[Mismatch]:
    """A ledger's openings against what went before, and its closings against the balance sheets of the same run."""
    if not evidence.asked.report.ledger:
        return
    sheets = {one.dates.end: one for one in _together(_of_companion(evidence))}
    accounts = {account(id_): one for id_, one in evidence.facts.accounts.items() if not one.retained}
    balances: dict[str, _Balance] = {}
    before: Stretch | None = None
    for stretch in own:
        if before is not None and not report_periods.follows(before.dates, stretch.dates):
            balances, before = {}, None
        whole = evidence.from_the_beginning and (before is not None or stretch is own[0])
        if before is not None and _begins_year(stretch.dates, evidence.facts):
            _turn_year(balances, accounts)
        yield from _wrong_openings(evidence, stretch, before, balances, accounts, whole=whole)
        for key in stretch.figures.opening.keys() | stretch.figures.change.keys():
            said = stretch.figures.opening.get(key)
            start = _Balance(said) if said is not None else balances.get(key, _Balance(_ZERO))
            balances[key] = start.moved(stretch.figures.change.get(key, _ZERO), stretch.place)
        sheet = sheets.get(stretch.dates.end)
        if sheet is not None and sheet.part.run_id == stretch.part.run_id:
            yield from _wrong_closings(evidence, stretch, sheet, balances, accounts, whole=whole)
        before = stretch


def _wrong_openings(
    evidence: Evidence,
    stretch: Stretch,
    before: Stretch | None,
    balances: Mapping[str, _Balance],
    accounts: Mapping[str, Account],
    *,
    whole: bool,
) -> Iterator[Mismatch]:
    for key, opening in stretch.figures.opening.items():
        if key not in accounts or not (whole or key in balances):
            continue
        expected = balances.get(key, _Balance(_ZERO))
        if opening not in expected.amounts:
            ends = "nothing went before" if before is None else f"{before.dates} ended with {_words(expected.amounts)}"
            places = [*expected.places, *([] if before is None else [before.place]), stretch.place]
            yield Mismatch(f"{evidence.asked.title} of {stretch.dates}: {key} begins with {opening}, {ends}", places)


def _wrong_closings(
    evidence: Evidence,
    stretch: Stretch,
    sheet: Stretch,
    balances: Mapping[str, _Balance],
    accounts: Mapping[str, Account],
    *,
    whole: bool,
) -> Iterator[Mismatch]:
    for key in balances.keys() | sheet.figures.closing.keys():
        if key not in accounts or accounts[key].is_of_result or not (whole or key in balances):
            continue
        expected = balances.get(key, _Balance(_ZERO))
        said = sheet.figures.closing.get(key, _ZERO)
        if said not in expected.amounts:
            reason = (
                f"{evidence.asked.title} up to {stretch.dates.end}: {key} comes to {_words(expected.amounts)}, "
                f"{sheet.part.part.report} says {said}"
            )
            yield Mismatch(reason, [*expected.places, stretch.place, sheet.place])


def _wrong_result(evidence: Evidence, own: Sequence[Stretch]) -> Iterator[Mismatch]:
    """A profit and loss statement's periods since the year's beginning against the balance sheet's own net income."""
    if evidence.asked.report.ledger or not evidence.asked.report.adds_up:
        return
    sheets = _together(_of_companion(evidence))
    if not any(_NET_INCOME in sheet.figures.closing for sheet in sheets):
        return  # they do not tell their net income apart
    changes = [stretch.figures.change for stretch in own]
    if any(changes) and not any(_NET_INCOME in change for change in changes):
        return  # the statements do not tell it; where nothing at all happened, it is nothing
    # Of a company's first year the balance sheet counts what was earned since it began.
    began = evidence.planned[0].dates.start if evidence.from_the_beginning and evidence.planned else date.min
    for sheet in sheets:
        start = report_periods.fiscal_year_start(sheet.dates.end, evidence.facts.fiscal_month)
        year = Period(max(start, began), sheet.dates.end)
        tiles = report_periods.tiling(year, [stretch.dates for stretch in own])
        parts = [stretch for stretch in own if tiles and stretch.dates in tiles]
        if not parts or {part.part.run_id for part in parts} != {sheet.part.run_id}:
            continue
        earned = added(part.figures for part in parts).get(_NET_INCOME, _ZERO)
        said = sheet.figures.closing.get(_NET_INCOME, _ZERO)
        if earned != said:
            reason = f"{evidence.asked.title} of {year}: the periods earned {earned}, BalanceSheet says {said}"
            yield Mismatch(reason, [*(part.place for part in parts), sheet.place])


def _wrong_balances(evidence: Evidence, own: Sequence[Stretch]) -> Iterator[Mismatch]:
    """A trial balance's debits against the balance sheet of the same day and run."""
    if evidence.asked.report.kind is not Kind.AS_OF:
        return
    sheets = {one.dates.end: one for one in _together(_of_companion(evidence))}
    for stretch in own:
        sheet = sheets.get(stretch.dates.end)
        if sheet is None or sheet.part.run_id != stretch.part.run_id:
            continue
        for id_, one in evidence.facts.accounts.items():
            if one.retained or one.is_of_result or not one.classification:
                continue
            debit = stretch.figures.closing.get(account(id_), _ZERO)
            said = sheet.figures.closing.get(account(id_), _ZERO)
            if said != (debit if one.is_debit else -debit):
                reason = f"{evidence.asked.title} of {stretch.dates.end}: account {id_} is {debit} in debit"
                yield Mismatch(f"{reason}, {sheet.part.part.report} says {said}", [stretch.place, sheet.place])


def _disagreeing(evidence: Evidence, own: Sequence[Stretch]) -> Iterator[Mismatch]:
    """The same dates, read in one run in other periods or by other columns."""
    report = evidence.asked.report
    if report.kind is Kind.LIST:
        return
    mine = [stretch for stretch in own if stretch.part.run_id == evidence.run_id]
    dates = [stretch.dates for stretch in mine]
    basis = dict(evidence.asked.parameters).get("accounting_method", "")
    others = [
        one
        for one in evidence.held
        if one.run_id == evidence.run_id and one.part.parameters != evidence.asked.key and basis in one.part.parameters
    ]
    for other in _together(others):
        if report.adds_up:
            tiles = report_periods.tiling(other.dates, dates) or []
            same = [stretch for stretch in mine if stretch.dates in tiles]
            one: Mapping[str, Decimal] = added(stretch.figures for stretch in same)
            two = other.figures.change
        else:
            same = [stretch for stretch in mine if stretch.dates.end == other.dates.end][:1]
            one, two = (same[0].figures.closing if same else {}), other.figures.closing
        for key in differing(one, two) if same else ():
            reason = (
                f"{evidence.asked.title} of {other.dates}: {key} comes to {one.get(key, _ZERO)}, "
                f"and read with {other.part.part.parameters or 'nothing more'} to {two.get(key, _ZERO)}"
            )
            yield Mismatch(reason, [*(stretch.place for stretch in same), other.place])


def _of_companion(evidence: Evidence) -> list[HeldReport]:
    if not evidence.asked.report.ties_to:
        return []
    key = companion(evidence.asked).key
    return [one for one in evidence.beside if one.part.parameters == key]


def _place(one: HeldReport) -> Place:
    return one.part.report, one.part.parameters, one.part.period


def _begins_year(dates: Period, facts: CompanyFacts) -> bool:
    return dates.start == report_periods.fiscal_year_start(dates.start, facts.fiscal_month)


def _turn_year(balances: dict[str, _Balance], accounts: Mapping[str, Account]) -> None:
    """From here on income and expense may go on or begin anew."""
    for key, balance in balances.items():
        if key in accounts and (accounts[key].is_of_result or not accounts[key].classification):
            balance.amounts.add(_ZERO)


def _words(amounts: set[Decimal]) -> str:
    return " or ".join(str(amount) for amount in sorted(amounts))
