"""Postings in the order of their days, account by account, with what each account had come to by then."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from itertools import accumulate, chain
from operator import attrgetter
from typing import Generic, NamedTuple, TypeVar

from backfill.simulator.books.entries import Posting

Source = TypeVar("Source", bound=Hashable)


class Posted(NamedTuple):
    """A posting with the transaction it belongs to. They sort by day, then as entered, then as in the document."""

    day: str
    number: int
    """The transaction's Id as a number: the order in which transactions of one day were entered."""
    entity: str
    place: int
    """Its place in the transaction."""
    id: str
    posting: Posting


class Ordered(Generic[Source]):
    """Postings by what they come from, which may come anew with other postings; ordered when they are asked for.

    Each account is ordered by itself, so that a change costs something on the accounts that it touches alone.
    """

    def __init__(self) -> None:
        self._sources: dict[Source, Sequence[Posted]] = {}
        self._accounts: defaultdict[str, _Account] = defaultdict(_Account)

    def put(self, source: Source, rows: Sequence[Posted]) -> None:
        """`rows` take the place of what came from the source before."""
        for posted in self._sources.pop(source, ()):
            self._accounts[posted.posting.account].leave(posted)
        for posted in rows:
            self._accounts[posted.posting.account].enter(posted)
        if rows:
            self._sources[source] = rows

    def postings(self, *, start: str = "", end: str = "", account: str = "") -> Sequence[Posted]:
        """In order, from day `start` to day `end`, both included (ISO; empty: without bound), of one account or all."""
        if account:
            return self._accounts[account].between(start, end) if account in self._accounts else ()
        return sorted(self.unsorted(start=start, end=end), key=_PLACE)

    def unsorted(self, *, start: str = "", end: str = "") -> Iterator[Posted]:
        """The same of all accounts, one account after the other: for sums, which need no order."""
        return chain.from_iterable(account.between(start, end) for account in self._accounts.values())

    def of(self, source: Source) -> Sequence[Posted]:
        """What came from the source, in its own order."""
        return self._sources.get(source, ())

    def balances(self, *, as_of: str = "") -> dict[str, int]:
        """Account to cents, debit positive, at the end of day `as_of` (empty: of all). They add up to 0."""
        found = {name: account.balance(as_of) for name, account in self._accounts.items()}
        return {name: cents for name, cents in found.items() if cents}


class _Account:
    """The postings of one account. What comes and goes waits until somebody looks."""

    __slots__ = ("_came", "_gone", "_rows", "_sums")

    def __init__(self) -> None:
        self._rows: list[Posted] = []
        self._sums: list[int] | None = None
        self._came: list[Posted] = []
        self._gone: dict[int, Posted] = {}
        """By identity, which is faster than by value; each is kept, so that its identity is nobody else's."""

    def enter(self, posted: Posted) -> None:
        self._came.append(posted)

    def leave(self, posted: Posted) -> None:
        self._gone[id(posted)] = posted

    def between(self, start: str, end: str) -> list[Posted]:
        rows = self._ordered()
        first = bisect_left(rows, start, key=_DAY) if start else 0
        last = bisect_right(rows, end, key=_DAY) if end else len(rows)
        return rows[first:last]

    def balance(self, as_of: str) -> int:
        rows = self._ordered()
        if self._sums is None:
            self._sums = list(accumulate((posted.posting.cents for posted in rows), initial=0))
        return self._sums[bisect_right(rows, as_of, key=_DAY) if as_of else len(rows)]

    def _ordered(self) -> list[Posted]:
        if self._came or self._gone:
            rows = self._rows + self._came  # mostly in order already, which is what the sort is quick with
            if self._gone:
                rows = [posted for posted in rows if id(posted) not in self._gone]
            rows.sort(key=_PLACE)
            self._rows, self._sums, self._came, self._gone = rows, None, [], {}
        return self._rows


_DAY = attrgetter("day")
_PLACE = attrgetter("day", "number", "entity", "place")
