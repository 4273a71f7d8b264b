"""Metered calls are counted durably, by one process at a time: several together never pass the cap."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import anyio
import pytest

from backfill.errors import StoppedError
from backfill.model import RealmId
from backfill.pacing.metering import BLOCK, BatchCountsAs, MemoryMeteredLedger, MeteredBudget, MeteredLedger
from backfill.store.database import Database, open_database
from backfill.store.metered import MeteredCounts, MeteredRow, RunMeteredCounts
from backfill.store.owners import Owner
from backfill.store.runs import Runs
from backfill.wire import Lane, Request
from tests.processes import PATIENCE_S

NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)
CAP = 3_000

SPENDER = """
import sys
from datetime import date
import anyio
from backfill.errors import StoppedError
from backfill.pacing.metering import MeteredBudget
from backfill.store.database import open_database
from backfill.store.metered import MeteredCounts
from tests.store.test_metered import CAP, NOVEMBER, call

async def main() -> None:
    async with open_database(sys.argv[1]) as database:
        metered = MeteredBudget(CAP, ledger=MeteredCounts(database), app="app", month=lambda: NOVEMBER)
        print("ready", flush=True)
        sys.stdin.readline()
        try:
            while True:
                await metered.spend(call())
                print(flush=True)
                await anyio.sleep(0)
        except StoppedError:
            await metered.settle()

anyio.run(main)
"""
"""Says when it is ready; once told to, says a line for each call that it may send, until the cap stops it."""


def call() -> Request:
    return Request(realm_id=RealmId("1"), lane=Lane.QUERY, method="GET", path="/query")


@pytest.fixture(params=["memory", "postgres"])
def ledger(request: pytest.FixtureRequest, database: Database) -> MeteredLedger:
    return MemoryMeteredLedger() if request.param == "memory" else MeteredCounts(database)


async def test_nobody_waits_for_a_process_that_is_stopped_while_it_counts(
    database: Database, database_dsn: str
) -> None:
    """Between being told what is counted and adding to it. Once it wakes it is told again, and adds to that."""
    told: list[tuple[int, int]] = []

    async def elsewhere() -> tuple[int, int]:
        async with open_database(database_dsn) as theirs:
            return await MeteredCounts(theirs).add("app", NOVEMBER, lambda *_: (3, 40))

    def stopped(calls: int, items: int) -> tuple[int, int]:
        told.append((calls, items))
        if len(told) == 1:
            with ThreadPoolExecutor() as other:
                assert other.submit(asyncio.run, elsewhere()).result(PATIENCE_S) == (3, 40)
        return 5, 50

    assert await MeteredCounts(database).add("app", NOVEMBER, stopped) == (8, 90)
    assert told == [(0, 0), (3, 40)]


async def test_what_is_added_is_told_the_next_time(ledger: MeteredLedger) -> None:
    seen: list[tuple[int, int]] = []

    def more(calls: int, items: int) -> tuple[int, int]:
        seen.append((calls, items))
        return 3, 40

    assert await ledger.add("app", NOVEMBER, more) == (3, 40)
    assert await ledger.add("app", NOVEMBER, more) == (6, 80)
    assert await ledger.add("app", DECEMBER, more) == (3, 40)
    assert await ledger.add("other", NOVEMBER, more) == (3, 40)
    assert seen == [(0, 0), (3, 40), (0, 0), (0, 0)]
    assert await ledger.add("app", NOVEMBER, lambda *_: (-2, -40)) == (4, 40)


async def test_a_run_that_is_held_to_a_plan_has_a_count_of_its_own(database: Database) -> None:
    """Whatever the app and the month; and it outlasts the process that counted."""
    runs = Runs(database, owner=Owner.current())
    first, second = [(await runs.start("extract", {"n": n}, [])).run_id for n in range(2)]
    counts = RunMeteredCounts(database, first)
    assert await counts.add("app", NOVEMBER, lambda *_: (3, 40)) == (3, 40)
    assert await counts.add("other", DECEMBER, lambda *told: told) == (6, 80)
    assert await RunMeteredCounts(database, first).add("", NOVEMBER, lambda *_: (-1, -1)) == (5, 79)
    assert await RunMeteredCounts(database, second).add("", NOVEMBER, lambda *_: (0, 0)) == (0, 0)
    assert await MeteredCounts(database).months(limit=9) == []


async def test_what_cannot_be_decided_adds_nothing(ledger: MeteredLedger) -> None:
    def broken(*_counts: int) -> tuple[int, int]:
        raise StoppedError("no")

    with pytest.raises(StoppedError):
        await ledger.add("app", NOVEMBER, broken)
    assert await ledger.add("app", NOVEMBER, lambda *_: (0, 0)) == (0, 0)


@pytest.mark.parametrize("of_run", [False, True])
async def test_nobody_adds_to_another_count_than_was_decided_on(database: Database, of_run: bool) -> None:
    """Read, decide, add: each of fifty takers is told in the end all that the others took before."""
    run_id = (await Runs(database, owner=Owner.current()).start("extract", {}, [])).run_id
    counts = RunMeteredCounts(database, run_id) if of_run else MeteredCounts(database)
    counted: list[tuple[int, int]] = []

    async def take() -> None:
        told: list[int] = []

        def one(calls: int, _items: int) -> tuple[int, int]:
            told.append(calls)
            return 1, 1

        calls, _items = await counts.add("app", NOVEMBER, one)
        counted.append((told[-1], calls))

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(take)
    assert sorted(counted) == [(before, before + 1) for before in range(50)]


async def test_the_newest_month_is_shown_first(database: Database) -> None:
    counts = MeteredCounts(database)
    for app, month in (("a", NOVEMBER), ("b", DECEMBER), ("a", DECEMBER)):
        await counts.add(app, month, lambda *_: (1, 2))
    assert await counts.months(limit=2) == [MeteredRow("a", DECEMBER, 1, 2), MeteredRow("b", DECEMBER, 1, 2)]


async def test_a_month_is_its_first_day(database: Database) -> None:
    with pytest.raises(Exception, match="metered"):
        await MeteredCounts(database).add("app", date(2026, 11, 2), lambda *_: (1, 1))


async def test_two_processes_together_use_up_the_cap_and_no_more(database_dsn: str, database: Database) -> None:
    children = [spender(database_dsn) for _ in range(2)]
    for child in children:
        go(child)
    sent = [await anyio.to_thread.run_sync(rest, child) for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert min(sent) > 0, "both had a share"
    assert CAP - CAP // 8 <= sum(sent) <= CAP
    assert await MeteredCounts(database).add("app", NOVEMBER, lambda *_: (0, 0)) == (sum(sent), sum(sent))


async def test_a_process_that_is_killed_wastes_a_block_at_most(database_dsn: str, database: Database) -> None:
    """The next one goes on from what the dead one had reserved, so the two together stay within the cap."""
    child = spender(database_dsn)
    go(child)
    assert child.stdout is not None
    for _ in range(BLOCK.calls + 5):
        await anyio.to_thread.run_sync(child.stdout.readline)
    os.kill(child.pid, signal.SIGKILL)
    sent = BLOCK.calls + 5 + await anyio.to_thread.run_sync(rest, child)
    (left_in,) = await MeteredCounts(database).months(limit=9)
    assert sent <= left_in.calls <= sent + BLOCK.calls
    metered = MeteredBudget(CAP, ledger=MeteredCounts(database), app="app", month=lambda: NOVEMBER)
    with pytest.raises(StoppedError):
        await use_up(metered)
    assert metered.used == CAP - left_in.calls
    assert CAP - BLOCK.calls <= sent + metered.used <= CAP


@pytest.mark.parametrize("reading", list(BatchCountsAs))
async def test_a_run_that_ends_leaves_exactly_what_it_used(database: Database, reading: BatchCountsAs) -> None:
    counts = MeteredCounts(database)
    metered = MeteredBudget(900, batch_counts_as=reading, ledger=counts, app="app", month=lambda: NOVEMBER)
    for _ in range(7):
        await metered.spend(call())
    await metered.settle()
    assert await counts.months(limit=9) == [MeteredRow("app", NOVEMBER, 7, 7)]


async def use_up(metered: MeteredBudget) -> None:
    while True:
        await metered.spend(call())


def spender(dsn: str) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", SPENDER, dsn], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def go(child: subprocess.Popen[str]) -> None:
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.close()


def rest(child: subprocess.Popen[str]) -> int:
    """The lines that it says yet, to its end. (`communicate` would lose those that were read ahead.)"""
    assert child.stdout is not None
    with child.stdout:
        said = child.stdout.read()
    child.wait()
    return len(said.splitlines())
