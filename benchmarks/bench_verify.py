"""Verify with every document against a prebaked server, beside the first load that it compares with.

    python -m benchmarks.bench_verify [--rows 50000] [--gzip] [--rounds 3]

For each round a first load by `backfill extract` and a `backfill verify --deep`, both as processes of their own, with
default settings but for the limits, which are off. Parity: every row that was landed is compared, and equal.
"""

from __future__ import annotations

import argparse
import asyncio

import asyncpg

from benchmarks.ground import Ground, Loaded, ground, served
from benchmarks.measured import median, write_result
from benchmarks.prebaked import ENTITIES

Runs = dict[str, list[dict[str, float]]]


def main() -> None:
    """Measure it and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000, help="of each of the eight entities")
    parser.add_argument("--gzip", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    asyncio.run(_bench(given.rows, gzipped=given.gzip, rounds=given.rounds))


async def _bench(rows: int, *, gzipped: bool, rounds: int) -> None:
    runs: Runs = {"extract": [], "verify": []}
    total = rows * len(ENTITIES)
    async with ground() as empty:
        with served(empty, rows, gzipped=gzipped) as place:
            for _ in range(rounds):
                runs["extract"].append(_measures(await place.extract(1), total))
                await place.vacuum()
                runs["verify"].append(_measures(await place.verify(ENTITIES), total))
                assert await _compared(place) == total, "not every row was compared and equal"
    middle = {side: {name: median([run[name] for run in them]) for name in them[0]} for side, them in runs.items()}
    path = write_result("verify-gzip" if gzipped else "verify", {"rows": total, "summary": middle, "runs": runs})
    print(f"{len(ENTITIES)} entities of {rows:,} rows, {total:,} rows")
    print(f"{'':<10} {'wall s':>8} {'rows/s':>9} {'client us':>10} {'Postgres us':>12} {'peak MB':>8} {'calls':>6}")
    for side, of in middle.items():
        figures = f"{of['wall_s']:8.2f} {total / of['wall_s']:9,.0f} {of['client_us_per_row']:10.1f}"
        print(f"{side:<10} {figures} {of['postgres_us_per_row']:12.1f} {of['peak_mb']:8.0f} {of['requests']:6,.0f}")
    print(f"parity: every row compared, and equal; result in {path.name}")


def _measures(loaded: Loaded, rows: int) -> dict[str, float]:
    return {
        "wall_s": loaded.wall_s,
        "client_us_per_row": loaded.process.cpu_s / rows * 1e6,
        "postgres_us_per_row": loaded.postgres_cpu_s / rows * 1e6,
        "peak_mb": loaded.process.peak_mb,
        "requests": loaded.said["requests"]["total"],
    }


async def _compared(place: Ground) -> int:
    connection = await asyncpg.connect(place.dsn)
    try:
        return int(await connection.fetchval("SELECT sum(compared) FROM backfill.verification WHERE equal"))
    finally:
        await connection.close()


if __name__ == "__main__":
    main()
