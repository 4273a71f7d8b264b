"""Starts are even, also while the gap changes and while those who wait give up."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import anyio
import pytest

from backfill.pacing.spacing import StartSpacer
from backfill.pacing.virtual_clock import VirtualClockLoop

pytestmark = pytest.mark.virtual


async def starts(spacer: StartSpacer, count: int) -> list[float]:
    times: list[float] = []

    async def start() -> None:
        await spacer.wait()
        times.append(anyio.current_time())

    async with anyio.create_task_group() as group:
        for _ in range(count):
            group.start_soon(start)
    return times


def gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


async def test_the_first_goes_at_once_and_there_is_no_burst() -> None:
    times = await starts(StartSpacer(0.12), 20)
    assert times[0] == 0
    assert gaps(times) == pytest.approx([0.12] * 19, abs=1e-4)


async def test_those_who_wait_start_in_order_and_nobody_passes_them() -> None:
    spacer = StartSpacer(1.0)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualClockLoop)
    order: list[str] = []

    async def start(name: str) -> None:
        await spacer.wait()
        order.append(name)

    await spacer.wait()
    async with anyio.create_task_group() as group:
        for name in ("first", "second"):
            group.start_soon(start, name)
        await anyio.sleep(0.5)
        loop._jumping.now_s = 1.5  # a busy loop: the bucket has drained, and its timer has not fired
        await start("newcomer")
    assert order == ["first", "second", "newcomer"]


async def test_a_pause_saves_nothing_up() -> None:
    spacer = StartSpacer(0.12)
    await starts(spacer, 3)
    await anyio.sleep(60)
    assert min(gaps(await starts(spacer, 10))) >= 0.12 - 1e-9


@pytest.mark.parametrize("gap_s", [0.06, 0.5])
async def test_a_change_of_gap_lets_no_start_come_too_soon(gap_s: float) -> None:
    spacer = StartSpacer(0.12)
    before = await starts(spacer, 3)
    spacer.change_gap(gap_s)
    after = await starts(spacer, 3)
    assert min(gaps([before[-1], *after])) >= gap_s - 1e-9


async def test_those_who_wait_already_keep_to_the_new_gap() -> None:
    spacer = StartSpacer(0.12)
    times: list[float] = []

    async def start() -> None:
        await spacer.wait()
        times.append(anyio.current_time())

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(start)
        await anyio.sleep(0.3)
        spacer.change_gap(1.0)
        changed_after = len(times)
    assert min(gaps(times[changed_after:])) >= 1.0 - 1e-9


async def test_those_who_give_up_cost_the_others_nothing() -> None:
    spacer = StartSpacer(1.0)
    await spacer.wait()
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(_give_up, spacer)
        await anyio.sleep(0.5)
    await spacer.wait()
    assert anyio.current_time() == pytest.approx(1.0, abs=1e-3)


async def _give_up(spacer: StartSpacer) -> None:
    with anyio.move_on_after(0.1):
        await spacer.wait()
