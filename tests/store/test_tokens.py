"""Tokens: encrypted at rest, refreshed by one process at a time, never thrown away."""

from __future__ import annotations

from datetime import timedelta

import anyio
import asyncpg
import msgspec
import pytest

from backfill.errors import Disposition, TokenError, UnavailableError
from backfill.model import RealmId, Secret, Tokens
from backfill.store.database import Database, open_database
from backfill.store.encryption import Keyring
from backfill.store.realms import RealmGrant, Realms
from backfill.store.tokens import TokenVault
from tests.store.scene import NOW, OTHER_REALM, REALM

GRANT = RealmGrant(
    REALM,
    Secret("refresh-0"),
    access_token=Secret("access-0"),
    access_expires_at=NOW + timedelta(hours=1),
    client_id=Secret("client-id-0"),
    client_secret=Secret("client-secret-0"),
)


@pytest.fixture(autouse=True)
async def _registered(realms: Realms, vault: TokenVault) -> None:
    await realms.import_grants([GRANT], vault, granted_at=NOW)


def refreshed(tokens: Tokens, number: int) -> Tokens:
    return msgspec.structs.replace(
        tokens,
        refresh_token=Secret(f"refresh-{number}"),
        previous_refresh_token=tokens.refresh_token,
        access_token=Secret(f"access-{number}"),
        refreshed_at=NOW,
    )


async def test_what_was_imported_is_read(vault: TokenVault) -> None:
    assert await vault.read(REALM) == Tokens(
        access_token=Secret("access-0"),
        access_expires_at=NOW + timedelta(hours=1),
        refresh_token=Secret("refresh-0"),
        previous_refresh_token=None,
        refreshed_at=NOW,
        client_id=Secret("client-id-0"),
        client_secret=Secret("client-secret-0"),
    )


async def test_a_realm_without_tokens_is_to_be_parked(vault: TokenVault) -> None:
    with pytest.raises(TokenError) as caught:
        await vault.read(RealmId("nowhere"))
    assert (caught.value.disposition, caught.value.realm_id) == (Disposition.PARK, "nowhere")
    with pytest.raises(TokenError):
        async with vault.locked(RealmId("nowhere")):
            pass


async def test_nothing_secret_is_in_clear_in_the_database(vault: TokenVault, database: Database) -> None:
    async with vault.locked(REALM) as held:
        await held.store(refreshed(held.current, 1))
    async with database.control() as connection:
        text = await connection.fetchval(
            "SELECT string_agg(token::text || encode(token::text::bytea, 'escape'), '') FROM backfill.token"
        )
        for column in ("access_token", "refresh_token", "previous_refresh_token", "client_id", "client_secret"):
            stored = await connection.fetchval(f"SELECT {column} FROM backfill.token WHERE realm_id = $1", REALM)
            for secret in (b"refresh-", b"access-", b"client-"):
                assert secret not in stored
    for secret in ("refresh-0", "refresh-1", "access-1", "client-secret-0"):
        assert secret not in text
        assert secret.encode().hex() not in text


async def test_values_swapped_in_the_database_are_not_used(vault: TokenVault, database: Database) -> None:
    async with database.control() as connection:
        await connection.execute(
            "UPDATE backfill.token SET refresh_token = (SELECT refresh_token FROM backfill.token WHERE realm_id = $2)"
            " WHERE realm_id = $1",
            *(REALM, OTHER_REALM),
        )
    with pytest.raises(UnavailableError, match="cannot be decrypted"):
        await vault.read(REALM)


async def test_a_stored_pair_is_committed_before_store_returns(vault: TokenVault) -> None:
    async with vault.locked(REALM) as held:
        await held.store(refreshed(held.current, 1))
        seen = await vault.read(REALM)  # another connection, while the block is still open
    assert seen.refresh_token == Secret("refresh-1")
    assert seen.previous_refresh_token == Secret("refresh-0")
    assert seen.client_secret == Secret("client-secret-0")


async def test_token_commits_are_durable(vault: TokenVault, database: Database) -> None:
    async with database.control() as connection:
        assert await connection.fetchval("SHOW synchronous_commit") == "on"
    async with database.landing() as connection:
        assert await connection.fetchval("SHOW synchronous_commit") == "off"


async def test_one_refresh_at_a_time(vault: TokenVault) -> None:
    """Each reads what the one before stored: no update is lost."""

    async def refresh() -> None:
        async with vault.locked(REALM) as held:
            number = int(held.current.refresh_token.reveal().rpartition("-")[2])
            await anyio.sleep(0.01)
            await held.store(refreshed(held.current, number + 1))

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(refresh)
    tokens = await vault.read(REALM)
    assert tokens.refresh_token == Secret("refresh-10")
    assert tokens.previous_refresh_token == Secret("refresh-9")


async def test_other_realms_are_not_held_up(vault: TokenVault) -> None:
    async with vault.locked(REALM):
        with anyio.fail_after(60):  # a lock that is held is waited for, and refused in the end, for longer
            async with vault.locked(OTHER_REALM) as held:
                assert held.current.refresh_token == Secret(f"refresh-{OTHER_REALM}")


async def test_a_lock_held_too_long_is_said_plainly(vault: TokenVault) -> None:
    async with vault.locked(REALM):
        with pytest.raises(UnavailableError, match=f"refreshing the tokens of realm {REALM}"):
            async with vault.locked(REALM, lock_timeout_s=0.05):
                pass


async def test_a_block_that_stores_nothing_changes_nothing_and_frees_the_lock(vault: TokenVault) -> None:
    with pytest.raises(ZeroDivisionError):
        async with vault.locked(REALM):
            raise ZeroDivisionError
    async with vault.locked(REALM, lock_timeout_s=0.5) as held:
        assert held.current.refresh_token == Secret("refresh-0")


async def test_a_cancelled_refresh_still_stores_what_it_got(vault: TokenVault) -> None:
    with anyio.CancelScope() as scope:
        async with vault.locked(REALM) as held:
            scope.cancel()
            await held.store(refreshed(held.current, 1))
    assert (await vault.read(REALM)).refresh_token == Secret("refresh-1")


class TestLostConnection:
    """Nobody but us has the new tokens: they survive the loss of the connection that held the lock."""

    async def test_they_are_stored_over_a_new_one(self, vault: TokenVault, database_dsn: str) -> None:
        async with vault.locked(REALM) as held:
            await cut_holder_of_lock(database_dsn)
            await held.store(refreshed(held.current, 1))
        tokens = await vault.read(REALM)
        assert (tokens.refresh_token, tokens.previous_refresh_token) == (Secret("refresh-1"), Secret("refresh-0"))

    async def test_they_do_not_overwrite_what_others_stored_meanwhile(
        self, vault: TokenVault, database_dsn: str
    ) -> None:
        async with vault.locked(REALM) as held:
            await cut_holder_of_lock(database_dsn)
            async with vault.locked(REALM) as others:
                await others.store(refreshed(others.current, 7))
            with pytest.raises(UnavailableError, match="replaced them meanwhile"):
                await held.store(refreshed(held.current, 1))
        assert (await vault.read(REALM)).refresh_token == Secret("refresh-7")

    async def test_a_key_rotated_meanwhile_is_no_replacement(
        self, vault: TokenVault, database: Database, database_dsn: str
    ) -> None:
        async with vault.locked(REALM) as held:
            await cut_holder_of_lock(database_dsn)
            async with database.control() as connection, connection.transaction():
                await vault.replace(connection, REALM, held.current)  # the same value, encrypted anew
            await held.store(refreshed(held.current, 1))
        assert (await vault.read(REALM)).refresh_token == Secret("refresh-1")


async def cut_holder_of_lock(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    cut = await connection.fetchval(
        "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 60000)) FROM pg_stat_activity"
        " WHERE state = 'idle in transaction' AND datname = current_database()"
    )
    assert cut == 1, "and its end of the connection is closed"
    await connection.close()


async def test_keys_are_rotated_for_every_realm_once(vault: TokenVault, keyring: Keyring, database_dsn: str) -> None:
    old_key, new_key = bytes([7]) * 32, bytes([9]) * 32
    async with open_database(database_dsn) as database:
        await Realms(database).import_grants(
            [GRANT, RealmGrant(OTHER_REALM, Secret("refresh-other"))],
            TokenVault(database, Keyring([old_key])),
            granted_at=NOW,
        )
        both = TokenVault(database, Keyring([new_key, old_key]))
        assert await both.rotate_keys() == 2
        assert await both.rotate_keys() == 0
        tokens = await TokenVault(database, Keyring([new_key])).read(REALM)
    assert (tokens.refresh_token, tokens.client_secret) == (Secret("refresh-0"), Secret("client-secret-0"))
