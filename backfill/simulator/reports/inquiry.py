"""One report in the making: what was asked, of which books, and in which words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Protocol

from backfill.simulator.books.daybook import Daybook
from backfill.simulator.books.entries import Party
from backfill.simulator.books.ordered import Posted
from backfill.simulator.company import Company
from backfill.simulator.reports.asked import Asked
from backfill.simulator.reports.chart import RETAINED, Chart
from backfill.simulator.reports.dates import year_begin
from backfill.simulator.reports.filters import Filter
from backfill.simulator.reports.nodes import EMPTY, Cell
from backfill.simulator.reports.papers import Papers
from backfill.simulator.reports.words import Words
from backfill.simulator.settings import ReportSettings


class Book(Protocol):
    """Postings on one basis: a daybook, or a cash book."""

    def postings(self, *, start: str = "", end: str = "") -> Iterable[Posted]: ...

    def unsorted(self, *, start: str = "", end: str = "") -> Iterator[Posted]: ...

    def balances(self, *, as_of: str = "") -> dict[str, int]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """What a report is made from. `modern`: by the modernised service; `rng` is for the order that it leaves open."""

    company: Company
    asked: Asked
    settings: ReportSettings
    chart: Chart
    papers: Papers
    words: Words
    daybook: Daybook
    """On the accrual basis: what is owed and what is in stock is the same on both."""
    book: Book
    """On the basis that was asked for."""
    admits: Filter
    modern: bool
    rng: Random

    def unsorted(self, *, start: str = "", end: str = "") -> Iterator[Posted]:
        """Every posting that the filters admit, in no order, for sums."""
        rows = self.book.unsorted(start=start, end=end)
        return filter(self.admits, rows) if self.asked.is_filtered else rows

    def postings(self) -> Iterable[Posted]:
        """Every posting of the span that the filters admit, in order."""
        rows = self.book.postings(start=self.asked.start, end=self.asked.end)
        return filter(self.admits, rows) if self.asked.is_filtered else rows

    def balances(self, as_of: date) -> dict[str, int]:
        """Account to cents, debit positive, of all that the filters admit, at the end of the day."""
        if not self.asked.is_filtered:
            return self.book.balances(as_of=as_of.isoformat())
        sums: dict[str, int] = {}
        for posted in self.unsorted(end=as_of.isoformat()):
            account = posted.posting.account
            sums[account] = sums.get(account, 0) + posted.posting.cents
        return {account: cents for account, cents in sums.items() if cents}

    def standing(self, as_of: date, in_year_of: date) -> dict[str, int]:
        """The balances at the end of the day, with the results of all years before that of `in_year_of` retained."""
        begin = year_begin(in_year_of, self.asked.first_month)
        closed = self.balances(begin - timedelta(days=1))
        found = self.balances(as_of)
        retained = self.chart.key(RETAINED)
        for key, cents in closed.items():
            if self.chart.results[key]:
                found[key] = found.get(key, 0) - cents
                found[retained] = found.get(retained, 0) + cents
        return {key: cents for key, cents in found.items() if cents}

    def first_day(self) -> date:
        """The day of the oldest posting; the last of the span where there is none."""
        days = [posted.day for posted in self.book.unsorted() if posted.day]
        return date.fromisoformat(min([*days, self.asked.end]))

    def cell(self, cents: int, *, shown: bool = False) -> Cell:
        """An amount. Nothing for zero, unless it is to be `shown`, which the modernised service never does."""
        return Cell(amount(cents)) if cents or (shown and not self.modern) else EMPTY

    def party(self, party: Party) -> Cell:
        """A name with its Id; where there is none both are empty, as recorded."""
        name = self.papers.name(party.kind, party.id) if party.id else None
        return Cell(name.full_name, party.id) if name else Cell("", "")


def amount(cents: int) -> str:
    """Cents as reports show them: `-1234.50`."""
    whole, part = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole}.{part:02}"
