"""Something beside a block: it lives as long as the block, and its trouble is the block's."""

from __future__ import annotations

import anyio
import pytest

from backfill.errors import LeaseLostError, StoppedError
from backfill.jobs.beside import beside

pytestmark = pytest.mark.virtual


async def test_it_runs_while_the_block_does_and_no_longer() -> None:
    beats = []

    async def beat() -> None:
        while True:
            await anyio.sleep(1)
            beats.append(anyio.current_time())

    async with beside(beat, name="heart"):
        await anyio.sleep(3.5)
    await anyio.sleep(10)
    assert beats == [1, 2, 3]


async def test_its_trouble_ends_the_block_and_is_raised_as_it_is() -> None:
    async def lose() -> None:
        await anyio.sleep(1)
        raise LeaseLostError("lost", realm_id="1")

    with pytest.raises(LeaseLostError):
        async with beside(lose, name="lease"):
            await anyio.sleep(100)
    assert anyio.current_time() == 1


async def test_the_blocks_trouble_is_raised_as_it_is_and_ends_the_task() -> None:
    ended = []

    async def wait() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(True)

    async def block() -> None:
        async with beside(wait, name="lease"):
            await anyio.sleep(1)
            raise StoppedError("stop")

    with pytest.raises(StoppedError):
        await block()
    assert ended == [True]


async def test_of_two_troubles_the_first_counts() -> None:
    async def lose() -> None:
        await anyio.sleep(1)
        raise LeaseLostError("lost", realm_id="1")

    async def block() -> None:
        async with beside(lose, name="lease"):
            try:
                await anyio.sleep(100)
            finally:
                raise StoppedError("while being cancelled")

    with pytest.raises(LeaseLostError):
        await block()


async def test_a_task_that_ends_by_itself_ends_nothing() -> None:
    async def once() -> None:
        await anyio.sleep(1)

    async with beside(once, name="once"):
        await anyio.sleep(5)
    assert anyio.current_time() == 5


async def test_cancelling_from_outside_ends_both() -> None:
    ended = []

    async def wait() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(True)

    with anyio.move_on_after(2):
        async with beside(wait, name="lease"):
            await anyio.sleep(100)
    assert (anyio.current_time(), ended) == (2, [True])


async def test_a_mistake_of_ours_is_not_hidden() -> None:
    async def wrong() -> None:
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as caught:
        async with beside(wrong, name="wrong"):
            await anyio.sleep(1)
    assert caught.group_contains(ZeroDivisionError)
