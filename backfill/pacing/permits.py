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

    **The rule.** We see neither the server's window (fixed? sliding? a bucket?) nor when a request reaches it and is
    counted. But for each request there is a moment at which it is *in*: counted by then, or never.

    - Answered: when its answer is here, since it was counted before it was answered.
    - Given up (time-out, cancelled, connection lost): `late_arrival_s` after we closed its connection. What had left us
      by then may still be on its way, be sent again by a kernel, or stand in a gateway's buffer, for so long.
    - Sent by a process that crashed: `late_arrival_s` after its successor began. The dead one's connections were closed
      by then; which of its requests were sent is not known, so all that it may have sent are taken as sent.

    A permit comes back `window_s` seconds after its request is in.

    **Claim.** With N permits no window of W seconds at the server ever holds more than N requests.

    **Proof.** Take any window [x, x + W) at the server and, of the requests counted in it, the one *sent* last, at time
    t. It was counted at t or later, so x + W > t. Every other request R of the window was counted at x or later, that
    is after t - W; it was in no sooner than it was counted, so its permit comes back after t. R was sent by t, so it
    held its permit at t. At most N permits are held at t, the one just sent included. So the window holds at most N. ∎

    *Across a crash* "held" includes what the dead process held: every request was covered by a block made durable
    before it was sent (`DurablePermits`), so its successor holds a permit for each, and for the rest of the block in
    vain; what was already on its way back comes back when it would have, rounded up. A successor may so hold more than
    N; then it sends nothing until fewer than N are held, and the proof stands as it is.

    *Fixed windows*, of any alignment, are some of these windows.

    *A bucket* of N refilled at N/W a second refuses an arrival only if some stretch of d seconds that ends with it
    holds more than N + d·N/W. Such a stretch is covered by floor(d/W) + 1 windows of W, which hold N each at most: no
    more than N + floor(d/W)·N together. So it never refuses.

    **What it needs.** No bound on any delay of an answered request, no order of arrival and no agreement of clocks;
    only that a second is as long here as there, and that one process at a time works on a realm.

    **What it does not cover.** Requests of other apps, where the server counts them together with ours. A request that
    was given up, at a server that counts it at the end of its work: it may work on it until `abandoned_s` after the
    sending, and whoever fears that sets `late_arrival_s` above `abandoned_s`. A request that reaches the server later
    than `late_arrival_s` after its connection was closed: it takes an outage that held up this one and not the others.
    A process that was paused with a request in its hands until after its successor began. The window of one second: ten
    permits that come back after a second and the latency would be too few, so `StartSpacer` spaces for it, up to a
    spread of the way.

    **What it costs.** N permits in W + latency seconds instead of W: half a per cent at 300 ms. A request that was
    given up costs its patience and `late_arrival_s` on top; a crash costs one request for each that was covered and not
    sent, and the rounding of what was on its way back.
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
        if self._free <= 0:  # else what has come back is not needed yet
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

    def answered(self, now: float) -> None:
        """The request was answered at loop time `now`: its permit comes back one window later."""
        self.come_back_at(now + self._window_s)

    def unused(self) -> None:
        """No byte of the request was sent: its permit comes back at once."""
        self._free += 1
        if self._waiters:
            self._serve()

    def come_back_at(self, due: float) -> None:
        """The permit comes back at loop time `due`."""
        heappush(self._returning, due)
        if self._waiters:
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
