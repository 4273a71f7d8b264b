"""The stock of each item: the core's is kept, a copy's is made of it when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from datetime import date, timedelta

import msgspec

from backfill.simulator.books.entries import Party
from backfill.simulator.books.stock import Moved, Stock
from backfill.simulator.sown.layout import Layout


class SownStocks(MutableMapping[str, Stock]):
    """Item to its stock: those that anybody asked for, and all that the history set up."""

    def __init__(self, layout: Layout, core: Callable[[], Mapping[str, Stock]]) -> None:
        self._layout = layout
        self._core = core
        self._asked: dict[str, Stock] = {}

    def __getitem__(self, item: str) -> Stock:
        """Raises `KeyError` for what was never kept in stock."""
        stock = self._asked.get(item)
        if stock is None:
            origin, copy = self._layout.origin("Item", item)
            if origin not in self._layout.stocked:
                raise KeyError(item)
            stock = self._asked[item] = _twin(self._core()[origin], self._layout, copy)
        return stock

    def __setitem__(self, item: str, stock: Stock) -> None:
        self._asked[item] = stock

    def __delitem__(self, item: str) -> None:
        raise TypeError(f"the stock of item {item} stays with the history")

    def __contains__(self, item: object) -> bool:
        return isinstance(item, str) and (item in self._asked or self._is_sown(item))

    def __iter__(self) -> Iterator[str]:
        for item in sorted(self._layout.stocked, key=int):
            yield from (self._layout.twin("Item", item, copy) for copy in range(self._layout.copies))
        yield from [item for item in self._asked if not self._is_sown(item)]

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _is_sown(self, item: str) -> bool:
        return self._layout.origin("Item", item)[0] in self._layout.stocked


def _twin(stock: Stock, layout: Layout, copy: int) -> Stock:
    """The same movements in another copy: of its own item and its own documents, as many days later."""
    days = timedelta(days=layout.days(copy))

    def later(day: str, *, moves: bool) -> str:
        return (date.fromisoformat(day) + days).isoformat() if moves else day

    def twin(one: Moved) -> Moved:
        party, item = one.movement.party, layout.twin("Item", one.movement.item, copy)
        party = Party(party.kind, layout.twin(party.kind, party.id, copy)) if party.kind else party
        object_id = layout.twin(one.entity, one.id, copy)
        return one._replace(
            day=later(one.day, moves=layout.moves(one.day)),
            number=int(object_id),
            id=object_id,
            movement=msgspec.structs.replace(one.movement, item=item, party=party),
        )

    start = stock.start
    day = later(start.day, moves=not layout.is_first_day(start.day))
    return Stock.of(
        start._replace(item=layout.twin("Item", start.item, copy), day=day), [twin(one) for one in stock.moved]
    )
