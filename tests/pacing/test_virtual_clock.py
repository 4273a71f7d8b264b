"""The virtual clock: it jumps, it never sleeps, it refuses what it would overtake, and it cannot hang a test."""

from __future__ import annotations

import asyncio
import itertools
import random
import socket
import threading
import time

import anyio
import anyio.lowlevel
import pytest
from aiolimiter import AsyncLimiter

from backfill.pacing.virtual_clock import VirtualClockError, VirtualClockLoop, WallLimitError, run_virtual


@pytest.mark.virtual
async def test_an_hour_of_sleeping_takes_no_time() -> None:
    began_s = time.perf_counter()
    await anyio.sleep(3600)
    assert anyio.current_time() == pytest.approx(3600)
    assert time.perf_counter() - began_s < 1


async def test_an_unmarked_test_runs_in_real_time() -> None:
    assert not isinstance(asyncio.get_running_loop(), VirtualClockLoop)


@pytest.mark.virtual
async def test_a_marked_test_has_a_limit_on_real_time() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualClockLoop)
    assert loop._jumping._wall_limit_s <= 60


def test_a_wait_longer_than_the_loop_ever_selects_for_ends_on_time() -> None:
    # asyncio never asks its selector to wait for more than a day; the clock gets there in several jumps.
    async def main() -> float:
        await anyio.sleep(400 * 86400)
        return anyio.current_time()

    assert run_virtual(main()) == pytest.approx(400 * 86400)


def test_timers_fire_in_the_order_of_their_times() -> None:
    async def main() -> list[float]:
        fired: list[float] = []

        async def sleeper(wait_s: float) -> None:
            await anyio.sleep(wait_s)
            assert anyio.current_time() >= wait_s - 1e-9
            fired.append(wait_s)

        async with anyio.create_task_group() as group:
            for wait_s in (5.0, 0.5, 86400.0, 2.0):
                group.start_soon(sleeper, wait_s)
        return fired

    assert run_virtual(main()) == [0.5, 2.0, 5.0, 86400.0]


def test_the_same_seed_gives_the_same_trace() -> None:
    async def main(seed: int) -> list[tuple[float, int]]:
        rng = random.Random(seed)
        limiter = AsyncLimiter(3, 1)
        trace: list[tuple[float, int]] = []

        async def worker(number: int) -> None:
            for _ in range(20):
                await anyio.sleep(rng.random())
                async with limiter:
                    trace.append((anyio.current_time(), number))

        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(worker, number)
        return trace

    first = run_virtual(main(7))
    assert first == run_virtual(main(7))
    assert first != run_virtual(main(8))


def test_a_limiter_that_sets_a_timer_below_a_float_step_does_not_stop_the_clock() -> None:
    async def main() -> float:
        await anyio.sleep_until(1e6)  # far from zero a float step is larger, which is where the trap is
        limiter = AsyncLimiter(1, 0.12)
        for _ in range(500):
            await limiter.acquire()
        return anyio.current_time() - 1e6

    assert run_virtual(main(), wall_limit_s=5) == pytest.approx(499 * 0.12, abs=0.01)


def test_going_round_without_end_is_stopped() -> None:
    async def main() -> None:
        for _ in itertools.count():
            await anyio.lowlevel.checkpoint()

    with pytest.raises(WallLimitError, match=r"0\.2 s of real time"):
        run_virtual(main(), wall_limit_s=0.2)


def test_timers_without_end_are_stopped() -> None:
    async def main() -> None:
        for _ in itertools.count():
            await anyio.sleep(1)

    with pytest.raises(WallLimitError):
        run_virtual(main(), wall_limit_s=0.2)


def test_waiting_for_nothing_is_an_error_and_not_a_hang() -> None:
    async def main() -> None:
        await anyio.Event().wait()

    with pytest.raises(VirtualClockError, match="nothing will ever happen"):
        run_virtual(main())


def test_an_executor_is_refused() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().run_in_executor(None, time.perf_counter)

    with pytest.raises(VirtualClockError, match="thread"):
        run_virtual(main())


def test_a_socket_is_refused() -> None:
    left, right = socket.socketpair()

    async def main() -> None:
        left.setblocking(False)
        await asyncio.get_running_loop().sock_recv(left, 1)

    with left, right, pytest.raises(VirtualClockError, match="socket"):
        run_virtual(main())


def test_a_call_from_another_thread_is_refused() -> None:
    refused: list[BaseException] = []

    def call_from_thread(loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.call_soon_threadsafe(print)
        except VirtualClockError as error:
            refused.append(error)

    async def main() -> None:
        thread = threading.Thread(target=call_from_thread, args=(asyncio.get_running_loop(),))
        thread.start()
        thread.join()

    run_virtual(main())
    assert len(refused) == 1


def test_the_result_and_the_error_come_out() -> None:
    async def returns() -> int:
        return 3

    async def raises() -> None:
        raise LookupError("x")

    assert run_virtual(returns()) == 3
    with pytest.raises(LookupError):
        run_virtual(raises())


@pytest.mark.long
async def test_a_long_test_runs_only_when_asked_for(request: pytest.FixtureRequest) -> None:
    assert request.config.getoption("--long")
