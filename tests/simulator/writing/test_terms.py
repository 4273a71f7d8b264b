"""When something is due."""

from __future__ import annotations

from typing import Any

import pytest

from backfill.simulator.writing.terms import due


@pytest.mark.parametrize(
    ("day", "term", "expected"),
    [
        ("2026-11-20", {}, "2026-11-20"),
        ("2026-11-20", {"DueDays": 30}, "2026-12-20"),
        ("2026-11-20", {"DayOfMonthDue": 25}, "2026-11-25"),
        ("2026-11-20", {"DayOfMonthDue": 15}, "2026-12-15"),
        ("2026-11-20", {"DayOfMonthDue": 25, "DueNextMonthDays": 10}, "2026-12-25"),
        ("2026-12-20", {"DayOfMonthDue": 15}, "2027-01-15"),
        ("2027-01-31", {"DayOfMonthDue": 30}, "2027-02-28"),
    ],
)
def test_terms_count_days_or_name_one_of_the_month(day: str, term: dict[str, Any], expected: str) -> None:
    assert due(day, term) == expected
