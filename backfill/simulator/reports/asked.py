"""What a call asks of a report: its parameters, read and checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

from backfill.simulator.faults import Fault, FaultedError, bad_date
from backfill.simulator.reports.dates import MONTHS, Span, macro_of, span_of, year_begin

SUMMARIES: Mapping[str, str] = MappingProxyType(
    {
        "Total": "",
        "Days": "Day",
        "Week": "Week",
        "Month": "Month",
        "Quarter": "Calendar Quarter",
        "Year": "Calendar Year",
        "FiscalQuarter": "Fiscal Quarter",
        "FiscalYear": "Fiscal Year",
        "Customers": "",
        "Vendors": "",
        "Employees": "",
        "Departments": "",
        "Classes": "",
        "ProductsAndServices": "",
    }
)
"""`summarize_column_by`, and the stretch of time of each that is one."""

IDS = (
    "customer", "vendor", "employee", "item", "class", "department", "account", "source_account", "payment_method",
    "term",
)  # fmt: skip
"""Filters by Ids, several by commas."""

WORDS = ("account_type", "source_account_type", "transaction_type")
"""Filters by a word of Intuit's, several by commas; spaces and case do not matter."""

TEXTS = ("docnum", "name", "memo")
"""Filters by a text that must be in it."""

CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cleared": ("Cleared", "Uncleared", "Reconciled", "Deposited"),
        "printed": ("Printed", "To_be_printed"),
        "arpaid": ("All", "Paid", "Unpaid"),
        "appaid": ("All", "Paid", "Unpaid"),
        "accounting_method": ("Accrual", "Cash"),
        "aging_method": ("Report_Date", "Current"),
        "sort_order": ("ascend", "descend"),
    }
)

DATES = ("moddate", "createdate", "svcdate", "duedate")
"""What can be filtered by `start_...`, `end_...` and `..._macro` beside the day of the transaction."""

AGING_PERIOD_DAYS = 30
AGING_PERIODS = 4
_MOST_PERIODS = 100  # aged in; more are columns that nobody asks for
_FIRST_YEAR, _LAST_YEAR = 1900, 2199  # no company has books of other times; those before 1900 Intuit refuses as well
_MOST_DIGITS = 15  # of an amount: more than any has


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One report's parameters. Days are ISO texts; filters are there only where they were given."""

    span: Span
    macro: str = ""
    """The macro, given or by default; empty where days were given."""
    today: date
    first_month: int = 1
    """Of the fiscal year."""
    basis: str = "Accrual"
    by: str = "Total"
    columns: tuple[str, ...] = ()
    ids: Mapping[str, frozenset[str]] = field(default_factory=dict)
    words: Mapping[str, frozenset[str]] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, str] = field(default_factory=dict)
    dates: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    amount: int | None = None
    """`bothamount`, in cents, whichever way it goes."""
    sort_by: str = ""
    group_by: str = ""
    aging_days: int = AGING_PERIOD_DAYS
    aging_periods: int = AGING_PERIODS
    past_due: int | None = None
    drill_down: bool = False
    """`qzurl`: cells with links into QuickBooks."""
    preview: bool = False
    """`testing_migration`: the modernised service answers, whatever the day."""

    @property
    def start(self) -> str:
        return "" if self.span.start is None else self.span.start.isoformat()

    @property
    def end(self) -> str:
        return self.span.end.isoformat()

    @property
    def descending(self) -> bool:
        return self.choices.get("sort_order") == "descend"

    @property
    def is_filtered(self) -> bool:
        """Whether anything is left out beside what is not in the span."""
        chosen = self.choices.keys() - {"accounting_method", "aging_method", "sort_order"}
        return bool(self.ids or self.words or self.texts or self.dates or chosen or self.amount is not None)


def asked(params: Mapping[str, str], *, today: date, first_month: int, macro: str, basis: str) -> Asked:
    """The parameters of a call, with the report's own `macro` and the company's `basis` where it gives none.

    Names that are none are ignored, as Intuit does. Raises `FaultedError` for values that make no sense.
    """
    given = {name.lower(): value for name, value in params.items() if value != ""}
    span, named = _span(given, today, first_month, macro)
    choices = {name: _choice(given, name, allowed) for name, allowed in CHOICES.items() if name in given}
    by = _choice(given, "summarize_column_by", tuple(SUMMARIES)) if "summarize_column_by" in given else "Total"
    return Asked(
        span=span,
        macro=named,
        today=today,
        first_month=first_month,
        basis=choices.get("accounting_method", basis),
        by=by,
        columns=tuple(filter(None, _parts(given.get("columns", "")))),
        ids={name: frozenset(_parts(given[name])) for name in IDS if name in given},
        words={name: frozenset(map(plain, _parts(given[name]))) for name in WORDS if name in given},
        texts={name: given[name].casefold() for name in TEXTS if name in given},
        choices=choices,
        dates=dict(_other_dates(given, today, first_month)),
        amount=_amount(given),
        sort_by=given.get("sort_by", ""),
        group_by=plain(given.get("group_by") or given.get("groupby", "")),
        aging_days=_count(given, "aging_period", AGING_PERIOD_DAYS),
        aging_periods=min(_MOST_PERIODS, _count(given, "num_periods", AGING_PERIODS)),
        past_due=_count(given, "past_due", 0) if "past_due" in given else None,
        drill_down=given.get("qzurl", "").lower() == "true",
        preview="testing_migration" in {name.lower() for name in params},
    )


def plain(word: str) -> str:
    """A word without what its spelling may differ in: `AccountsReceivable`, `accounts receivable`."""
    return "".join(part for part in word.casefold() if part.isalnum())


def first_month_of(name: object) -> int:
    """The number of a month by its English name; January where it is none."""
    return MONTHS.index(str(name)) + 1 if name in MONTHS else 1


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _span(given: Mapping[str, str], today: date, first_month: int, macro: str) -> tuple[Span, str]:
    """The days of the report, and the macro that gave them."""
    start, end = _day(given, "start_date"), _day(given, "end_date")
    if (as_of := _day(given, "report_date")) is not None:  # what is aged has only one day
        end = as_of
    if start is None and end is None:
        named = _macro(given, "date_macro", macro)
        return span_of(named, today, first_month), named
    end = end or max(today, start or today)
    start = start or year_begin(end, first_month)
    return _ordered(Span(start, end), "start_date"), ""


def _other_dates(given: Mapping[str, str], today: date, first_month: int) -> Iterator[tuple[str, tuple[str, str]]]:
    for name in DATES:
        start, end = _day(given, f"start_{name}"), _day(given, f"end_{name}")
        if f"{name}_macro" in given:
            start, end = span_of(_macro(given, f"{name}_macro", ""), today, first_month)
        if start and end:
            _ordered(Span(start, end), f"start_{name}")
        if start or end:
            yield name, (start.isoformat() if start else "", end.isoformat() if end else "")


def _ordered(span: Span, element: str) -> Span:
    if span.start and span.start > span.end:
        detail = f"{element} {span.start} is after {span.end}"
        raise FaultedError(Fault("2190", "Invalid Date Range", detail, element=element))
    return span


def _day(given: Mapping[str, str], name: str) -> date | None:
    if name not in given:
        return None
    try:
        day = date.fromisoformat(given[name])
    except ValueError as error:
        raise FaultedError(bad_date(given[name], name)) from error
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise FaultedError(Fault("2190", "Invalid Date Range", f"{name} {day} is out of range", element=name))
    return day


def _macro(given: Mapping[str, str], name: str, otherwise: str) -> str:
    found = macro_of(given.get(name, otherwise))
    if found is None:
        raise FaultedError(_unknown(name, given.get(name, "")))
    return found


def _choice(given: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    for choice in allowed:
        if plain(choice) == plain(given[name]):
            return choice
    raise FaultedError(_unknown(name, given[name]))


def _count(given: Mapping[str, str], name: str, otherwise: int) -> int:
    text = given.get(name, str(otherwise))
    if not (text.isascii() and text.isdecimal() and len(text) <= 6 and (int(text) or name == "past_due")):
        detail = f"{name} should be a valid number. Supplied value:{text}"
        raise FaultedError(Fault("2090", "Invalid Number", detail, element=name))
    return int(text)


def _amount(given: Mapping[str, str]) -> int | None:
    if "bothamount" not in given:
        return None
    whole, _, part = given["bothamount"].removeprefix("-").partition(".")
    digits = whole + part
    if not (whole and digits.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS):
        detail = f"bothamount should be a valid number. Supplied value:{given['bothamount']}"
        raise FaultedError(Fault("2090", "Invalid Number", detail, element="bothamount"))
    return int(whole) * 100 + int(f"{part}00"[:2])


def _unknown(name: str, value: str) -> Fault:
    """2170. Our wording: only the code and its meaning are documented."""
    return Fault("2170", "Invalid Enumeration", f"{name} has no value {value}", element=name)
