"""How often a fleet comes to the token endpoint."""

from __future__ import annotations

import anyio
import pytest

from backfill.model import RealmId
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
