"""How soon one sees something: `backfill --help`, and the demo from a fresh clone to its last row.

    python -m benchmarks.bench_start [--without-demo]

The clone is of the last commit. What pip downloads is fetched before the clock starts, into a folder that is removed
afterwards; the clock then runs over the README's own steps: clone, environment, install with hashes, demo. Needs git
and pip's usual index; takes about a minute after the downloads.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from backfill.cli.measured_process import Measured, run_measured
from benchmarks.measured import write_result

ROOT = Path(__file__).resolve().parents[1]
HELP_S = 0.3
DEMO_S = 60.0
HELP_RUNS = 11
PIP = ("-m", "pip", "--quiet", "--quiet", "--disable-pip-version-check")


def main() -> int:
    """Measure and print. 0 if both goals are reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--without-demo", action="store_true", help="only how long --help takes")
    given = parser.parse_args()
    help_run = show_help()
    steps: dict[str, float] = {}
    rows = 0
    if not given.without_demo:
        with tempfile.TemporaryDirectory(prefix="backfill-start-") as folder:
            steps, rows = _from_clone_to_demo(Path(folder))
    return _report(help_run, steps, rows)


def show_help() -> Measured:
    """The run of middle length of several, after one that brings the files into memory.

    Compiled beforehand, as what pip installs is, whatever this process was told of bytecode; into a folder of its own.
    """
    command = [sys.executable, "-m", "backfill", "--help"]
    with tempfile.TemporaryDirectory(prefix="backfill-start-") as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        runs = [run_measured(command, environment) for _ in range(HELP_RUNS + 1)]
    assert all(run.exit_code == 0 and b"Usage" in run.stdout for run in runs)
    return sorted(runs[1:], key=lambda run: run.wall_s)[HELP_RUNS // 2]


def _from_clone_to_demo(folder: Path) -> tuple[dict[str, float], int]:
    """Seconds of each step, and the rows that the demo landed."""
    clone, wheels = folder / "clone", str(folder / "wheels")
    programs = clone / ".venv" / "bin"
    requirements = ["--require-hashes", "--requirement", str(clone / "requirements.txt")]
    steps = {"clone": _step(["git", "clone", "--quiet", str(ROOT), str(clone)], folder)}
    _step([sys.executable, *PIP, "download", *requirements, "--dest", wheels], folder)
    steps["environment"] = _step([sys.executable, "-m", "venv", str(clone / ".venv")], clone)
    install = [str(programs / "python"), *PIP, "install"]
    steps["install"] = _step([*install, "--no-index", "--find-links", wheels, *requirements], clone)
    steps["install"] += _step([*install, "--no-deps", "--no-build-isolation", "."], clone)
    # A home of its own: nothing that this machine has from an earlier demo.
    home = {name: value for name, value in os.environ.items() if not name.startswith(("BACKFILL_", "XDG_"))}
    demo = run_measured([str(programs / "backfill"), "demo", "--json"], {**home, "HOME": str(folder)})
    steps["demo"] = demo.wall_s
    said = json.loads(demo.stdout)
    assert demo.exit_code == 0, said
    assert said["realms"]["proven"] == said["realms"]["total"] > 0, said
    return steps, said["rows"]["landed"]


def _step(command: Sequence[str], folder: Path) -> float:
    """Seconds that a command took. Raises CalledProcessError if it failed."""
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True)
    return time.perf_counter() - started


def _report(help_run: Measured, steps: Mapping[str, float], rows: int) -> int:
    whole_s = sum(steps.values())
    reached = {"help": help_run.wall_s <= HELP_S, **({"demo": whole_s <= DEMO_S} if steps else {})}
    path = write_result(
        "start",
        {
            "help_s": help_run.wall_s,
            "help_cpu_s": help_run.cpu_s,
            "steps_s": steps,
            "demo_rows": rows,
            "reached": reached,
        },
    )
    print(
        f"backfill --help           {help_run.wall_s:6.2f} s, goal {HELP_S} s; {help_run.cpu_s:.2f} s of processor time"
    )
    for name, taken_s in steps.items():
        print(f"  {name:<24}{taken_s:6.2f} s")
    if steps:
        print(f"fresh clone to last row   {whole_s:6.2f} s, goal {DEMO_S:.0f} s; {rows:,} rows, every company proven")
    print(f"result in {path.name}")
    return int(not all(reached.values()))


if __name__ == "__main__":
    sys.exit(main())
