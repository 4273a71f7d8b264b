"""Permits that come back: one ring of them keeps one window of the server, with a proof."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush


@dataclass(frozen=True, slots=True)
class RingStatistics:
    """A ring at one moment. `held` counts permits taken and those not come back yet; `waiting` the tasks in line."""

    permits: int
    held: int
    waiting: int


class PermitRing:
    """`permits` permits for a window of the server that lasts `window_s` seconds. Zero seconds: a plain semaphore.

    Every `take` is followed by exactly one of `answered`, `come_back_at` (given up) and `unused` (never sent).

    **The rule.** We see neither the server's window (fixed? sliding? a bucket?) nor when a request reaches it; only
    that it arrived between our sending it and the answer's arriving here. So a permit comes back `window_s` after its
    *answer*, not after its sending; and where no answer came, `window_s` after the last moment at which the server can
    still have taken the request in.

    **Claim.** With N permits no window of W seconds at the server ever holds more than N requests.

    **Proof.** Take any window [x, x + W) at the server and, of the requests that arrived in it, the one *sent* last, at
    time t. It arrived at t or later, so x + W > t. Every other request R of the window arrived at x or later, that is
    after t - W; its answer came later still (or it was given up, and counts as taken in later still), so its permit
    comes back after t: R was sent by t and held its permit at t. At most N permits are held at t, the one just sent
    included. So the window holds at most N. ∎

    Fixed windows of any alignment are some of these windows. A bucket of N refilled at N/W a second runs dry only if
    some d seconds hold more than N + d·N/W requests; they are covered by floor(d/W) + 1 windows, at most N each.

    The claim needs no bound on any delay, no order of arrival and no agreement of clocks, only that a second is as long
    here as there. What it costs is N permits in W + latency seconds instead of W: half a per cent at 300 ms.
    """

    __slots__ = ("_free", "_permits", "_returning", "_timer", "_waiters", "_window_s")

    def __init__(self, permits: int, window_s: float) -> None:
        assert permits >= 1
        assert window_s >= 0
        self._permits = permits
        self._window_s = window_s
        self._free = permits  # below zero after `resize` took away permits that are out
        self._returning: list[float] = []  # heap of the loop times at which permits come back
        self._waiters: OrderedDict[asyncio.Future[None], None] = OrderedDict()  # in order of arrival
        self._timer: asyncio.TimerHandle | None = None  # set only while someone waits: a sleeping ring costs nothing

    def take_nowait(self) -> bool:
        """Take a permit if one is free and nobody is in line for it."""
        if self._waiters:
            return False
        self._collect(asyncio.get_running_loop().time())
        if self._free <= 0:
            return False
        self._free -= 1
        return True

    async def take(self) -> None:
        """Take a permit, in order of arrival. Cancelling while waiting takes none."""
        if self.take_nowait():
            return
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiters[waiter] = None
        self._set_timer(loop)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                self._waiters.pop(waiter, None)
                self._set_timer(loop)
            else:  # the permit had been handed over in the same turn: the next in line gets it
                self.unused()
            raise

    def answered(self) -> None:
        """The request was answered just now: its permit comes back one window later."""
        self.come_back_at(asyncio.get_running_loop().time() + self._window_s)

    def unused(self) -> None:
        """No byte of the request was sent: its permit comes back at once."""
        self._free += 1
        self._serve()

    def come_back_at(self, due: float) -> None:
        """The permit comes back at loop time `due`."""
        heappush(self._returning, due)
        self._serve()

    def resize(self, permits: int) -> None:
        """Change the number of permits. Those taken away while they are out are missed as they come back."""
        assert permits >= 1
        self._free += permits - self._permits
        self._permits = permits
        self._serve()

    def hold(self, dues: Sequence[float]) -> None:
        """Count permits as held that an earlier process took: each comes back at its own loop time of `dues`."""
        self._free -= len(dues)
        self._returning.extend(dues)
        heapify(self._returning)
        self._serve()

    def returning(self) -> Sequence[float]:
        """The loop times at which permits come back, in no order."""
        self._collect(asyncio.get_running_loop().time())
        return tuple(self._returning)

    def statistics(self) -> RingStatistics:
        self._collect(asyncio.get_running_loop().time())
        return RingStatistics(self._permits, self._permits - self._free, len(self._waiters))

    def _collect(self, now: float) -> None:
        while self._returning and self._returning[0] <= now:
            heappop(self._returning)
            self._free += 1

    def _serve(self) -> None:
        """Hand free permits to those in line, first come first served."""
        if not self._waiters:
            return
        loop = asyncio.get_running_loop()
        self._collect(loop.time())
        while self._free > 0 and self._waiters:
            waiter, _ = self._waiters.popitem(last=False)
            if not waiter.done():
                self._free -= 1
                waiter.set_result(None)
        self._set_timer(loop)

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        """One timer, for the next permit to come back, and only while someone waits for it."""
        due = self._returning[0] if self._waiters and self._returning else None
        if self._timer is not None:
            if self._timer.when() == due:
                return
            self._timer.cancel()
        self._timer = None if due is None else loop.call_at(due, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._serve()
