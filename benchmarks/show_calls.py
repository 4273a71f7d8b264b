"""How many calls a company costs, census, catch-up and proof included: by its size, and by what is optimised; and how
many to compare it with what was landed.

    python -m benchmarks.show_calls

Runs the extract job on the virtual clock over simulated companies of five kinds (plain, multi-currency, French and
so on), compares what was landed with the companies, and counts the calls that the simulated server saw, all of them
metered: in one reading a batch is a call, in the other it is its items. Where time is optimised the reading changes
nothing but the count.
"""

from __future__ import annotations

import hashlib
import resource
from collections.abc import Sequence
from dataclasses import dataclass

import anyio

from backfill.jobs.costs import Costs, Optimise
from backfill.pacing.metering import BatchCountsAs, MeteredBudget
from backfill.pacing.virtual_clock import run_virtual
from backfill.simulator.settings import SimulatorSettings
from benchmarks.measured import write_result
from tests.jobs.verifying import differing, verified
from tests.jobs.world import World, breaches

SIZES = (100, 800, 5_000, 60_000)
"""Objects a company; 60,000 is the reference company of ten years."""
COMPANIES = 5
LATENCY_S = 1.0
"""A page of a thousand objects takes seconds; with less, the spacing of starts hides what several readers gain."""
WALL_LIMIT_S = 600.0
WAYS = {
    "time": Costs(optimise=Optimise.TIME),
    "calls": Costs(optimise=Optimise.CALLS, batch_counts_as=BatchCountsAs.CALL),
    "calls, items billed": Costs(optimise=Optimise.CALLS, batch_counts_as=BatchCountsAs.ITEMS),
}


DEPTHS = {"verify": False, "verify --deep": True}


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What it costs to compare the companies of one size; each figure of all companies, in their order."""

    objects: int
    command: str
    calls: Sequence[int]
    virtual_s: Sequence[float]
    compared: int


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What the companies of one size cost, one after the other; each figure of all companies, in their order."""

    objects: int
    optimise: str
    calls: Sequence[int]
    items: Sequence[int]
    """The same calls with each batch as its items."""
    virtual_s: Sequence[float]
    lanes: dict[str, int]
    """Of the company that cost most calls."""
    landed: int
    checksum: str
    """Of all landed documents: the same whatever is optimised."""


def main() -> None:
    """Print a line for each size and way, and keep the same as a result."""
    print(f"{'objects':>8}  {'optimise':<20} {'calls':>9} {'as items':>9} {'seconds':>11}   by lane")
    costs = []
    for rows in SIZES:
        of_size = [run_virtual(_cost(rows, name), wall_limit_s=WALL_LIMIT_S) for name in WAYS]
        assert len({(cost.landed, cost.checksum) for cost in of_size}) == 1, "the ways landed different documents"
        for cost in of_size:
            lanes = ", ".join(f"{count} {lane}" for lane, count in sorted(cost.lanes.items()))
            figures = f"{_range(cost.calls):>9} {_range(cost.items):>9} {_range(cost.virtual_s):>11}"
            print(f"{rows:>8,}  {cost.optimise:<20} {figures}   {lanes}", flush=True)
        costs += of_size
    print(f"\n{'objects':>8}  {'command':<20} {'calls':>9} {'compared':>9} {'seconds':>11}")
    compared = []
    for rows in SIZES:
        for command in DEPTHS:
            one = run_virtual(_verified(rows, command), wall_limit_s=WALL_LIMIT_S)
            print(
                f"{rows:>8,}  {command:<20} {_range(one.calls):>9} {one.compared:>9,} {_range(one.virtual_s):>11}",
                flush=True,
            )
            compared.append(one)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = {"cpu_s": round(usage.ru_utime + usage.ru_stime, 1), "peak_mb": round(usage.ru_maxrss / 1024, 1)}
    write_result(
        "calls", {"companies": COMPANIES, "latency_s": LATENCY_S, **used, "costs": costs, "verified": compared}
    )


async def _cost(rows: int, name: str) -> Cost:
    calls: list[int] = []
    items: list[int] = []
    seconds: list[float] = []
    lanes: dict[str, int] = {}
    landed = 0
    checksum = hashlib.sha256()
    for company in range(COMPANIES):
        world = _world(rows, company, costs=WAYS[name])
        begun_s = anyio.current_time()
        await world.extract()
        seconds.append(round(anyio.current_time() - begun_s, 1))
        assert breaches(world) == [], "what was landed is not the company"
        by_lane = dict(world.simulator.log.summary()[world.realm].by_lane)
        calls.append(sum(by_lane.values()))
        items.append(world.metered.used)
        lanes = by_lane if calls[-1] == max(calls) else lanes
        for entity in sorted(world.store.proofs(world.realm)):
            for id_, document in sorted(world.store.live_documents(world.realm, entity).items()):
                landed += 1
                checksum.update(f"{entity} {id_} ".encode() + bytes(document))
    return Cost(
        objects=rows,
        optimise=name,
        calls=calls,
        items=items,
        virtual_s=seconds,
        lanes=lanes,
        landed=landed,
        checksum=checksum.hexdigest(),
    )


async def _verified(rows: int, command: str) -> Verified:
    calls: list[int] = []
    seconds: list[float] = []
    documents = 0
    for company in range(COMPANIES):
        world = _world(rows, company)
        await world.extract()
        before, begun_s = world.simulator.log.summary()[world.realm].requests, anyio.current_time()
        verdicts = await verified(world, run=2, deep=DEPTHS[command])
        calls.append(world.simulator.log.summary()[world.realm].requests - before)
        seconds.append(round(anyio.current_time() - begun_s, 1))
        assert differing(verdicts) == set(), "nothing was broken"
        documents += sum(one.compared for one in verdicts.values())
        held = sum(one.held for one in verdicts.values())
        assert not DEPTHS[command] or held == sum(one.compared for one in verdicts.values()), "not all was compared"
    return Verified(objects=rows, command=command, calls=calls, virtual_s=seconds, compared=documents)


def _world(rows: int, company: int, *, costs: Costs = WAYS["time"]) -> World:
    world = World(
        seed=1,
        realms=COMPANIES,
        rows_min=rows,
        rows_max=rows,
        settings=SimulatorSettings(latency_s=LATENCY_S),
        costs=costs,
        metered=MeteredBudget(None, batch_counts_as=BatchCountsAs.ITEMS),
    )
    world.realm_ids = [world.realm_ids[company]]
    return world


def _range(figures: Sequence[float]) -> str:
    least, most = min(figures), max(figures)
    return f"{least:,}" if least == most else f"{least:,}-{most:,}"


if __name__ == "__main__":
    main()
