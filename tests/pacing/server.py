"""A server in virtual time behind any network, and its counters: the simulator's, which share nothing with pacing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio

from backfill.errors import ThrottledError, UnansweredError
from backfill.model import RealmId
from backfill.pacing.ledger import HeldPermits, MemoryPermitLedger
from backfill.pacing.limits import Limits
from backfill.simulator.call import Kind
from backfill.simulator.settings import MINUTE_S, ServerLimits, SimulatorSettings
from backfill.simulator.throttle import IN_FLIGHT, Throttle
from backfill.wire import Lane, Request, Response

REALM = RealmId("9130350000000001")
OURS, OTHERS = "ours", "others"
NEARLY = 0.9999
"""Of a bound on the server: what ends at the very moment at which something begins may come in either order."""


def request(lane: Lane) -> Request:
    return Request(realm_id=REALM, lane=lane, method="GET", path="/query")


def throttle(limits: Limits, *, in_flight: int | None = None, second: int | None = None, **form: Any) -> Throttle:
    """A throttle of one form with the limits as they stand at the server."""
    allowed = ServerLimits(
        requests_per_minute=limits.requests_per_window,
        batches_per_minute=limits.batches_per_window,
        realm_batches_per_minute=limits.realm_batches_per_window,
        requests_per_second=second,
        in_flight=in_flight,
    )
    return Throttle(SimulatorSettings(limits=allowed, limits_scale=MINUTE_S / limits.window_s, **form))


def judges(limits: Limits, rng: random.Random, *, alignments: int = 3) -> Mapping[str, Throttle]:
    """A throttle of every form, and fixed windows at several alignments. Each sees every request of ours."""
    found = {
        "places": throttle(limits, in_flight=limits.in_flight),
        "sliding": throttle(limits),
        "bucket": throttle(limits, window="bucket"),
        "fixed": throttle(limits, window="fixed"),
    }
    for _ in range(alignments):
        offset_s = rng.uniform(0, MINUTE_S)
        found[f"fixed at {offset_s:.3f}"] = throttle(limits, window="fixed", window_offset_s=offset_s)
    return found


@dataclass(frozen=True, kw_only=True)
class Network:
    """How requests fare. Every draw is anew for each request and way, so requests overtake one another freely."""

    uplink: Callable[[random.Random], float]
    downlink: Callable[[random.Random], float]
    work: Callable[[random.Random], float] = lambda rng: 0.0
    lost: float = 0.0
    """Share of the answers that never come: the server is stuck, or the way back is cut."""
    lost_evenly: bool = False
    """Every thousandth, say, and not one in a thousand by chance, so that a short run has its share and no more."""
    lost_on_the_way: float = 0.0
    """Share of the requests that do not reach the server while their connection is open, and perhaps never."""


@dataclass(eq=False)
class Call:
    """One request on its way."""

    lane: Lane
    sent_at: float
    answer: asyncio.Future[bool]
    """Whether it is served."""
    timer: asyncio.TimerHandle | None = None
    """Set while it is bound to arrive."""
    arrived_at: float | None = None
    orphaned: bool = False
    """The process that sent it is gone."""
    working: list[Throttle] = field(default_factory=list)
    """The counters in which it is in flight."""


class Server:
    """Takes requests in, counts them in `judges`, and answers by `shared`, where other apps use up the limits too.

    A request whose connection is closed on its way still arrives, up to `late_arrival_s` later, or not at all; what is
    never answered is worked on until `abandoned_s` after it was sent.
    """

    def __init__(
        self,
        limits: Limits,
        network: Network,
        rng: random.Random,
        *,
        shared: Throttle | None = None,
        judges: Mapping[str, Throttle] | None = None,
    ) -> None:
        self.limits = limits
        self.network = network
        self.rng = rng
        self.shared = shared
        self.judges = judges or {}
        self.arrivals: list[tuple[float, Lane]] = []
        self.sent = self.refused = 0
        self.breaches: list[str] = []
        self._calls: dict[Call, None] = {}  # on their way, or worked on

    async def send(self, request: Request, *, deadline: float) -> Response:
        loop = asyncio.get_running_loop()
        call = Call(request.lane, loop.time(), loop.create_future())
        self._calls[call] = None
        self.sent += 1
        if self.rng.random() >= self.network.lost_on_the_way:
            call.timer = loop.call_later(self.network.uplink(self.rng), self._arrive, call)
        try:
            with anyio.CancelScope(deadline=deadline):
                if await call.answer:
                    return Response(status=200)
                raise ThrottledError("too many", realm_id=request.realm_id, status=429)
        finally:
            self._closed(call)
        raise UnansweredError("lost", realm_id=request.realm_id, code="timeout")

    def died(self) -> None:
        """The process that sent is gone: the server drops what nobody waits for any more."""
        for call in list(self._calls):
            call.orphaned = True
            if call.arrived_at is not None:
                self._depart(call)

    def _closed(self, call: Call) -> None:
        """The connection is closed. What has not arrived by now comes late, or never."""
        if call.arrived_at is not None or (call.timer is None and self.rng.random() < 0.5):
            return
        loop = asyncio.get_running_loop()
        late_at = loop.time() + self.limits.late_arrival_s * self.rng.choice((self.rng.random(), NEARLY))
        if call.timer is not None:
            late_at = min(late_at, call.timer.when())
            call.timer.cancel()
        call.timer = loop.call_at(late_at, self._arrive, call)

    def _arrive(self, call: Call) -> None:
        now, kind = asyncio.get_running_loop().time(), _kind(call.lane)
        call.arrived_at = now
        self.arrivals.append((now, call.lane))
        for name, judge in self.judges.items():
            refusal = judge.arrive(REALM, OURS, kind=kind, at=now)
            if refusal is None:
                call.working.append(judge)
            elif refusal.limit != IN_FLIGHT or not call.orphaned:  # a dead process's places are not its successor's
                self.breaches.append(f"{name}: {refusal.limit} at {now:.6f}")
        served = self.shared is None or self.shared.arrive(REALM, OURS, kind=kind, at=now) is None
        self.refused += not served
        if served and self.shared is not None:
            call.working.append(self.shared)
        self._work(call, served=served, now=now)

    def _work(self, call: Call, *, served: bool, now: float) -> None:
        loop = asyncio.get_running_loop()
        gives_up_at = max(now, call.sent_at + self.limits.abandoned_s * NEARLY)
        lost = self._is_lost()
        done_at = gives_up_at if lost else min(gives_up_at, now + self.network.work(self.rng) * served)
        if done_at <= now or call.orphaned:
            self._depart(call)
        else:
            loop.call_at(done_at, self._depart, call)
        if not lost:
            loop.call_at(done_at + self.network.downlink(self.rng), self._answer, call, served)

    def _is_lost(self) -> bool:
        if not self.network.lost_evenly:
            return self.rng.random() < self.network.lost
        return int(len(self.arrivals) * self.network.lost) > int((len(self.arrivals) - 1) * self.network.lost)

    def _answer(self, call: Call, served: bool) -> None:
        if not call.answer.done():
            call.answer.set_result(served)

    def _depart(self, call: Call) -> None:
        self._calls.pop(call, None)
        for counted in call.working:
            assert call.arrived_at is not None, "none works on what has not come"
            counted.depart(REALM, OURS, arrived_at=call.arrived_at)
        call.working.clear()


class SlowLedger(MemoryPermitLedger):
    """Takes its time before and after it writes, so that a crash falls on either side."""

    def __init__(self, rng: random.Random, takes_s: Callable[[random.Random], float]) -> None:
        super().__init__()
        self.rng = rng
        self.takes_s = takes_s
        self.writes = 0

    async def reserve(self, realm_id: RealmId, held: Sequence[HeldPermits], *, epoch: int) -> None:
        await anyio.sleep(self.takes_s(self.rng) / 2)
        await super().reserve(realm_id, held, epoch=epoch)
        self.writes += 1
        await anyio.sleep(self.takes_s(self.rng) / 2)


def _kind(lane: Lane) -> Kind:
    """What the simulated throttle calls it."""
    return "batch" if lane is Lane.BATCH else ""
