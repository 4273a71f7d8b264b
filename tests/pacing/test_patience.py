"""Waits that are broken off together: now and later, and nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from math import inf

import anyio
import pytest

from backfill.errors import StoppedError, UnansweredError
from backfill.pacing.paced import Paced
from backfill.pacing.patience import Patience
from backfill.pacing.virtual_clock import VirtualClockError, run_virtual
from backfill.wire import Lane, Request, Response
from tests.pacing.budgets import REALM, budget, used

pytestmark = pytest.mark.virtual


async def test_all_who_wait_are_told_at_once_and_who_comes_later_too() -> None:
    patience = Patience()
    told: list[tuple[str, float]] = []

    async def wait(name: str) -> None:
        try:
            with patience.waiting():
                await anyio.sleep(60)
        except StoppedError:
            told.append((name, anyio.current_time()))

    async with anyio.create_task_group() as group:
        group.start_soon(wait, "a")
        group.start_soon(wait, "b")
        await anyio.sleep(5)
        patience.lose()
        group.start_soon(wait, "c")
    assert sorted(told) == [("a", 5), ("b", 5), ("c", 5)]


async def test_who_does_not_wait_is_not_touched() -> None:
    patience = Patience()
    with patience.waiting():
        await anyio.sleep(1)
    patience.lose()
    await anyio.sleep(1)
    assert anyio.current_time() == 2


async def test_cancelling_from_elsewhere_is_not_taken_for_it() -> None:
    patience = Patience()
    with anyio.move_on_after(3) as scope, patience.waiting():
        await anyio.sleep(60)
    assert scope.cancelled_caught


async def test_each_wait_ends_at_its_own_deadline() -> None:
    patience = Patience()
    ended: dict[float, float] = {}

    async def wait(deadline: float) -> None:
        with patience.waiting(deadline):
            await anyio.sleep_until(6)
        ended[deadline] = anyio.current_time()

    async with anyio.create_task_group() as group:
        for deadline in (4, 2, inf, 9, 3, 2):
            group.start_soon(wait, deadline)
        await anyio.sleep(1)
        group.start_soon(wait, 1.5)
    assert ended == pytest.approx({4: 4, 2: 2, inf: 6, 9: 6, 3: 3, 1.5: 1.5}, abs=1e-5)


def test_a_deadline_leaves_no_timer_behind() -> None:
    ended_at: list[float] = []

    async def main() -> None:
        with Patience().waiting(1000):
            await anyio.sleep(1)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended_at.append(anyio.current_time())

    with pytest.raises(VirtualClockError, match="no timer is set"):
        run_virtual(main())
    assert ended_at == [1]


async def test_what_has_come_before_it_was_noticed_is_kept() -> None:
    """The wait is over in the very turn of the loop in which it is broken off: what it brought is not lost."""
    patience = Patience()
    come = anyio.Event()
    kept = []

    async def wait() -> None:
        with patience.waiting():
            await come.wait()
            kept.append(True)

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.sleep(1)
        come.set()
        patience.lose()
    assert kept == [True]


async def test_what_was_broken_off_stays_so() -> None:
    """Though waits may be begun again in the same moment."""
    patience = Patience()
    told: list[str] = []

    async def wait(name: str) -> None:
        try:
            with patience.waiting():
                await anyio.sleep(60)
        except StoppedError:
            told.append(name)

    async with anyio.create_task_group() as group:
        group.start_soon(wait, "before")
        await anyio.sleep(5)
        patience.lose()
        patience.regain()
        group.start_soon(wait, "after")
    assert told == ["before"]
    assert anyio.current_time() == pytest.approx(65)


@pytest.mark.parametrize("lost_first", [True, False])
async def test_who_is_cancelled_in_the_same_moment_from_elsewhere_goes_no_further(lost_first: bool) -> None:
    patience = Patience()
    scopes: list[anyio.CancelScope] = []

    async def wait() -> None:
        with anyio.CancelScope() as scope:
            scopes.append(scope)
            with patience.waiting():
                await anyio.sleep(60)
            raise AssertionError("it went on")
        await anyio.sleep(1)  # none of the cancellations is left

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.sleep(5)
        for cancel in [patience.lose, scopes[0].cancel][:: 1 if lost_first else -1]:
            cancel()
    assert scopes[0].cancelled_caught
    assert anyio.current_time() == pytest.approx(6)


async def lost_after_5_s(patience: Patience, wait: Callable[[], Awaitable[None]]) -> None:
    """What begins to wait loses its patience, goes on for a second, and is over."""
    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.sleep(5)
        patience.lose()
    assert anyio.current_time() == pytest.approx(6)


async def test_a_wait_within_a_wait_is_broken_off_with_it() -> None:
    patience = Patience()

    async def wait() -> None:
        with pytest.raises(StoppedError), patience.waiting(100), patience.waiting():
            await anyio.sleep(60)
        await anyio.sleep(1)

    await lost_after_5_s(patience, wait)


async def test_the_deadline_of_the_outer_of_two_waits_ends_both() -> None:
    patience = Patience()
    with patience.waiting(3):
        with patience.waiting(), patience.waiting(8):
            await anyio.sleep(60)
        raise AssertionError("the inner waits had no reason to end")
    await anyio.sleep(1)
    assert anyio.current_time() == pytest.approx(4)


async def test_who_does_not_hear_it_is_told_again() -> None:
    patience = Patience()

    async def hard_of_hearing() -> None:
        with suppress(asyncio.CancelledError):
            await anyio.sleep(60)
        await anyio.sleep(60)

    async def wait() -> None:
        with pytest.raises(StoppedError), patience.waiting():
            await hard_of_hearing()
        await anyio.sleep(1)

    await lost_after_5_s(patience, wait)


async def test_an_error_that_it_leads_to_is_the_callers() -> None:
    async def fail_when_cancelled() -> None:
        try:
            await anyio.sleep(60)
        except asyncio.CancelledError:
            raise KeyError from None

    with pytest.raises(KeyError), Patience().waiting(3):
        await fail_when_cancelled()
    await anyio.sleep(1)
    assert anyio.current_time() == pytest.approx(4)


class Server:
    """Answers after five seconds."""

    async def send(self, request: Request, *, deadline: float) -> Response:
        await anyio.sleep(5)
        return Response(status=200)


class TestPaced:
    """A request that waits for its permits is broken off, and costs none; one that was sent is not."""

    async def sends(self, number: int, patience: Patience, *, deadline: float = 1e9) -> tuple[list[str], int]:
        """How as many requests at once end, and how many permits they cost."""
        one = budget()
        way = Paced(Server(), one, patience=patience)
        ended: list[str] = []

        async def send() -> None:
            try:
                request = Request(realm_id=REALM, lane=Lane.QUERY, method="GET", path="/query")
                ended.append(str((await way.send(request, deadline=deadline)).status))
            except (StoppedError, UnansweredError) as error:
                ended.append(type(error).__name__)

        async with anyio.create_task_group() as group:
            for _ in range(number):
                group.start_soon(send)
            await anyio.sleep(3)
            patience.lose()
        return ended, used(one)

    async def test_what_waits_is_broken_off(self) -> None:
        ended, used = await self.sends(25, Patience())
        assert (ended.count("200"), ended.count("StoppedError")) == (10, 15), "ten may be in flight"
        assert used == 10

    async def test_a_deadline_is_told_from_it(self) -> None:
        ended, _ = await self.sends(25, Patience(), deadline=anyio.current_time() + 2)
        assert (ended.count("200"), ended.count("UnansweredError")) == (10, 15)
