"""A new consent that is imported while the tokens of the one before are being refreshed."""

from __future__ import annotations

import pytest

from backfill.errors import Disposition, TokenError
from backfill.model import Secret, Tokens
from tests.qbo.test_token_keeper import REALM, Intuit, MemoryLocked, World, token, tokens

pytestmark = pytest.mark.virtual


@pytest.mark.parametrize(("life_s", "used"), [(3600, ["R0"]), (0, ["R0", "R-new"])], ids=["fresh", "without a token"])
async def test_its_tokens_are_used_in_place_of_what_was_granted(
    monkeypatch: pytest.MonkeyPatch, life_s: float, used: list[str]
) -> None:
    world = World(tokens(life_s=0), Intuit("R0", "R-new", rotates=False))
    imported = [tokens("R-new", access="A-new", life_s=life_s)]
    store = MemoryLocked.store

    async def stored(self: MemoryLocked, new: Tokens) -> None:
        if not imported:
            return await store(self, new)
        world.vault.rows[REALM] = imported.pop()
        raise TokenError("replaced", realm_id=REALM, code="replaced", disposition=Disposition.RETRY)

    monkeypatch.setattr(MemoryLocked, "store", stored)
    assert await token(world.process()) == ("A-new" if life_s else "A2")
    assert world.intuit.used == used
    assert world.vault.rows[REALM].refresh_token == Secret("R-new")
