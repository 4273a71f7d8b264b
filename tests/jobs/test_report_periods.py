"""Periods: aligned to the fiscal year, without a gap, and cut without losing a day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill.jobs.report_periods import after, cut, fiscal_year_start, follows, missing, planned, tiling, within
from backfill.report_model import Period

days = st.dates(date(1985, 1, 1), date(2035, 12, 31))


def period(start: str, end: str) -> Period:
    return Period(date.fromisoformat(start), date.fromisoformat(end))


@st.composite
def periods(draw: st.DrawFn) -> Period:
    start = draw(days)
    return Period(start, start + timedelta(days=draw(st.integers(0, 800))))


def each_day(part: Period) -> Iterator[date]:
    return (part.start + timedelta(days=number) for number in range(part.days))


def test_half_years_of_a_fiscal_year_that_begins_in_april() -> None:
    assert planned(date(2024, 5, 17), date(2025, 4, 1), fiscal_month=4) == [
        period("2024-04-01", "2024-09-30"),
        period("2024-10-01", "2025-03-31"),
        period("2025-04-01", "2025-09-30"),
    ]


@given(days, st.integers(0, 3000), st.integers(1, 12), st.sampled_from([1, 2, 3, 4, 6, 12]))
def test_planned_periods_follow_one_another_and_cover_all(first: date, span: int, month: int, months: int) -> None:
    last = first + timedelta(days=span)
    found = planned(first, last, fiscal_month=month, months=months)
    assert found[0].start <= first
    assert found[-1].start <= last <= found[-1].end
    for earlier, later in pairwise(found):
        assert follows(earlier, later)
    starts = {one.start for one in found if one.start.year >= 1991}
    assert all(start.day == 1 and (start.month - month) % months == 0 for start in starts)


def test_what_was_mistyped_by_centuries_is_one_period() -> None:
    found = planned(date(202, 1, 5), date(1990, 7, 1), fiscal_month=1)
    assert found == [
        period("0202-01-05", "1989-12-31"),
        period("1990-01-01", "1990-06-30"),
        period("1990-07-01", "1990-12-31"),
    ]


@given(days, st.integers(1, 12))
def test_a_day_lies_in_its_fiscal_year(day: date, month: int) -> None:
    start = fiscal_year_start(day, month)
    assert (start.month, start.day) == (month, 1)
    assert 0 <= (day - start).days <= 365


@given(periods(), st.lists(periods(), max_size=5))
def test_what_is_missing_and_what_is_held_are_the_whole(whole: Period, held: list[Period]) -> None:
    there = {day for part in held for day in each_day(part)} & set(each_day(whole))
    found = missing(whole, held)
    lacking = [day for part in found for day in each_day(part)]
    assert len(lacking) == len(set(lacking))
    assert set(lacking) | there == set(each_day(whole))
    assert not set(lacking) & there


@given(periods(), st.integers(1, 400))
def test_parts_are_equal_and_lose_no_day(whole: Period, most: int) -> None:
    parts = cut(whole, most)
    assert [day for part in parts for day in each_day(part)] == list(each_day(whole))
    assert max(part.days for part in parts) <= most
    assert max(part.days for part in parts) - min(part.days for part in parts) <= 1
    assert len(parts) == -(-whole.days // most), "no more than must be"
    assert tiling(whole, parts) == list(parts)
    rest = after(whole, parts[0])
    assert (rest is None) == (len(parts) == 1)


def test_what_does_not_make_up_the_whole_is_no_tiling() -> None:
    whole = period("2026-01-01", "2026-03-31")
    january, february, march = cut(whole, 31)
    assert tiling(whole, [february, january]) is None
    assert tiling(whole, [march, february, january]) == [january, february, march]
    assert tiling(whole, [january, period("2026-01-15", "2026-03-31"), march]) is None


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (None, None, ("2026-01-01", "2026-06-30")),
        (date(2026, 2, 3), date(2026, 4, 5), ("2026-02-03", "2026-04-05")),
        (date(2020, 2, 3), date(2030, 4, 5), ("2026-01-01", "2026-06-30")),
    ],
)
def test_bounds(first: date | None, last: date | None, expected: tuple[str, str]) -> None:
    assert within(period("2026-01-01", "2026-06-30"), first, last) == period(*expected)
