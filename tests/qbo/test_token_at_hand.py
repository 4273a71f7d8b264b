"""A request that has had its turn is sent with the token that is at hand: it waits for no refresh."""

from __future__ import annotations

import anyio
import pytest

from backfill.model import Secret
from tests.qbo.test_token_keeper import REALM, World, token, tokens

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
    await anyio.sleep(3601)
    assert keeper.at_hand(REALM) is None
