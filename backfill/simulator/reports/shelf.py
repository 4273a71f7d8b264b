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
        self._daybook: Daybook | None = None
        self._cash: CashBook | None = None
        self._changes = 0

    def cash_book(self, daybook: Daybook, chart: Chart) -> CashBook:
        """The books on the cash basis, with all changes until now.

        Made anew for another daybook: the company has another one when its chart has changed in a way that matters.
        """
        if self._cash is None or self._daybook is not daybook:
            self._daybook, self._cash, self._changes = daybook, CashBook(daybook), -1
        if self._changes != self._company.changes:
            self._cash.follow(chart, self.papers)
            self._changes = self._company.changes
        return self._cash
