"""Whoever reaches the port may ask how the receiver fares, as often as he likes: that must not stop it."""

from __future__ import annotations

from collections.abc import Mapping

import anyio
import pytest

from backfill.errors import UnavailableError
from backfill.webhooks.health import ASKING_MOST, LOOK_EVERY_S, LOOK_SHARE, Health

pytestmark = pytest.mark.virtual


class Database:
    """Counts how often it was looked into."""

    def __init__(self, look_s: float = 0.01) -> None:
        self.look_s = look_s
        self.looks = 0
        self.gone = False

    async def look(self) -> Mapping[str, object]:
        self.looks += 1
        await anyio.sleep(self.look_s)
        if self.gone:
            raise UnavailableError("the database is gone")
        return {"looks": self.looks}


async def test_many_who_ask_at_once_cost_one_look() -> None:
    database = Database()
    health = Health(database.look)
    told: list[object] = []

    async def ask() -> None:
        told.append((await health.now())["looks"])

    async with anyio.create_task_group() as group:
        for _ in range(ASKING_MOST):
            group.start_soon(ask)
    assert told == [1] * ASKING_MOST
    await anyio.sleep(LOOK_EVERY_S)
    assert await health.now() == {"looks": 2}


async def test_a_look_that_takes_long_is_a_rare_one() -> None:
    database = Database(look_s=2)
    health = Health(database.look)
    while anyio.current_time() < 600:
        await health.now()
        await anyio.sleep(1)
    assert database.looks * database.look_s < 600 / LOOK_SHARE


async def test_more_than_that_are_refused_at_once() -> None:
    database = Database()
    health = Health(database.look)
    refused: list[float] = []

    async def ask() -> None:
        try:
            await health.now()
        except UnavailableError:
            refused.append(anyio.current_time())

    async with anyio.create_task_group() as group:
        for _ in range(ASKING_MOST + 10):
            group.start_soon(ask)
    assert refused == [0.0] * 9, "one looks, and as many as may wait do"


async def test_a_failure_is_not_remembered() -> None:
    database = Database()
    health = Health(database.look)
    database.gone = True
    with pytest.raises(UnavailableError, match="gone"):
        await health.now()
    database.gone = False
    assert await health.now() == {"looks": 2}
