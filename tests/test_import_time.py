"""`backfill --help` answers at once: it loads neither the database's driver, nor HTTP, nor the ciphers."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys

import pytest

HELP_USER_S = 0.6
"""Twice what it takes on a quiet machine."""

HEAVY = ("asyncpg", "aiohttp", "cryptography", "uvloop", "anyio._backends", "backfill.store", "backfill.simulator")

LOADED = """
import json, sys
sys.argv = ["backfill", *sys.argv[1:]]
from backfill.__main__ import main
try:
    main()
except SystemExit:
    pass
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def test_help_answers_at_once() -> None:
    taken_s = []
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-m", "backfill", "--help"], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        taken_s.append(usage.ru_utime)
    assert statistics.median(taken_s) <= HELP_USER_S, taken_s


@pytest.mark.parametrize("arguments", [["--help"], ["extract", "--help"], ["realms", "--help"], ["demo", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=True)
    assert "Usage: backfill" in done.stdout
    loaded = json.loads(done.stderr)
    assert "backfill.cli" in loaded
    assert [name for name in loaded if name.startswith(HEAVY)] == []
