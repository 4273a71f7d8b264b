"""Whose turn it is: a weighted fair order of realms for a fixed number of places. Pure: no clock, no I/O."""

from __future__ import annotations

from collections.abc import Hashable
from heapq import heappop, heappush
from itertools import count
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

SWEPT_ENDS = 64
"""Ends are swept when there are so many, or twice as many as the last sweep left: so a turn pays for two of them."""


class FairQueue(Generic[K]):
    """Start-time fair queueing. A place pops a key, does one turn of its work (a page, say), and pushes it again.

    Each push gets a start tag: where the key's last turn ended in virtual work, but not before the present, which is
    the tag of the last pop; its turn ends `cost / weight` later. The smallest tag goes first. So

    - over any stretch in which two keys both have work, their turns' costs differ from their weights' ratio by at most
      one turn each, however much work a giant has piled up: it never starves the small;
    - a key that was idle has nothing saved up and nothing to make up for, and goes before all that have had a turn:
      with w places and turns of s seconds it starts within s / w seconds, and as much again for each other new one;
    - nothing counts of an idle key once the present has passed the end of its last turn; soon it is forgotten.

    Where a turn's cost is known only when it is over, push with a cost of zero, keep `present` as it is after the pop,
    and `settle` before the next push.
    """

    __slots__ = ("_ends", "_heap", "_numbers", "_present", "_sweep_at")

    def __init__(self) -> None:
        self._present = 0.0
        self._heap: list[tuple[float, bool, int, K]] = []
        self._ends: dict[K, float] = {}  # of each key's last turn; one that the present has passed is void
        self._sweep_at = SWEPT_ENDS  # so many ends
        self._numbers = count()  # equal tags: first come, first served; and keys need not be comparable

    def __len__(self) -> int:
        """Turns in line."""
        return len(self._heap)

    @property
    def present(self) -> float:
        """The start tag of the last pop."""
        return self._present

    @property
    def next_tag(self) -> float:
        """The start tag of the next pop. Raises `IndexError` when nobody is in line."""
        return self._heap[0][0]

    def push(self, key: K, *, weight: float = 1.0, cost: float = 1.0) -> None:
        """`key` wants another turn. A key may stand in line for several."""
        has_had_turns = self._ends.get(key, self._present) > self._present
        heappush(self._heap, (self._charged(key, weight, cost), has_had_turns, next(self._numbers), key))

    def pass_by(self, key: K, *, weight: float = 1.0, cost: float = 1.0) -> None:
        """A push and its pop at once, where nobody is in line."""
        assert not self._heap
        self._present = self._charged(key, weight, cost)

    def settle(self, key: K, end: float) -> None:
        """The turn of `key`, which is not in line, ended at `end` in virtual work: `present` at its pop, and its cost
        by its weight."""
        if end > self._present:
            self._ends_at(key, end)

    def pop(self) -> K:
        """The key whose turn it is. Raises `IndexError` when nobody is in line."""
        self._present, _, _, key = heappop(self._heap)
        return key

    def _charged(self, key: K, weight: float, cost: float) -> float:
        """The start tag of a turn of `key`, which is charged for it."""
        assert weight > 0
        assert cost >= 0
        start = max(self._ends.get(key, 0.0), self._present)
        if cost:
            self._ends_at(key, start + cost / weight)
        return start

    def _ends_at(self, key: K, end: float) -> None:
        self._ends[key] = end
        if len(self._ends) >= self._sweep_at:
            self._ends = {key: end for key, end in self._ends.items() if end > self._present}
            self._sweep_at = max(SWEPT_ENDS, 2 * len(self._ends))
