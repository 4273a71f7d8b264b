"""Readers that share what there is to do."""

from __future__ import annotations

import anyio
import pytest

from backfill.errors import StoppedError, UnavailableError
from backfill.jobs.readers import share

pytestmark = pytest.mark.virtual


async def test_each_part_is_read_once_in_order_and_so_many_at_a_time() -> None:
    begun: list[int] = []
    at_work: set[int] = set()
    most = 0

    async def read(part: int) -> None:
        nonlocal most
        begun.append(part)
        at_work.add(part)
        most = max(most, len(at_work))
        await anyio.sleep(1 + part % 3)
        at_work.discard(part)

    await share(range(10), read, readers=3, name="reader")
    assert (begun, most) == (list(range(10)), 3)


async def test_an_error_ends_the_others_and_is_raised() -> None:
    done: list[int] = []

    async def read(part: int) -> None:
        await anyio.sleep(part)
        if part == 2:
            raise UnavailableError("gone")
        done.append(part)

    with pytest.raises(UnavailableError, match="gone"):
        await share(range(1, 6), read, readers=3, name="reader")
    assert done == [1]


@pytest.mark.parametrize(("worse", "raised"), [(False, StoppedError), (True, UnavailableError)])
async def test_who_is_asked_to_stop_lets_the_others_come_to_their_end(worse: bool, raised: type[Exception]) -> None:
    done: list[int] = []

    async def read(part: int) -> None:
        if part == 0:
            raise StoppedError("asked to")
        await anyio.sleep(part)
        if part == 2 and worse:
            raise UnavailableError("gone")
        done.append(part)

    with pytest.raises(raised):
        await share(range(3), read, readers=3, name="reader")
    assert done == ([1] if worse else [1, 2])


async def test_nothing_to_do_is_done() -> None:
    await share([], pytest.fail, readers=3, name="reader")
