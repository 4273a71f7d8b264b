"""Spans of days: every macro, and how a span is cut."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest

from backfill.simulator.reports.dates import MACROS, UNITS, Span, cut, macro_of, span_of, title

TODAY = date(2026, 11, 20)  # a Friday
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@pytest.mark.parametrize(
    ("macro", "start", "end"),
    [
        ("Today", "2026-11-20", "2026-11-20"),
        ("Yesterday", "2026-11-19", "2026-11-19"),
        ("This Week", "2026-11-15", "2026-11-21"),
        ("This Week-to-date", "2026-11-15", "2026-11-20"),
        ("Last Week", "2026-11-08", "2026-11-14"),
        ("Last Week-to-date", "2026-11-08", "2026-11-13"),
        ("Next Week", "2026-11-22", "2026-11-28"),
        ("Next 4 Weeks", "2026-11-22", "2026-12-19"),
        ("This Month", "2026-11-01", "2026-11-30"),
        ("This Month-to-date", "2026-11-01", "2026-11-20"),
        ("Last Month", "2026-10-01", "2026-10-31"),
        ("Last Month-to-date", "2026-10-01", "2026-10-20"),
        ("Next Month", "2026-12-01", "2026-12-31"),
        ("This Calendar Quarter", "2026-10-01", "2026-12-31"),
        ("Last Calendar Quarter", "2026-07-01", "2026-09-30"),
        ("This Calendar Year-to-date", "2026-01-01", "2026-11-20"),
        ("Last Calendar Year", "2025-01-01", "2025-12-31"),
        ("Next Calendar Year", "2027-01-01", "2027-12-31"),
        # The fiscal year of these begins in August.
        ("This Fiscal Quarter", "2026-11-01", "2027-01-31"),
        ("Last Fiscal Quarter", "2026-08-01", "2026-10-31"),
        ("This Fiscal Year", "2026-08-01", "2027-07-31"),
        ("This Fiscal Year-to-date", "2026-08-01", "2026-11-20"),
        ("Last Fiscal Year", "2025-08-01", "2026-07-31"),
        ("Last Fiscal Year-to-date", "2025-08-01", "2025-11-20"),
        ("Next Fiscal Year", "2027-08-01", "2028-07-31"),
    ],
)
def test_macros(macro: str, start: str, end: str) -> None:
    span = span_of(macro, TODAY, 8)
    assert span == (date.fromisoformat(start), date.fromisoformat(end))


def test_every_macro_means_something_on_every_day() -> None:
    for number in range(0, 1_500, 7):
        today = date(2023, 1, 1) + timedelta(days=number)
        for macro in MACROS:
            for first_month in (1, 7):
                start, end = span_of(macro, today, first_month)
                assert start is None or start <= end, (macro, today)


def test_a_last_stretch_to_date_never_ends_after_it() -> None:
    assert span_of("Last Month-to-date", date(2026, 3, 31), 1) == (date(2026, 2, 1), date(2026, 2, 28))


def test_the_case_of_a_macro_does_not_matter() -> None:
    assert macro_of("this fiscal  year-to-date") == "This Fiscal Year-to-date"
    assert macro_of("Sometime") is None


@pytest.mark.parametrize("unit", UNITS)
def test_the_parts_of_a_span_are_all_of_it(unit: str) -> None:
    span = Span(date(2024, 1, 17), date(2026, 3, 3))
    parts = list(cut(span, unit, 4))
    assert (parts[0].start, parts[-1].end) == span
    for before, after in pairwise(parts):
        assert after.start == before.end + timedelta(days=1)
        assert UNITS[unit].begin(after.start, 4) == after.start


@pytest.mark.parametrize(
    ("start", "end", "unit", "text"),
    [
        ("2026-01-01", "2026-01-31", "Month", "Jan 2026"),
        ("2026-09-01", "2026-09-29", "Month", "Sep 1 - 29, 2026"),
        ("2026-02-03", "2026-02-03", "Day", "Feb 3, 2026"),
        ("2026-01-01", "2026-03-31", "Calendar Quarter", "Jan - Mar, 2026"),
        ("2026-01-01", "2026-12-31", "Calendar Year", "2026"),
        ("2026-08-30", "2026-09-05", "Week", "Aug 30 - Sep 5, 2026"),
        ("2026-12-27", "2027-01-02", "Week", "Dec 27, 2026 - Jan 2, 2027"),
    ],
)
def test_titles(start: str, end: str, unit: str, text: str) -> None:
    assert title(Span(date.fromisoformat(start), date.fromisoformat(end)), unit, MONTHS) == text
