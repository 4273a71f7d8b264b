"""A realm's limits together: lanes, order of taking, rests, the quota, durable permits."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import anyio
import pytest

from backfill.errors import StoppedError
from backfill.pacing.budget import LANE_RINGS
from backfill.pacing.ledger import MemoryPermitLedger
from backfill.pacing.quota import QuotaBreaker
from backfill.wire import Lane
from tests.pacing.budgets import LIMITS, REALM, WIDE, allowed, budget, takes, use, used

pytestmark = pytest.mark.virtual


def test_every_lane_counts_in_the_window_of_all_requests_and_takes_the_scarce_permit_first() -> None:
    assert set(LANE_RINGS) == set(Lane)
    assert all(rings[-1] == "requests" for rings in LANE_RINGS.values())


@pytest.mark.parametrize(
    ("lane", "permits"), [(Lane.BATCH, 40), (Lane.REPORT, 60), (Lane.QUERY, 500), (Lane.WRITE, 500)]
)
async def test_a_lane_has_its_own_window(lane: Lane, permits: int) -> None:
    one = budget()
    await use(one, lane, permits)
    assert (permits - 10) * 0.12 - 0.01 <= anyio.current_time() <= permits * 0.12, "ten in 1.2 s, and no faster"
    one.answered(await one.take(lane))
    assert anyio.current_time() == pytest.approx(60.0, abs=0.01)


async def test_a_full_lane_does_not_hold_up_the_others() -> None:
    one = budget()
    await use(one, Lane.BATCH, 40)
    async with anyio.create_task_group() as group:
        for _ in range(30):
            group.start_soon(one.take, Lane.BATCH)
        await anyio.sleep(1)
        assert await takes(one, Lane.QUERY, within_s=0.2) is not None
        group.cancel_scope.cancel()
    assert used(one) == 41


async def test_the_reserve_is_left_to_other_apps() -> None:
    one = budget(replace(LIMITS, reserve=0.1))
    assert allowed(one) == 450


async def test_who_is_next_keeps_to_a_span_that_grew_while_it_waited() -> None:
    one = budget(WIDE)
    started: list[float] = []

    async def take() -> None:
        started.append((await one.take(Lane.QUERY)).sent_at)

    async with anyio.create_task_group() as group:
        for _ in range(11):
            group.start_soon(take)
        await anyio.sleep(0.8)  # ten have gone; the eleventh was to go at 1.2
        one._spacer.change_span(5.0)
    assert started[10] == pytest.approx(5.0)


async def test_ten_are_in_flight_and_the_eleventh_waits_for_an_answer() -> None:
    one = budget()
    grants = [await one.take(Lane.QUERY) for _ in range(10)]
    assert await takes(one, Lane.QUERY, within_s=5) is None
    one.answered(grants[3])
    assert await takes(one, Lane.QUERY, within_s=0.2) is not None


async def test_no_place_in_flight_is_held_while_waiting_for_a_window() -> None:
    one = budget(replace(LIMITS, in_flight=2))
    await use(one, Lane.BATCH, 40)
    async with anyio.create_task_group() as group:
        group.start_soon(one.take, Lane.BATCH)
        group.start_soon(one.take, Lane.BATCH)
        await anyio.sleep(1)
        assert await takes(one, Lane.QUERY, within_s=0.2) is not None
        group.cancel_scope.cancel()


async def test_starts_are_spaced() -> None:
    one = budget()
    times = [(await one.take(Lane.QUERY)).sent_at for _ in range(5)]
    assert times == pytest.approx([0, 0.06, 0.12, 0.18, 0.24], abs=1e-4)


async def test_an_abandoned_request_keeps_its_place_while_it_may_be_worked_on_and_its_permit_until_it_is_in() -> None:
    one = budget(replace(LIMITS, in_flight=1, requests_per_window=40, block_permits=1))
    grant = await one.take(Lane.QUERY)
    await anyio.sleep(30)
    one.abandoned(grant)  # closed at 30: it arrives by 40, and is worked on for 120 s
    await anyio.sleep_until(99.5)
    assert used(one) == 1
    await anyio.sleep_until(100.1)
    assert used(one) == 0
    assert await takes(one, Lane.QUERY, within_s=19) is None
    second = await takes(one, Lane.QUERY, within_s=2)
    assert second is not None
    assert second.sent_at == pytest.approx(120.2)  # 0.2 s faster on the way, it does not come before there is room


async def test_whoever_thinks_that_a_request_counts_at_the_end_of_its_work_can_have_it_so() -> None:
    one = budget(replace(LIMITS, late_arrival_s=125))
    one.abandoned(await one.take(Lane.QUERY))
    await anyio.sleep_until(184.5)
    assert used(one) == 1
    await anyio.sleep_until(185.1)
    assert used(one) == 0


async def test_a_request_given_up_when_the_server_has_given_up_keeps_its_place_only_for_the_way() -> None:
    one = budget(replace(LIMITS, in_flight=1))
    grant = await one.take(Lane.BATCH)
    await anyio.sleep(130)
    one.abandoned(grant)
    second = await takes(one, Lane.BATCH, within_s=20)
    assert second is not None
    assert second.sent_at == pytest.approx(140)


async def test_a_request_that_was_never_sent_leaves_nothing_behind() -> None:
    one = budget()
    one.unsent(await one.take(Lane.BATCH))
    assert used(one) == 0


async def test_cancelling_at_any_moment_of_the_waiting_leaves_nothing_behind() -> None:
    one = budget(replace(LIMITS, in_flight=2), ledger=MemoryPermitLedger())
    held = [await one.take(Lane.QUERY) for _ in range(2)]
    for patience_s in (0.0, 0.05, 0.1, 0.5):
        assert await takes(one, Lane.BATCH, within_s=patience_s) is None
    for grant in held:
        one.unsent(grant)
    assert used(one) == 0
    for patience_s in (0.0, 0.01, 0.05):
        granted = await takes(one, Lane.BATCH, within_s=patience_s)
        if granted is not None:
            one.unsent(granted)
    assert used(one) == 0
    assert await takes(one, Lane.BATCH, within_s=1) is not None


async def test_ten_minutes_of_refusals_open_the_breaker_for_every_realm() -> None:
    breaker = QuotaBreaker()
    one, other = budget(breaker=breaker), budget(breaker=breaker)
    for _ in range(11):  # the first, and one a minute
        one.refused(await one.take(Lane.QUERY))
    assert anyio.current_time() == pytest.approx(600, abs=5)
    with pytest.raises(StoppedError, match=REALM):
        await one.take(Lane.QUERY)
    with pytest.raises(StoppedError):
        await other.take(Lane.WRITE)


async def test_after_an_hour_it_is_tried_again() -> None:
    """A service that runs for weeks outlives the month whose quota was spent."""
    breaker = QuotaBreaker()
    one, other = budget(breaker=breaker), budget(breaker=breaker)
    for _ in range(11):
        one.refused(await one.take(Lane.QUERY))
    await anyio.sleep(3600)
    one.refused(await one.take(Lane.QUERY))
    with pytest.raises(StoppedError):
        breaker.check()
    await anyio.sleep(3600)
    one.answered(await one.take(Lane.QUERY))
    other.answered(await other.take(Lane.QUERY))
    breaker.check()


async def test_a_realm_that_is_refused_while_others_are_answered_stops_nobody() -> None:
    breaker = QuotaBreaker()
    one, other = budget(breaker=breaker), budget(breaker=breaker)
    for _ in range(15):
        one.refused(await one.take(Lane.QUERY))
        other.answered(await other.take(Lane.QUERY))
    breaker.check()


async def test_the_tenth_refusal_in_ten_minutes_is_not_enough() -> None:
    breaker = QuotaBreaker()
    one = budget(breaker=breaker)
    for _ in range(10):
        one.refused(await one.take(Lane.QUERY))
    breaker.check()


async def test_single_writes_are_free_and_their_answers_say_nothing_about_the_quota() -> None:
    breaker = QuotaBreaker()
    one, other = budget(breaker=breaker), budget(breaker=breaker)
    for _ in range(11):
        other.answered(await other.take(Lane.WRITE))
        other.answered(await other.take(Lane.QUERY), accepted=False)
        one.refused(await one.take(Lane.QUERY))
    with pytest.raises(StoppedError):
        breaker.check()


@pytest.mark.parametrize("answered", [None, Lane.WRITE, Lane.QUERY])
async def test_a_single_write_that_is_refused_is_no_quota_while_others_are_taken(answered: Lane | None) -> None:
    """As in a load that sends nothing else: one realm that another app keeps busy stopped all of it."""
    breaker = QuotaBreaker()
    one, other = budget(breaker=breaker), budget(breaker=breaker)
    for _ in range(11):
        if answered is not None:
            other.answered(await other.take(answered))
        one.refused(await one.take(Lane.WRITE))
    with nullcontext() if answered is not None else pytest.raises(StoppedError):
        breaker.check()


async def test_a_budget_may_be_forgotten_when_a_new_one_would_be_the_same() -> None:
    one = budget()
    assert one.forgettable()
    grant = await one.take(Lane.BATCH)
    assert not one.forgettable()
    one.answered(grant)
    await anyio.sleep(59)
    assert not one.forgettable()
    await anyio.sleep(2)
    assert one.forgettable()
    one.refused(await one.take(Lane.QUERY))
    await anyio.sleep(100)
    assert not one.forgettable()  # the rest is over, and nobody has asked
    one.answered(await one.take(Lane.QUERY))
    await anyio.sleep(100)
    assert not one.forgettable()  # at half speed still
    await anyio.sleep(300)
    assert one.forgettable()


async def test_starts_that_are_spaced_wider_are_not_forgotten() -> None:
    one = budget(WIDE)
    before = [await one.take(Lane.QUERY) for _ in range(LIMITS.starts_per_second)]
    one.refused(await one.take(Lane.QUERY))
    one.answered(await one.take(Lane.QUERY))  # a second later: it was refused for the second
    for grant in before:
        one.answered(grant)
    await anyio.sleep(61)
    assert allowed(one) == 500
    assert not one.forgettable()
    await anyio.sleep(5 * 60)
    assert one.forgettable()


async def test_an_abandoned_call_is_not_forgotten_while_it_keeps_its_place() -> None:
    one = budget()
    one.abandoned(await one.take(Lane.QUERY))
    await anyio.sleep(119)
    assert not one.forgettable()
    await anyio.sleep(2)
    assert one.forgettable()
