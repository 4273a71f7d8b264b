"""The ring itself: who gets the next permit and when, and that none is ever lost or made."""

from __future__ import annotations

import asyncio
import random
from functools import partial

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfill.pacing.permits import PermitRing, RingStatistics
from backfill.pacing.virtual_clock import VirtualClockLoop, run_virtual

pytestmark = pytest.mark.virtual


async def test_a_permit_comes_back_one_window_after_the_answer_and_not_after_the_sending() -> None:
    ring = PermitRing(1, 60)
    await ring.take()
    await anyio.sleep(7)
    ring.answered(anyio.current_time())
    await ring.take()
    assert anyio.current_time() == pytest.approx(67)


async def test_a_permit_that_was_not_used_comes_back_at_once() -> None:
    ring = PermitRing(1, 60)
    await ring.take()
    ring.unused()
    await ring.take()
    assert anyio.current_time() == 0


async def test_a_permit_comes_back_when_it_is_told_to() -> None:
    ring = PermitRing(1, 60)
    await ring.take()
    ring.come_back_at(185)
    await ring.take()
    assert anyio.current_time() == pytest.approx(185)


async def test_those_in_line_are_served_in_order_and_nobody_passes_them() -> None:
    ring = PermitRing(2, 10)
    served: list[int] = []

    async def worker(number: int) -> None:
        await ring.take()
        served.append(number)
        await anyio.sleep(0.1)
        ring.answered(anyio.current_time())

    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(worker, number)
            await anyio.sleep(0.01)
        await anyio.sleep(10)
        # Here a permit is free or about to be: a newcomer still goes to the end of the line.
        assert not ring.take_nowait()
    assert served == list(range(8))


async def test_cancelling_one_in_line_lets_the_next_one_have_it() -> None:
    ring = PermitRing(1, 10)
    await ring.take()
    ring.answered(anyio.current_time())
    served: list[str] = []

    async def patient() -> None:
        await anyio.sleep(0.5)
        await ring.take()
        served.append("patient")

    async with anyio.create_task_group() as group:
        with anyio.move_on_after(1):
            group.start_soon(patient)
            await ring.take()
            served.append("impatient")
    assert served == ["patient"]
    assert ring.statistics() == RingStatistics(permits=1, held=1, waiting=0)


@pytest.mark.parametrize("cancelled_first", [True, False])
async def test_cancelling_in_the_very_turn_of_the_hand_over_loses_no_permit(cancelled_first: bool) -> None:
    ring = PermitRing(1, 10)
    await ring.take()
    # A task of asyncio's own: unlike a scope of anyio, it can be cancelled when its permit is on the way to it.
    waiter = asyncio.ensure_future(ring.take())
    await anyio.sleep(1)
    if cancelled_first:
        waiter.cancel()
        ring.unused()
    else:
        ring.unused()
        waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert ring.statistics() == RingStatistics(permits=1, held=0, waiting=0)


async def test_a_permit_that_has_come_back_belongs_to_the_first_in_line_before_its_timer_fires() -> None:
    ring = PermitRing(1, 10)
    ring.hold([5.0])
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualClockLoop)
    async with anyio.create_task_group() as group:
        group.start_soon(ring.take)
        await anyio.sleep(1)
        loop._jumping.now_s = 7.0  # a busy loop: timers fire late
        assert not ring.take_nowait()


async def test_a_ring_nobody_waits_for_sets_no_timer() -> None:
    ring = PermitRing(3, 60)
    for _ in range(3):
        await ring.take()
        ring.answered(anyio.current_time())
    assert ring._timer is None
    with anyio.move_on_after(1):
        await ring.take()
    assert ring._timer is None  # nor does one who has gone


async def test_waiting_is_not_asking_again_and_again() -> None:
    ring = PermitRing(1, 3600)
    await ring.take()
    ring.answered(anyio.current_time())
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualClockLoop)
    turns = 0
    select = loop._jumping.select

    def counting(timeout: float | None = None):  # type: ignore[no-untyped-def]
        nonlocal turns
        turns += 1
        return select(timeout)

    loop._jumping.select = counting  # type: ignore[method-assign]
    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(_take_and_return, ring)
    assert anyio.current_time() == pytest.approx(3600 * 20)
    assert turns < 20 * 10


async def _take_and_return(ring: PermitRing) -> None:
    await ring.take()
    ring.answered(anyio.current_time())


async def test_fewer_permits_are_missed_as_they_come_back_and_more_serve_those_in_line() -> None:
    ring = PermitRing(4, 10)
    for _ in range(4):
        await ring.take()
        ring.answered(anyio.current_time())
    ring.resize(2)
    assert ring.statistics() == RingStatistics(permits=2, held=4, waiting=0)
    await ring.take()
    await ring.take()
    assert anyio.current_time() == pytest.approx(10)
    assert not ring.take_nowait()
    async with anyio.create_task_group() as group:
        group.start_soon(ring.take)
        await anyio.sleep(1)
        ring.resize(3)
        assert ring.statistics() == RingStatistics(permits=3, held=3, waiting=0)


async def test_permits_of_an_earlier_process_count_as_held() -> None:
    ring = PermitRing(3, 60)
    ring.hold([5.0, 50.0])
    assert ring.take_nowait()
    await ring.take()
    assert anyio.current_time() == pytest.approx(5)
    await ring.take()
    assert anyio.current_time() == pytest.approx(50)


async def test_more_than_all_may_be_held_from_before() -> None:
    ring = PermitRing(2, 60)
    ring.hold([5.0, 6.0, 7.0])
    await ring.take()
    assert anyio.current_time() == pytest.approx(6)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), permits=st.integers(1, 5), tasks=st.integers(1, 25))
def test_no_permit_is_lost_or_made_whatever_is_cancelled(seed: int, permits: int, tasks: int) -> None:
    async def main() -> None:
        rng = random.Random(seed)
        ring = PermitRing(permits, 3)
        out = most_out = 0

        async def worker(patience_s: float, work_s: float, end: int) -> None:
            nonlocal out, most_out
            taken = False
            with anyio.move_on_after(patience_s):
                await ring.take()
                taken = True
            if taken:
                out += 1
                most_out = max(most_out, out)
                await anyio.sleep(work_s)
                out -= 1
                now = anyio.current_time()
                (partial(ring.answered, now), ring.unused, partial(ring.come_back_at, now + 5))[end]()

        async with anyio.create_task_group() as group:
            for _ in range(tasks):
                await anyio.sleep(rng.choice([0, 0, 1, 2.5]))
                # Whole numbers, so that a deadline, a return and a new-comer often meet in one turn of the loop.
                group.start_soon(worker, rng.choice([0, 1, 2, 3, 60, 600]), rng.choice([0, 1, 2]), rng.randrange(3))
        await anyio.sleep(100)
        assert most_out <= permits
        assert ring.statistics() == RingStatistics(permits=permits, held=0, waiting=0)

    run_virtual(main())
