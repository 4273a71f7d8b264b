"""Terms of payment: when something is due."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any


def due(day: str, term: Mapping[str, Any]) -> str:
    """The day on which something of `day` is to be paid, by a term counted in days or tied to a day of the month."""
    start = date.fromisoformat(day)
    if "DayOfMonthDue" not in term:
        return (start + timedelta(days=int(term.get("DueDays", 0)))).isoformat()
    due_day = int(term["DayOfMonthDue"])
    # Too close to this month's day, it is due in the next one.
    is_late = start.day + int(term.get("DueNextMonthDays", 0)) > due_day
    month = start.month + (1 if is_late else 0)
    first = date(start.year + (month - 1) // 12, (month - 1) % 12 + 1, 1)
    next_first = (first + timedelta(days=31)).replace(day=1)
    last = next_first - timedelta(days=1)
    return first.replace(day=min(due_day, last.day)).isoformat()
