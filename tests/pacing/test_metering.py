"""Billed calls are counted so that the cap is never passed: not by calls under way, other processes, or a crash."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import anyio
import anyio.lowlevel
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill.errors import StoppedError
from backfill.model import RealmId
from backfill.pacing.metering import (
    BLOCK,
    BatchCountsAs,
    Capped,
    Count,
    MemoryMeteredLedger,
    MeteredBudget,
    Meters,
    Spent,
    items_of,
    month_of,
)
from backfill.wire import Lane, Request

NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)


def call(lane: Lane = Lane.QUERY, items: int = 1) -> Request:
    # What looks like an item in a statement is none.
    body = orjson.dumps({"BatchItemRequest": [{"bId": str(n), "Query": '"bId": [{'} for n in range(items)]})
    return Request(
        realm_id=RealmId("9130350000000001"),
        lane=lane,
        method="POST",
        path="/x",
        body=body if lane is Lane.BATCH else b"",
    )


def budget(
    ledger: MemoryMeteredLedger,
    cap: int | None,
    reading: BatchCountsAs = BatchCountsAs.CALL,
    month: Callable[[], date] = lambda: NOVEMBER,
) -> MeteredBudget:
    return MeteredBudget(cap, batch_counts_as=reading, ledger=ledger, app="app", month=month)


async def counted(ledger: MemoryMeteredLedger, month: date = NOVEMBER) -> Count:
    return Count(*await ledger.add("app", month, lambda *_: (0, 0)))


@pytest.mark.parametrize(
    ("lane", "calls", "items"),
    [(Lane.QUERY, 1, 1), (Lane.BATCH, 1, 7), (Lane.CDC, 1, 1), (Lane.REPORT, 1, 1), (Lane.WRITE, 0, 0)],
)
async def test_every_call_but_a_single_write_is_metered(lane: Lane, calls: int, items: int) -> None:
    ledger = MemoryMeteredLedger()
    metered = budget(ledger, None)
    assert (await metered.spend(call(lane, 7))).count == Count(calls, items)
    await metered.settle()
    assert await counted(ledger) == Count(calls, items)
    assert items_of(call(lane, 7)) == (7 if lane is Lane.BATCH else 1)


@pytest.mark.parametrize(("reading", "used"), [(BatchCountsAs.CALL, 2), (BatchCountsAs.ITEMS, 31)])
async def test_a_batch_counts_as_the_configuration_says(reading: BatchCountsAs, used: int) -> None:
    metered = budget(MemoryMeteredLedger(), None, reading)
    await metered.spend(call(Lane.BATCH, 30))
    await metered.spend(call())
    assert metered.used == used


@pytest.mark.parametrize("cap", [1, 7, 8, 500, 5_000])
async def test_the_cap_is_reached_and_not_passed(cap: int) -> None:
    ledger = MemoryMeteredLedger()
    metered = budget(ledger, cap)
    for _ in range(cap):
        await metered.spend(call())
    assert metered.reached is None, "the last call of the month is a call"
    with pytest.raises(StoppedError, match=rf"cap of {cap} metered calls is reached: {cap} are.*9130350000000001"):
        await metered.spend(call())
    assert metered.reached is not None
    assert "metered.monthly_cap" in metered.reached.action
    assert metered.used == cap
    assert (await metered.spend(call(Lane.WRITE))).count == Count()
    await metered.settle()
    assert (await counted(ledger)).calls == cap


async def test_a_batch_that_would_pass_the_cap_by_one_item_is_not_sent() -> None:
    metered = budget(MemoryMeteredLedger(), 40, BatchCountsAs.ITEMS)
    await metered.spend(call(Lane.BATCH, 30))
    with pytest.raises(StoppedError, match="a batch as its items"):
        await metered.spend(call(Lane.BATCH, 11))
    assert metered.used == 30


async def test_what_is_left_of_a_block_counts_towards_the_last_calls_of_the_cap() -> None:
    metered = budget(MemoryMeteredLedger(), 10, BatchCountsAs.ITEMS)
    metered.take_back(await metered.spend(call(Lane.BATCH, 6)))
    await metered.spend(call(Lane.BATCH, 10))
    assert metered.used == 10


async def test_what_was_not_billed_is_taken_back() -> None:
    metered = budget(MemoryMeteredLedger(), 1)
    metered.take_back(await metered.spend(call()))
    await metered.spend(call())
    with pytest.raises(StoppedError):
        await metered.spend(call())
    assert metered.used == 1


async def test_without_a_cap_it_only_counts() -> None:
    metered = budget(MemoryMeteredLedger(), None)
    for _ in range(3 * BLOCK.calls):
        await metered.spend(call())
    assert (metered.used, metered.reached) == (3 * BLOCK.calls, None)


async def test_a_crash_wastes_the_rest_of_its_block_at_most() -> None:
    ledger = MemoryMeteredLedger()
    dead = budget(ledger, 100_000)
    for _ in range(BLOCK.calls + 10):
        await dead.spend(call())
    left_in = await counted(ledger)
    assert BLOCK.calls + 10 <= left_in.calls <= 2 * BLOCK.calls
    assert left_in.items <= 2 * BLOCK.items


async def test_a_run_that_ends_gives_back_what_it_did_not_use() -> None:
    ledger = MemoryMeteredLedger()
    metered = budget(ledger, 100_000)
    spent = await metered.spend(call())
    await metered.spend(call(Lane.BATCH, 4))
    metered.take_back(spent)
    await metered.settle()
    await metered.settle()
    assert await counted(ledger) == Count(1, 4)


async def test_a_month_is_a_count_of_its_own() -> None:
    ledger = MemoryMeteredLedger()
    today = NOVEMBER
    metered = budget(ledger, 1_000, month=lambda: today)
    for _ in range(10):
        last = await metered.spend(call())
    block = (await counted(ledger)).calls
    assert block > 10, "there is a rest, which is not December's"
    today = DECEMBER
    await metered.spend(call())
    metered.take_back(last)
    assert metered.used == 10, "nine of November and one of December"
    await metered.settle()
    assert metered.used == 10
    assert (await counted(ledger)).calls == block, "what is over stays as it was counted"
    assert (await counted(ledger, DECEMBER)).calls == 1


async def test_a_cap_is_reached_until_the_month_is_over() -> None:
    """A service that runs for weeks goes on with the next month."""
    today = NOVEMBER
    metered = budget(MemoryMeteredLedger(), 3, month=lambda: today)
    for today in (NOVEMBER, DECEMBER):  # noqa: B007  # the budget looks at it
        for _ in range(3):
            assert metered.reached is None
            await metered.spend(call())
        with pytest.raises(StoppedError):
            await metered.spend(call())
        assert metered.reached is not None


async def test_every_app_has_its_own_budget_and_all_its_realms_share_it() -> None:
    ledger = MemoryMeteredLedger()
    meters = Meters(lambda app: MeteredBudget(2, ledger=ledger, app=app, month=lambda: NOVEMBER))
    assert meters.of("one") is meters.of("one")
    for app in ("one", "one", "two"):
        await meters.of(app).spend(call())
    assert (meters.used, meters.reached) == (3, [])
    with pytest.raises(StoppedError):
        await meters.of("one").spend(call())
    assert [why.message for why in meters.reached] == [
        "The monthly cap of 2 metered calls is reached: 2 are counted of app one (a batch as one call)."
    ]
    await meters.settle()
    assert await ledger.add("two", NOVEMBER, lambda *_: (0, 0)) == (1, 1)


class SlowLedger(MemoryMeteredLedger):
    """Between the look and the sum others get their turn; a lock keeps them apart, as the database's does."""

    def __init__(self) -> None:
        super().__init__()
        self._one = anyio.Lock()
        self.commits = 0

    async def add(self, app: str, month: date, more: Callable[[int, int], tuple[int, int]]) -> tuple[int, int]:
        async with self._one:
            await anyio.lowlevel.checkpoint()
            self.commits += 1
            return await super().add(app, month, more)


@given(
    seed=st.integers(0, 10_000),
    cap=st.integers(1, 900),
    reading=st.sampled_from(BatchCountsAs),
    processes=st.integers(1, 4),
)
def test_processes_that_crash_and_begin_anew_never_pass_the_cap_together(
    seed: int, cap: int, reading: BatchCountsAs, processes: int
) -> None:
    """Whatever dies between a block and its use; what is sent and not taken back is at most the cap."""
    billed = 0

    async def process(ledger: SlowLedger, rng: random.Random) -> None:
        nonlocal billed
        while True:
            metered = budget(ledger, cap, reading)
            for _ in range(rng.randrange(1, 300)):
                request = call(Lane.BATCH, rng.randrange(1, 31)) if rng.random() < 0.3 else call()
                try:
                    spent = await metered.spend(request)
                except StoppedError:
                    return
                await anyio.lowlevel.checkpoint()
                if rng.random() < 0.2:
                    metered.take_back(spent)
                else:
                    billed += spent.count.read(reading)
            if rng.random() < 0.5:
                await metered.settle()

    async def world() -> None:
        ledger = SlowLedger()
        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                for number in range(processes):
                    group.start_soon(process, ledger, random.Random(f"{seed} {number}"))
        assert (await counted(ledger)).read(reading) <= cap

    anyio.run(world)
    assert billed <= cap


async def test_many_callers_of_one_process_share_a_block() -> None:
    ledger = SlowLedger()
    metered = budget(ledger, None)
    spent: list[Spent] = []

    async def caller() -> None:
        spent.append(await metered.spend(call()))

    async with anyio.create_task_group() as group:
        for _ in range(BLOCK.calls):
            group.start_soon(caller)
    assert (len(spent), ledger.commits) == (BLOCK.calls, 1)


def test_a_month_begins_where_the_configuration_says() -> None:
    moment = datetime(2026, 12, 1, 3, 0, tzinfo=UTC)
    assert month_of(moment, UTC) == DECEMBER
    assert month_of(moment, ZoneInfo("America/Los_Angeles")) == NOVEMBER


PLAN = Capped("The plan", "Make another plan.")


async def test_a_call_needs_room_in_the_plan_and_in_its_apps_month() -> None:
    """Two apps share what the plan of their run allows; each has a month of its own."""
    ledger, of_run = MemoryMeteredLedger(), MemoryMeteredLedger()
    plan = MeteredBudget(5, ledger=of_run, capped=PLAN)
    meters = Meters(
        lambda app: MeteredBudget(3, ledger=ledger, app=app, month=lambda: NOVEMBER, within=plan),
    )
    one, other = meters.of("one"), meters.of("other")
    for _ in range(3):
        await one.spend(call())
    with pytest.raises(StoppedError, match="The monthly cap of 3 metered calls"):
        await one.spend(call())
    for _ in range(2):
        await other.spend(call())
    with pytest.raises(StoppedError, match="The plan of 5 metered calls is reached: 5 are counted") as refused:
        await other.spend(call())
    assert refused.value.action == "Make another plan."
    assert (await other.spend(call(Lane.WRITE))).count == Count(), "what is not billed needs no room"
    assert meters.used == 5
    await meters.settle()
    assert await counted_by(of_run, "") == Count(5, 5), "what the month refused is not the plan's"
    assert await counted_by(ledger, "other") == Count(2, 2), "what the plan refused is not the month's"


async def test_what_was_not_billed_is_taken_back_from_the_plan_too() -> None:
    of_run = MemoryMeteredLedger()
    plan = MeteredBudget(1, ledger=of_run, capped=PLAN)
    metered = MeteredBudget(None, within=plan)
    metered.take_back(await metered.spend(call()))
    await metered.spend(call())
    assert metered.reached is None
    with pytest.raises(StoppedError):
        await metered.spend(call())
    assert metered.reached == plan.reached is not None, "so the run stops"
    await metered.settle()
    assert await counted_by(of_run, "") == Count(1, 1)


async def counted_by(ledger: MemoryMeteredLedger, app: str) -> Count:
    month = NOVEMBER if app else date.min
    return Count(*await ledger.add(app, month, lambda *_: (0, 0)))
