"""The comparison: medians of ratios within a round, goals kept or not, and a small one run whole."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.bench_peers import US, Contender, Run, summary, turned
from benchmarks.contenders import PEERS, Installed

ROOT = Path(__file__).resolve().parents[2]


def contender(*wall_s: float, name: str | None = None) -> Contender:
    """Runs that took so long, each with 3 s of processor time after a start of 1 s."""
    made = Contender(PEERS[name] if name else None, Installed("python", None, {}) if name else None, start_cpu_s=1.0)
    made.runs += [Run(each, 3.0, 2.0, 50.0) for each in wall_s]
    return made


def test_ratios_are_of_the_same_round_since_the_machine_changes_between_rounds() -> None:
    table = summary({US: contender(1, 4, 2), "script": contender(4, 12, 10, name="script")}, rows=1000)
    assert table["script"]["ours"] == 4.0
    assert table["script"]["rows_per_s"] == 100
    assert table["script"]["client_us_per_row"] == 2000.0
    assert table["script"]["postgres_us_per_row"] == 2000.0
    assert table[US]["ours"] == 1.0


@pytest.mark.parametrize(("wall_s", "reached"), [(3.5, True), (3.4, False)])
def test_a_goal_is_reached_or_not(wall_s: float, reached: bool) -> None:
    table = summary({US: contender(1), "script": contender(wall_s, name="script")}, rows=1000)
    assert table["script"]["reached"] is reached
    assert table[US]["reached"] is True


def test_each_round_another_begins() -> None:
    assert [turned(["a", "b", "c"], number) for number in range(4)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]


def test_a_small_comparison_lands_the_same_rows() -> None:
    """Both against the server's own rows. Whether a goal is reached says nothing at this size."""
    command = [sys.executable, "-m", "benchmarks.bench_peers"]
    options = ["--rows", "80", "--rounds", "1", "--only", "script", "--result", ""]
    done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode in {0, 1}, done.stderr
    assert "parity: all have the server's rows, by count and checksum" in done.stdout, done.stdout + done.stderr
    assert re.search(r"^backfill .* documents$", done.stdout, re.MULTILINE)
    assert re.search(r"^competent script .* documents, numbers as floats$", done.stdout, re.MULTILINE)
