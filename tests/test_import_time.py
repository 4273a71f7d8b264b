"""`backfill --help` answers at once: it loads neither the database's driver, nor HTTP, nor the ciphers, nor pydantic.

And what asks Intuit nothing loads neither HTTP nor numpy.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

HELP_RATIO = 1.6
"""To importing what no drawn help can do without. A ratio, for machines and their load differ: 1.1 was measured, and
2.0 when typer drew it and every command was made for it."""

DRAWS_HELP = "import typer.main, rich.console, rich.panel, rich.table"

HEAVY = (
    "asyncpg",
    "aiohttp",
    "numpy",
    "pydantic",
    "cryptography",
    "uvloop",
    "anyio._backends",
    "backfill.store",
    "backfill.simulator",
)

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


def user_s(*arguments: str) -> float:
    """The processor's time that Python takes for it."""
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime


def test_help_answers_at_once() -> None:
    taken = [(user_s("-m", "backfill", "--help"), user_s("-c", DRAWS_HELP)) for _ in range(5)]
    help_s, least_s = (min(times) for times in zip(*taken, strict=True))  # what disturbs only adds to it
    assert help_s <= HELP_RATIO * least_s, taken


@pytest.mark.parametrize("arguments", [["--help"], ["extract", "--help"], ["realms", "--help"], ["demo", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=True)
    assert "Usage: backfill" in done.stdout
    loaded = json.loads(done.stderr)
    assert "backfill.cli" in loaded
    assert [name for name in loaded if name.startswith(HEAVY)] == []


@pytest.mark.parametrize(
    "arguments", [["--help"], ["realms", "--help"], ["load", "-h"], ["keys", "--help"], [], ["keys"]]
)
def test_the_help_of_a_group_loads_nothing_that_it_does_not_draw_with(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=True)
    assert "─ Commands ─" in done.stdout
    loaded = json.loads(done.stderr)
    assert "rich.table" in loaded
    assert [name for name in loaded if name.startswith(("typer.rich_utils", "markdown_it", "pygments"))] == []


def test_what_asks_nothing_of_intuit_loads_neither_http_nor_what_pages_are_read_by() -> None:
    nowhere = os.environ | {"BACKFILL_DATABASE_URL": "postgresql://127.0.0.1:1/none"}
    done = subprocess.run(
        [sys.executable, "-c", LOADED, "status"], capture_output=True, text=True, check=True, env=nowhere
    )
    loaded = json.loads(done.stderr.splitlines()[-1])
    assert "asyncpg" in loaded, "it looked for the database"
    assert [name for name in loaded if name.startswith(("aiohttp", "numpy"))] == []


CUT = """
import anyio, sys
from backfill.qbo.page_cutter import cut_page
from backfill.store.bulk import encoded

row = b'{"Id":"%d","SyncToken":"0","MetaData":{"CreateTime":"%s","LastUpdatedTime":"%s"}}'
when = b"2026-01-31T08:00:00-08:00"

async def copied():
    page = cut_page(b'{"QueryResponse":{"Invoice":[' + b",".join(row % (id_, when, when) for id_ in (9, 10)) + b"]}}")
    return [piece async for piece in encoded("1", 1, page.rows)]

assert anyio.run(copied)[1].count(b"MetaData") == 2
assert "numpy.ma" not in sys.modules
"""


def test_the_first_page_does_not_wait_for_masked_arrays() -> None:
    """numpy loads a module of its own at the first `unique`: 10 ms in which the database has nothing to do."""
    subprocess.run([sys.executable, "-c", CUT], check=True)
