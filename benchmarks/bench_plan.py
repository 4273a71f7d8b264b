"""A plan: how long it takes to make for a fleet of a hundred thousand, and how near it comes to what then happens.

    python -m benchmarks.bench_plan [--rounds 3]

    made     `backfill plan` for 100,000 companies of three kinds, as a process of its own
    near     fleets of simulated companies, which `backfill simulate` serves with a latency and Intuit's own limits,
             read by `backfill extract`; beside the forecast for as many companies of such sizes, which knows neither
             their seed nor what each of them uses of QuickBooks

The fleets are such that Intuit's answers bound them, as they bound real ones, since here the simulator needs the same
processors as the program and Postgres; and each is read once before, for a company is sown when it is first touched.
Parity: every company is proven, and the rows that are said to have landed are there. Exits with 1 if the plan takes
longer than two minutes, or is further off than 5 % of the time or 1 % of the calls.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from backfill.cli.measured_process import Measured, run_measured
from backfill.entities import ENTITIES
from backfill.planner.company import PARTICULAR
from backfill.store.entity_tables import table_of
from benchmarks.ground import Ground, ground, server
from benchmarks.measured import median, write_result

MADE_S_MAX = 120.0
WALL_OFF_MAX = 0.05
CALLS_OFF_MAX = 0.01

FLEET = """
[[companies]]
name = "small"
count = 90_000
objects = [100, 5_000]

[[companies]]
name = "middling"
count = 9_900
objects = [5_000, 20_000]

[[companies]]
name = "large"
count = 100
objects = 60_000
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A fleet that is read, and planned for, by so many companies at a time."""

    name: str
    companies: int
    objects: tuple[int, int]
    latency_s: float
    realms_at_once: int

    def scenario(self) -> str:
        """As `backfill plan` reads it. The simulator takes as long for a large answer as for a small one."""
        return (
            f'[[companies]]\nname = "{self.name}"\ncount = {self.companies}\nobjects = {list(self.objects)}\n'
            f"[intuit]\nlatency_s = {self.latency_s}\npage_s = 0\n"
        )

    def settings(self) -> str:
        return f"[extract]\nrealms_at_once = {self.realms_at_once}\n"


CASES = (
    Case("small, by turns", 150, (100, 1_000), 1.0, realms_at_once=25),
    Case("middling", 40, (2_000, 2_000), 1.5, realms_at_once=10),
    Case("large, all at once", 6, (20_000, 20_000), 2.0, realms_at_once=200),
    Case("large, by turns", 6, (10_000, 10_000), 2.0, realms_at_once=2),
)


def main() -> int:
    """Measure, print, keep; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with TemporaryDirectory(prefix="backfill-bench-") as folder:
        made, fleet = _planned(Path(folder), FLEET, "")
        print(f"made: {fleet['realms']['total']:,} companies in {made.wall_s:.1f} s, {made.peak_mb:.0f} MB at most")
        missed = ["made"] if made.wall_s > MADE_S_MAX else []
        near = {}
        for case in CASES:
            _, plan = _planned(Path(folder), case.scenario(), case.settings())
            figures = asyncio.run(_near(case, plan, rounds))
            near[case.name] = figures
            missed += [f"{case.name}: time"] if abs(figures["wall_off"]) > WALL_OFF_MAX else []
            missed += [f"{case.name}: calls"] if abs(figures["calls_off"]) > CALLS_OFF_MAX else []
            print(
                f"{case.name}: {case.companies} companies, planned {figures['planned_s']:.1f} s and"
                f" {figures['planned_calls']:,} calls, measured {figures['measured_s']:.1f} s and"
                f" {figures['measured_calls']:,}: {figures['wall_off']:+.1%} and {figures['calls_off']:+.1%}",
                flush=True,
            )
    result = {"made_s": made.wall_s, "made_peak_mb": made.peak_mb, "near": near, "missed": missed}
    path = write_result("plan", result)
    print(f"parity: every company proven, all its rows landed; result in {path.name}")
    for one in missed:
        print(f"MISSED: {one}")
    return 1 if missed else 0


def _planned(folder: Path, scenario: str, settings: str) -> tuple[Measured, Mapping[str, Any]]:
    file, config = folder / "scenario.toml", folder / "backfill.toml"
    file.write_text(scenario)
    config.write_text(settings)
    made = run_measured([sys.executable, "-m", "backfill", "plan", str(file), "--config", str(config), "--json"])
    assert made.exit_code == 0
    return made, json.loads(made.stdout)


async def _near(case: Case, plan: Mapping[str, Any], rounds: int) -> dict[str, Any]:
    async with ground() as place:
        with _simulated(place, case) as (environment, credentials):
            await _run(place, case, environment, credentials)  # its companies are sown
            runs = [await _run(place, case, environment, credentials) for _ in range(rounds)]
    measured_s = median([run["wall_s"] for run in runs])
    calls = median([run["requests"]["total"] for run in runs])
    return {
        "planned_s": plan["wall_s"],
        "measured_s": measured_s,
        "wall_off": plan["wall_s"] / measured_s - 1,
        "planned_calls": plan["requests"]["total"],
        "measured_calls": calls,
        "calls_off": plan["requests"]["total"] / calls - 1,
        "runs_s": [run["wall_s"] for run in runs],
        "rows": runs[0]["rows"]["landed"],
    }


@contextmanager
def _simulated(place: Ground, case: Case) -> Iterator[tuple[Mapping[str, str], Path]]:
    """What the program needs to know of the simulator, and the companies as `realms import` reads them."""
    credentials = place.folder / "realms.jsonl"
    options = {
        "port": 0,
        "realms": PARTICULAR + case.companies,
        "rows": f"{case.objects[0]}:{case.objects[1]}",
        "latency-ms": case.latency_s * 1000,
        "jitter-ms": 0,
        "write-realms": credentials,
    }
    words = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    with server("backfill", "simulate", *words, "--until-stdin-closes", quiet=True) as address:
        credentials.write_text("\n".join(_to_refresh(credentials.read_text().splitlines()[PARTICULAR:])))
        addresses = {
            "BACKFILL_QBO_BASE_URL": address,
            "BACKFILL_OAUTH_TOKEN_URL": f"{address}/oauth2/v1/tokens/bearer",
        }
        yield place.environment() | addresses, credentials


async def _run(place: Ground, case: Case, environment: Mapping[str, str], credentials: Path) -> Mapping[str, Any]:
    """One reading, into an empty database."""
    config = place.folder / "backfill.toml"
    config.write_text(case.settings())
    await place.execute("DROP SCHEMA IF EXISTS qbo, backfill CASCADE")
    backfill = [sys.executable, "-m", "backfill"]
    imported = run_measured([*backfill, "realms", "import", str(credentials)], environment)
    assert imported.exit_code == 0
    said = (await place.load([*backfill, "extract", "--config", str(config), "--json"], environment)).said
    assert said["realms"]["proven"] == case.companies, said
    rows = sum([await place.count(table_of(entity)) for entity in ENTITIES])
    assert rows == said["rows"]["landed"], "not every row that was counted is there"
    return said


def _to_refresh(lines: Sequence[str]) -> list[str]:
    """Companies whose access tokens have ended, as those of an idle fleet have."""
    return [json.dumps({k: v for k, v in json.loads(line).items() if k != "access_token"}) for line in lines]


if __name__ == "__main__":
    sys.exit(main())
