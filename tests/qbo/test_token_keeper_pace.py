"""How often a fleet comes to the token endpoint."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest

from backfill.errors import FaultError
from backfill.model import RealmId
from backfill.qbo.token_keeper import KeeperOptions
from backfill.wire import Response
from tests.qbo.test_token_keeper import REALM, Intuit, World, tokens

pytestmark = pytest.mark.virtual


async def test_a_fleet_that_begins_does_not_come_to_the_endpoint_all_at_once() -> None:
    world = World(tokens(life_s=0), Intuit(rotates=False))
    fleet = [RealmId(str(number)) for number in range(40)]
    world.vault.rows = dict.fromkeys(fleet, world.vault.rows[REALM])
    keeper = world.process(refreshes_at_once=10, refreshes_per_s=2)
    began = anyio.current_time()
    async with anyio.create_task_group() as group:
        for realm_id in fleet:
            group.start_soon(keeper.access_token, realm_id)
        await anyio.sleep(0.5)
        assert len(world.intuit.used) == 10
        await anyio.sleep(5)
        assert 10 + 2 * 4 <= len(world.intuit.used) <= 10 + 2 * 6
    assert len(world.intuit.used) == 40
    assert anyio.current_time() - began >= 15


async def test_an_endpoint_that_takes_few_at_once_serves_all_of_a_fleet() -> None:
    """Intuit does not say how often it may be asked: who comes too often is refused, and no realm is lost to that."""
    world = World(tokens(life_s=0), Intuit(rotates=False))
    fleet = [RealmId(str(number)) for number in range(200)]
    world.vault.rows = dict.fromkeys(fleet, world.vault.rows[REALM])
    begun_at: list[float] = []

    def five_a_second() -> None:
        now = anyio.current_time()
        begun_at[:] = [at for at in begun_at if at > now - 1]
        if len(begun_at) >= 5:
            world.intuit.troubles.append(Response(status=429))
        else:
            begun_at.append(now)

    world.intuit.before_answer = five_a_second
    keeper = world.process()
    async with anyio.create_task_group() as group:
        for realm_id in fleet:
            group.start_soon(keeper.access_token, realm_id)
    assert anyio.current_time() < 400


async def test_each_attempt_takes_its_turn_and_a_wait_that_is_asked_for_is_kept() -> None:
    world = World(tokens(life_s=0))
    world.intuit.troubles = [Response(status=429, headers={"retry-after": "40"}), Response(status=503)] * 2
    keeper = world.process(refreshes_at_once=1, refreshes_per_s=0.05, backoff_s=0.001, attempts=9)
    await keeper.access_token(REALM)
    assert world.intuit.used == ["R0"] * 5
    assert 2 * (40 + 1) + 2 * 19 < anyio.current_time() < 2 * (40 + 1) + 2 * 22 + 20


async def test_an_endpoint_that_refuses_for_good_is_left_after_some_minutes() -> None:
    world = World(tokens(life_s=0))
    world.intuit.troubles = [Response(status=429)] * 50
    with pytest.raises(FaultError):
        await world.process().access_token(REALM)
    assert len(world.intuit.used) == 10
    assert anyio.current_time() < 10 + 1 + 2 + 4 + 8 + 16 + 32 + 3 * 60


@pytest.mark.parametrize(("asked_s", "least_s", "most_s"), [(30, 30.01, 31), (3600, 60, 60)])
async def test_a_wait_that_is_asked_for_is_kept_up_to_a_bound_and_not_by_all_alike(
    asked_s: int, least_s: float, most_s: float
) -> None:
    """A fleet that was told the same would else come back at one moment."""
    world = World(tokens(life_s=0))
    world.intuit.troubles = [Response(status=429, headers={"retry-after": str(asked_s)})]
    await world.process().access_token(REALM)
    assert least_s <= anyio.current_time() - 2 <= most_s + 0.1, "beside two answers of a second each"


def test_a_rehearsals_waits_are_all_shorter() -> None:
    options = KeeperOptions()
    scaled = options.scaled(60)
    assert (scaled.backoff_s, scaled.longest_wait_s) == (options.backoff_s / 60, options.longest_wait_s / 60)
    assert scaled == replace(options, backoff_s=scaled.backoff_s, longest_wait_s=scaled.longest_wait_s)


async def test_whoever_comes_while_another_waits_its_turn_waits_too() -> None:
    """Though the first one failed, so that there is nothing that they could share."""
    world = World(tokens(life_s=0))
    world.intuit.troubles = [Response(status=503)] * 2
    keeper = world.process(attempts=1)

    async def fails() -> None:
        with pytest.raises(FaultError):
            await keeper.access_token(REALM)

    async with anyio.create_task_group() as group:
        group.start_soon(fails)
        group.start_soon(fails)
        await anyio.sleep(1.5)  # the first has failed, the second has the turn
        group.start_soon(keeper.access_token, REALM)
        await anyio.sleep(0.1)
        assert world.vault.reads == 2
    assert world.vault.reads == 3
    assert keeper._turns == {}
