"""The contract of `qbo.token_keeper.Vault`: one suite, for the twin in memory and for Postgres."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

import anyio
import pytest
from msgspec import structs

from backfill.errors import Disposition, TokenError
from backfill.model import RealmId, Secret, Tokens
from backfill.qbo.token_keeper import Vault
from backfill.store.database import Database
from backfill.store.memory_tokens import MemoryTokenVault
from backfill.store.realms import RealmGrant, Realms
from backfill.store.tokens import TokenVault
from tests.store.scene import NOW, OTHER_REALM, REALM

STORED = Tokens(
    access_token=Secret("access-0"),
    access_expires_at=NOW + timedelta(hours=1),
    refresh_token=Secret("refresh-0"),
    previous_refresh_token=None,
    refreshed_at=NOW,
    client_id=Secret("client-id-0"),
    client_secret=Secret("client-secret-0"),
)
GRANT = RealmGrant(
    REALM,
    STORED.refresh_token,
    access_token=STORED.access_token,
    access_expires_at=STORED.access_expires_at,
    client_id=STORED.client_id,
    client_secret=STORED.client_secret,
)


@dataclass(frozen=True)
class Subject:
    """A vault, and how a new consent comes into it."""

    tokens: Vault
    replace: Callable[[Tokens], Awaitable[None]]


@pytest.fixture(params=["memory", "postgres"])
async def subject(request: pytest.FixtureRequest, realms: Realms, vault: TokenVault, database: Database) -> Subject:
    if request.param == "memory":
        twin = MemoryTokenVault({REALM: STORED, OTHER_REALM: STORED})

        async def put(new: Tokens) -> None:
            twin.replace(REALM, new)

        return Subject(cast("Vault", twin), put)

    async def imported(new: Tokens) -> None:
        async with database.control() as connection, connection.transaction():
            await vault.replace(connection, REALM, new)

    await realms.import_grants([GRANT], vault, granted_at=NOW)
    return Subject(cast("Vault", vault), imported)


@pytest.fixture
def tokens(subject: Subject) -> Vault:
    return subject.tokens


def refreshed(number: int) -> Tokens:
    return structs.replace(
        STORED, refresh_token=Secret(f"refresh-{number}"), access_token=Secret(f"access-{number}"), refreshed_at=NOW
    )


async def test_what_was_given_is_read(tokens: Vault) -> None:
    assert await tokens.read(REALM) == STORED


async def test_a_realm_without_tokens_is_to_be_parked(tokens: Vault) -> None:
    with pytest.raises(TokenError) as caught:
        await tokens.read(RealmId("nowhere"))
    assert (caught.value.disposition, caught.value.code) == (Disposition.PARK, "no_tokens")
    with pytest.raises(TokenError):
        async with tokens.locked(RealmId("nowhere")):
            pass


async def test_a_stored_pair_is_there_before_the_lock_ends(tokens: Vault) -> None:
    async with tokens.locked(REALM) as held:
        assert held.current == STORED
        pair = structs.replace(refreshed(1), previous_refresh_token=STORED.refresh_token)
        await held.store(pair)
        assert await tokens.read(REALM) == pair


async def test_a_lock_that_stores_nothing_leaves_what_is_there(tokens: Vault) -> None:
    with pytest.raises(ZeroDivisionError):
        async with tokens.locked(REALM):
            raise ZeroDivisionError
    assert await tokens.read(REALM) == STORED
    async with tokens.locked(REALM) as held:
        assert held.current == STORED


async def test_one_refresh_at_a_time(tokens: Vault) -> None:
    """Each reads what the one before stored: none is lost."""

    async def refresh() -> None:
        async with tokens.locked(REALM) as held:
            number = int(held.current.refresh_token.reveal().rpartition("-")[2])
            await anyio.sleep(0.01)
            await held.store(refreshed(number + 1))

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(refresh)
    assert (await tokens.read(REALM)).refresh_token == Secret("refresh-10")


async def test_a_commit_is_not_cancelled(tokens: Vault) -> None:
    """Nobody but who was granted the new pair has it."""
    with anyio.CancelScope() as scope:
        async with tokens.locked(REALM) as held:
            scope.cancel()
            await held.store(refreshed(1))
    assert (await tokens.read(REALM)).refresh_token == Secret("refresh-1")


async def test_those_of_a_new_consent_stay_and_are_said_to_be_there(subject: Subject) -> None:
    """The import does not wait for Intuit; and the realm goes on with what was imported."""
    async with subject.tokens.locked(REALM) as held:
        await subject.replace(refreshed(7))
        with pytest.raises(TokenError, match="were replaced") as caught:
            await held.store(refreshed(1))
    assert (caught.value.disposition, caught.value.code) == (Disposition.RETRY, "replaced")
    assert await subject.tokens.read(REALM) == refreshed(7)


async def test_credentials_that_were_imported_meanwhile_stay(subject: Subject) -> None:
    """With the same value: somebody put the app's secret right."""
    async with subject.tokens.locked(REALM) as held:
        await subject.replace(structs.replace(STORED, client_secret=Secret("righted")))
        await held.store(refreshed(1))
    assert await subject.tokens.read(REALM) == structs.replace(refreshed(1), client_secret=Secret("righted"))
