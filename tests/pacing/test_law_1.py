"""Law 1: never over a limit, as the server sees it, whatever the network does; and little is left unused.

The judges count arrivals by themselves, each in the way a server may; they share nothing with the code they judge.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import anyio
import pytest
from aiolimiter import AsyncLimiter
from hypothesis import given, settings
from hypothesis import strategies as st

from backfill.errors import UnansweredError
from backfill.model import RealmId
from backfill.pacing.budget import RealmBudget
from backfill.pacing.ledger import MemoryPermitLedger
from backfill.pacing.limits import Limits, load_limits
from backfill.pacing.paced import Paced
from backfill.pacing.virtual_clock import run_virtual
from backfill.wire import Lane, Request, Response

REALM = RealmId("9130350000000001")
ROUNDING_S = 1e-6
"""Arrivals nearer than this to a window's edge are on the edge: the virtual clock's own step."""


# --- the judges -------------------------------------------------------------------------------------------------------


def most_in_any_window(arrivals: Sequence[float], window_s: float) -> int:
    """The most arrivals in any window [x, x + window_s)."""
    times = sorted(arrivals)
    most = first = 0
    for last, time in enumerate(times):
        while times[first] <= time - window_s + ROUNDING_S:
            first += 1
        most = max(most, last - first + 1)
    return most


def most_in_a_fixed_window(arrivals: Sequence[float], window_s: float, offset_s: float) -> int:
    """The most arrivals in windows that begin at `offset_s` and every `window_s` later."""
    return max(Counter(math.floor((time - offset_s) / window_s) for time in arrivals).values(), default=0)


def refused_by_a_bucket(arrivals: Sequence[float], capacity: int, window_s: float) -> int:
    """How many arrivals find a bucket empty that holds `capacity` and is refilled with as many in `window_s`."""
    level, before, refused = float(capacity), 0.0, 0
    for time in sorted(arrivals):
        level, before = min(capacity, level + (time - before) * capacity / window_s), time
        if level >= 1 - ROUNDING_S:
            level -= 1
        else:
            refused += 1
    return refused


def most_at_once(spans: Sequence[tuple[float, float]]) -> int:
    """The most spans that cover one moment."""
    edges = sorted([(begin, 1) for begin, _ in spans] + [(end - ROUNDING_S, -1) for _, end in spans])
    most = level = 0
    for _, step in edges:
        level += step
        most = max(most, level)
    return most


def breaches(server: Server, limits: Limits) -> list[str]:
    """Every limit that was passed, in words."""
    checks: list[tuple[str, list[float], int]] = [
        ("requests", server.arrived(), limits.request_permits),
        ("batches", server.arrived(Lane.BATCH), limits.batch_permits),
        ("reports", server.arrived(Lane.REPORT), limits.report_permits),
    ]
    found = []
    for name, arrivals, allowed in checks:
        sliding = most_in_any_window(arrivals, limits.window_s)
        fixed = max(most_in_a_fixed_window(arrivals, limits.window_s, k * limits.window_s / 7) for k in range(7))
        refused = refused_by_a_bucket(arrivals, allowed, limits.window_s)
        if sliding > allowed or fixed > allowed or refused:
            found.append(f"{name}: {sliding} sliding, {fixed} fixed of {allowed}, {refused} refused by a bucket")
    return found


# --- the world --------------------------------------------------------------------------------------------------------


@dataclass
class Server:
    """Takes every request in, sooner or later, even when nobody waits for the answer any more."""

    rng: random.Random
    uplink: Callable[[random.Random], float]
    downlink: Callable[[random.Random], float]
    lost: float = 0.0
    """Share of the requests whose answer never comes."""
    gives_up_s: float = 120.0
    """A request without an answer reaches the server, and is worked on, within this after it was sent."""
    seen: list[tuple[float, float, float, Lane]] = field(default_factory=list)
    """Sent, arrived, done, lane."""

    async def send(self, request: Request, *, deadline: float) -> Response:
        sent = anyio.current_time()
        if self.rng.random() < self.lost:
            self.seen.append((sent, sent + self.rng.uniform(0, self.gives_up_s), sent + self.gives_up_s, request.lane))
            await anyio.sleep_until(deadline)
            raise UnansweredError("lost", realm_id=request.realm_id, code="timeout")
        arrived = sent + self.uplink(self.rng)
        self.seen.append((sent, arrived, arrived, request.lane))
        await anyio.sleep_until(arrived + self.downlink(self.rng))
        return Response(status=200)

    def arrived(self, lane: Lane | None = None) -> list[float]:
        return [arrived for _, arrived, _, seen in self.seen if lane in (None, seen)]


def spike(rng: random.Random) -> float:
    """Seconds one way: 50 ms on average, and up to 20 s once in a hundred times."""
    return rng.expovariate(20) + (rng.random() < 0.01) * rng.uniform(0, 20)


def request(lane: Lane) -> Request:
    return Request(realm_id=REALM, lane=lane, method="GET", path="/query")


async def work(
    paced: Paced, rng: random.Random, lanes: Sequence[Lane], *, until: float, impatience: float = 0.0
) -> None:
    """Send without pause, now and then giving up in the middle, at any point of the way."""
    while anyio.current_time() < until:
        patience_s = rng.expovariate(1 / 5) if rng.random() < impatience else math.inf
        with anyio.move_on_after(patience_s):
            try:
                await paced.send(request(rng.choice(lanes)), deadline=anyio.current_time() + 600)
            except UnansweredError:
                continue


async def run_realm(
    server: Server, limits: Limits, seed: int, *, workers: int, until: float, lanes: Sequence[Lane], impatience: float
) -> None:
    paced = Paced(server, RealmBudget(REALM, limits, rng=random.Random(seed)))
    async with anyio.create_task_group() as group:
        for number in range(workers):
            rng = random.Random(seed * 1000 + number)
            group.start_soon(partial(work, paced, rng, lanes, until=until, impatience=impatience))


SMALL = replace(
    load_limits(),
    requests_per_window=30,
    batches_per_window=6,
    realm_batches_per_window=12,
    reports_per_window=4,
    window_s=10.0,
    starts_per_second=10,
    in_flight=10,
    abandoned_s=20.0,
    margin_s=1.0,
    freeze_s=10.0,
    quota_s=100.0,
    block_permits=5,
    reserve=0.0,
)
"""A window that a test passes many times in little work."""

ALL_LANES = tuple(Lane)


# --- the law ----------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    workers=st.integers(1, 40),
    uplink_s=st.floats(0, 15),
    downlink_s=st.floats(0, 5),
    lost=st.sampled_from([0.0, 0.02, 0.2]),
    impatience=st.sampled_from([0.0, 0.1, 0.5]),
    reserve=st.sampled_from([0.0, 0.1]),
)
def test_no_window_is_over_its_limit_whatever_the_network_does(
    seed: int, workers: int, uplink_s: float, downlink_s: float, lost: float, impatience: float, reserve: float
) -> None:
    # Delays are drawn anew for each request and for each way, so requests overtake one another freely.
    limits = replace(SMALL, reserve=reserve)
    rng = random.Random(seed)
    server = Server(rng, lambda r: r.uniform(0, uplink_s), lambda r: r.uniform(0, downlink_s), lost, limits.abandoned_s)
    run_virtual(run_realm(server, limits, seed, workers=workers, until=90, lanes=ALL_LANES, impatience=impatience))
    assert breaches(server, limits) == []
    assert server.seen


@pytest.mark.parametrize("seed", range(3))
def test_the_real_limits_hold_under_spikes(seed: int) -> None:
    limits = replace(load_limits(), reserve=0.0)
    server = Server(random.Random(seed), spike, spike, lost=0.002)
    lanes = (Lane.QUERY,) * 50 + ALL_LANES  # the scarce lanes in less than their share, so that nobody waits for them
    run_virtual(run_realm(server, limits, seed, workers=25, until=300, lanes=lanes, impatience=0.02))
    assert breaches(server, limits) == []
    assert len(server.seen) > 4 * 450


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), crashes=st.integers(1, 4), orderly=st.booleans())
def test_a_crash_and_a_restart_from_the_ledger_keep_every_window(seed: int, crashes: int, orderly: bool) -> None:
    rng = random.Random(seed)
    server = Server(rng, lambda r: r.uniform(0, 4), lambda r: r.uniform(0, 2), 0.02, SMALL.abandoned_s)
    ledger = MemoryPermitLedger()

    async def process(life_s: float) -> None:
        budget = RealmBudget(REALM, SMALL, rng=rng, ledger=ledger)
        budget.restore(await ledger.held(REALM))
        paced = Paced(server, budget)
        with anyio.move_on_after(life_s):
            async with anyio.create_task_group() as group:
                for number in range(12):
                    worker_rng = random.Random(seed + number)
                    group.start_soon(partial(work, paced, worker_rng, ALL_LANES, until=math.inf, impatience=0.1))
        if orderly:
            await budget.settle()

    async def main() -> None:
        for _ in range(crashes + 1):
            await process(rng.uniform(0, 40))
            await anyio.sleep(rng.choice([0, 0, 3, 30]))

    run_virtual(main())
    assert breaches(server, SMALL) == []


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), spread_s=st.floats(0, 0.2), workers=st.integers(1, 20))
def test_no_second_holds_more_than_ten_up_to_the_stated_spread_of_the_uplink(
    seed: int, spread_s: float, workers: int
) -> None:
    limits = replace(load_limits(), reserve=0.0)
    server = Server(random.Random(seed), lambda r: 0.05 + r.uniform(0, spread_s), lambda r: r.uniform(0, 0.3))
    run_virtual(run_realm(server, limits, seed, workers=workers, until=30, lanes=(Lane.QUERY,), impatience=0.05))
    assert most_in_any_window(server.arrived(), 1.0) <= 10


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), lost=st.sampled_from([0.0, 0.05, 0.5]), downlink_s=st.floats(0, 20))
def test_never_more_than_ten_are_in_flight_the_abandoned_included(seed: int, lost: float, downlink_s: float) -> None:
    limits = replace(SMALL, requests_per_window=300)
    server = Server(random.Random(seed), lambda r: 0.1, lambda r: r.uniform(0, downlink_s), lost, limits.abandoned_s)
    spans: list[tuple[float, float]] = []

    class Watched:
        async def send(self, request: Request, *, deadline: float) -> Response:
            sent = anyio.current_time()
            worked_on_until = sent + limits.abandoned_s  # if we give up
            try:
                response = await server.send(request, deadline=deadline)
                worked_on_until = anyio.current_time()
                return response
            finally:
                spans.append((sent, worked_on_until))

    async def main() -> None:
        paced = Paced(Watched(), RealmBudget(REALM, limits, rng=random.Random(seed)))
        async with anyio.create_task_group() as group:
            for number in range(30):
                rng = random.Random(number)
                group.start_soon(partial(work, paced, rng, (Lane.QUERY,), until=60.0, impatience=0.2))

    run_virtual(main())
    assert most_at_once(spans) <= limits.in_flight


# --- what it costs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("latency_s", "least"), [(0.05, 0.99), (0.3, 0.99), (0.8, 0.98)])
def test_the_permitted_rate_is_used(latency_s: float, least: float) -> None:
    # Ten windows, a reply in a thousand lost, no share left to others.
    limits = replace(load_limits(), reserve=0.0)
    server = Server(
        random.Random(1),
        lambda r: latency_s / 4 + r.uniform(0, 0.5) * latency_s / 2,
        lambda r: latency_s / 2,
        lost=0.001,
    )
    run_virtual(run_realm(server, limits, 1, workers=20, until=600, lanes=(Lane.QUERY,), impatience=0.0))
    used = sum(sent < 600 for sent, *_ in server.seen) / 5000
    assert used >= least
    assert breaches(server, limits) == []


def test_a_realm_of_five_hundred_requests_is_not_slowed_by_the_window() -> None:
    limits = replace(load_limits(), reserve=0.0)
    server = Server(random.Random(1), lambda r: 0.1, lambda r: 0.1)

    async def main() -> float:
        paced = Paced(server, RealmBudget(REALM, limits, rng=random.Random(1)))
        async with anyio.create_task_group() as group:
            for _ in range(500):
                group.start_soon(partial(paced.send, request(Lane.QUERY), deadline=math.inf))
        return anyio.current_time()

    assert run_virtual(main()) == pytest.approx(499 * 0.12 + 0.2, abs=0.05)


# --- the judges can tell ----------------------------------------------------------------------------------------------


def test_the_judges_see_that_a_leaky_bucket_lets_a_burst_and_its_refill_through() -> None:
    arrivals: list[float] = []

    async def main() -> None:
        limiter = AsyncLimiter(500, 60)
        while anyio.current_time() < 120:
            await limiter.acquire()
            arrivals.append(anyio.current_time())

    run_virtual(main())
    assert most_in_any_window(arrivals, 60) == pytest.approx(999, abs=1)
    assert max(most_in_a_fixed_window(arrivals, 60, k) for k in range(60)) > 900
    assert refused_by_a_bucket(arrivals, 500, 60) == 0  # it is a bucket itself: that judge alone would not do


@pytest.mark.parametrize(
    ("arrivals", "window_s", "sliding", "fixed", "refused"),
    [
        ([0.0, 0.1, 0.2], 3.0, 3, 3, 1),
        ([0.0, 1.0, 3.0], 3.0, 2, 2, 0),
        ([2.0, 2.5, 3.0, 3.5], 3.0, 4, 2, 1),
        ([], 3.0, 0, 0, 0),
    ],
)
def test_the_judges_count_right(arrivals: list[float], window_s: float, sliding: int, fixed: int, refused: int) -> None:
    assert most_in_any_window(arrivals, window_s) == sliding
    assert most_in_a_fixed_window(arrivals, window_s, 0.0) == fixed
    assert refused_by_a_bucket(arrivals, 2, window_s) == refused


def test_the_judge_of_what_is_at_once_counts_right() -> None:
    assert most_at_once([(0, 2), (1, 3), (2, 4)]) == 2
    assert most_at_once([(0, 5), (1, 3), (2, 4)]) == 3
