"""The realms' tokens: encrypted at rest, refreshed by one process at a time, never thrown away.

Token commits do not check the realm's epoch: whoever was given a new refresh token by Intuit is the only one who has
it, lease or no lease.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import anyio
import asyncpg

from backfill.errors import Disposition, TokenError, UnavailableError
from backfill.model import RealmId, Secret, Tokens
from backfill.store.database import Database
from backfill.store.encryption import Keyring
from backfill.store.postgres_errors import translated

if TYPE_CHECKING:  # the driver's generic types exist only in its stubs
    from asyncpg.transaction import Transaction

    from backfill.store.database import Connection

    Row = asyncpg.Record | None

REFRESHES_AT_ONCE = 4
"""Each holds a connection while Intuit answers; the rest of the pool stays free for leases."""
LOCK_TIMEOUT_S = 120.0
"""Longer than a refresh with its retries takes; then its holder is stuck."""
HOLD_TIMEOUT_S = 60
"""How long the server lets a refresh wait for Intuit before it takes the row lock back from a lost machine.

Twice what an exchange may take, and half of what another waits for the lock: that one must still be there.
"""
STORE_TRIES = 6
"""A new refresh token is worth some patience: with the waits below, these bridge a restart of the database."""
FIRST_RETRY_WAIT_S = 0.2
STORE_TIMEOUT_S = 60.0
"""How long a cancelled command still tries to keep a new token."""

LOCK_GRACE_S = 5.0
"""The server gives up on a lock by itself; the driver's own limit comes after it."""

COLUMNS = (
    "access_token",
    "access_expires_at",
    "refresh_token",
    "previous_refresh_token",
    "refreshed_at",
    "client_id",
    "client_secret",
    "refresh_expires_at",
    "consent_expires_at",
)
"""The columns of backfill.token, named as the fields of `Tokens`, in the order of the statement's values."""
SECRET_COLUMNS = tuple(column for column in COLUMNS if not column.endswith("_at"))

READ = f"SELECT {', '.join(COLUMNS)} FROM backfill.token WHERE realm_id = $1"  # noqa: S608  # columns of ours

STORE = f"""
INSERT INTO backfill.token (realm_id, {", ".join(COLUMNS)})
VALUES ($1, {", ".join(f"${number}" for number, _ in enumerate(COLUMNS, start=2))})
ON CONFLICT (realm_id) DO UPDATE SET {", ".join(f"{column} = excluded.{column}" for column in COLUMNS)}
"""  # noqa: S608  # columns of ours


KEYS_USED = f"""
SELECT encode(substring(value FROM 1 FOR 1), 'hex') AS key_id, count(DISTINCT realm_id) AS realms
FROM backfill.token CROSS JOIN unnest(ARRAY[{", ".join(SECRET_COLUMNS)}]) AS value
WHERE value IS NOT NULL GROUP BY 1 ORDER BY 1
"""  # noqa: S608  # columns of ours


class TokenVault:
    """The table of tokens, in clear to its callers only."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self._refreshes = anyio.Semaphore(REFRESHES_AT_ONCE)

    async def read(self, realm_id: RealmId) -> Tokens:
        """The stored tokens. Raises TokenError (PARK) if the realm has none."""
        async with self._database.control() as connection:
            return _decrypted(self._keyring, realm_id, await connection.fetchrow(READ, realm_id))

    @asynccontextmanager
    async def locked(self, realm_id: RealmId, *, lock_timeout_s: float = LOCK_TIMEOUT_S) -> AsyncIterator[LockedTokens]:
        """Hold the realm's tokens for a refresh: until the block ends or stores, no other process refreshes them.

        Raises TokenError (PARK) if the realm has none, UnavailableError if another holds them for longer than
        `lock_timeout_s`.
        """
        async with self._refreshes, self._database.control() as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                row = await _read_for_update(connection, realm_id, lock_timeout_s)
                locked = LockedTokens(self._database, self._keyring, connection, transaction, realm_id, row)
                yield locked
            finally:
                # An InterfaceError says that the connection is lost, and the lock with it.
                with suppress(asyncpg.InterfaceError), anyio.CancelScope(shield=True):
                    if connection.is_in_transaction():  # nothing was stored
                        await transaction.rollback()

    async def replace(self, connection: Connection, realm_id: RealmId, new: Tokens) -> None:
        """Put the tokens of a new consent in place of whatever is there, within the caller's transaction."""
        await connection.execute(STORE, realm_id, *_encrypted(self._keyring, realm_id, new))

    async def rotate_keys(self) -> int:
        """Encrypt anew, with the first key, what another key encrypted. Returns the number of realms changed."""
        async with self._database.control() as connection:
            realm_ids = [row["realm_id"] for row in await connection.fetch("SELECT realm_id FROM backfill.token")]
        changed = 0
        for realm_id in realm_ids:
            async with self._database.control() as connection, connection.transaction():
                row = await connection.fetchrow(f"{READ} FOR UPDATE", realm_id)
                if row is None or all(
                    row[name] is None or self._keyring.is_current(row[name]) for name in SECRET_COLUMNS
                ):
                    continue
                await self.replace(connection, realm_id, _decrypted(self._keyring, realm_id, row))
                changed += 1
        return changed

    async def keys_used(self) -> dict[str, int]:
        """Names of keys, in hexadecimal, to how many realms have something encrypted with them."""
        async with self._database.control() as connection:
            return {row["key_id"]: row["realms"] for row in await connection.fetch(KEYS_USED)}


class LockedTokens:
    """A realm's tokens while nobody else may refresh them."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        connection: Connection,
        transaction: Transaction,
        realm_id: RealmId,
        row: Row,
    ) -> None:
        self.current = _decrypted(keyring, realm_id, row)
        """The stored tokens, read under the lock."""
        self._database = database
        self._keyring = keyring
        self._connection = connection
        self._transaction = transaction
        self._realm_id = realm_id
        self._stored = False

    async def store(self, new: Tokens) -> None:
        """Commit the new tokens, durably, before returning.

        That ends the lock. Cancellation waits, and a lost connection is replaced: nobody but us has these tokens.
        Raises UnavailableError if the database stays away, or if others replaced the tokens after the lock was lost.
        """
        assert not self._stored, "the lock ended with the first store"
        with anyio.move_on_after(STORE_TIMEOUT_S, shield=True) as patience:
            await self._store(new)
            self._stored = True
        if patience.cancelled_caught:
            raise self._not_stored(f"within {STORE_TIMEOUT_S:.0f} s")

    async def _store(self, new: Tokens) -> None:
        try:
            with translated(self._database.name):
                await self._write(self._connection, new)
                await self._transaction.commit()
                return
        except UnavailableError:
            pass  # the connection, and with it the lock, is lost; whether the commit was too is seen below
        wait_s = FIRST_RETRY_WAIT_S
        for _ in range(STORE_TRIES):
            await anyio.sleep(wait_s)
            wait_s *= 2
            try:
                async with self._database.control() as connection, connection.transaction():
                    there = _decrypted(
                        self._keyring,
                        self._realm_id,
                        await _read_for_update(connection, self._realm_id, LOCK_TIMEOUT_S),
                    )
                    # Compare and swap: only over the very value that was sent to Intuit.
                    if there.refresh_token == self.current.refresh_token:
                        await self._write(connection, new)
            except UnavailableError:
                continue
            if there.refresh_token not in (self.current.refresh_token, new.refresh_token):
                raise self._not_stored("since others replaced them meanwhile")
            return
        raise self._not_stored(f"after {STORE_TRIES} tries")

    async def _write(self, connection: Connection, new: Tokens) -> None:
        await connection.execute(STORE, self._realm_id, *_encrypted(self._keyring, self._realm_id, new))

    def _not_stored(self, why: str) -> UnavailableError:
        return UnavailableError(
            f"the refreshed tokens of realm {self._realm_id} could not be stored {why}",
            action="see that the database runs; if the realm is parked afterwards, connect the company again",
            disposition=Disposition.RETRY,
        )


def _decrypted(keyring: Keyring, realm_id: RealmId, row: Row) -> Tokens:
    if row is None:
        raise TokenError(
            f"realm {realm_id} has no tokens",
            realm_id=realm_id,
            action="connect the company again, and import its new refresh token: backfill realms import FILE",
        )
    values = dict(row)
    for name in SECRET_COLUMNS:
        if values[name] is not None:
            values[name] = keyring.decrypt(values[name], bound_to=(realm_id, name))
    return Tokens(**values)


def _encrypted(keyring: Keyring, realm_id: RealmId, tokens: Tokens) -> list[object]:
    """The values of `COLUMNS`, in their order."""
    values = [(name, getattr(tokens, name)) for name in COLUMNS]
    return [
        keyring.encrypt(value, bound_to=(realm_id, name)) if isinstance(value, Secret) else value
        for name, value in values
    ]


async def _read_for_update(connection: Connection, realm_id: RealmId, lock_timeout_s: float) -> Row:
    # Set for this transaction and not on the pool: every other statement should give up earlier.
    await connection.execute(f"SET LOCAL lock_timeout = {int(lock_timeout_s * 1000)}")
    await connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{HOLD_TIMEOUT_S}s'")
    try:
        return await connection.fetchrow(f"{READ} FOR UPDATE", realm_id, timeout=lock_timeout_s + LOCK_GRACE_S)
    except asyncpg.LockNotAvailableError as error:
        raise UnavailableError(
            f"another process has been refreshing the tokens of realm {realm_id} for {lock_timeout_s:g} s",
            action="see whether it hangs: pg_stat_activity",
            disposition=Disposition.RETRY,
        ) from error
