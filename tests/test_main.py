"""What every command does before it is loaded, and as it ends."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

COMMAND = """
import gc, os
import backfill.cli
from backfill.__main__ import main

def command():
    print(gc.get_threshold()[0], os.environ["OPENBLAS_NUM_THREADS"])
    raise SystemExit(3)

backfill.cli.run = command
try:
    main()
finally:
    print(gc.get_freeze_count() > 1000)
"""


@pytest.mark.parametrize(("theirs", "threads"), [(None, "1"), ("4", "4")])
def test_a_command_looks_for_no_cycles_in_vain_and_starts_no_threads(theirs: str | None, threads: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    if theirs is not None:
        environment["OPENBLAS_NUM_THREADS"] = theirs
    done = subprocess.run([sys.executable, "-c", COMMAND], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert done.stdout.split() == ["200000", threads, "True"]
