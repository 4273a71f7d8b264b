"""Periods of reports: the planned ones, aligned to the fiscal year, and the parts of those that were too much. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import pairwise

from backfill.report_model import Period

MONTHS = 6
"""Intuit's own advice is to ask for no more than six months at a time ("Reports: best practices")."""

_DAY = timedelta(days=1)


LONG_AGO = date(1990, 1, 1)
"""What is dated before was most likely mistyped, by centuries it may be: it is asked for in one period."""


def planned(first: date, last: date, *, fiscal_month: int, months: int = MONTHS) -> list[Period]:
    """The whole periods that cover `first` to `last`, oldest first.

    They begin with the fiscal year and every `months` after that, which divide a year.
    """
    assert 1 <= fiscal_month <= 12, "a month"
    assert 12 % months == 0, "a year is made of whole periods"
    start = _aligned(max(first, LONG_AGO), fiscal_month, months)
    found = [Period(first, start - _DAY)] if first < start else []
    while start <= last:
        after = _later(start, months)
        found.append(Period(start, after - _DAY))
        start = after
    return found


def within(period: Period, first: date | None, last: date | None) -> Period:
    """`period`, cut at the bounds; None is open. It must not lie outside."""
    return Period(max(period.start, first or period.start), min(period.end, last or period.end))


def fiscal_year_start(day: date, fiscal_month: int) -> date:
    """The first day of the fiscal year that `day` is in."""
    return _aligned(day, fiscal_month, 12)


def missing(period: Period, held: Iterable[Period]) -> list[Period]:
    """The dates of `period` that `held` leave open, oldest first."""
    found: list[Period] = []
    start = period.start
    for part in sorted(held):
        if part.end < start or part.start > period.end:
            continue
        if part.start > start:
            found.append(Period(start, part.start - _DAY))
        if part.end >= period.end:
            return found
        start = part.end + _DAY
    return [*found, Period(start, period.end)]


def tiling(period: Period, parts: Iterable[Period]) -> list[Period] | None:
    """Those of `parts` that make up `period`, one after the other; None if they do not."""
    found: list[Period] = []
    start = period.start
    for part in sorted(parts):
        if part.start == start and part.end <= period.end:
            found.append(part)
            if part.end == period.end:
                return found
            start = part.end + _DAY
    return None


def cut(period: Period, days: int) -> Sequence[Period]:
    """`period` in equal parts of at most that many days, oldest first."""
    assert days >= 1
    count = -(-period.days // days)
    bounds = [period.days * number // count for number in range(count + 1)]
    return [
        Period(period.start + timedelta(days=begin), period.start + timedelta(days=end - 1))
        for begin, end in pairwise(bounds)
    ]


def after(period: Period, part: Period) -> Period | None:
    """What of `period` comes behind `part`; None: nothing."""
    return Period(part.end + _DAY, period.end) if part.end < period.end else None


def follows(earlier: Period, later: Period) -> bool:
    """Whether one begins the day after the other ends."""
    return earlier.end + _DAY == later.start


def _aligned(day: date, fiscal_month: int, months: int) -> date:
    """The latest start of an aligned period that is not after `day`."""
    back = (day.month - fiscal_month) % months
    month = day.year * 12 + day.month - 1 - back
    return date(month // 12, month % 12 + 1, 1)


def _later(start: date, months: int) -> date:
    month = start.year * 12 + start.month - 1 + months
    return date(month // 12, month % 12 + 1, 1)
