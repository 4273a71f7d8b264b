"""What the proof costs: nearly all of the permitted rate is used, through latency, lost replies and a restart."""

from __future__ import annotations

import math
import random
from functools import partial

import anyio
import pytest

from backfill.pacing.budget import RealmBudget
from backfill.pacing.paced import Paced
from backfill.pacing.virtual_clock import run_virtual
from backfill.wire import Lane
from benchmarks.bench_pacing import FORMS, LIMITS, World, measured, missed
from tests.pacing.server import REALM, Network, Server, request


@pytest.mark.parametrize(("server", "latency_s"), [("bucket", 0.05), ("fixed+17.3", 0.3), ("sliding", 0.8)])
def test_the_permitted_rate_is_used_through_lost_replies_and_a_crash(server: str, latency_s: float) -> None:
    """P6, in its hardest cells; `benchmarks/bench_pacing.py` has all."""
    world = World(server=server, latency_s=latency_s, replies="jitter", lost=0.001, crashes=1)
    assert missed(world, measured(world)) == ""


def test_a_cell_that_misses_its_goal_says_so() -> None:
    worse = World(latency_s=0.3, windows=2)
    assert missed(worse, measured(World(latency_s=3.0, windows=2))) == "use"
    bucket_alone = World(client="AsyncLimiter(500, 60)", latency_s=0.3, windows=2)
    assert missed(bucket_alone, measured(bucket_alone)) == "refused"
    assert set(FORMS) >= {"sliding", "fixed", "bucket"}


def test_a_realm_of_five_hundred_requests_is_not_slowed_by_the_window() -> None:
    rng = random.Random(1)
    server = Server(LIMITS, Network(uplink=lambda rng: 0.1, downlink=lambda rng: 0.1), rng)

    async def main() -> float:
        paced = Paced(server, RealmBudget(REALM, LIMITS, rng=rng))
        async with anyio.create_task_group() as group:
            for _ in range(500):
                group.start_soon(partial(paced.send, request(Lane.QUERY), deadline=math.inf))
        return anyio.current_time()

    assert run_virtual(main()) <= 500 * 0.12
