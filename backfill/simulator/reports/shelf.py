"""What is kept of one company between its reports: documents that were read, and the cash book."""

from __future__ import annotations

from collections import OrderedDict

from backfill.simulator.books.daybook import Daybook
from backfill.simulator.books.opening import ledger_of
from backfill.simulator.company import Company
from backfill.simulator.reports.cash import CashBook
from backfill.simulator.reports.chart import Chart
from backfill.simulator.reports.papers import Papers

TRANSACTIONS_HELD = 400_000
"""In the daybooks that are open, of all companies together: each takes 1.5 KB with what reports show of it, so that
they are at most 600 MB. Where a daybook was closed each is read again for the next report, which takes 0.13 ms."""


class Shelf:
    """Of one company. Nothing on it is a second truth: what has changed is read again."""

    def __init__(self, company: Company) -> None:
        self.papers = Papers(company)
        self._company = company
        self._daybook: Daybook | None = None
        self._cash: CashBook | None = None
        self._changes = 0

    def daybook(self) -> Daybook:
        """The company's, opened by the first who asks."""
        return ledger_of(self._company).daybook()

    def close(self) -> None:
        """Let go of the daybook too, which the ledger makes anew when it is asked for it."""
        ledger_of(self._company).close_daybook()

    def is_of(self, company: Company) -> bool:
        """Whether it is that company's, and not that of the same realm before it was forgotten."""
        return self._company is company

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


class Shelves:
    """Of the companies whose reports were asked for lately, with at most `transactions_held` in their daybooks.

    The last one asked for always stays.
    """

    def __init__(self, transactions_held: int = TRANSACTIONS_HELD) -> None:
        self._transactions_held = transactions_held
        self._held: OrderedDict[str, tuple[Shelf, int]] = OrderedDict()
        self._transactions = 0

    def __len__(self) -> int:
        return len(self._held)

    def of(self, company: Company) -> Shelf:
        """The company's, with its daybook open."""
        shelf, before = self._held.pop(company.realm_id, (None, 0))
        if shelf is None or not shelf.is_of(company):
            shelf = Shelf(company)
        transactions = len(shelf.daybook())
        self._held[company.realm_id] = shelf, transactions
        self._transactions += transactions - before
        while self._transactions > self._transactions_held and len(self._held) > 1:
            _, (forgotten, its_own) = self._held.popitem(last=False)
            self._transactions -= its_own
            forgotten.close()
        return shelf
