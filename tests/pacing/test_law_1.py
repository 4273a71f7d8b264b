"""Law 1: never over a limit, as the server sees it, whatever the network, other apps, crashes and restarts do.

Every request is judged by the simulator's counters in all their forms, which share nothing with the code they judge.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import anyio
import pytest
from aiolimiter import AsyncLimiter
from hypothesis import given, settings
from hypothesis import strategies as st

from backfill.errors import RequestError
from backfill.pacing.budget import RealmBudget
from backfill.pacing.ledger import MemoryPermitLedger
from backfill.pacing.limits import load_limits
from backfill.pacing.paced import Paced
from backfill.pacing.virtual_clock import run_virtual
from backfill.wire import Lane
from tests.pacing.server import OTHERS, OURS, REALM, Network, Server, SlowLedger, judges, request, throttle

SMALL = replace(
    load_limits(),
    requests_per_window=30,
    batches_per_window=6,
    realm_batches_per_window=12,
    reports_per_window=4,
    window_s=10.0,
    in_flight=10,
    abandoned_s=20.0,
    late_arrival_s=3.0,
    read_timeout_s=8.0,
    slow_timeout_s=22.0,
    freeze_s=10.0,
    quota_s=1000.0,
    block_permits=5,
    block_lane_permits=2,
    reserve=0.0,
)
"""A window that a test passes many times in little work."""

REAL = replace(load_limits(), reserve=0.0)
ALL_LANES = tuple(Lane)


@dataclass(frozen=True)
class Users:
    """Workers that send without pause, and now and then give up in the middle, at any point of the way."""

    workers: int
    impatience: float = 0.0
    lanes: Sequence[Lane] = ALL_LANES

    async def work(self, paced: Paced, seed: int, *, until: float = math.inf) -> None:
        async with anyio.create_task_group() as group:
            for number in range(self.workers):
                group.start_soon(partial(self._send, paced, random.Random(f"{seed} {number}"), until=until))

    async def _send(self, paced: Paced, rng: random.Random, *, until: float) -> None:
        while anyio.current_time() < until:
            patience_s = rng.expovariate(1 / 5) if rng.random() < self.impatience else math.inf
            with anyio.move_on_after(patience_s):
                try:
                    await paced.send(request(rng.choice(self.lanes)), deadline=anyio.current_time() + 600)
                except RequestError:
                    continue


def worst_report_window(server: Server) -> int:
    """The most reports in any window: our own cap, for which a server has no counter."""
    times = [at for at, lane in server.arrivals if lane is Lane.REPORT]
    return max((sum(at <= time < at + server.limits.window_s for time in times) for at in times), default=0)


def assert_law_1(server: Server) -> None:
    assert server.breaches == []
    assert worst_report_window(server) <= server.limits.report_permits


networks = st.builds(
    lambda up_s, down_s, work_s, lost, cut: Network(
        uplink=lambda rng: rng.uniform(0, up_s),
        downlink=lambda rng: rng.uniform(0, down_s),
        work=lambda rng: rng.uniform(0, work_s),
        lost=lost,
        lost_on_the_way=cut,
    ),
    up_s=st.sampled_from([0.0, 0.1, 2.0, 15.0]),
    down_s=st.sampled_from([0.0, 0.1, 5.0]),
    work_s=st.sampled_from([0.0, 0.5, 30.0]),
    lost=st.sampled_from([0.0, 0.02, 0.2]),
    cut=st.sampled_from([0.0, 0.02, 0.2]),
)
users = st.builds(Users, workers=st.integers(1, 40), impatience=st.sampled_from([0.0, 0.1, 0.5]))
seeds = st.integers(0, 2**32)


# --- one process ------------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(seed=seeds, network=networks, users=users, reserve=st.sampled_from([0.0, 0.1]))
def test_no_window_is_over_its_limit_whatever_the_network_does(
    seed: int, network: Network, users: Users, reserve: float
) -> None:
    rng = random.Random(seed)
    server = Server(SMALL, network, rng, judges=judges(SMALL, rng))
    budget = RealmBudget(REALM, replace(SMALL, reserve=reserve), rng=rng)
    run_virtual(users.work(Paced(server, budget), seed, until=90))
    assert_law_1(server)
    assert server.sent


@settings(max_examples=40)
@given(
    seed=seeds,
    network=networks,
    users=users,
    others=st.sampled_from([0.05, 0.5, 1.0]),
    form=st.sampled_from(["sliding", "fixed", "bucket"]),
    refused_count=st.booleans(),
)
def test_refusals_for_what_other_apps_use_change_nothing(
    seed: int, network: Network, users: Users, others: float, form: str, refused_count: bool
) -> None:
    # A rest, one that asks, half speed and the climb: whichever of them, ours stay below the limit that is ours.
    rng = random.Random(seed)
    shared = throttle(SMALL, window=form, refused_count=refused_count, second=5)
    server = Server(SMALL, network, rng, judges=judges(SMALL, rng), shared=shared)
    budget = RealmBudget(REALM, SMALL, rng=rng)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(partial(users.work, Paced(server, budget), seed, until=200))
            while anyio.current_time() < 200:
                await anyio.sleep(rng.expovariate(others))
                shared.inject(REALM, rng.randrange(25), at=anyio.current_time(), batches=rng.randrange(4))

    run_virtual(main())
    assert_law_1(server)
    assert server.sent


@pytest.mark.parametrize("seed", range(3))
def test_the_real_limits_hold_under_spikes(seed: int) -> None:
    def spike(rng: random.Random) -> float:
        """Seconds one way: 50 ms on average, and up to 20 s once in a hundred times."""
        return rng.expovariate(20) + (rng.random() < 0.01) * rng.uniform(0, 20)

    rng = random.Random(seed)
    server = Server(REAL, Network(uplink=spike, downlink=spike, lost=0.002), rng, judges=judges(REAL, rng))
    # The scarce lanes in less than their share, so that nobody waits for them.
    users = Users(25, impatience=0.02, lanes=(Lane.QUERY,) * 50 + ALL_LANES)
    run_virtual(users.work(Paced(server, RealmBudget(REALM, REAL, rng=rng)), seed, until=300))
    assert_law_1(server)
    assert server.sent > 4 * 450


@settings(max_examples=25)
@given(seed=seeds, spread_s=st.floats(0, 0.2), workers=st.integers(1, 20))
def test_no_second_holds_more_than_ten_up_to_the_stated_spread_of_the_uplink(
    seed: int, spread_s: float, workers: int
) -> None:
    rng = random.Random(seed)
    network = Network(uplink=lambda rng: 0.05 + rng.uniform(0, spread_s), downlink=lambda rng: rng.uniform(0, 0.3))
    ten_a_second = {form: throttle(REAL, second=10, second_window=form) for form in ("sliding", "fixed")}
    server = Server(REAL, network, rng, judges=ten_a_second)
    users = Users(workers, lanes=(Lane.QUERY,))
    ledger = MemoryPermitLedger()

    async def main() -> None:
        for until in (10, 20, 30):  # and no restart brings more, as it takes the span of ten starts and longer
            budget = RealmBudget(REALM, REAL, rng=rng, ledger=ledger)
            budget.restore(await ledger.held(REALM))
            with anyio.move_on_after(until - anyio.current_time()):
                await users.work(Paced(server, budget), seed)
            server.died()
            await anyio.sleep(rng.uniform(1.2, 2))

    run_virtual(main())
    assert server.breaches == []


# --- crashes and restarts ---------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    seed=seeds,
    network=networks,
    users=users,
    ledger_s=st.sampled_from([0.0, 0.01, 1.0]),
    life_s=st.sampled_from([3.0, 15.0, 40.0]),
    orderly=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_crashes_and_restarts_from_the_ledger_keep_every_window(
    seed: int, network: Network, users: Users, ledger_s: float, life_s: float, orderly: float
) -> None:
    rng = random.Random(seed)
    server = Server(SMALL, network, rng, judges=judges(SMALL, rng))
    ledger = SlowLedger(rng, lambda rng: rng.uniform(0, ledger_s))

    async def main() -> None:
        while anyio.current_time() < 90:
            budget = RealmBudget(REALM, SMALL, rng=rng, ledger=ledger)
            budget.restore(await ledger.held(REALM))
            with anyio.move_on_after(rng.uniform(0, life_s)):
                await users.work(Paced(server, budget), seed)
            if rng.random() < orderly:
                await budget.settle()
            server.died()
            await anyio.sleep(rng.choice([0, 0, 0, 3, 15]))

    run_virtual(main())
    assert_law_1(server)


@pytest.mark.parametrize("seed", range(3))
def test_the_real_limits_hold_through_crashes(seed: int) -> None:
    rng = random.Random(seed)

    def way(rng: random.Random) -> float:
        return rng.expovariate(10)

    network = Network(uplink=way, downlink=way, lost=0.001, lost_on_the_way=0.001)
    server = Server(REAL, network, rng, judges=judges(REAL, rng))
    ledger = SlowLedger(rng, lambda rng: rng.uniform(0, 0.05))
    users = Users(20, lanes=(Lane.QUERY,) * 20 + ALL_LANES)

    async def main() -> None:
        for _ in range(6):
            budget = RealmBudget(REALM, REAL, rng=rng, ledger=ledger)
            budget.restore(await ledger.held(REALM))
            with anyio.move_on_after(rng.uniform(20, 90)):
                await users.work(Paced(server, budget), seed)
            server.died()

    run_virtual(main())
    assert_law_1(server)
    assert server.sent > 1000


# --- the judges can tell ----------------------------------------------------------------------------------------------


def test_the_judges_see_that_a_leaky_bucket_lets_a_burst_and_its_refill_through() -> None:
    judged = judges(REAL, random.Random(1))
    seen = dict.fromkeys(judged, 0)

    async def main() -> None:
        limiter = AsyncLimiter(500, 60)
        while anyio.current_time() < 120:
            await limiter.acquire()
            for name, judge in judged.items():
                refused = judge.arrive(REALM, OURS, at=anyio.current_time())
                seen[name] += refused is not None and refused.limit == "requests_per_minute"
                if refused is None:
                    judge.depart(REALM, OURS, arrived_at=anyio.current_time())

    run_virtual(main())
    assert seen.pop("bucket") == 0  # it is a bucket itself: that judge alone would not do
    assert seen["sliding"] > 300
    assert min(seen.values()) > 50


def test_the_shared_limit_of_a_server_is_used_up_by_others() -> None:
    shared = throttle(SMALL)
    shared.inject(REALM, 30, at=0.0)
    assert shared.arrive(REALM, OURS, at=1.0) is not None
    assert shared.arrive(REALM, OTHERS, at=11.0) is None


def test_the_world_is_as_bad_as_it_says() -> None:
    """Requests that nobody waits for any more arrive all the same, after their connection was closed and in time."""
    rng = random.Random(3)
    network = Network(uplink=lambda rng: 0.1, downlink=lambda rng: 0.1, lost_on_the_way=0.5)
    server = Server(SMALL, network, rng)
    closed: list[float] = []

    async def main() -> None:
        for _ in range(40):
            with anyio.move_on_after(5):
                await server.send(request(Lane.QUERY), deadline=math.inf)
            closed.append(anyio.current_time())
            await anyio.sleep(4)

    run_virtual(main())
    late = [at - max((c for c in closed if c <= at), default=0) for at, _ in server.arrivals]
    late = [delay_s for delay_s in late if delay_s <= SMALL.late_arrival_s]
    assert len(late) > 5
    assert max(late) == pytest.approx(SMALL.late_arrival_s, rel=0.01)
    assert len(server.arrivals) < 40, "some never arrive"
