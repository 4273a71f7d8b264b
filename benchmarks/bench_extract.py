"""Extract end to end against a prebaked server, beside the floor: the same rows by two sessions of psql's COPY.

    python -m benchmarks.bench_extract [--case one|twenty|two-hundred] [--rows 50000] [--gzip] [--apart]
        [--latency-ms 0] [--rounds 3]

For each round, in turn: a first load by `backfill extract`, a re-read of what is there, the floor, and an extract of
an entity of which there is nothing (what starting costs). The program is the real one in a process of its own, with
default settings but for the limits, which are off. Its wall time is what it says itself, from its start of work on.
Parity: every table's count and checksum must equal the floor's.

On two processors the floor has both for Postgres, while the program shares them with it. `--apart` gives Postgres one
processor and all else the others, for either side: what then is left of the difference is not the program's own work.

As root it has the kernel drop the other files that it keeps in memory, once, before it begins: they slow the floor.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial

from benchmarks.floor import Floor
from benchmarks.ground import Ground, Loaded, ground, served
from benchmarks.measured import median, write_result
from benchmarks.prebaked import ENTITIES

CASES: Mapping[str, tuple[int, int]] = {"one": (1, 50_000), "twenty": (20, 2_500), "two-hundred": (200, 250)}
"""Case to realms and rows of each entity: 400,000 rows in all."""

NOTHING = ("Class",)
"""An entity of which the server has no rows."""

Runs = dict[str, list[dict[str, float]]]

Serving = Callable[[Ground, int], AbstractContextManager[Ground]]


def main() -> None:
    """Measure one case and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=list(CASES), default="one")
    parser.add_argument("--rows", type=int, help="of each of the eight entities of each realm")
    parser.add_argument("--gzip", action="store_true")
    parser.add_argument("--apart", action="store_true", help="Postgres on a processor of its own")
    parser.add_argument("--latency-ms", type=int, default=0, help="how long the server takes for each answer")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    realms, rows = CASES[given.case]
    words = [given.case, *(word for word in ("gzip", "apart") if getattr(given, word))]
    name = "-".join([*words, *([f"{given.latency_ms}ms"] if given.latency_ms else [])])
    serving = partial(served, gzipped=given.gzip, latency_ms=given.latency_ms)
    asyncio.run(_bench(name, realms, given.rows or rows, serving, apart=given.apart, rounds=given.rounds))


async def _bench(name: str, realms: int, rows: int, serving: Serving, *, apart: bool, rounds: int) -> None:
    total = realms * rows * len(ENTITIES)
    results: Runs = {"first": [], "again": [], "floor": [], "start": []}
    async with ground() as empty:
        if apart:
            await empty.keep_apart()
        with serving(empty, rows) as place:
            floor = Floor(place)
            await _extract(place, realms, total)  # warm-up: pages are compressed
            other_files_dropped = await floor.prepare(realms, rows)
            for round_ in range(rounds):
                results["first"].append(await _extract(place, realms, total))
                await place.vacuum()
                results["again"].append(await _extract(place, realms, 0, first=False))
                results["floor"].append(await floor.load())
                if round_ == 0:
                    await floor.check()
                results["start"].append(_measures(await place.extract(realms, NOTHING)))
    _report(name, realms, rows, results, other_files_dropped=other_files_dropped)


async def _extract(place: Ground, realms: int, landed: int, *, first: bool = True) -> dict[str, float]:
    loaded = await place.extract(realms, first=first)
    assert loaded.said["rows"]["landed"] == landed, loaded.said
    return _measures(loaded)


def _measures(loaded: Loaded) -> dict[str, float]:
    return {
        "wall_s": loaded.wall_s,
        "cpu_s": loaded.process.cpu_s,
        "postgres_cpu_s": loaded.postgres_cpu_s,
        "peak_mb": loaded.process.peak_mb,
        "requests": loaded.said["requests"]["total"],
    }


def _report(name: str, realms: int, rows: int, results: Runs, *, other_files_dropped: bool) -> None:
    total = realms * rows * len(ENTITIES)
    middle = {side: {name: median([run[name] for run in runs]) for name in runs[0]} for side, runs in results.items()}
    ratios = [
        first["wall_s"] / floor["wall_s"] for first, floor in zip(results["first"], results["floor"], strict=True)
    ]
    speedups = [
        first["wall_s"] / again["wall_s"] for first, again in zip(results["first"], results["again"], strict=True)
    ]
    start_s = middle["start"]["cpu_s"]
    summary = {
        "rows": total,
        "wall_over_floor": median(ratios),
        "client_us_per_row": middle["first"]["cpu_s"] / total * 1e6,
        "client_us_per_row_without_start": (middle["first"]["cpu_s"] - start_s) / total * 1e6,
        "start_cpu_s": start_s,
        "postgres_us_per_row": middle["first"]["postgres_cpu_s"] / total * 1e6,
        "floor_postgres_us_per_row": middle["floor"]["postgres_cpu_s"] / total * 1e6,
        "again_speedup": median(speedups),
        "again_client_us_per_row_without_start": (middle["again"]["cpu_s"] - start_s) / total * 1e6,
        "again_postgres_us_per_row": middle["again"]["postgres_cpu_s"] / total * 1e6,
        "peak_mb": middle["first"]["peak_mb"],
        "requests": middle["first"]["requests"],
    }
    path = write_result(
        f"extract-{name}",
        {
            "realms": realms,
            "rows_per_entity": rows,
            "other_files_dropped": other_files_dropped,
            "summary": summary,
            "runs": results,
        },
    )
    print(f"{name}: {realms} realms, {len(ENTITIES)} entities of {rows:,} rows, {total:,} rows")
    for side, label in (("first", "backfill, first load"), ("floor", "floor, two COPY"), ("again", "backfill, again")):
        wall_s = middle[side]["wall_s"]
        print(f"  {label:<22} {wall_s:7.2f} s  {total / wall_s:10,.0f} rows/s")
    for key, value in summary.items():
        print(f"  {key:<38} {value:12,.2f}")
    if not other_files_dropped:
        print("  the kernel keeps other files in memory, which slows the floor by up to a quarter: run it as root")
    print(f"  parity: counts and checksums of all tables equal; result in {path.name}")


if __name__ == "__main__":
    main()
