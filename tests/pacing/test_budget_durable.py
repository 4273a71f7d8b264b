"""Permits that survive a crash: a realm's budget and the ledger it writes before it sends."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

import anyio
import msgspec
import pytest

from backfill.errors import UnavailableError
from backfill.model import RealmId
from backfill.pacing.budget import REST, SNAPSHOT_GROUPS
from backfill.pacing.ledger import DurablePermits, HeldPermits, MemoryPermitLedger
from backfill.wire import Lane
from tests.pacing.budgets import LIMITS, REALM, WIDE, allowed, budget, takes, use, used

pytestmark = pytest.mark.virtual


class Slow(MemoryPermitLedger):
    """Takes its time to write, and knows how many may be sent under what it has written."""

    def __init__(self, takes_s: float) -> None:
        super().__init__()
        self.takes_s = takes_s
        self.writes = self.durable = 0

    async def reserve(self, realm_id: RealmId, held: Sequence[HeldPermits], *, epoch: int) -> None:
        await anyio.sleep(self.takes_s)
        await super().reserve(realm_id, held, epoch=epoch)
        self.durable = sum(entry.permits for entry in held if entry.ring == "requests")
        self.writes += 1


async def starts_until(end: float, ledger: Slow) -> list[float]:
    """Times at which five workers start requests that are answered at once."""
    one = budget(ledger=ledger)
    times: list[float] = []

    async def worker() -> None:
        while True:
            one.answered(await one.take(Lane.QUERY))
            times.append(anyio.current_time())
            assert len(times) <= ledger.durable, "every one was made durable before it went"

    with anyio.move_on_after(end):
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(worker)
    return times


async def test_permits_are_made_durable_in_blocks_and_only_the_first_writing_is_waited_for() -> None:
    ledger = Slow(takes_s=0.2)
    times = await starts_until(20.0, ledger)
    assert times[0] == pytest.approx(0.2)
    assert len(times) >= (20.0 - 0.2) / 0.12
    assert ledger.writes == pytest.approx(len(times) / 8, abs=2), "ten at once, renewed when two are left"


async def test_a_ledger_that_is_slower_than_a_block_is_waited_for() -> None:
    assert len(await starts_until(19.0, Slow(takes_s=10.0))) == 10


async def test_what_was_never_sent_uses_up_no_block() -> None:
    reserved = 0

    class Counting(MemoryPermitLedger):
        async def reserve(self, realm_id: RealmId, held: Sequence[HeldPermits], *, epoch: int) -> None:
            nonlocal reserved
            reserved += 1

    one = budget(ledger=Counting())
    for _ in range(60):
        one.unsent(await one.take(Lane.QUERY))
    assert reserved == 1


async def test_a_block_does_not_forget_those_that_are_out_under_the_one_before() -> None:
    ledger = MemoryPermitLedger()
    one = budget(replace(LIMITS, block_permits=5), ledger=ledger)
    async with anyio.create_task_group() as group:
        for _ in range(6):  # none is answered; the fifth starts, and the sixth finds nothing left
            group.start_soon(one.take, Lane.QUERY)
        await anyio.sleep(1)
        assert HeldPermits("requests", 5 + 5, None) in await ledger.held(REALM)


async def test_what_was_covered_and_put_back_may_be_sent_and_is_kept() -> None:
    # The cover of a request that was never sent serves another one: with it more may be sent than a block.
    ledger = MemoryPermitLedger()
    one = budget(WIDE, ledger=ledger)
    grants = [await one.take(Lane.QUERY) for _ in range(8)]
    for grant in grants:
        one.unsent(grant)
    out = [await one.take(Lane.BATCH) for _ in range(4)]  # a block of batches is four: renewed meanwhile
    out += [await one.take(Lane.QUERY) for _ in range(13)]
    kept = sum(entry.permits for entry in await ledger.held(REALM) if entry.ring == "requests")
    assert kept >= len(out)


async def test_a_restart_lets_no_permit_come_back_sooner_than_it_would_have() -> None:
    ledger = MemoryPermitLedger()
    one = budget(replace(LIMITS, block_permits=1), ledger=ledger)
    for _ in range(40):
        one.answered(await one.take(Lane.QUERY))
    await one.settle()
    second = budget(ledger=ledger)
    second.restore(await ledger.held(REALM))
    for tenth_of_a_second in range(700):
        assert used(second) >= used(one), tenth_of_a_second
        await anyio.sleep(0.1)
    assert used(second) == 0


@pytest.mark.parametrize("seed", range(10))
async def test_a_restart_lets_no_permit_come_back_sooner_by_a_rounding_either(seed: int) -> None:
    # A bit of a float sooner, and the server still counts the one before in the same window.
    rng = random.Random(seed)
    limits = replace(LIMITS, requests_per_window=1, batches_per_window=1, block_permits=1)
    ledger = MemoryPermitLedger()
    await anyio.sleep(rng.random())
    one = budget(limits, ledger=ledger)
    one.answered(await one.take(Lane.QUERY))
    back_at = anyio.current_time() + limits.window_s
    await anyio.sleep(rng.randrange(500) / 100)  # whole hundredths, as the ledger has them: there is none to round up
    await one.settle()
    await anyio.sleep(rng.uniform(0, 50))
    second = budget(limits, ledger=ledger)
    second.restore(await ledger.held(REALM))
    assert back_at <= (await second.take(Lane.QUERY)).sent_at < back_at + 0.03


async def test_after_a_crash_the_whole_block_counts_as_just_sent() -> None:
    ledger = MemoryPermitLedger()
    one = budget(ledger=ledger)
    await use(one, Lane.QUERY, 30)  # the 25th renewed the block: 24 were answered, ten more are not known
    second = budget(ledger=ledger)
    restarted_at = anyio.current_time()
    second.restore(await ledger.held(REALM))
    assert used(second) == 24 + 10
    await anyio.sleep_until(restarted_at + 61)
    assert used(second) == 10
    await anyio.sleep_until(restarted_at + 69.9)
    assert used(second) == 10
    await anyio.sleep_until(restarted_at + 70.1)
    assert used(second) == 0


async def test_of_a_block_some_may_be_batches_and_some_reports() -> None:
    ledger = MemoryPermitLedger()
    await budget(ledger=ledger).take(Lane.QUERY)
    held = await ledger.held(REALM)
    assert held == [HeldPermits("requests", 10, None), HeldPermits("batches", 4, None), HeldPermits("reports", 4, None)]
    second = budget(ledger=ledger)
    second.restore(held)
    for _ in range(36):
        second.answered(await second.take(Lane.BATCH))
    assert await takes(second, Lane.BATCH, within_s=5) is None


async def test_the_first_start_after_a_restart_keeps_its_distance() -> None:
    ledger = MemoryPermitLedger()
    await budget(ledger=ledger).take(Lane.QUERY)
    second = budget(ledger=ledger)
    second.restore(await ledger.held(REALM))
    assert (await second.take(Lane.QUERY)).sent_at == pytest.approx(0.12, abs=1e-4)


async def test_what_is_kept_of_a_full_window_is_bounded_and_a_second_off_at_most() -> None:
    ledger = MemoryPermitLedger()
    one = budget(ledger=ledger)
    await use(one, Lane.QUERY, 500)
    await one.settle()
    held = await ledger.held(REALM)
    assert sum(entry.permits for entry in held) == 500
    assert len(held) <= SNAPSHOT_GROUPS
    assert len(msgspec.json.encode([(entry.ring, entry.permits, entry.free_in_s) for entry in held])) < 6000
    second = budget(ledger=ledger)
    second.restore(held)
    for _ in range(60):
        assert used(one) <= used(second) <= used(one) + 7
        await anyio.sleep(1)


async def test_a_run_that_ends_in_order_leaves_nothing_to_guess() -> None:
    ledger = MemoryPermitLedger()
    one = budget(ledger=ledger)
    await use(one, Lane.QUERY, 3)
    await one.settle()
    second = budget(ledger=ledger)
    second.restore(await ledger.held(REALM))
    assert used(second) == 3
    await anyio.sleep(62)
    assert await ledger.held(REALM) == []
    assert used(second) == 0


async def test_of_what_was_given_up_it_is_known_when_its_permits_come_back() -> None:
    ledger = MemoryPermitLedger()
    one = budget(ledger=ledger)
    one.abandoned(await one.take(Lane.QUERY))
    await one.settle()
    (held,) = await ledger.held(REALM)
    assert (held.ring, held.permits) == ("requests", 1)
    assert held.free_in_s == pytest.approx(LIMITS.late_arrival_s + LIMITS.window_s, abs=0.02)


async def test_what_was_next_to_start_when_the_rest_began_is_not_taken_for_sent() -> None:
    ledger = MemoryPermitLedger()
    one = budget(replace(LIMITS, in_flight=1), ledger=ledger)
    first = await one.take(Lane.QUERY)
    async with anyio.create_task_group() as group:
        group.start_soon(one.take, Lane.QUERY)
        await anyio.sleep(1)  # it waits for the place in flight
        one.refused(first)
        await anyio.sleep(1)
        group.cancel_scope.cancel()
    await one.settle()
    held = [entry for entry in await ledger.held(REALM) if entry.ring != REST]
    assert [(entry.permits, entry.free_in_s is None) for entry in held] == [(1, False)]


async def test_nothing_goes_under_a_block_that_was_given_up() -> None:
    """The ledger does not know of it any more: whoever came after a crash would not count what went under it."""
    ledger = Slow(takes_s=0.2)
    one = budget(ledger=ledger)
    await use(one, Lane.QUERY, 3)
    await one.settle()
    assert (ledger.writes, ledger.durable) == (2, 3)
    await use(one, Lane.QUERY, 1)
    assert (ledger.writes, ledger.durable) == (3, 3 + LIMITS.block_permits)


async def test_what_was_put_back_is_durable_too() -> None:
    """So much of it that more is left than a block: all of that may be sent while the next one is written."""
    unknown: list[int] = []

    def snapshot(out: Mapping[str, int]) -> Sequence[HeldPermits]:
        unknown.append(out["requests"])
        return []

    block = {"requests": 5, "batches": 1}
    one = DurablePermits(MemoryPermitLedger(), REALM, block=block, snapshot=snapshot)
    await one.draw(["requests"])
    for _ in range(4):
        assert one.draw_nowait(["requests"])
    await one.draw(["requests"])
    for _ in range(6):
        one.put_back(["requests"])
    await one.draw(["batches", "requests"])
    await one.draw(["batches", "requests"])  # of batches none is left
    assert unknown == [5, 5 + 5, 1 + 9]


async def test_a_ledger_that_cannot_be_written_stops_the_request_and_holds_nothing() -> None:
    class Down(MemoryPermitLedger):
        async def reserve(self, realm_id: RealmId, held: Sequence[HeldPermits], *, epoch: int) -> None:
            raise UnavailableError("the database is down")

    one = budget(ledger=Down())
    for _ in range(12):  # more than there are places in flight
        with pytest.raises(UnavailableError):
            await one.take(Lane.QUERY)
    assert used(one) == 0


async def test_who_takes_over_a_realm_that_rests_waits_for_the_rests_end() -> None:
    """Or every process that helps would ask, and be refused, once a rest."""
    ledger = MemoryPermitLedger()
    one = budget(ledger=ledger)
    one.refused(await one.take(Lane.QUERY))
    rests_until = one.frozen_until
    await anyio.sleep(20)
    await one.settle()
    second = budget(ledger=ledger)
    second.restore(await ledger.held(REALM))
    assert second.frozen_until == pytest.approx(rests_until)
    probe = await second.take(Lane.QUERY)
    assert probe.sent_at == pytest.approx(rests_until)
    assert await takes(second, Lane.QUERY, within_s=5) is None, "one asks alone"
    second.answered(probe)
    assert await takes(second, Lane.QUERY, within_s=5) is not None
    assert allowed(second) == one.limits.request_permits // 2, "it comes back at half speed"


async def test_a_rest_that_is_over_is_not_taken_over() -> None:
    ledger = MemoryPermitLedger()
    one = budget(ledger=ledger)
    one.refused(await one.take(Lane.QUERY))
    await one.settle()
    await anyio.sleep(LIMITS.freeze_s + LIMITS.freeze_jitter_s + LIMITS.window_s)
    second = budget(ledger=ledger)
    second.restore(await ledger.held(REALM))
    assert second.frozen_until is None
    assert allowed(second) == second.limits.request_permits
