"""The most memory that `backfill extract` holds, by how much there is to read and of how many companies at once.

    python -m benchmarks.bench_memory [--long]

The peak is the process's own (VmHWM), start included. By default 40,000 rows beside 400,000, and one company beside
50 and 200, in about two minutes. `--long` adds 4,000,000 rows, and 20 companies, in about ten minutes: that wants 20 GB
of disk for Postgres and its log, and 2 GB of memory for the server. Rows that do not fit the disk are left out, and
said to be. Parity is by count, of every table.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from backfill.store.entity_tables import table_of
from benchmarks.ground import Ground, ground, served
from benchmarks.measured import write_result
from benchmarks.prebaked import ENTITIES

MOST_MB = 200.0
SPREAD = 0.10
"""How far from the first of its series a peak may be, to count as the same."""

DISK_BYTES_PER_ROW = 2_500
"""A document of 1.65 KB, uncompressed, with its keys and index entry: 2.1 KB measured, and some air."""
DISK_BYTES_BESIDE = 8 << 30
"""The embedded server's log grows to 4 GB before it is reused; as much again is left to others."""


@dataclass(frozen=True, slots=True)
class Case:
    """So many rows in all, spread evenly over so many companies and eight entities each."""

    realms: int
    rows: int

    @property
    def rows_per_entity(self) -> int:
        return self.rows // (self.realms * len(ENTITIES))


@dataclass(frozen=True, slots=True)
class Peak:
    """What a case took."""

    case: Case
    peak_mb: float
    wall_s: float
    cpu_s: float
    requests: int


SERIES: dict[str, tuple[Case, ...]] = {
    "rows": (Case(1, 40_000), Case(1, 400_000)),
    "companies": (Case(1, 400_000), Case(50, 400_000), Case(200, 400_000)),
}
"""Within each the peak is to be the same."""
LONG: dict[str, tuple[Case, ...]] = {
    "rows": (Case(1, 40_000), Case(1, 400_000), Case(1, 4_000_000)),
    "companies": (Case(1, 400_000), Case(20, 400_000), Case(50, 400_000), Case(200, 400_000)),
}


def main() -> int:
    """Measure and print. 0 if every peak is within its bounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true", help="ten minutes, and 20 GB of disk")
    series = LONG if parser.parse_args().long else SERIES
    cases = sorted({case for each in series.values() for case in each}, key=lambda case: (case.rows, case.realms))
    peaks, left_out = asyncio.run(_bench(cases))
    return _report(series, peaks, left_out)


async def _bench(cases: Sequence[Case]) -> tuple[dict[Case, Peak], list[Case]]:
    peaks: dict[Case, Peak] = {}
    left_out = []
    async with ground() as postgres:
        for case in cases:
            if not fits(case, shutil.disk_usage(postgres.folder).free):
                left_out.append(case)
                continue
            with served(postgres, case.rows_per_entity) as place:
                peaks[case] = await _peak(place, case)
    return peaks, left_out


def fits(case: Case, free_bytes: int) -> bool:
    """Whether Postgres has room for a case. The case before it is dropped first, so that it does not count."""
    return case.rows * DISK_BYTES_PER_ROW + DISK_BYTES_BESIDE <= free_bytes


async def _peak(place: Ground, case: Case) -> Peak:
    loaded = await place.extract(case.realms)
    counts = [await place.count(table_of(entity)) for entity in ENTITIES]
    assert counts == [case.realms * case.rows_per_entity] * len(ENTITIES), counts
    process = loaded.process
    print(f"  {case.realms:>4} x {case.rows // case.realms:>9,} rows: {process.peak_mb:6.1f} MB", flush=True)
    await place.execute("DROP SCHEMA qbo, backfill CASCADE", "CHECKPOINT")
    return Peak(case, process.peak_mb, loaded.wall_s, process.cpu_s, loaded.said["requests"]["total"])


def missed(series: dict[str, tuple[Case, ...]], peaks: dict[Case, Peak]) -> list[str]:
    """The bounds that were not kept, in words."""
    found = [
        f"{peak.peak_mb:.0f} MB for {peak.case.realms} companies and {peak.case.rows:,} rows, above {MOST_MB:.0f}"
        for peak in peaks.values()
        if peak.peak_mb > MOST_MB
    ]
    for name, cases in series.items():
        measured = [peaks[case].peak_mb for case in cases if case in peaks]
        if any(abs(peak_mb / measured[0] - 1) > SPREAD for peak_mb in measured):
            found.append(f"not the same by {name}: " + ", ".join(f"{peak_mb:.0f}" for peak_mb in measured) + " MB")
    return found


def _report(series: dict[str, tuple[Case, ...]], peaks: dict[Case, Peak], left_out: Sequence[Case]) -> int:
    bad = missed(series, peaks)
    result = {
        "peaks": [asdict(peak) for peak in peaks.values()],
        "left_out": [asdict(case) for case in left_out],
        "missed": bad,
    }
    path = write_result("memory-long" if series is LONG else "memory", result)
    print(f"{'companies':>10}{'rows':>12}{'peak MB':>9}{'rows/s':>9}{'µs/row':>8}{'requests':>10}")
    for peak in peaks.values():
        rows = peak.case.rows
        print(
            f"{peak.case.realms:>10}{rows:>12,}{peak.peak_mb:>9.1f}{rows / peak.wall_s:>9,.0f}"
            f"{peak.cpu_s / rows * 1e6:>8.1f}{peak.requests:>10,}"
        )
    for case in left_out:
        print(f"left out: {case.rows:,} rows, for which the disk has no room")
    print(f"parity: every table has the server's count; result in {path.name}")
    for word in bad:
        print(f"goal missed: {word}")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
