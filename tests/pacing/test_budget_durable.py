"""Permits that survive a crash: a realm's budget and the ledger it writes before it sends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import anyio
import pytest

from backfill.errors import UnavailableError
from backfill.model import RealmId
from backfill.pacing.ledger import HeldPermits, MemoryPermitLedger
from backfill.wire import Lane
from tests.pacing.budgets import LIMITS, REALM, WIDE, budget, takes, use

pytestmark = pytest.mark.virtual


async def test_permits_are_made_durable_in_blocks_before_they_are_used() -> None:
    reserved: list[tuple[float, int]] = []
    used = 0

    class Slow(MemoryPermitLedger):
        async def reserve(self, realm_id: RealmId, held: Sequence[HeldPermits]) -> None:
            await anyio.sleep(0.05)
            await super().reserve(realm_id, held)
            reserved.append((anyio.current_time(), used))

    one = budget(WIDE, ledger=Slow())
    for _ in range(60):
        await one.take(Lane.QUERY)
        used += 1
    assert [before for _, before in reserved] == [0, 25, 50]


async def test_what_was_never_sent_uses_up_no_block() -> None:
    reserved = 0

    class Counting(MemoryPermitLedger):
        async def reserve(self, realm_id: RealmId, held: Sequence[HeldPermits]) -> None:
            nonlocal reserved
            reserved += 1

    one = budget(ledger=Counting())
    for _ in range(60):
        one.unsent(await one.take(Lane.QUERY))
    assert reserved == 1


async def test_a_block_does_not_forget_those_that_wait_for_their_start_under_the_one_before() -> None:
    ledger = MemoryPermitLedger()
    one = budget(replace(LIMITS, block_permits=5), ledger=ledger)
    async with anyio.create_task_group() as group:
        for _ in range(6):  # the sixth begins a new block, when at most one of the five has started
            group.start_soon(one.take, Lane.QUERY)
        await anyio.sleep(0.05)
        assert HeldPermits("requests", 5 + 5, None) in await ledger.held(REALM)


async def test_a_restart_lets_no_permit_come_back_sooner_than_it_would_have() -> None:
    ledger = MemoryPermitLedger()
    one = budget(replace(LIMITS, block_permits=1), ledger=ledger)
    for _ in range(40):
        one.answered(await one.take(Lane.QUERY))
    await one.settle()
    second = budget(ledger=ledger)
    second.restore(await ledger.held(REALM))
    for tenth_of_a_second in range(700):
        assert second.rate_used() >= one.rate_used(), tenth_of_a_second
        await anyio.sleep(0.1)
    assert second.rate_used() == 0


async def test_after_a_crash_the_whole_block_counts_as_just_sent() -> None:
    ledger = MemoryPermitLedger()
    one = budget(ledger=ledger)
    await use(one, Lane.QUERY, 30)  # 25 answered when the second block was reserved, 5 after
    second = budget(ledger=ledger)
    restarted_at = anyio.current_time()
    second.restore(await ledger.held(REALM))
    assert second.rate_used() == 25 + 25
    await anyio.sleep_until(restarted_at + 61)
    assert second.rate_used() == 25
    await anyio.sleep_until(restarted_at + 184)
    assert second.rate_used() == 25
    await anyio.sleep_until(restarted_at + 186)
    assert second.rate_used() == 0


async def test_a_block_counts_in_every_window_as_its_lanes_are_not_known() -> None:
    ledger = MemoryPermitLedger()
    await budget(ledger=ledger).take(Lane.QUERY)
    second = budget(ledger=ledger)
    second.restore(await ledger.held(REALM))
    for _ in range(15):
        second.answered(await second.take(Lane.BATCH))
    assert await takes(second, Lane.BATCH, within_s=5) is None


async def test_a_run_that_ends_in_order_leaves_nothing_to_guess() -> None:
    ledger = MemoryPermitLedger()
    one = budget(ledger=ledger)
    await use(one, Lane.QUERY, 3)
    await one.settle()
    second = budget(ledger=ledger)
    second.restore(await ledger.held(REALM))
    assert second.rate_used() == 3
    await anyio.sleep(62)
    assert await ledger.held(REALM) == []
    assert second.rate_used() == 0


async def test_a_ledger_that_cannot_be_written_stops_the_request_and_holds_nothing() -> None:
    class Down(MemoryPermitLedger):
        async def reserve(self, realm_id: RealmId, held: Sequence[HeldPermits]) -> None:
            raise UnavailableError("the database is down")

    one = budget(ledger=Down())
    for _ in range(12):  # more than there are places in flight
        with pytest.raises(UnavailableError):
            await one.take(Lane.QUERY)
    assert one.rate_used() == 0
