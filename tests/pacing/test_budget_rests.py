"""A realm's budget after a refusal: who rests, who asks alone, who goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise

import anyio
import pytest

from backfill.errors import StoppedError
from backfill.events import Event, Throttled
from backfill.model import RealmId
from backfill.pacing.budget import Grant, RealmBudget
from backfill.pacing.quota import QuotaBreaker
from backfill.wire import Lane
from tests.pacing.budgets import LIMITS, REALM, allowed, budget, takes, use

pytestmark = pytest.mark.virtual


async def test_a_refusal_freezes_the_realm_then_one_asks_alone_then_all_go_at_half_speed() -> None:
    events: list[Event] = []
    one = budget(observe=events.append)
    await use(one, Lane.QUERY, 5)
    await anyio.sleep(10)
    grant = await one.take(Lane.QUERY)
    refused_at = anyio.current_time()
    one.refused(grant)
    assert [(event.realm_id, event.lane) for event in events] == [(REALM, "query")]
    assert isinstance(events[0], Throttled)
    assert events[0].freeze_s == pytest.approx(60.0)
    started: list[float] = []
    out: list[Grant] = []

    async def worker() -> None:
        out.append(await one.take(Lane.QUERY))
        started.append(anyio.current_time())

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(worker)
        await anyio.sleep(59.9)
        assert started == []
        await anyio.sleep(5)
        assert started == pytest.approx([refused_at + 60.12], abs=0.13)  # one, and the others wait for its answer
        one.answered(out[0])
    gaps = [later - earlier for earlier, later in pairwise(started[1:])]
    assert gaps == pytest.approx([0.12, 0.12], abs=1e-3)
    assert allowed(one) == 250
    await anyio.sleep(60 * 5 + 1)
    assert allowed(one) == 500


async def test_the_answer_to_what_was_sent_before_the_rest_does_not_end_it() -> None:
    one = budget()
    before, refused = await one.take(Lane.QUERY), await one.take(Lane.QUERY)
    one.refused(refused)
    one.answered(before)
    assert one.frozen_until is not None
    assert await takes(one, Lane.QUERY, within_s=59.9) is None


async def test_what_was_never_sent_cannot_have_filled_a_second() -> None:
    """Else a refusal for the minute would be taken for one for the second, and rest so long."""
    one = budget()
    for _ in range(LIMITS.starts_per_second):
        one.unsent(await one.take(Lane.QUERY))
    one.refused(await one.take(Lane.QUERY))
    assert one.frozen_until == pytest.approx(anyio.current_time() + LIMITS.freeze_s)


async def test_what_waits_for_a_window_when_the_rest_begins_waits_for_its_end() -> None:
    one = budget(replace(LIMITS, requests_per_window=40, block_permits=1))
    await use(one, Lane.QUERY, 39)
    last = await one.take(Lane.QUERY)
    started: list[float] = []

    async def worker() -> None:
        one.answered(await one.take(Lane.QUERY))
        started.append(anyio.current_time())

    async with anyio.create_task_group() as group:
        group.start_soon(worker)
        await anyio.sleep(30)
        one.refused(last)
        until = one.frozen_until
    assert until is not None
    assert started[0] >= until - 1e-6
    assert one.frozen_until is None


async def test_whoever_waits_for_the_one_that_asks_rests_as_well() -> None:
    """What they hold is others' for so long: the answer may take as long as a time-out."""
    one = budget()
    one.refused(await one.take(Lane.QUERY))
    at_rest: list[str] = []

    @asynccontextmanager
    async def resting(who: str) -> AsyncIterator[None]:
        at_rest.append(who)
        yield
        at_rest.remove(who)

    async def worker(who: str) -> None:
        grant = await one.take(Lane.QUERY, resting=lambda: resting(who))
        await anyio.sleep(20)
        one.answered(grant)

    async with anyio.create_task_group() as group:
        for who in ("first", "second"):
            group.start_soon(worker, who)
        await anyio.sleep(59)
        assert at_rest == ["first", "second"]
        await anyio.sleep(11)
        assert len(at_rest) == 1
    assert at_rest == []


async def test_a_quota_that_is_found_to_be_spent_during_the_rest_is_not_asked_after_it() -> None:
    breaker = QuotaBreaker()
    one = budget(breaker=breaker)
    one.refused(await one.take(Lane.QUERY))

    async def waits_for_the_end() -> None:
        with pytest.raises(StoppedError, match="quota"):
            await one.take(Lane.QUERY)

    async with anyio.create_task_group() as group:
        group.start_soon(waits_for_the_end)
        await anyio.sleep(30)
        breaker.suspect(RealmId("2"), since=1.0, metered=True)


async def test_what_waits_for_its_start_when_the_rest_begins_does_not_start() -> None:
    one = budget()
    first = await one.take(Lane.QUERY)
    started: list[float] = []

    async def worker() -> None:
        one.answered(await one.take(Lane.QUERY))
        started.append(anyio.current_time())

    async with anyio.create_task_group() as group:
        group.start_soon(worker)
        await anyio.sleep(0.05)  # half way to its start
        one.refused(first)
    assert started == pytest.approx([60.05], abs=0.3)


async def test_the_one_that_asks_is_not_kept_waiting_by_those_who_were_in_line() -> None:
    one = budget(replace(LIMITS, requests_per_window=40, block_permits=1))
    await use(one, Lane.QUERY, 39)
    last = await one.take(Lane.QUERY)
    asked: list[float] = []

    async def worker() -> None:
        grant = await one.take(Lane.QUERY)
        if grant.probe:
            asked.append(anyio.current_time())
        one.answered(grant)

    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(worker)
        await anyio.sleep(1)
        one.refused(last)
        until = one.frozen_until
    assert until is not None
    assert asked == pytest.approx([until], abs=0.3)


@pytest.mark.parametrize("end", ["abandoned", "unsent", "cancelled"])
async def test_if_the_one_that_asks_gets_no_answer_another_asks(end: str) -> None:
    one = budget()
    one.refused(await one.take(Lane.QUERY))
    if end == "cancelled":
        assert await takes(one, Lane.QUERY, within_s=30) is None
    else:
        getattr(one, end)(await one.take(Lane.QUERY))
    second = await one.take(Lane.QUERY)
    assert second.probe
    one.answered(second)
    third = await one.take(Lane.QUERY)
    assert not third.probe


async def test_one_that_asks_and_is_cancelled_while_it_waits_for_its_start_lets_another_ask() -> None:
    one = budget(replace(LIMITS, in_flight=1))
    held = await one.take(Lane.QUERY)
    one.refused(await _refused_elsewhere(one, held))
    await anyio.sleep_until(61)
    blocker = await one.take(Lane.QUERY)  # asks, and holds the only place
    one.abandoned(blocker)
    assert await takes(one, Lane.QUERY, within_s=3) is None  # asks next, waits for the place, and gives up
    assert (await takes(one, Lane.QUERY, within_s=130)) is not None


async def _refused_elsewhere(one: RealmBudget, grant: Grant) -> Grant:
    await anyio.sleep(0.1)
    return grant
