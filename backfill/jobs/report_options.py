"""Which reports of every realm are read, and for when: what a user may choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from backfill.jobs import report_periods
from backfill.qbo.reports import Basis, Report

TRAILING_PERIODS = 2
"""The period that is not over, and the one before: books are edited for some months."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """What to read of every realm."""

    reports: Sequence[Report]
    bases: Sequence[Basis] = (Basis.ACCRUAL, Basis.CASH)
    by: Sequence[str] = ("",)
    """What `summarize_column_by` is asked for, one after the other; empty: one total."""
    first: date | None = None
    """None: from the company's first transaction. What is asked for by name is read again though it is held."""
    last: date | None = None
    """None: to the day of the run."""
    period_months: int = report_periods.MONTHS
    trailing_periods: int = TRAILING_PERIODS
    """Periods at the end that are read again though they are held."""
    newest_first: bool = False
    readers: int = 4
    """Reports of one realm read at a time: at the cap of one a second, each may take four."""
