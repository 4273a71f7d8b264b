"""Tokens: encrypted at rest, refreshed by one process at a time, never thrown away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import anyio
import asyncpg
import msgspec
import pytest

import backfill.store.tokens as tokens_module
from backfill.errors import Disposition, TokenError, UnavailableError
from backfill.model import RealmId, Secret, Tokens
from backfill.qbo.token_keeper import KeeperOptions
from backfill.store.database import Database, open_database
from backfill.store.encryption import Keyring
from backfill.store.owners import Owner
from backfill.store.realms import RealmGrant, Realms
from backfill.store.tokens import CLAIM_S, LOCK_TIMEOUT_S, STORE_TIMEOUT_S, TokenVault
from tests.store.scene import NOW, OTHER_REALM, REALM

if TYPE_CHECKING:  # the driver's generic types exist only in its stubs
    from backfill.store.database import Connection

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
    with pytest.raises(TokenError, match="cannot be decrypted") as caught:
        await vault.read(REALM)
    assert (caught.value.realm_id, caught.value.disposition) == (REALM, Disposition.STOP), "and not parked for it"


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


async def test_no_connection_is_held_while_intuit_answers(
    realms: Realms, vault: TokenVault, database: Database
) -> None:
    fleet = [RealmId(f"fleet-{number}") for number in range(20)]
    await realms.import_grants([RealmGrant(realm, Secret("r")) for realm in fleet], vault, granted_at=NOW)
    with anyio.fail_after(30):  # for a connection that is not free it would wait longer
        async with AsyncExitStack() as refreshes:
            for realm in fleet:
                await refreshes.enter_async_context(vault.locked(realm))
            async with database.control() as connection:
                ours = database.owner.session_name
                counted = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state <> 'idle'"
                assert await connection.fetchval(counted, ours) == 1, "the one that asks"


class TestClaims:
    """Who has claimed the tokens is alone with them for as long as it can be alive."""

    def test_a_claim_outlasts_what_its_holder_may_do_and_whoever_waits_outlasts_it(self) -> None:
        assert KeeperOptions().exchange_s + STORE_TIMEOUT_S < CLAIM_S < LOCK_TIMEOUT_S

    async def test_one_that_stored_nothing_is_given_back(self, vault: TokenVault, database: Database) -> None:
        async with vault.locked(REALM):
            owner, seconds = await claim_of(database)
            assert owner == str(database.owner)
            assert CLAIM_S - 5 < seconds <= CLAIM_S
        assert await claim_of(database) == ("", 0)

    async def test_a_store_ends_it(self, vault: TokenVault, database: Database) -> None:
        async with vault.locked(REALM) as held:
            await held.store(refreshed(held.current, 1))
            assert await claim_of(database) == ("", 0)

    async def test_a_dead_process_of_this_machine_holds_nobody_up(self, vault: TokenVault, database: Database) -> None:
        with anyio.fail_after(CLAIM_S / 2):
            await claim(database, replace(Owner.current(), start_time=1), for_s=CLAIM_S)
            async with vault.locked(REALM) as held:
                await held.store(refreshed(held.current, 1))

    @pytest.mark.parametrize("owner", [Owner("elsewhere", "boot", 1, 1), Owner.current()], ids=["elsewhere", "alive"])
    async def test_any_other_is_waited_for_and_no_longer_than_its_time(
        self, vault: TokenVault, database: Database, owner: Owner
    ) -> None:
        await claim(database, owner, for_s=CLAIM_S)
        with pytest.raises(TokenError, match=f"{owner.host}.*refreshing the tokens of realm {REALM}") as caught:
            async with vault.locked(REALM, lock_timeout_s=0.2):
                pass
        # The realm's own trouble, and no reason to park it: what is no `RequestError` is fatal to a whole run.
        assert (caught.value.realm_id, caught.value.disposition) == (REALM, Disposition.STOP)
        await claim(database, owner, for_s=0.5)
        with anyio.fail_after(CLAIM_S / 2):
            async with vault.locked(REALM) as held:
                await held.store(refreshed(held.current, 1))

    async def test_one_whose_answer_was_lost_is_given_back(
        self, vault: TokenVault, database: Database, keyring: Keyring
    ) -> None:
        with pytest.raises(UnavailableError, match="lost"):
            async with TokenVault(losing_answers(database, 1), keyring).locked(REALM):
                pass
        async with vault.locked(REALM, lock_timeout_s=0.5):
            pass

    async def test_one_that_is_void_is_not_given_back_for_who_has_it_now(
        self, vault: TokenVault, database: Database
    ) -> None:
        async with vault.locked(REALM):
            await claim(database, Owner("elsewhere", "boot", 1, 1), for_s=CLAIM_S)
        assert (await claim_of(database))[0] == "elsewhere/boot:1:1"


class TestStore:
    """Nobody but us has the new tokens: whatever becomes of the connection, they are stored, and overwrite nothing."""

    async def test_they_are_stored_over_another_connection(self, vault: TokenVault, database_dsn: str) -> None:
        async with vault.locked(REALM) as held, anyio.create_task_group() as group, row_locked(database_dsn) as other:
            group.start_soon(held.store, refreshed(held.current, 1))
            await cut_who_waits(other)
        tokens = await vault.read(REALM)
        assert (tokens.refresh_token, tokens.previous_refresh_token) == (Secret("refresh-1"), Secret("refresh-0"))

    @pytest.mark.parametrize("number", [1, 0], ids=["another value", "the same value"])
    async def test_a_commit_whose_answer_was_lost_is_a_commit(
        self, vault: TokenVault, database: Database, keyring: Keyring, number: int
    ) -> None:
        async with vault.locked(REALM) as held:
            new = msgspec.structs.replace(refreshed(held.current, number), access_token=Secret("access-new"))
            held._database = losing_answers(database, 1)
            await held.store(new)
        assert await vault.read(REALM) == new

    async def test_they_do_not_overwrite_what_others_stored_once_the_claim_was_void(
        self, vault: TokenVault, database: Database
    ) -> None:
        async with vault.locked(REALM) as held:
            await claim(database, Owner.current(), for_s=-1)
            async with vault.locked(REALM) as others:
                await others.store(refreshed(others.current, 7))
            with pytest.raises(TokenError, match="were replaced"):
                await held.store(refreshed(held.current, 1))
        assert (await vault.read(REALM)).refresh_token == Secret("refresh-7")

    async def test_a_key_rotated_meanwhile_is_no_replacement(self, vault: TokenVault, database: Database) -> None:
        async with vault.locked(REALM) as held:
            async with database.control() as connection, connection.transaction():
                await vault.replace(connection, REALM, held.current)  # the same value, encrypted anew
            await held.store(refreshed(held.current, 1))
        assert (await vault.read(REALM)).refresh_token == Secret("refresh-1")

    async def test_where_the_database_stays_away_it_is_said(
        self, vault: TokenVault, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tokens_module, "STORE_TIMEOUT_S", 0.5)
        async with vault.locked(REALM) as held:
            held._database = losing_answers(database, 100, before=True)
            with pytest.raises(UnavailableError, match="could not be stored within"):
                await held.store(refreshed(held.current, 1))

    async def test_a_database_that_refuses_at_once_is_waited_for_as_long_as_one_that_does_not_answer(
        self, vault: TokenVault, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As one that restarts does: it refuses within a millisecond, for most of a minute."""
        waited: list[float] = []

        async def sleep(seconds: float) -> None:
            waited.append(seconds)

        monkeypatch.setattr(tokens_module.anyio, "sleep", sleep)
        async with vault.locked(REALM) as held:
            held._database = losing_answers(database, 20, before=True)
            await held.store(refreshed(held.current, 1))
        assert (len(waited), sum(waited) > 45, max(waited)) == (20, True, tokens_module.STORE_WAIT_S_MAX)


async def claim(database: Database, owner: Owner, *, for_s: float) -> None:
    """As if that process had claimed the tokens, whoever else has."""
    async with database.control() as connection:
        await connection.execute(
            "UPDATE backfill.token SET claimed_by = $2,"
            " claimed_until = clock_timestamp() + $3 * interval '1 second' WHERE realm_id = $1",
            *(REALM, f"{owner} 00", for_s),
        )


async def claim_of(database: Database) -> tuple[str, float]:
    """Who has claimed the tokens, and for how many seconds yet."""
    async with database.control() as connection:
        row = await connection.fetchrow(
            "SELECT coalesce(split_part(claimed_by, ' ', 1), ''),"
            " coalesce(extract(epoch FROM claimed_until - clock_timestamp())::float8, 0)"
            " FROM backfill.token WHERE realm_id = $1",
            REALM,
        )
    assert row is not None
    return row[0], row[1]


def losing_answers(database: Database, count: int, *, before: bool = False) -> Database:
    """The database, whose connections break: after what is done on them or, `before`, ahead of it."""
    left = iter(range(count))

    class Losing:
        name, owner = database.name, database.owner

        @asynccontextmanager
        async def control(self) -> AsyncIterator[Connection]:
            lost = next(left, None) is not None
            if not (lost and before):
                async with database.control() as connection:
                    yield connection
            if lost:
                raise UnavailableError("the answer was lost")

    return cast("Database", Losing())


@asynccontextmanager
async def row_locked(dsn: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """Somebody else's session, which holds up every change of the tokens within the block."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute("SELECT FROM backfill.token FOR UPDATE")
            yield connection
    finally:
        await connection.close()


async def cut_who_waits(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """End the session that waits for a lock, once there is one."""
    for _ in range(1000):
        if await connection.fetchval(
            "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 60000)) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        ):
            return
        await anyio.sleep(0.01)
    raise AssertionError("nobody waits")


async def test_keys_are_rotated_for_every_realm_once(vault: TokenVault, keyring: Keyring, database_dsn: str) -> None:
    old_key, new_key = bytes([7]) * 32, bytes([9]) * 32
    async with open_database(database_dsn) as database:
        await Realms(database).import_grants(
            [
                msgspec.structs.replace(GRANT, refresh_token=Secret("refresh-old")),
                RealmGrant(OTHER_REALM, Secret("refresh-other")),
            ],
            TokenVault(database, Keyring([old_key])),
            granted_at=NOW,
        )
        both = TokenVault(database, Keyring([new_key, old_key]))
        assert await both.rotate_keys() == (2, [])
        assert await both.rotate_keys() == (0, [])
        tokens = await TokenVault(database, Keyring([new_key])).read(REALM)
    assert (tokens.refresh_token, tokens.client_secret) == (Secret("refresh-old"), Secret("client-secret-0"))


async def test_tokens_that_no_key_decrypts_hold_up_no_rotation_and_are_named(
    realms: Realms, vault: TokenVault, keyring: Keyring, database: Database
) -> None:
    old_key, new_key = bytes([7]) * 32, bytes([9]) * 32
    grants = [RealmGrant(RealmId(realm_id), Secret(f"refresh-{realm_id}")) for realm_id in ("11", "12", "13")]
    await realms.import_grants(grants, TokenVault(database, Keyring([old_key])), granted_at=NOW)
    async with database.control() as connection:
        await connection.execute("DELETE FROM backfill.token WHERE realm_id = ANY ($1)", [REALM, OTHER_REALM])
        await connection.execute(
            "UPDATE backfill.token SET refresh_token = $1 WHERE realm_id = '12'",
            keyring.encrypt(Secret("x"), bound_to=("12", "refresh_token")),
        )
    both = TokenVault(database, Keyring([new_key, old_key]))
    changed, unread = await both.rotate_keys()
    assert (changed, [error.realm_id for error in unread]) == (2, ["12"])
    for realm_id in ("11", "13"):
        assert (await TokenVault(database, Keyring([new_key])).read(RealmId(realm_id))).refresh_token
    assert (await vault.read(RealmId("12"))).refresh_token == Secret("x"), "left as it was"
