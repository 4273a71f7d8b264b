"""Every posting of a company, in order: what reports are made of."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

from backfill.simulator.books.entries import Booked, Party, Posting
from backfill.simulator.books.stock import Stock

START = "InventoryStart"
"""The entity of what an item was set up with: QuickBooks shows it in reports, and not through the API."""


class Posted(NamedTuple):
    """A posting with the transaction it belongs to. They sort by day, then as entered, then as in the document."""

    day: str
    number: int
    """The transaction's Id as a number: the order in which transactions of one day were entered."""
    entity: str
    id: str
    posting: Posting


class Daybook:
    """Postings by transaction, and in the order of their days.

    The order is made when first asked for and kept until the next change. Costs of stock come from `stocks` each
    time, since a purchase of long ago may have changed them.
    """

    def __init__(self, stocks: Mapping[str, Stock]) -> None:
        self._stocks = stocks
        self._entries: dict[tuple[str, str], Booked] = {}
        self._ordered: list[Posted] | None = None
        self._by_account: dict[str, list[Posted]] | None = None

    def __len__(self) -> int:
        """How many transactions post anything at all by themselves."""
        return len(self._entries)

    def replace(self, before: Iterable[Booked], after: Iterable[Booked]) -> None:
        """Take out what was booked and put in what is."""
        for booked in before:
            self._entries.pop((booked.entity, booked.id), None)
        for booked in after:
            if booked.effects.postings:
                self._entries[booked.entity, booked.id] = booked
        self.forget_order()

    def forget_order(self) -> None:
        """Something has changed, if only in stock."""
        self._ordered = self._by_account = None

    def postings(self, *, start: str = "", end: str = "", account: str = "") -> Sequence[Posted]:
        """In order, from day `start` to day `end`, both included (ISO; empty: without bound), of one account or all."""
        rows = self._of_account(account) if account else self._all()
        first = bisect_left(rows, start, key=attrgetter("day"))
        last = bisect_right(rows, end, key=attrgetter("day")) if end else len(rows)
        return rows[first:last]

    def balances(self, *, as_of: str = "") -> dict[str, int]:
        """Account to cents, debit positive, at the end of day `as_of` (empty: of all). They add up to 0."""
        sums: dict[str, int] = defaultdict(int)
        for posted in self.postings(end=as_of):
            sums[posted.posting.account] += posted.posting.cents
        return {account: cents for account, cents in sums.items() if cents}

    def party_balances(self, account: str, *, as_of: str = "") -> dict[Party, int]:
        """Party to cents of home currency, debit positive, on one account at the end of day `as_of`."""
        sums: dict[Party, int] = defaultdict(int)
        for posted in self.postings(end=as_of, account=account):
            sums[posted.posting.party] += posted.posting.cents
        return {party: cents for party, cents in sums.items() if cents}

    def _all(self) -> list[Posted]:
        if self._ordered is None:
            self._ordered = sorted(self._unordered(), key=_place)
        return self._ordered

    def _of_account(self, account: str) -> list[Posted]:
        if self._by_account is None:
            self._by_account = defaultdict(list)
            for posted in self._all():
                self._by_account[posted.posting.account].append(posted)
        return self._by_account.get(account, [])

    def _unordered(self) -> Iterator[Posted]:
        for (entity, object_id), booked in self._entries.items():
            for posting in booked.effects.postings:
                yield Posted(booked.day, int(object_id), entity, object_id, posting)
        for item, stock in self._stocks.items():
            for posting in stock.start.postings:
                yield Posted(stock.start.day, 0, START, item, posting)
            for moved, postings in stock.costs():
                for posting in postings:
                    yield Posted(moved.day, moved.number, moved.entity, moved.id, posting)


def _place(posted: Posted) -> tuple[str, int, str, int]:
    return posted.day, posted.number, posted.entity, posted.posting.line
