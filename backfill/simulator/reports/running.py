"""A sum that is asked for as of many days."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from operator import itemgetter


class Running:
    """Entries of (day, cents), ISO days; made once, then asked as often as one likes."""

    __slots__ = ("_days", "_sums")

    def __init__(self, entries: Iterable[tuple[str, int]]) -> None:
        ordered = sorted(entries, key=itemgetter(0))
        self._days = [day for day, _ in ordered]
        self._sums = list(accumulate((cents for _, cents in ordered), initial=0))

    def until(self, day: str) -> int:
        """The cents of all days up to this one."""
        return self._sums[bisect_right(self._days, day)]
