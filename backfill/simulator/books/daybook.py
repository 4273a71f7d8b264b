"""Every posting of a company, in order: what reports are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from backfill.simulator.books.entries import Booked
from backfill.simulator.books.ordered import Ordered, Posted
from backfill.simulator.books.stock import Stock

START = "InventoryStart"
"""The entity of what an item was set up with: QuickBooks shows it in reports, and not through the API."""

_AFTER_THE_LINES = 10_000
"""Where in a transaction the costs of stock begin: by Intuit's limit it has no more lines of its own."""


class Origin(NamedTuple):
    """Where postings come from: a transaction, or (`START` and an item's Id) the stock of an item."""

    entity: str
    id: str


class Daybook:
    """Postings by transaction, and in the order of their days.

    Costs of stock are made anew for the items whose stock has changed, since a purchase of long ago may have changed
    them, when next somebody asks.
    """

    def __init__(self, stocks: Mapping[str, Stock]) -> None:
        self._stocks = stocks
        self._entries: dict[Origin, Booked] = {}
        self._ordered: Ordered[Origin] = Ordered()
        self._restocked: set[str] = set(stocks)

    def __len__(self) -> int:
        """How many transactions post anything at all by themselves."""
        return len(self._entries)

    def replace(self, before: Iterable[Booked], after: Iterable[Booked]) -> None:
        """Take out what was booked and put in what is."""
        old = {Origin(booked.entity, booked.id): booked for booked in before}
        new = {Origin(booked.entity, booked.id): booked for booked in after}
        for origin in {**old, **new}:
            booked = new.get(origin)
            if booked is None or not booked.effects.postings:
                self._entries.pop(origin, None)
                self._ordered.put(origin, ())
            else:
                self._entries[origin] = booked
                self._ordered.put(origin, _rows(booked))
        for booked in (*old.values(), *new.values()):
            self.restock(movement.item for movement in booked.effects.movements)

    def restock(self, items: Iterable[str]) -> None:
        """The stock of the items has changed, or has begun."""
        self._restocked.update(items)

    @property
    def booked(self) -> Mapping[Origin, Booked]:
        """Every transaction that posts anything by itself."""
        return self._entries

    def of_transaction(self, entity: str, object_id: str) -> Sequence[Posted]:
        """What a transaction posts by itself, in its own order."""
        return self._ordered.of(Origin(entity, object_id))

    def of_stock(self) -> Iterator[tuple[Origin, Sequence[Posted]]]:
        """Item by item what stock posts: what it began with, and what its movements cost."""
        self._settle_stock()
        for item in self._stocks:
            origin = Origin(START, item)
            yield origin, self._ordered.of(origin)

    def postings(self, *, start: str = "", end: str = "", account: str = "") -> Sequence[Posted]:
        """In order, from day `start` to day `end`, both included (ISO; empty: without bound), of one account or all."""
        self._settle_stock()
        return self._ordered.postings(start=start, end=end, account=account)

    def unsorted(self, *, start: str = "", end: str = "") -> Iterator[Posted]:
        """The same of all accounts in no order, which is quicker where only sums are wanted."""
        self._settle_stock()
        return self._ordered.unsorted(start=start, end=end)

    def balances(self, *, as_of: str = "") -> dict[str, int]:
        """Account to cents, debit positive, at the end of day `as_of` (empty: of all). They add up to 0."""
        self._settle_stock()
        return self._ordered.balances(as_of=as_of)

    def _settle_stock(self) -> None:
        for item in sorted(self._restocked & self._stocks.keys()):
            self._ordered.put(Origin(START, item), tuple(_costs(item, self._stocks[item])))
        self._restocked.clear()


def _rows(booked: Booked) -> tuple[Posted, ...]:
    number = int(booked.id)
    return tuple(
        Posted(booked.day, number, booked.entity, place, booked.id, posting)
        for place, posting in enumerate(booked.effects.postings)
    )


def _costs(item: str, stock: Stock) -> Iterator[Posted]:
    for place, posting in enumerate(stock.start.postings):
        yield Posted(stock.start.day, 0, START, place, item, posting)
    for moved, postings in stock.costs():
        place = _AFTER_THE_LINES + 2 * moved.line
        for side, posting in enumerate(postings):
            yield Posted(moved.day, moved.number, moved.entity, place + side, moved.id, posting)
