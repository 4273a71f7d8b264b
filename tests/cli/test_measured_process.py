"""The scale: a program's memory is its own and its children's, not the benchmark's."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from backfill.cli.measured_process import (
    Watched,
    cpu_of_machine,
    cpu_of_tree,
    parent_of,
    run_watched,
    titled,
)
from tests.processes import eventually

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


USED_S = 0.4
"""At least: what the kernel counts in ticks may be a little less than what the process reads."""
BUSY = "import time; end = time.process_time() + 0.5\nwhile time.process_time() < end: pass\n"


def test_processor_time_is_that_of_a_tree_and_not_of_others() -> None:
    before, machine = cpu_of_tree(os.getpid()), cpu_of_machine()
    subprocess.run([sys.executable, "-c", BUSY], check=True)
    with subprocess.Popen([sys.executable, "-c", BUSY + "input()"], stdin=subprocess.PIPE) as living:
        assert eventually(lambda: cpu_of_tree(living.pid) >= USED_S), "of one that lives"
        of_both = cpu_of_tree(os.getpid()) - before
        assert living.stdin is not None
        living.stdin.close()
    assert of_both >= 2 * USED_S, "with one that has been waited for"
    assert of_both < 5
    assert cpu_of_machine() - machine >= 2 * USED_S
    assert cpu_of_tree(living.pid) == 0, "it is gone"


def test_a_process_is_found_by_its_title(tmp_path: Path) -> None:
    name = f"unique-{tmp_path.name}-{os.getpid()}"
    assert titled("unique", name) is None
    with subprocess.Popen([sys.executable, "-c", "input()", name], stdin=subprocess.PIPE) as living:
        assert eventually(lambda: titled("unique", name) == living.pid)
        assert titled("another", name) is None
        assert parent_of(living.pid) == os.getpid()
    assert parent_of(living.pid) is None


@pytest.mark.parametrize("ended", [False, True])
def test_one_that_is_killed_is_gone_when_that_returns(tmp_path: Path, ended: bool) -> None:
    program = "print(1)" if ended else "import time; time.sleep(600)"
    process = Watched([sys.executable, "-c", program], None, tmp_path / "log", apart=True)
    codes: list[int] = []
    waiting = threading.Thread(target=lambda: codes.append(process.to_its_end().exit_code))
    waiting.start()
    if ended:
        waiting.join()
    process.kill()
    assert not Path(f"/proc/{process.pid}").exists()
    waiting.join()
    assert codes == [0 if ended else -9]
