"""The ways in which a server may count arrivals against a limit. Nobody outside Intuit knows which it uses.

Each counts at most `limit` arrivals in `length_s` seconds, in its own sense of "in". Times never go back.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Protocol

ROUNDING = 1e-9
"""Share of one arrival that a bucket's level may have lost to rounding: it is a sum of some hundred fractions."""


class Window(Protocol):
    """One limit's counter."""

    def room_in(self, at: float) -> float:
        """Seconds from `at` until one more arrival fits; 0 if it fits now."""
        ...

    def count(self, at: float, arrivals: int = 1) -> None:
        """Count arrivals at `at`, whether they fit or not."""
        ...

    def used(self, at: float) -> float:
        """How much of the limit the arrivals counted until `at` use up."""
        ...


class SlidingWindow:
    """Judges every arrival by those in the `length_s` before it."""

    __slots__ = ("_arrivals", "_length_s", "_limit")

    def __init__(self, limit: int, length_s: float) -> None:
        self._limit = limit
        self._length_s = length_s
        self._arrivals: deque[float] = deque()

    def room_in(self, at: float) -> float:
        self._forget(at)
        if len(self._arrivals) < self._limit:
            return 0.0
        return self._arrivals[len(self._arrivals) - self._limit] + self._length_s - at

    def count(self, at: float, arrivals: int = 1) -> None:
        self._forget(at)
        self._arrivals.extend([at] * arrivals)

    def used(self, at: float) -> float:
        self._forget(at)
        return len(self._arrivals)

    def _forget(self, at: float) -> None:
        # Added, not subtracted, so that it agrees with `room_in` to the last bit.
        while self._arrivals and self._arrivals[0] + self._length_s <= at:
            self._arrivals.popleft()


class FixedWindow:
    """Counts anew from every boundary. Boundaries are `offset_s` after the full multiples of `length_s`."""

    __slots__ = ("_arrivals", "_begin", "_length_s", "_limit", "_offset_s")

    def __init__(self, limit: int, length_s: float, offset_s: float = 0.0) -> None:
        self._limit = limit
        self._length_s = length_s
        self._offset_s = offset_s
        self._begin = -math.inf
        self._arrivals = 0

    def room_in(self, at: float) -> float:
        self._turn(at)
        return 0.0 if self._arrivals < self._limit else self._begin + self._length_s - at

    def count(self, at: float, arrivals: int = 1) -> None:
        self._turn(at)
        self._arrivals += arrivals

    def used(self, at: float) -> float:
        self._turn(at)
        return self._arrivals

    def _turn(self, at: float) -> None:
        """Go on to the window that `at` is in."""
        if at < self._begin + self._length_s:
            return
        if math.isinf(self._begin):
            self._begin = self._offset_s + math.floor((at - self._offset_s) / self._length_s) * self._length_s
        else:  # by whole lengths from the last one, so that two arrivals a length apart are never in the same
            self._begin += max(1, math.floor((at - self._begin) / self._length_s)) * self._length_s
        self._arrivals = 0


class Bucket:
    """Holds `limit` and is refilled evenly with as many in `length_s`; an arrival takes one out."""

    __slots__ = ("_level", "_level_at", "_limit", "_per_s")

    def __init__(self, limit: int, length_s: float) -> None:
        self._limit = limit
        self._per_s = limit / length_s
        self._level = float(limit)
        self._level_at = -math.inf

    def room_in(self, at: float) -> float:
        self._refill(at)
        missing = 1 - self._level
        return 0.0 if missing <= ROUNDING else missing / self._per_s

    def count(self, at: float, arrivals: int = 1) -> None:
        self._refill(at)
        self._level = max(0.0, self._level - arrivals)

    def used(self, at: float) -> float:
        self._refill(at)
        return self._limit - self._level

    def _refill(self, at: float) -> None:
        self._level = min(float(self._limit), self._level + (at - self._level_at) * self._per_s)
        self._level_at = at
