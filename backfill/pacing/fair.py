"""Whose turn it is: a weighted fair order of realms for a fixed number of workers. Pure: no clock, no I/O."""

from __future__ import annotations

from collections.abc import Hashable
from heapq import heappop, heappush
from itertools import count
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class FairQueue(Generic[K]):
    """Start-time fair queueing. A worker pops a key, does one turn of its work (a page, say), and pushes it again.

    Each push gets a start tag: where the key's last turn ended in virtual work, but not before the present, which is
    the tag of the last pop; its turn ends `cost / weight` later. The smallest tag goes first. So

    - over any stretch in which two keys both have work, their turns' costs differ from their weights' ratio by at most
      one turn each, however much work a giant has piled up: it never starves the small;
    - a key that was idle has nothing saved up and nothing to make up for, and goes before all that have had a turn:
      with w workers and turns of s seconds it starts within s / w seconds, and as much again for each other new one;
    - nothing is remembered of an idle key once the present has passed the end of its last turn.
    """

    __slots__ = ("_ends", "_heap", "_now", "_numbers", "_passing")

    def __init__(self) -> None:
        self._now = 0.0
        self._heap: list[tuple[float, bool, int, K]] = []
        self._ends: dict[K, float] = {}  # of keys whose last turn ends after the present
        self._passing: list[tuple[float, int, K]] = []  # the same ends by time, with those that a later one replaced
        self._numbers = count()  # equal tags: first come, first served; and keys need not be comparable

    def __len__(self) -> int:
        """Turns in line."""
        return len(self._heap)

    def push(self, key: K, *, weight: float = 1.0, cost: float = 1.0) -> None:
        """`key` wants another turn. A key may stand in line for several."""
        assert weight > 0
        assert cost > 0
        start = self._ends.get(key, self._now)
        number = next(self._numbers)
        heappush(self._heap, (start, key in self._ends, number, key))
        self._ends[key] = start + cost / weight
        heappush(self._passing, (self._ends[key], number, key))

    def pop(self) -> K:
        """The key whose turn it is. Raises `IndexError` when nobody is in line."""
        start, _, _, key = heappop(self._heap)
        self._now = start
        while self._passing and self._passing[0][0] <= start:
            end, _, passed = heappop(self._passing)
            if self._ends.get(passed) == end:
                del self._ends[passed]
        return key
