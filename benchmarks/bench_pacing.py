"""How much of the permitted 500 requests a minute is used, and that no minute is ever over: under virtual time.

    python -m benchmarks.bench_pacing [--quick] [--windows 10]

Every form that a server's window may have (sliding, fixed at several alignments, a bucket), latencies from 50 to
800 ms, replies that vary from nothing to twice as long, lost ones, a crash and a restart. The server is the simulator's
throttle, which shares nothing with pacing; it refuses what is over, and a second one of the sliding form counts beside
it. Nothing is left to other apps (`reserve = 0`). A crash comes at any moment; its successor begins
two seconds later, which are not counted.

Beside it: replies that take exponentially long, and no time between a crash and its successor; the second's window
where the way there varies more than is stated; what the size of a durable block and the reading of late arrivals cost;
and two yardsticks: aiolimiter's bucket alone, and a sliding log stamped at the sending.

Exits with 1 if a goal is missed: used at least 99 % at 50 and 300 ms and 98 % at 800 ms, and no refusal.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import product
from typing import Any, Protocol

import anyio
from aiolimiter import AsyncLimiter

from backfill.errors import RequestError, ThrottledError
from backfill.pacing.budget import RealmBudget
from backfill.pacing.limits import Limits, load_limits
from backfill.pacing.paced import Paced
from backfill.pacing.virtual_clock import run_virtual
from backfill.wire import Lane, Request, Response
from benchmarks.measured import write_result
from tests.pacing.server import OURS, REALM, Network, Server, SlowLedger, request, throttle

GOALS = {0.05: 0.99, 0.3: 0.99, 0.8: 0.98}
"""Latency to the least use of what is permitted (P6)."""

FORMS: dict[str, dict[str, Any]] = {
    "sliding": {},
    "fixed": {"window": "fixed"},
    "fixed+17.3": {"window": "fixed", "window_offset_s": 17.3},
    "fixed drawn": {"window": "fixed", "window_offset_seed": 1},
    "bucket": {"window": "bucket"},
}
REPLIES: dict[str, Callable[..., float]] = {
    "even": lambda _rng, mean_s: mean_s,
    "jitter": lambda rng, mean_s: rng.uniform(0, 2 * mean_s),
    "scattered": lambda rng, mean_s: rng.expovariate(1 / mean_s),
}
LIMITS = replace(load_limits(), reserve=0.0)
WORKERS = 30
LANES = (Lane.QUERY,) * 15 + (Lane.BATCH,)
"""One in sixteen is a batch call: 31 a minute, below their forty, so that they are counted and do not bind."""
COMMIT_S = 0.005
"""A commit on a disk of today."""


@dataclass(frozen=True, kw_only=True)
class World:
    """One cell of the table."""

    client: str = "backfill"
    server: str = "sliding"
    latency_s: float = 0.3
    replies: str = "even"
    """How long the way back takes: see `REPLIES`."""
    lost: float = 0.0
    lost_evenly: bool = True
    """Every thousandth: by chance, ten windows may lose twice their share, and several at once."""
    crashes: int = 0
    down_s: float = 2.0
    """From a crash to its successor's beginning, which is not counted: a process takes that long to come up."""
    uplink_spread_s: float = 0.2
    commit_s: float = COMMIT_S
    limits: Limits = field(default=LIMITS, repr=False)
    windows: int = 10
    seed: int = 1

    def network(self) -> Network:
        """The way there takes a tenth of the latency and its spread; the way back the rest, on average."""
        spread_s = min(self.uplink_spread_s, 0.8 * self.latency_s)
        least_s = 0.1 * self.latency_s
        back_s = self.latency_s - least_s - spread_s / 2
        return Network(
            uplink=lambda rng: least_s + rng.uniform(0, spread_s),
            downlink=partial(REPLIES[self.replies], mean_s=back_s),
            lost=self.lost,
            lost_evenly=self.lost_evenly,
        )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a cell."""

    used: float
    """Served, as a share of what is permitted in so many windows."""
    refused_minute: int
    refused_second: int
    most_in_a_minute: float
    most_batches: float
    most_in_a_second: float
    writes_a_minute: float
    cpu_us_per_request: float


class Pacer(Protocol):
    """What sends when it may."""

    async def send(self, request: Request, *, deadline: float) -> Response: ...


class Limited:
    """A yardstick: a limiter and ten at once; what is refused is sent again."""

    def __init__(self, inner: Pacer, acquire: Callable[[], Any]) -> None:
        self._inner = inner
        self._acquire = acquire
        self._places = anyio.Semaphore(LIMITS.in_flight)

    async def send(self, request: Request, *, deadline: float) -> Response:
        while True:
            await self._acquire()
            async with self._places:
                try:
                    return await self._inner.send(request, deadline=deadline)
                except ThrottledError:
                    continue


class SentLog:
    """At most `permits` sendings in any `window_s`, by the times of sending."""

    def __init__(self, permits: int, window_s: float) -> None:
        self._sent: deque[float] = deque(maxlen=permits)
        self._window_s = window_s

    async def acquire(self) -> None:
        while len(self._sent) == self._sent.maxlen and self._sent[0] + self._window_s > anyio.current_time():
            await anyio.sleep_until(self._sent[0] + self._window_s)
        self._sent.append(anyio.current_time())


async def work(pacer: Pacer, rng: random.Random) -> None:
    """One of the many that always have something to ask."""
    while True:
        try:
            await pacer.send(request(rng.choice(LANES)), deadline=math.inf)
        except RequestError:
            continue


async def process(pacer: Pacer, rng: random.Random, *, until: float) -> None:
    """Works until it is killed."""
    with anyio.move_on_after(until - anyio.current_time()):
        async with anyio.create_task_group() as group:
            for _ in range(WORKERS):
                group.start_soon(work, pacer, random.Random(rng.random()))


async def live(world: World, server: Server, ledger: SlowLedger, rng: random.Random) -> None:
    """One life after the other, until the windows are over."""
    end = world.windows * world.limits.window_s
    down_s = 0.0
    for until in (*sorted(rng.uniform(0, end) for _ in range(world.crashes)), end):
        await process(await pacer_of(world, server, ledger, rng), rng, until=until + down_s)
        server.died()
        await anyio.sleep(world.down_s)
        down_s += world.down_s


async def pacer_of(world: World, server: Server, ledger: SlowLedger, rng: random.Random) -> Pacer:
    """A new process's way to the server."""
    if world.client == "AsyncLimiter(500, 60)":
        return Limited(server, AsyncLimiter(500, 60).acquire)
    if world.client == "log of sendings":
        return Limited(server, SentLog(500, 60).acquire)
    budget = RealmBudget(REALM, world.limits, rng=rng, ledger=ledger)
    budget.restore(await ledger.held(REALM))
    return Paced(server, budget)


def measured(world: World) -> Outcome:
    """Run one cell."""
    rng = random.Random(world.seed)
    shared = throttle(
        LIMITS,
        in_flight=LIMITS.in_flight,
        second=LIMITS.starts_per_second,
        second_refuses=world.client == "backfill",  # which the yardsticks know nothing of: theirs are only counted
        **FORMS[world.server],
    )
    beside = throttle(LIMITS)
    server = Server(world.limits, world.network(), rng, shared=shared, judges={"beside": beside})
    ledger = SlowLedger(rng, lambda rng: rng.uniform(0.5, 1.5) * world.commit_s)
    started = time.process_time()
    run_virtual(live(world, server, ledger, rng), wall_limit_s=120)
    spent_s = time.process_time() - started
    seen = shared.tallies(REALM, OURS)
    return Outcome(
        used=(server.sent - server.refused) / (LIMITS.request_permits * world.windows),
        refused_minute=sum(seen[name].over for name in seen if name.endswith("per_minute")),
        refused_second=seen["requests_per_second"].over,
        most_in_a_minute=beside.tallies(REALM, OURS)["requests_per_minute"].most,
        most_batches=beside.tallies(REALM, OURS)["batches_per_minute"].most,
        most_in_a_second=seen["requests_per_second"].most,
        writes_a_minute=ledger.writes / world.windows,
        cpu_us_per_request=spent_s / server.sent * 1e6,
    )


def goal_worlds(*, windows: int, quick: bool) -> Iterator[World]:
    """Every cell that has a goal."""
    servers = ["sliding", "fixed+17.3", "bucket"] if quick else list(FORMS)
    hardest, easiest = (0.001, 1), (0.0, 0)
    for server, latency_s, replies in product(servers, GOALS, ("even", "jitter")):
        between = ((0.001, 0), (0.0, 1)) if server == "sliding" else ()
        for lost, crashes in (hardest,) if quick else (easiest, *between, hardest):
            yield World(
                server=server, latency_s=latency_s, replies=replies, lost=lost, crashes=crashes, windows=windows
            )


def beside_worlds(*, windows: int) -> Iterator[tuple[str, World]]:
    """What is reported beside the goals, and what it shows."""
    for latency_s, down_s in product(GOALS, (0.0, 2.0)):
        yield (
            f"{latency_s * 1000:g} ms, scattered, lost, crash, down {down_s:g} s",
            World(latency_s=latency_s, replies="scattered", lost=0.001, crashes=1, down_s=down_s, windows=windows),
        )
    for seed in range(1, 5):
        yield (
            f"800 ms, lost by chance, seed {seed}",
            World(latency_s=0.8, lost=0.001, lost_evenly=False, seed=seed, windows=windows),
        )
    for spread_s in (0.2, 0.4, 0.8):
        yield f"uplink spread {spread_s:g} s", World(uplink_spread_s=spread_s, latency_s=0.8, windows=windows)
    for block, commit_s in product((5, 10, 25, 50), (COMMIT_S, 0.1)):
        limits = replace(LIMITS, block_permits=block)
        yield (
            f"block of {block}, commit {commit_s * 1000:g} ms",
            World(limits=limits, commit_s=commit_s, lost=0.001, crashes=1, windows=windows),
        )
    for late_s in (0, 10, 125):
        limits = replace(LIMITS, late_arrival_s=late_s)
        yield f"late_arrival_s = {late_s}", World(limits=limits, lost=0.001, crashes=1, windows=windows)
    for client, server, spread_s in product(("AsyncLimiter(500, 60)", "log of sendings"), FORMS, (0.2,)):
        yield f"{client}, {server}", World(client=client, server=server, uplink_spread_s=spread_s, windows=windows)


def missed(world: World, outcome: Outcome) -> str:
    """Which goal the cell misses; empty if none."""
    if outcome.refused_minute or outcome.refused_second:
        return "refused"
    if outcome.most_in_a_minute > LIMITS.request_permits or outcome.most_batches > LIMITS.batch_permits:
        return "over"
    return "" if outcome.used >= GOALS[world.latency_s] else "use"


HEAD = f"{'':<38}{'used':>8}{'429 min':>9}{'429 sec':>9}{'a minute':>10}{'batches':>9}{'a second':>10}{'writes':>8}"


def line(name: str, outcome: Outcome) -> str:
    return (
        f"{name:<38}{outcome.used:>8.2%}{outcome.refused_minute:>9}{outcome.refused_second:>9}"
        f"{outcome.most_in_a_minute:>10.0f}{outcome.most_batches:>9.0f}{outcome.most_in_a_second:>10.0f}"
        f"{outcome.writes_a_minute:>8.1f}"
    )


def named(world: World) -> str:
    words = (
        world.server,
        f"{world.latency_s * 1000:.0f} ms",
        world.replies,
        "lost" * (world.lost > 0),
        "crash" * world.crashes,
    )
    return ", ".join(word for word in words if word)


def row(name: str, world: World, outcome: Outcome) -> dict[str, Any]:
    cell = asdict(world)
    del cell["limits"]
    return {"name": name, **cell, **asdict(outcome)}


def report(named_worlds: Iterable[tuple[str, World]]) -> list[tuple[World, Outcome, dict[str, Any]]]:
    """Run and print cell by cell."""
    done = []
    for name, world in named_worlds:
        outcome = measured(world)
        print(line(name, outcome), flush=True)
        done.append((world, outcome, row(name, world, outcome)))
    return done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the goals' hardest cells only, and no result file")
    parser.add_argument("--windows", type=int, default=10, help="minutes of each cell; the goals are for ten and more")
    given = parser.parse_args()
    started = time.process_time()
    print(
        f"Of {LIMITS.request_permits} requests a minute, over {given.windows} minutes; 'most' in any window.\n\n{HEAD}"
    )
    goals = report((named(world), world) for world in goal_worlds(windows=given.windows, quick=given.quick))
    misses = [f"{named(world)}: {why}" for world, outcome, _ in goals if (why := missed(world, outcome))]
    if not given.quick:
        print(f"\nBeside the goals\n{HEAD}")
        beside = report(beside_worlds(windows=given.windows))
        cpu_s = time.process_time() - started
        path = write_result(
            "pacing",
            {
                "goals": {f"{latency_s * 1000:g} ms": least for latency_s, least in GOALS.items()},
                "missed": misses,
                "cpu_s": cpu_s,
                "cells": [cell for *_, cell in goals],
                "beside": [cell for *_, cell in beside],
            },
        )
        print(f"\n{cpu_s:.0f} s of CPU; result in {path.name}")
    print("\n".join(["", "Goals missed:", *misses]) if misses else "\nEvery goal is reached.")
    sys.exit(bool(misses))


if __name__ == "__main__":
    main()
