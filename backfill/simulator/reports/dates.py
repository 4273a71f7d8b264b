"""Spans of days: what `date_macro` names, and how a span is cut into columns."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import NamedTuple

_DAY = timedelta(days=1)
_WEEK_DAYS = 7

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


class Span(NamedTuple):
    """From `start` to `end`, both included; `start` None: from the beginning."""

    start: date | None
    end: date


class Unit(NamedTuple):
    """How a date's stretch of time begins, and how the next one does."""

    begin: Callable[[date, int], date]
    after: Callable[[date], date]


def month_begin(day: date, _first: int = 1) -> date:
    return day.replace(day=1)


def months_later(day: date, months: int) -> date:
    """The first of the month so many months later."""
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def year_begin(day: date, first_month: int) -> date:
    """The first day of the year that begins in that month (1 to 12)."""
    return date(day.year - (day.month < first_month), first_month, 1)


def _quarter_begin(day: date, first_month: int) -> date:
    return months_later(day, -((day.month - first_month) % 3))


UNITS: Mapping[str, Unit] = MappingProxyType(
    {
        "Day": Unit(lambda day, _: day, lambda begin: begin + _DAY),
        # A week begins on Sunday, as on QuickBooks' own calendar.
        "Week": Unit(
            lambda day, _: day - _DAY * (day.isoweekday() % _WEEK_DAYS), lambda begin: begin + _DAY * _WEEK_DAYS
        ),
        "Month": Unit(month_begin, lambda begin: months_later(begin, 1)),
        "Calendar Quarter": Unit(lambda day, _: _quarter_begin(day, 1), lambda begin: months_later(begin, 3)),
        "Calendar Year": Unit(lambda day, _: year_begin(day, 1), lambda begin: months_later(begin, 12)),
        "Fiscal Quarter": Unit(_quarter_begin, lambda begin: months_later(begin, 3)),
        "Fiscal Year": Unit(year_begin, lambda begin: months_later(begin, 12)),
    }
)

_TO_DATE = "-to-date"
_NAMED = tuple(unit for unit in UNITS if unit != "Day")

MACROS: tuple[str, ...] = (
    "All",
    "Today",
    "Yesterday",
    *(f"{which} {unit}{until}" for unit in _NAMED for which in ("This", "Last") for until in ("", _TO_DATE)),
    *(f"Next {unit}" for unit in _NAMED),
    "Next 4 Weeks",
)
"""As Intuit's schema of reports spells them; in a request their case does not matter."""

_SPELT = MappingProxyType({macro.casefold(): macro for macro in MACROS})


def macro_of(text: str) -> str | None:
    """The macro that the text means; None where it means none."""
    return _SPELT.get(" ".join(text.split()).casefold())


def span_of(macro: str, today: date, first_month: int) -> Span:
    """What a macro means on the day `today` in a company whose fiscal year begins in that month."""
    match macro:
        case "All":
            return Span(None, today)
        case "Today":
            return Span(today, today)
        case "Yesterday":
            return Span(today - _DAY, today - _DAY)
        case "Next 4 Weeks":
            start = UNITS["Week"].after(UNITS["Week"].begin(today, first_month))
            return Span(start, start + _DAY * (4 * _WEEK_DAYS - 1))
    which, _, rest = macro.partition(" ")
    unit = UNITS[rest.removesuffix(_TO_DATE)]
    begin = unit.begin(today, first_month)
    if which == "Next":
        begin = unit.after(begin)
    elif which == "Last":
        begin = unit.begin(begin - _DAY, first_month)
    end = unit.after(begin) - _DAY
    if not rest.endswith(_TO_DATE):
        return Span(begin, end)
    # As far into it as today is into its own, and never past its end.
    into = today - unit.begin(today, first_month)
    return Span(begin, min(end, begin + into))


def cut(span: Span, unit: str, first_month: int) -> Iterator[Span]:
    """The span's parts, each within one unit; the first and the last may be shorter."""
    assert span.start is not None
    begin, made = span.start, UNITS[unit]
    while begin <= span.end:
        end = min(span.end, made.after(made.begin(begin, first_month)) - _DAY)
        yield Span(begin, end)
        begin = end + _DAY


def title(span: Span, unit: str, months: tuple[str, ...]) -> str:
    """What stands over a column: `Jan 2026`, `Sep 1 - 29, 2026`, `Jan 3, 2026`. `months` are twelve short names."""
    assert span.start is not None
    start, end = span.start, span.end
    first, last = months[start.month - 1], months[end.month - 1]
    if start == end:
        return f"{first} {start.day}, {start.year}"
    whole = start.day == 1 and end == month_end(end)
    if whole and unit == "Month":
        return f"{first} {start.year}"
    if whole and start.year == end.year:
        return f"{first} - {last}, {start.year}" if unit != "Calendar Year" or start.month > 1 else f"{start.year}"
    if (start.year, start.month) == (end.year, end.month):
        return f"{first} {start.day} - {end.day}, {start.year}"
    if start.year == end.year:
        return f"{first} {start.day} - {last} {end.day}, {start.year}"
    return f"{first} {start.day}, {start.year} - {last} {end.day}, {end.year}"
