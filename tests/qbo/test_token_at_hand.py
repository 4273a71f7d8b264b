"""A request that has had its turn is sent with the token that is at hand: it waits for no refresh."""

from __future__ import annotations

import anyio
import pytest

from backfill.model import RealmId, Secret
from tests.qbo.test_token_keeper import REALM, Intuit, World, token, tokens

pytestmark = pytest.mark.virtual


async def test_until_it_expires_it_is_at_hand_for_requests_that_have_their_turn() -> None:
    world = World(tokens(life_s=3600))
    keeper = world.process()
    assert keeper.at_hand(REALM) is None, "nobody asked for one yet"
    await token(keeper)
    await anyio.sleep(3590)  # it should have been refreshed nearly ten minutes ago
    held = keeper.at_hand(REALM)
    assert held == Secret("A0")
    keeper.reject(REALM, held)
    assert keeper.at_hand(REALM) is None
    await token(keeper)
    await anyio.sleep(3600)
    assert keeper.at_hand(REALM) is None


async def test_of_more_realms_than_are_kept_in_mind_the_one_used_longest_ago_is_forgotten() -> None:
    """Be its token read or refreshed last: each has been used since."""
    world = World(tokens(), Intuit(rotates=False))
    read, refreshed, idle, last = (RealmId(name) for name in ("read", "refreshed", "idle", "last"))
    world.vault.rows = dict.fromkeys([read, idle, last], tokens(life_s=10_000)) | {refreshed: tokens(life_s=3600)}
    keeper = world.process(cached_realms=3)
    for realm_id in (read, refreshed, idle):
        await keeper.access_token(realm_id)
    await anyio.sleep(3599)
    assert world.intuit.used == []
    for realm_id in (refreshed, read, last):
        await keeper.access_token(realm_id)
    assert world.intuit.used == ["R0"]
    assert [realm_id for realm_id in (read, refreshed, idle, last) if keeper.at_hand(realm_id)] == [
        read,
        refreshed,
        last,
    ]
