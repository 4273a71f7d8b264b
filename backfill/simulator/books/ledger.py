"""The ledger of one company: what a change moves, what is in stock, and every posting in order.

Nothing here is a second truth: a balance moves by the difference of what a transaction posted and posts, and stock
and daybook are what the stored transactions give, kept up to date by what each change changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import NamedTuple

from backfill.simulator.books.daybook import Daybook
from backfill.simulator.books.entries import Booked
from backfill.simulator.books.lists import Lists
from backfill.simulator.books.postings import date_of, effects_of
from backfill.simulator.books.stock import Start, Stock
from backfill.simulator.books.tally import NO_MOVES, Moves, Tally
from backfill.simulator.documents import Doc


class Transaction(NamedTuple):
    """A stored transaction, or (`doc` None) the place of one that is not there."""

    entity: str
    id: str
    doc: Doc | None


class Ledger:
    """The books of one company. `transactions` is called when a daybook is asked for, and none is open.

    `stocks` are those that a history has set up already, whose postings are in the balances it began with.
    """

    def __init__(
        self,
        lists: Lists,
        transactions: Callable[[], Iterable[Transaction]],
        stocks: MutableMapping[str, Stock] | None = None,
    ) -> None:
        self.lists = lists
        self._transactions = transactions
        self._stocks: MutableMapping[str, Stock] = {} if stocks is None else stocks
        self._daybook: Daybook | None = None

    @property
    def stocks(self) -> Mapping[str, Stock]:
        """Item to its stock, of all that were ever set up to be kept in stock."""
        return self._stocks

    def booked(self, transaction: Transaction) -> Booked:
        """What the transaction posts with the lists as they are now."""
        entity, object_id, doc = transaction
        if doc is None:
            return Booked(entity, object_id)
        return Booked(entity, object_id, date_of(doc), effects_of(entity, doc, self.lists))

    def set_up(self, start: Start) -> Moves:
        """An item begins its stock. One that has begun already stays as it is."""
        tally = Tally(self.lists)
        if start.item not in self._stocks:
            self._stocks[start.item] = Stock(start)
            tally.add(start.postings)
            if self._daybook is not None:
                self._daybook.restock([start.item])
        return tally.moves()

    def enter(self, booked: Booked) -> None:
        """Take in what moved stock, of a transaction whose postings are added up elsewhere: while a history is read."""
        for movement in booked.effects.movements:
            stock = self._stocks.get(movement.item)
            if stock:
                stock.add(booked.entity, booked.id, booked.day, movement)

    def move(self, before: Sequence[Booked], after: Sequence[Booked]) -> Moves:
        """Replace what was booked, pair by pair. Stock that comes or goes costs what was sold after it anew."""
        if before == after:
            return NO_MOVES
        tally = Tally(self.lists)
        touched = [self._stocks[item] for item in items_of(before, after) if item in self._stocks]
        for stock in touched:
            tally.add_sums(stock.totals(), -1)
        for booked in before:
            tally.add(booked.effects.postings, -1)
            for item in items_of([booked]):
                if item in self._stocks:
                    self._stocks[item].drop(booked.entity, booked.id)
        for booked in after:
            tally.add(booked.effects.postings)
            self.enter(booked)
        for stock in touched:
            tally.add_sums(stock.totals())
        if self._daybook is not None:
            self._daybook.replace(before, after)
        return tally.moves()

    def daybook(self) -> Daybook:
        """Every posting there is. Made when first asked for (it reads all transactions), then kept up to date until it
        is closed."""
        if self._daybook is None:
            self._daybook = Daybook(self._stocks)
            self._daybook.replace((), map(self.booked, self._transactions()))
        return self._daybook

    def close_daybook(self) -> None:
        """Forget the daybook until it is asked for again."""
        self._daybook = None


def items_of(*groups: Iterable[Booked]) -> list[str]:
    """The items whose stock is moved, sorted."""
    return sorted({movement.item for group in groups for booked in group for movement in booked.effects.movements})
