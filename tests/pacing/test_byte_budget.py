"""One budget of bytes: never over, fair by key and weight, nothing lost when somebody gives up."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfill.pacing.byte_budget import ByteBudget
from backfill.pacing.virtual_clock import run_virtual

pytestmark = pytest.mark.virtual


async def test_what_fits_goes_at_once_and_the_rest_waits_for_room() -> None:
    budget = ByteBudget(100)
    begun: dict[int, float] = {}

    async def reader(size_bytes: int) -> None:
        async with budget.take(size_bytes):
            begun[size_bytes] = anyio.current_time()
            await anyio.sleep(1)

    async with anyio.create_task_group() as group:
        for size_bytes in (60, 40, 30):
            group.start_soon(reader, size_bytes)
    assert begun == pytest.approx({60: 0, 40: 0, 30: 1}, abs=1e-3)
    assert budget.held_bytes == 0


async def test_a_large_one_is_not_passed_by_small_ones() -> None:
    budget = ByteBudget(100)
    order: list[int] = []

    async def reader(size_bytes: int) -> None:
        async with budget.take(size_bytes):
            order.append(size_bytes)
            await anyio.sleep(1)

    async with anyio.create_task_group() as group:
        for size_bytes in (50, 90, 10, 20):
            group.start_soon(reader, size_bytes)
            await anyio.sleep(0.01)
    assert order == [50, 90, 10, 20]


async def test_one_larger_than_everything_goes_alone() -> None:
    budget = ByteBudget(100)
    order: list[tuple[int, int]] = []

    async def reader(size_bytes: int) -> None:
        async with budget.take(size_bytes):
            order.append((size_bytes, budget.held_bytes))
            await anyio.sleep(1)

    async with anyio.create_task_group() as group:
        for size_bytes in (10, 500, 20):
            group.start_soon(reader, size_bytes)
            await anyio.sleep(0.01)
    assert order == [(10, 10), (500, 500), (20, 20)]


async def test_one_that_gives_up_makes_way_for_those_behind_it() -> None:
    budget = ByteBudget(100)
    async with budget.take(60), anyio.create_task_group() as group:
        begun: list[float] = []

        async def impatient() -> None:
            with anyio.move_on_after(1):
                async with budget.take(90):
                    raise AssertionError("there was no room")

        async def patient() -> None:
            async with budget.take(40):
                begun.append(anyio.current_time())

        group.start_soon(impatient)
        await anyio.sleep(0.01)
        group.start_soon(patient)
        await anyio.sleep(2)
        assert begun == pytest.approx([1.0], abs=1e-3)
    assert (budget.held_bytes, budget.waiting) == (0, 0)


@pytest.mark.parametrize("cancelled_first", [True, False])
async def test_cancelling_in_the_very_turn_of_the_hand_over_loses_no_byte(cancelled_first: bool) -> None:
    budget = ByteBudget(100)
    first, second = budget.take(80), budget.take(70)
    await first.__aenter__()
    # A task of asyncio's own: unlike a scope of anyio, it can be cancelled when its bytes are on the way to it.
    waiter = asyncio.ensure_future(second.__aenter__())
    await anyio.sleep(1)
    if cancelled_first:
        waiter.cancel()
    await first.__aexit__(None, None, None)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert (budget.held_bytes, budget.waiting) == (0, 0)


async def test_an_error_gives_the_bytes_back() -> None:
    budget = ByteBudget(100)
    with pytest.raises(LookupError):
        async with budget.take(70):
            raise LookupError
    assert budget.held_bytes == 0


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), tasks=st.integers(1, 30))
def test_no_byte_is_lost_or_made_whatever_is_cancelled(seed: int, tasks: int) -> None:
    async def main() -> None:
        rng = random.Random(seed)
        budget = ByteBudget(100)
        held: list[int] = []

        async def reader(size_bytes: int, patience_s: float) -> None:
            with anyio.move_on_after(patience_s):
                async with budget.take(size_bytes, key=rng.choice("abc"), weight=rng.choice([0.5, 1, 4])):
                    held.append(size_bytes)
                    try:
                        assert sum(held) <= 100 or sum(held) == max(held)  # or it is alone
                        assert budget.held_bytes >= sum(held)  # some may be handed over and not begun
                        await anyio.sleep(rng.choice([0, 1, 2]))
                    finally:
                        held.remove(size_bytes)

        async with anyio.create_task_group() as group:
            for _ in range(tasks):
                await anyio.sleep(rng.choice([0, 0, 1]))
                # Whole seconds, so that a deadline and a hand-over often meet in one turn of the loop.
                group.start_soon(reader, rng.choice([0, 10, 40, 60, 100, 300]), rng.choice([0, 1, 2, 3, 600]))
        assert (budget.held_bytes, budget.waiting) == (0, 0)

    run_virtual(main())


class TestFairness:
    """Bytes are handed out by key and weight, not by reader."""

    async def served(self, readers: dict[str, int], *, weights: dict[str, float] | None = None) -> Counter[str]:
        """Pages of each key in a hundred seconds, when each has so many readers that want pages without end."""
        budget = ByteBudget(400)
        pages: Counter[str] = Counter()

        async def reader(key: str) -> None:
            while True:
                async with budget.take(100, key=key, weight=(weights or {}).get(key, 1.0)):
                    await anyio.sleep(0.5)
                    pages[key] += 1

        with anyio.move_on_after(100.1):
            async with anyio.create_task_group() as group:
                for key, number in readers.items():
                    for _ in range(number):
                        group.start_soon(reader, key)
        assert (budget.held_bytes, budget.waiting) == (0, 0)
        return pages

    async def test_a_giant_with_many_readers_has_one_share(self) -> None:
        pages = await self.served({"giant": 8, "b": 2, "c": 2, "d": 2})
        assert sum(pages.values()) == 800
        assert all(abs(count - 200) <= 4 for count in pages.values()), pages

    async def test_shares_go_by_weight(self) -> None:
        pages = await self.served({"heavy": 8, "b": 8, "c": 8, "d": 8}, weights={"heavy": 2.0})
        assert abs(pages["heavy"] - 320) <= 8, pages
        assert all(abs(pages[key] - 160) <= 8 for key in "bcd"), pages

    async def test_what_one_does_not_want_is_the_others(self) -> None:
        pages = await self.served({"giant": 8, "small": 1})
        assert pages.total() == 800, "no room stands empty"
        assert pages["small"] >= 130, "it is next whenever it asks, and waits for the next page to be landed"

    async def test_a_large_one_that_is_next_is_not_passed_by_those_who_come(self) -> None:
        budget = ByteBudget(100)
        begun: list[float] = []

        async def newcomer(number: int) -> None:
            async with budget.take(30, key=f"new {number}"):
                await anyio.sleep(1)

        async def large() -> None:
            async with budget.take(90, key="large"):
                begun.append(anyio.current_time())

        async with anyio.create_task_group() as group:
            for number in range(100):
                group.start_soon(newcomer, number)
                if number == 20:
                    group.start_soon(large)
                await anyio.sleep(0.3)
        assert begun == [pytest.approx(7, abs=1.5)], "when those before it were done"

    async def test_who_gives_up_leaves_nothing_behind(self) -> None:
        budget = ByteBudget(100)

        async def impatient(number: int) -> None:
            with anyio.move_on_after(1):
                async with budget.take(10, key=f"key {number}"):
                    raise AssertionError("there was no room")

        async with budget.take(100), anyio.create_task_group() as group:
            for number in range(500):
                group.start_soon(impatient, number)
        assert (budget.held_bytes, budget.waiting) == (0, 0)
        assert (len(budget._queue), len(budget._line)) == (0, 0)
