"""The stock of one item: what is on hand, what it is worth, and what each sale of it has cost.

First in, first out, counted in units and not in days: the n-th unit that goes out costs what the n-th unit that came
in was bought for, even where it came in later (QuickBooks too costs a sale that ran ahead of its purchase anew once
the purchase is entered). So all costs follow from the order of movements alone, and a back-dated purchase changes
what was sold after it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from backfill.simulator.books.entries import UNIT, Movement, Posting


class Start(NamedTuple):
    """An item's stock when it was set up; `unit_cents` is the value of one unit."""

    item: str
    day: str
    micros: int
    unit_cents: int
    asset: str
    opening: str
    """The equity account that its value came from."""

    @property
    def postings(self) -> tuple[Posting, ...]:
        return _pair(self.asset, self.opening, self.micros * self.unit_cents // UNIT, item=self.item)


class Moved(NamedTuple):
    """One movement in its place: by day, what comes in before what goes out, then as entered."""

    day: str
    goes_out: bool
    number: int
    line: int
    entity: str
    id: str
    movement: Movement


class Costed(NamedTuple):
    """What stock posts for one movement, as two postings that balance."""

    moved: Moved
    postings: tuple[Posting, ...]


class Stock:
    """The movements of one item in their order."""

    __slots__ = ("_moved", "on_hand", "start")

    def __init__(self, start: Start) -> None:
        self.start = start
        self.on_hand = start.micros
        """In millionths of a unit; below 0 where more was sold than bought."""
        self._moved: list[Moved] = []

    @classmethod
    def of(cls, start: Start, moved: Iterable[Moved]) -> Stock:
        """With movements that are in their order already."""
        stock = cls(start)
        stock._moved.extend(moved)
        stock.on_hand += sum(one.movement.micros for one in stock._moved)
        return stock

    @property
    def moved(self) -> Sequence[Moved]:
        """All movements, in their order."""
        return self._moved

    @property
    def value(self) -> int:
        """Cents: what is on the asset account for it."""
        out = -sum(moved.movement.micros for moved in self._moved if moved.goes_out)
        curve = self._curve()
        return curve.sums[-1] - curve.worth(out)

    def add(self, entity: str, object_id: str, day: str, movement: Movement) -> None:
        insort(self._moved, _moved(entity, object_id, day, movement), key=_ORDER)
        self.on_hand += movement.micros

    def drop(self, entity: str, object_id: str) -> None:
        """Take back all that the transaction moved; nothing where it moved nothing."""
        for index in range(len(self._moved) - 1, -1, -1):
            moved = self._moved[index]
            if moved.id == object_id and moved.entity == entity:
                self.on_hand -= moved.movement.micros
                del self._moved[index]

    def costs(self) -> Iterator[Costed]:
        """What stock posts by itself, movement by movement in their order; what it was set up with is not in it."""
        for moved, value in self._values():
            yield Costed(moved, _of_movement(moved.movement, value))

    def totals(self) -> dict[str, int]:
        """Account to the cents that stock posts on it by itself, what it was set up with included."""
        sums: dict[str, int] = defaultdict(int)
        for posting in self.start.postings:
            sums[posting.account] += posting.cents
        for moved, value in self._values():
            sums[moved.movement.asset] += value
            sums[moved.movement.counter] -= value
        return sums

    def _values(self) -> Iterator[tuple[Moved, int]]:
        """Each movement that does not bring its value itself, with the cents that it adds to the asset account."""
        curve = self._curve()
        layers = iter(curve.values)
        out = worth = 0
        for moved in self._moved:
            if moved.goes_out:
                out -= moved.movement.micros
                before, worth = worth, curve.worth(out)
                yield moved, before - worth
            else:
                value = next(layers)
                if moved.movement.cents is None:
                    yield moved, value

    def _curve(self) -> _Curve:
        return _Curve(self.start, (moved.movement for moved in self._moved if not moved.goes_out))


class _Curve:
    """What the first n units that came in are worth together, in cents; beyond them the nearest cost goes on.

    `values` are those of the layers after the start, `ends` and `sums` where each layer ends, the start first.
    """

    __slots__ = ("_first", "_last", "ends", "sums", "values")

    def __init__(self, start: Start, layers: Iterable[Movement]) -> None:
        # Costs are exact: cents over millionths of a unit.
        self._first = self._last = (start.unit_cents, UNIT)
        self.values: list[int] = []
        self.ends = [start.micros]
        self.sums = [start.micros * start.unit_cents // UNIT]
        for layer in layers:
            value = layer.micros * self._last[0] // self._last[1] if layer.cents is None else layer.cents
            self._last = (value, layer.micros)
            self.values.append(value)
            self.ends.append(self.ends[-1] + layer.micros)
            self.sums.append(self.sums[-1] + value)

    def worth(self, out: int) -> int:
        """Of the first `out` millionths. One rounding for each place, so that parts always add up to the whole."""
        if out <= 0:
            return out * self._first[0] // self._first[1]
        index = bisect_left(self.ends, out)
        if index == len(self.ends):
            return self.sums[-1] + (out - self.ends[-1]) * self._last[0] // self._last[1]
        if index == 0:
            return out * self._first[0] // self._first[1]
        into = out - self.ends[index - 1]
        return self.sums[index - 1] + into * self.values[index - 1] // (self.ends[index] - self.ends[index - 1])


def _moved(entity: str, object_id: str, day: str, movement: Movement) -> Moved:
    goes_out = movement.micros < 0 or movement.is_return
    return Moved(day, goes_out, int(object_id), movement.line, entity, object_id, movement)


_ORDER = itemgetter(0, 1, 2, 3)


def _of_movement(movement: Movement, value: int) -> tuple[Posting, ...]:
    return _pair(
        movement.asset,
        movement.counter,
        value,
        party=movement.party,
        klass=movement.klass,
        department=movement.department,
        item=movement.item,
        line=movement.line,
    )


def _pair(asset: str, counter: str, value: int, **more: Any) -> tuple[Posting, ...]:
    """`value` on the asset account against `counter`; nothing for nothing."""
    if not value:
        return ()
    return Posting(asset, value, value, **more), Posting(counter, -value, -value, **more)
