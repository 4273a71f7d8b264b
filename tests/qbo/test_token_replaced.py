"""Which value is kept beside the new one; and a new consent that is imported while tokens are being refreshed."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from backfill.errors import Disposition, TokenError
from backfill.model import Secret, Tokens
from tests.qbo.test_token_keeper import REALM, Intuit, MemoryLocked, World, now, token, tokens

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


async def test_the_value_that_was_honoured_is_the_one_before_the_new_one() -> None:
    """After a lost reply: the value that was stored was refused, and would save nobody."""
    world = World(tokens("R-lost", life_s=0, previous="R0"), Intuit("R0"))
    await token(world.process())
    assert world.vault.rows[REALM].previous_refresh_token == Secret("R0")


async def test_what_the_endpoint_does_not_say_of_the_consent_stays_known() -> None:
    ends_at = now() + timedelta(days=1825)
    world = World(msgspec.structs.replace(tokens(life_s=0), consent_expires_at=ends_at))
    await token(world.process())
    assert world.vault.rows[REALM].consent_expires_at == ends_at


async def test_the_value_before_one_that_was_stored_meanwhile_is_tried_as_well() -> None:
    world = World(tokens("R-old", life_s=0, previous="R-older"), Intuit("R-newer"))

    def imported() -> None:
        world.vault.rows[REALM] = tokens("R-newest", life_s=0, previous="R-newer")
        world.intuit.before_answer = lambda: None

    world.intuit.before_answer = imported
    assert await token(world.process()) == "A3"
    assert world.intuit.used == ["R-old", "R-newest", "R-newer"]
