"""Spaced starts: how many of a realm's requests begin in how short a time."""

from __future__ import annotations

import asyncio
from collections import deque

import anyio

HASTE = 0.5
"""No two starts are nearer than this share of an even gap: who is behind catches up, and nothing bursts."""


class StartSpacer:
    """At most `starts` starts in any `span_s` seconds, and no two nearer than half of an even gap.

    With requests whose way takes `spread` seconds longer at most for one than for another, no second at the server sees
    more than `starts` if `span_s` is 1 + `spread`: of `starts` + 1 in one second the last one sent would have been sent
    `span_s` after the first one sent, and so have arrived a second after it.

    Not an even gap, which would do as well: at a rate that is just permitted, every gap that is longer than it need be,
    for want of a permit, would be lost. Here it is made up for within the span.
    """

    __slots__ = ("_span_s", "_starts", "_times")

    def __init__(self, starts: int, span_s: float) -> None:
        self._starts = starts
        self._span_s = span_s
        self._times: deque[float] = deque(maxlen=starts)  # of the last starts

    def change_span(self, span_s: float) -> None:
        """From the next start on, one that waits already included."""
        self._span_s = span_s

    async def wait(self) -> None:
        """Wait until the next may start. One caller at a time; nothing has happened until it says `start`."""
        loop = asyncio.get_running_loop()
        while loop.time() < (next_at := self.next_at()):  # noqa: ASYNC110 - the span may change meanwhile
            await anyio.sleep_until(next_at)

    def start(self, now: float) -> None:
        """One starts now."""
        self._times.append(now)

    def restore(self) -> None:
        """An earlier process may have started as many as it could until now: count them, evenly spaced.

        They may have been nearer, and then a second may hold some more; but a process takes that long to begin.
        """
        now, gap_s = anyio.current_time(), self._span_s / self._starts
        self._times.extend(now - number * gap_s for number in reversed(range(self._starts)))

    def next_at(self) -> float:
        """The soonest loop time for the next start, as long as the span stays as it is."""
        times = self._times
        if not times:
            return 0.0
        soonest = times[-1] + HASTE * self._span_s / self._starts
        return max(soonest, times[0] + self._span_s) if len(times) == self._starts else soonest
