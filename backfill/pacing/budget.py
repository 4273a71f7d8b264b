"""All limits of one realm at once: when its next request may go."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from math import ceil

import anyio
import msgspec

from backfill.events import Event, Observer, Throttled
from backfill.model import RealmId
from backfill.pacing.congestion import Congestion, Reason
from backfill.pacing.ledger import DurablePermits, HeldPermits, PermitLedger
from backfill.pacing.limits import Limits
from backfill.pacing.metering import METERED_LANES
from backfill.pacing.permits import PermitRing
from backfill.pacing.quota import QuotaBreaker
from backfill.pacing.spacing import StartSpacer
from backfill.wire import Lane

LANE_RINGS: Mapping[Lane, tuple[str, ...]] = {
    Lane.QUERY: ("requests",),
    Lane.BATCH: ("batches", "requests"),
    Lane.CDC: ("requests",),
    Lane.REPORT: ("reports", "requests"),
    Lane.WRITE: ("requests",),
}
"""The windows that a call of each lane counts in, in the order in which their permits are taken: scarcest first."""

REST = "rest"
"""In the ledger, beside the rings: no permit, but when the realm's rest after a refusal ends."""

SNAPSHOT_GROUPS = 80
"""The ledger keeps a window's permits in so many groups, each until its last one comes back: at full speed a restart
loses 0.8 s by that, at most, for 2 KB a writing."""

Resting = Callable[[], AbstractAsyncContextManager[None]]
"""Entered by a request for as long as its realm rests."""


class Grant(msgspec.Struct, frozen=True):
    """The right to send one request now. Given back by exactly one of the budget's `answered`, `refused`, ... ."""

    lane: Lane
    sent_at: float
    episode: int
    probe: bool
    """It asks alone, after a rest, whether the realm answers again."""


def ignore(_event: Event) -> None:
    """The observer that wants to know nothing."""


class RealmBudget:
    """Lets a realm's requests go when every limit allows it.

    Permits are taken in this order, and nothing is held in vain: the lane's own window (40 batches), the window of all
    requests (500); then, one request at a time, the next start and a place in flight (10). While the realm rests after
    a refusal nothing is held.

    `rng` jitters the rests. Whoever works on the realm sets its `breaker`, which all realms of an app share. With a
    `ledger` permits survive a crash: call `restore` with what it holds before the first `take`, and `settle` after the
    last.
    """

    def __init__(
        self,
        realm_id: RealmId,
        limits: Limits,
        *,
        rng: random.Random,
        observe: Observer = ignore,
        ledger: PermitLedger | None = None,
    ) -> None:
        self.realm_id = realm_id
        self.limits = limits
        self._rng = rng
        self._observe = observe
        self.breaker = QuotaBreaker()
        self._sizes = {
            "requests": limits.request_permits,
            "batches": limits.batch_permits,
            "reports": limits.report_permits,
        }
        self._rings = {name: PermitRing(size, limits.window_s) for name, size in self._sizes.items()}
        self._lanes = {lane: tuple(self._rings[name] for name in names) for lane, names in LANE_RINGS.items()}
        self._in_flight = PermitRing(limits.in_flight, window_s=0)
        self._line = PermitRing(1, window_s=0)  # of those that have their windows' permits, the next to start
        self._spacer = StartSpacer(limits.starts_per_second, limits.start_span_s)
        self._congestion = Congestion(limits)
        self._speed = 1.0  # as applied to the rings
        self._unanswered = 0  # requests that were sent and not given back
        self._probe_over: anyio.Event | None = None  # set while a request asks alone after a rest
        self._durable = (
            None if ledger is None else DurablePermits(ledger, realm_id, block=self._block(), snapshot=self._snapshot)
        )

    async def take(self, lane: Lane, *, resting: Resting = nullcontext) -> Grant:
        """Wait until a request of `lane` may go, and take its permits. It is to be sent at once.

        While the realm rests after a refusal, `resting` is entered: what is not needed meanwhile can be given away.
        Raises `StoppedError` when the month's quota is spent, and what the ledger raises: `LeaseLostError`
        if another process took the realm over.
        """
        while True:
            self.breaker.check()
            probe = self._congestion.resting and await self._pass_gate(resting)
            grant = None
            taken: list[PermitRing] = []
            try:
                if self._congestion.episode:  # else nothing was ever refused, and all is as it began
                    self._apply_speed(asyncio.get_running_loop().time())
                for ring in self._lanes[lane]:
                    if not ring.take_nowait():
                        await ring.take()
                    taken.append(ring)
                grant = await self._start(lane, probe=probe)
            finally:
                if grant is None:
                    for ring in reversed(taken):
                        ring.unused()
                    self._end_probe(probe=probe)
            if grant is not None:
                return grant

    def answered(self, grant: Grant, *, accepted: bool = True) -> None:
        """The request was answered and not refused; `accepted`: with 2xx."""
        now = asyncio.get_running_loop().time()
        self._give_back(grant, now)
        self._congestion.answered(now, episode=grant.episode)
        if accepted:
            self.breaker.answered(now, metered=grant.lane in METERED_LANES)
        self._end_probe(probe=grant.probe)

    def refused(self, grant: Grant, *, retry_after_s: float | None = None) -> None:
        """The request was answered with 'too many requests': the realm rests."""
        now = anyio.current_time()
        self._give_back(grant, now)
        refusal = self._congestion.refused(
            now,
            sent_at=grant.sent_at,
            episode=grant.episode,
            unanswered=self._unanswered,
            retry_after_s=retry_after_s,
            jitter_s=self._rng.uniform(0, self.limits.freeze_jitter_s),
        )
        if refusal.reason is Reason.MINUTE and refusal.lasting_s >= self.limits.quota_s:
            since, metered = now - refusal.lasting_s, grant.lane in METERED_LANES
            self.breaker.suspect(self.realm_id, since=since, metered=metered)
        self._observe(Throttled(realm_id=self.realm_id, lane=grant.lane, freeze_s=refusal.freeze_s))
        self._end_probe(probe=grant.probe)

    def abandoned(self, grant: Grant) -> None:
        """No answer will come any more, since its connection is closed. The server may have taken it in, or may yet.

        It is counted in its windows when it arrives, so its permits come back a window after the last moment at which
        it can. But it may be worked on until `abandoned_s` after its arrival: so long its place in flight is kept, and
        for the spread of the way besides, since whoever takes the place may be that much faster there than it was.
        """
        arrived_by = anyio.current_time() + self.limits.late_arrival_s
        worked_on_s = self.limits.abandoned_s + self.limits.uplink_spread_s
        self._count_out(grant)
        for ring in self._lanes[grant.lane]:
            ring.come_back_at(arrived_by + self.limits.window_s)
        self._in_flight.come_back_at(max(arrived_by, grant.sent_at + worked_on_s))
        self._end_probe(probe=grant.probe)

    def unsent(self, grant: Grant) -> None:
        """It is certain that no byte of the request reached the server."""
        self._unanswered -= 1
        if self._durable is not None:
            self._durable.put_back(LANE_RINGS[grant.lane])
        for ring in (*self._lanes[grant.lane], self._in_flight):
            ring.unused()
        self._end_probe(probe=grant.probe)

    def restore(self, held: Sequence[HeldPermits]) -> None:
        """Count as out what a ledger holds of an earlier process, whose connections are closed.

        What was not known to be answered counts as given up just now. Places in flight are not restored, or every
        restart would stand still for `abandoned_s`: if the server goes on with what nobody waits for any more, it may
        work for so long on the dead process's ten besides ours.
        """
        now = anyio.current_time()
        unknown_s = self.limits.late_arrival_s + self.limits.window_s
        for entry in held:
            due = now + (unknown_s if entry.free_in_s is None else entry.free_in_s)
            if entry.ring == REST:
                self._congestion.restore(now, frozen_until=due)
            else:
                self._rings[entry.ring].hold([due] * entry.permits)
        if held:
            self._spacer.restore()

    def work_under(self, epoch: int) -> None:
        """The realm's lease has this epoch from now on: what is written to the ledger counts only while it is valid."""
        if self._durable is not None:
            self._durable.epoch = epoch

    async def settle(self) -> None:
        """Write down durably what is really out, so that nothing is guessed when the realm is worked on again."""
        if self._durable is not None:
            await self._durable.settle()

    def forgettable(self) -> bool:
        """Nothing is out, waited for or remembered: a new budget of the realm would be the same."""
        now = anyio.current_time()
        rings = [ring.statistics() for ring in (*self._rings.values(), self._in_flight)]
        at_rest = all(ring.held == 0 and ring.waiting == 0 for ring in rings)
        in_order = not self._congestion.resting and self._congestion.speed(now) == self._congestion.stretch(now) == 1
        return at_rest and in_order

    @property
    def frozen_until(self) -> float | None:
        """Loop time until which the realm rests after a refusal; None when it does not."""
        return self._congestion.frozen_until if self._congestion.resting else None

    async def _pass_gate(self, resting: Resting) -> bool:
        """Wait out a rest. True: this request asks alone, and the others wait for its answer."""
        while True:
            self.breaker.check()
            if not self._congestion.resting:
                return False
            if anyio.current_time() < self._congestion.frozen_until:
                async with resting():
                    await anyio.sleep_until(self._congestion.frozen_until)
            elif self._probe_over is not None:
                async with resting():
                    await self._probe_over.wait()
            else:
                self._probe_over = anyio.Event()
                return True

    def _end_probe(self, *, probe: bool) -> None:
        if probe and self._probe_over is not None:
            self._probe_over.set()
            self._probe_over = None

    async def _start(self, lane: Lane, *, probe: bool) -> Grant | None:
        """The last steps: durable cover, the next start, a place in flight. None if the realm rests meanwhile.

        One request at a time: only the next to start is covered, and none holds a place that could have started.
        """
        if self._durable is not None and self._durable.is_low(LANE_RINGS[lane]):
            await self._durable.replenish()
        await self._line.take()
        covered = placed = False
        try:
            if probe or not self._congestion.resting:
                if self._durable is not None:
                    if not self._durable.draw_nowait(LANE_RINGS[lane]):
                        await self._durable.draw(LANE_RINGS[lane])
                    covered = True
                await self._spacer.wait()
                if not self._in_flight.take_nowait():
                    await self._in_flight.take()
                placed = True
            if probe or not self._congestion.resting:
                return self._started(lane, probe=probe)
        except BaseException:
            self._not_started(lane, covered=covered, placed=placed)
            raise
        self._not_started(lane, covered=covered, placed=placed)
        return None

    def _started(self, lane: Lane, *, probe: bool) -> Grant:
        """The line moves on when the next may start, so that who is next is woken once."""
        now = asyncio.get_running_loop().time()
        self._spacer.start(now)
        self._line.come_back_at(self._spacer.next_at())
        self._unanswered += 1
        return Grant(lane, now, self._congestion.episode, probe)

    def _not_started(self, lane: Lane, *, covered: bool, placed: bool) -> None:
        if placed:
            self._in_flight.unused()
        if covered and self._durable is not None:
            self._durable.put_back(LANE_RINGS[lane])
        self._line.unused()

    def _count_out(self, grant: Grant) -> None:
        self._unanswered -= 1
        if self._durable is not None:
            self._durable.known(LANE_RINGS[grant.lane])

    def _give_back(self, grant: Grant, now: float) -> None:
        self._count_out(grant)
        for ring in self._lanes[grant.lane]:
            ring.answered(now)
        self._in_flight.unused()

    def _apply_speed(self, now: float) -> None:
        speed = self._congestion.speed(now)
        self._spacer.change_span(self.limits.start_span_s * self._congestion.stretch(now) / speed)
        if speed != self._speed:
            self._speed = speed
            for name, ring in self._rings.items():
                ring.resize(max(1, int(self._sizes[name] * speed)))

    def _block(self) -> Mapping[str, int]:
        """How many requests are made durable at once, by the ring they count in."""
        block, of_a_lane = self.limits.block_permits, self.limits.block_lane_permits
        return {name: block if name == "requests" else min(block, of_a_lane) for name in self._rings}

    def _snapshot(self, unknown: Mapping[str, int]) -> Sequence[HeldPermits]:
        """What is out, that of which it is not known when it comes back included: see `PermitLedger`."""
        now = anyio.current_time()
        held: list[HeldPermits] = []
        if self._congestion.resting and self._congestion.frozen_until > now:
            held.append(HeldPermits(REST, 0, self._congestion.frozen_until - now))
        for name, ring in self._rings.items():
            if unknown[name]:
                held.append(HeldPermits(name, min(unknown[name], self._sizes[name]), None))
            dues = sorted(ring.returning())
            group = ceil(len(dues) / SNAPSHOT_GROUPS)
            for first in range(0, len(dues), max(1, group)):
                together = dues[first : first + group]
                # Hundredths, as a reader has them; rounded up, like the group, and one more: else the last bit that is
                # lost in a reader's sums, with other times than ours, lets a permit come back too soon.
                held.append(HeldPermits(name, len(together), (ceil((together[-1] - now) * 100) + 1) / 100))
        return held
