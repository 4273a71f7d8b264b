"""Where a company's books begin: not always with its first transaction.

Some of what is in the books cannot be asked for by itself, such as what an item's stock began with, or payroll: reports
show it. So the balance sheet of the day before the first transaction's period is looked at, and if something stands
there, one of an earlier day, until nothing does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from backfill.errors import FaultError, TooLargeError, UnansweredError, UnreadableError
from backfill.jobs.company_facts import CompanyFacts
from backfill.jobs.report_periods import LONG_AGO, fiscal_year_start, planned
from backfill.jobs.report_sizes import Size
from backfill.jobs.too_much import is_time_out
from backfill.jobs.work import OF_THE_REALM, RealmWork
from backfill.qbo.report_calls import parameters
from backfill.qbo.reports import REPORTS, Basis
from backfill.report_model import Period

_BEFORE_ALL = date(1900, 1, 1)
"""For books that say that they began before `LONG_AGO`: all of that is one period anyway."""


async def first_day(work: RealmWork, facts: CompanyFacts, *, months: int) -> date:
    """A day that nothing in the books is before: of the first transaction, or the beginning of an earlier period.

    One call, and a few more where something is earlier. Raises `RequestError` for what concerns the whole realm.
    """
    books = _Books(work, facts)
    start = planned(facts.first_date, facts.first_date, fiscal_month=facts.fiscal_month, months=months)[-1].start
    if facts.first_date < LONG_AGO or await books.are_empty_before(start):
        return facts.first_date
    early, late, years = start, start, 1
    while not await books.are_empty_before(early := max(LONG_AGO, start.replace(year=max(1, start.year - years)))):
        if early == LONG_AGO:
            return _BEFORE_ALL
        late, years = early, 2 * years
    starts = [
        one.start for one in planned(early, late - timedelta(days=1), fiscal_month=facts.fiscal_month, months=months)
    ]
    low, high = 0, len(starts)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if await books.are_empty_before(starts[middle]) else (low, middle)
    return starts[low]


@dataclass(frozen=True, slots=True)
class _Books:
    """The books as the balance sheet shows them."""

    work: RealmWork
    facts: CompanyFacts

    async def are_empty_before(self, day: date) -> bool:
        """Whether nothing stands on the balance sheet of the day before. Who has none is taken for empty."""
        sheet = REPORTS["BalanceSheet"]
        end = day - timedelta(days=1)
        dates = Period(fiscal_year_start(end, self.facts.fiscal_month), end)
        self.work.check_stop()
        try:
            async with self.work.room.take(Size().room_bytes(dates.days)):
                document = await self.work.ask.report(sheet, dates, parameters(sheet, basis=Basis.ACCRUAL))
        except (FaultError, TooLargeError, UnreadableError) as error:
            if error.disposition in OF_THE_REALM:
                raise
            return True
        except UnansweredError as error:
            if not is_time_out(error):  # silence may be this report's: whoever asks for another finds out
                raise
            return True
        return not any(isinstance(value, Decimal) for row in document.rows for value in row.cells.values())
