"""The copies of rows in the order of a time, without a list of them.

The copies of a row that moves are `step_s` apart. Cut time into slots of that length: a row whose core lies in slot
T has its copy j in slot T + j, at the same second within it. So a slot holds exactly one copy of each row that is
alive then, how many rows lie before a slot is a sum of clipped differences, and the n-th row is found by bisection
over the slots.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import accumulate
from operator import itemgetter
from typing import Any, NamedTuple

_SLOTS_KEPT = 4  # pages are read onwards, from a few places at once


class Timed(NamedTuple):
    """A row of the core in an order: its time there, which row it is, and how its copies lie."""

    at: int
    row: int
    copies: int
    """1 for what is shared."""
    moves: bool
    """False: all copies have the core's time."""


class Place(NamedTuple):
    """One copy of one row. Places sort as their order goes; ties by row, then by copy."""

    at: Any
    """Epoch seconds; in an order by name the name's bytes."""
    row: int
    copy: int


class Order:
    """All copies of the given rows by time."""

    def __init__(self, rows: Iterable[Timed], *, copies: int, step_s: int) -> None:
        self._copies = copies
        self._step_s = step_s
        ordered = sorted(rows)
        self._moving = sorted(
            ((row.at // step_s, row.at, row.row) for row in ordered if row.moves and row.copies > 1), key=itemgetter(0)
        )
        self._slots = [slot for slot, _, _ in self._moving]
        self._slot_sums = list(accumulate(self._slots, initial=0))
        self._still = [row for row in ordered if not (row.moves and row.copies > 1)]
        self._still_sums = list(accumulate((row.copies for row in self._still), initial=0))
        firsts = [*self._slots[:1], *(row.at // step_s for row in self._still[:1])]
        lasts = [*(slot + copies for slot in self._slots[-1:]), *(row.at // step_s + 1 for row in self._still[-1:])]
        self._all_slots = range(min(firsts, default=0), max(lasts, default=0))
        self._length = self._before(self._all_slots.stop)
        self._kept: OrderedDict[int, list[Place]] = OrderedDict()

    def __len__(self) -> int:
        return self._length

    def place(self, index: int) -> Place:
        """What is at `index`, from 0."""
        slot = self._slot_of(index)
        return self._slot(slot)[index - self._before(slot)]

    def places(self, start: int, stop: int) -> Iterator[Place]:
        """What is from `start` to before `stop`, in order."""
        stop = min(stop, self._length)
        if start >= stop:
            return
        slot = self._slot_of(start)
        skipped, left = start - self._before(slot), stop - start
        while left > 0:
            found = self._slot(slot)[skipped : skipped + left]
            yield from found
            slot, skipped, left = slot + 1, 0, left - len(found)

    def rank(self, place: Place) -> int:
        """The index of a place that is in the order, or of the first after it."""
        slot = place.at // self._step_s
        return self._before(slot) + bisect_left(self._slot(slot), place)

    def _slot_of(self, index: int) -> int:
        return self._all_slots[bisect_right(self._all_slots, index, key=self._before) - 1]

    def _before(self, slot: int) -> int:
        """How many places lie before the slot begins."""
        full, begun = bisect_right(self._slots, slot - self._copies), bisect_left(self._slots, slot)
        moving = full * self._copies
        moving += (begun - full) * slot - (self._slot_sums[begun] - self._slot_sums[full])
        return moving + self._still_sums[self._still_before(slot)]

    def _still_before(self, slot: int) -> int:
        return bisect_left(self._still, slot * self._step_s, key=itemgetter(0))

    def _slot(self, slot: int) -> list[Place]:
        """The places of one slot in order."""
        found = self._kept.get(slot)
        if found is None:
            first, last = bisect_right(self._slots, slot - self._copies), bisect_right(self._slots, slot)
            found = [
                Place(at + (slot - begun) * self._step_s, row, slot - begun)
                for begun, at, row in self._moving[first:last]
            ]
            still = self._still[self._still_before(slot) : self._still_before(slot + 1)]
            found += [Place(row.at, row.row, copy) for row in still for copy in range(row.copies)]
            found.sort()
            self._kept[slot] = found
            if len(self._kept) > _SLOTS_KEPT:
                self._kept.popitem(last=False)
        return found
