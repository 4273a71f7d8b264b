"""The scale: a program's memory is its own and its children's, not the benchmark's."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.ground import run_watched

MB = 1 << 20
HOLD = "import time; held = b'x' * (80 << 20); time.sleep(0.3)"
PARENT = f"import subprocess, sys; held = b'x' * (40 << 20); subprocess.run([sys.executable, '-c', {HOLD!r}])"


def peak_mb(program: str, log: Path) -> float:
    measured = run_watched([sys.executable, "-c", program], None, log)
    assert measured.exit_code == 0, log.read_text(encoding="utf-8")
    return measured.peak_mb


def test_the_peak_is_the_programs_own(tmp_path: Path) -> None:
    ours = b"x" * (200 * MB)
    alone = peak_mb("pass", tmp_path / "log")
    holding = peak_mb(HOLD, tmp_path / "log")
    assert alone < 60, "an interpreter takes about 10 MB, and ours more than 200"
    assert 75 < holding - alone < 100
    assert len(ours) == 200 * MB


def test_children_count_while_they_live(tmp_path: Path) -> None:
    alone = peak_mb(HOLD, tmp_path / "log")
    assert peak_mb(PARENT, tmp_path / "log") > alone + 38


def test_what_a_program_says_and_how_it_ends_is_kept(tmp_path: Path) -> None:
    program = "import sys; print('said'); print('trouble', file=sys.stderr); sys.exit(3)"
    measured = run_watched([sys.executable, "-c", program], None, tmp_path / "log")
    assert (measured.stdout, measured.exit_code) == (b"said\n", 3)
    assert (tmp_path / "log").read_text(encoding="utf-8") == "trouble\n"
