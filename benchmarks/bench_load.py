"""Invoices written into one realm under virtual time, by each mode: items a minute against what Intuit's limits permit.

    python -m benchmarks.bench_load [--quick]

The load, its budget and its ledger (in memory) are the program's own; the simulator counts strictly and refuses what is
over a limit. Batches take a second, single writes 0.3 s; nothing is reserved for other apps. Counted are the items
settled within whole minutes, from the second on: the first has what a fresh window gives.

Parity: every row is one object in the company, none is missing, none is there twice, and nothing was refused. Exits
with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import anyio

from backfill import events
from backfill.__main__ import GC_THRESHOLD
from backfill.jobs.load.options import Mode
from backfill.pacing.limits import load_limits
from backfill.pacing.virtual_clock import VirtualClockLoop
from backfill.simulator.settings import SimulatorSettings
from backfill.wire import Request, Response, Transport
from benchmarks.measured import write_result
from tests.jobs.load.world import LoadWorld

SINGLE_LATENCY_S = 0.3
BATCH_LATENCY_S = 1.0
WINDOW_S = 60.0

PERMITTED: Mapping[Mode, int] = {Mode.FASTEST: 40 * 30 + 460, Mode.FREE: 500, Mode.BATCH: 40 * 30}
"""Items a minute that the limits allow: 40 batches of 30, and 500 requests in all."""

GOALS: Mapping[Mode, float] = {Mode.FASTEST: 0.98, Mode.FREE: 0.99, Mode.BATCH: 0.98}
"""The least share of them."""


@dataclass(frozen=True, slots=True)
class SlowBatches:
    """Lets a batch's work take its time at the server, where it delays no other request."""

    inner: Transport

    async def send(self, request: Request, *, deadline: float) -> Response:
        response = await self.inner.send(request, deadline=deadline)
        if request.path == "/batch":
            await anyio.sleep(BATCH_LATENCY_S - SINGLE_LATENCY_S)
        return response


async def load(mode: Mode, minutes: int) -> dict[str, float]:
    """Write as many invoices as so many minutes permit."""
    settled: list[tuple[float, int]] = []

    class Watched(list[events.Event]):
        """When how many items were settled; everything else is forgotten."""

        def append(self, event: events.Event) -> None:
            if isinstance(event, events.RowsSettled):
                settled.append((anyio.current_time(), event.applied))

    world = LoadWorld(
        seed=6,
        mode=mode,
        settings=SimulatorSettings(latency_s=SINGLE_LATENCY_S, access_token_life_s=10**6),
        limits=replace(load_limits(), reserve=0.0),
        wrap=SlowBatches,
    )
    world.events = Watched()
    world.remember("Invoice")
    customer, item = world.ref("Customer"), world.ref("Item", Type="Service")
    count = PERMITTED[mode] * minutes
    await world.add(*(invoice(number, customer, item) for number in range(count)))
    began = anyio.current_time()
    await world.load()
    wrong = world.breaches()
    assert not wrong, wrong[:5]
    summary = world.simulator.log.summary()[world.realm]
    assert not summary.throttled, f"{summary.throttled} requests were refused"
    whole = int((settled[-1][0] - began) // WINDOW_S)
    counted = sum(applied for at, applied in settled if began + WINDOW_S <= at < began + whole * WINDOW_S)
    a_minute = counted / max(1, whole - 1)
    return {
        "rows": count,
        "minutes": whole,
        "items_a_minute": a_minute,
        "share": a_minute / PERMITTED[mode],
        "requests": summary.requests,
        "most_in_minute": summary.most_in_minute,
        "most_batches_in_minute": summary.most_batches_in_minute,
        "refused": summary.throttled,
    }


def invoice(number: int, customer: dict[str, str], item: dict[str, str]) -> dict[str, object]:
    line = {
        "Amount": 10,
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {"ItemRef": item, "Qty": 1, "UnitPrice": 10},
    }
    payload = {"CustomerRef": customer, "DocNumber": f"L{number}", "Line": [line]}
    return {"entity": "Invoice", "source_key": f"i{number}", "payload": payload}


def main() -> int:
    """Measure, print, keep; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three minutes of each, and no result file")
    quick = parser.parse_args().quick
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)  # as every command does
    results: dict[str, dict[str, float]] = {}
    missed = []
    for mode in Mode:
        started = time.perf_counter()
        with asyncio.Runner(loop_factory=lambda: VirtualClockLoop(wall_limit_s=3600)) as runner:
            found = runner.run(load(mode, 3 if quick else 10))
        results[mode.value] = {**found, "real_s": time.perf_counter() - started}
        is_good = found["share"] >= GOALS[mode]
        missed += [] if is_good else [mode.value]
        print(
            f"{mode.value:<8} {found['items_a_minute']:8,.0f} items a minute of {PERMITTED[mode]:,} permitted:"
            f" {found['share']:.2%} (goal {GOALS[mode]:.0%}{'' if is_good else ', MISSED'});"
            f" {found['requests']:,} requests, {found['refused']} refused"
        )
    if not quick:
        goals = {mode.value: goal for mode, goal in GOALS.items()}
        path = write_result("load", {"goals": goals, "missed": missed, "results": results})
        print(f"parity: every row is one object, and nothing was refused; result in {path.name}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
