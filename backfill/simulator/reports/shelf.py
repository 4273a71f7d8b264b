"""What is kept of one company between its reports: documents that were read, and the cash book."""

from __future__ import annotations

from backfill.simulator.books.daybook import Daybook
from backfill.simulator.company import Company
from backfill.simulator.reports.cash import CashBook
from backfill.simulator.reports.chart import Chart
from backfill.simulator.reports.papers import Papers


class Shelf:
    """Of one company. Nothing on it is a second truth: what has changed is read again."""

    def __init__(self, company: Company) -> None:
        self.papers = Papers(company)
        self._company = company
        self._cash: tuple[int, CashBook] | None = None

    def cash_book(self, daybook: Daybook, chart: Chart) -> CashBook:
        """The books on the cash basis; made anew after any change, since a payment counts in other documents."""
        if self._cash is None or self._cash[0] != self._company.changes:
            self._cash = (self._company.changes, CashBook(daybook, chart, self.papers))
        return self._cash[1]
