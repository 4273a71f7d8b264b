"""The realms' tokens: encrypted at rest, refreshed by one process at a time, never thrown away.

Token commits do not check the realm's epoch: whoever was given a new refresh token by Intuit is the only one who has
it, lease or no lease.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import anyio

from backfill.errors import Disposition, TokenError, UnavailableError
from backfill.model import RealmId, Secret, Tokens
from backfill.store.database import Database
from backfill.store.encryption import Keyring
from backfill.store.owners import Owner
from backfill.store.token_errors import no_tokens, tokens_held, tokens_replaced

if TYPE_CHECKING:  # the driver's generic types exist only in its stubs
    import asyncpg

    from backfill.store.database import Connection

CLAIM_S = 100.0
"""Longer than its holder can use it: half a minute for Intuit's answer, and a minute to store what it brings.

So whoever lives is alone with the tokens; and a machine that vanished holds up the realm no longer than this.
"""
LOCK_TIMEOUT_S = 120.0
"""Longer than a claim: whoever waits outlasts one that nobody will end."""
FIRST_LOOK_S = 0.05
LOOK_S_MAX = 1.0
"""How often a claim of another's is looked at: soon, since Intuit answers within a second, then ever more seldom."""
CLAIM_BYTES = 8
"""Two claims of one process differ: its tasks are told apart, too."""
RELEASE_S = 5.0
"""For one statement. A claim that could not be given back ends by itself."""

STORE_WAIT_S = 0.2
STORE_WAIT_S_MAX = 3.2
"""After a try to store, doubled with each: a database that restarts refuses at once, and is not to be knocked at."""
STORE_TIMEOUT_S = 60.0
"""How long it is tried to keep a new token, also by a command that is cancelled: nobody else has it, and this bridges a
restart of the database."""

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
CREDENTIAL_COLUMNS = ("client_id", "client_secret")
"""The app's, which come by import only, which may be while Intuit answers."""
GRANTED_COLUMNS = tuple(column for column in COLUMNS if column not in CREDENTIAL_COLUMNS)
"""What a refresh brings."""
SECRET_COLUMNS = tuple(column for column in COLUMNS if not column.endswith("_at"))

READ = f"SELECT {', '.join(COLUMNS)} FROM backfill.token WHERE realm_id = $1"  # noqa: S608  # columns of ours

STORE = f"""
INSERT INTO backfill.token (realm_id, {", ".join(COLUMNS)})
VALUES ($1, {", ".join(f"${number}" for number, _ in enumerate(COLUMNS, start=2))})
ON CONFLICT (realm_id) DO UPDATE SET {", ".join(f"{column} = excluded.{column}" for column in COLUMNS)}
"""  # noqa: S608  # columns of ours

GIVE_CREDENTIALS = """
UPDATE backfill.token SET client_id = coalesce($2, client_id), client_secret = coalesce($3, client_secret)
WHERE realm_id = $1
"""

# clock_timestamp(), not now(): the statement may have waited for an import to commit. $4 was seen to be dead.
CLAIM = f"""
UPDATE backfill.token SET claimed_by = $2, claimed_until = clock_timestamp() + $3 * interval '1 second'
WHERE realm_id = $1 AND (claimed_by IS NULL OR claimed_until <= clock_timestamp() OR claimed_by = $4)
RETURNING {", ".join(COLUMNS)}
"""  # noqa: S608  # columns of ours

# Of tokens whose claim has just ended: empty.
CLAIMED_BY = "SELECT coalesce(claimed_by, '') FROM backfill.token WHERE realm_id = $1"

RELEASE = """
UPDATE backfill.token SET claimed_by = NULL, claimed_until = NULL WHERE realm_id = $1 AND claimed_by = $2
"""

# Compare and swap: only over the very value that was sent to Intuit. That ends any claim, since whoever looks next
# finds fresh tokens.
SWAP = f"""
UPDATE backfill.token SET
    claimed_by = NULL, claimed_until = NULL,
    {", ".join(f"{column} = ${number}" for number, column in enumerate(GRANTED_COLUMNS, start=3))}
WHERE realm_id = $1 AND refresh_token = $2
RETURNING true
"""  # noqa: S608  # columns of ours

# In the order of an import, which locks the company before its tokens.
HOLD_REALM = "SELECT FROM backfill.realm WHERE realm_id = $1 FOR NO KEY UPDATE"

DROP = "DELETE FROM backfill.token WHERE realm_id = $1"

# A company that is being removed stays parked for that.
PARK = """
UPDATE backfill.realm
SET state = 'parked', parked_code = $2, parked_message = $3, parked_action = $4, parked_at = now()
WHERE realm_id = $1 AND parked_code IS DISTINCT FROM 'removing'
"""

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

    async def read(self, realm_id: RealmId) -> Tokens:
        """The stored tokens. Raises TokenError (PARK) if the realm has none."""
        async with self._database.control() as connection:
            row = await connection.fetchrow(READ, realm_id)
        return _decrypted(self._keyring, realm_id, _found(realm_id, row))

    @asynccontextmanager
    async def locked(self, realm_id: RealmId, *, lock_timeout_s: float = LOCK_TIMEOUT_S) -> AsyncIterator[LockedTokens]:
        """Claim the realm's tokens for a refresh: until the block ends or stores, no other process refreshes them.

        No connection is held meanwhile. The claim is void after CLAIM_S, or once its owner is a dead process of this
        machine. Raises TokenError: PARK if the realm has none, STOP if others hold them for longer than
        `lock_timeout_s`.
        """
        # Named before it is made: whatever becomes of the statement, it can be given back.
        claim = f"{self._database.owner} {os.urandom(CLAIM_BYTES).hex()}"
        held: LockedTokens | None = None
        try:
            held = LockedTokens(
                self._database, self._keyring, realm_id, await self._claimed(realm_id, claim, lock_timeout_s)
            )
            yield held
        finally:
            if held is None or not held.stored:
                with anyio.move_on_after(RELEASE_S, shield=True), suppress(UnavailableError):
                    async with self._database.control() as connection:
                        await connection.execute(RELEASE, realm_id, claim)

    async def _claimed(self, realm_id: RealmId, claim: str, lock_timeout_s: float) -> asyncpg.Record:
        """The row, once it is claimed."""
        deadline = anyio.current_time() + lock_timeout_s
        wait_s, dead_claim = FIRST_LOOK_S, None
        while True:
            async with self._database.control() as connection:
                row = await connection.fetchrow(CLAIM, realm_id, claim, CLAIM_S, dead_claim)
                if row is not None:
                    return row
                claimed_by = _found(realm_id, await connection.fetchrow(CLAIMED_BY, realm_id))[0]
            holder, _, _ = claimed_by.partition(" ")
            if anyio.current_time() >= deadline:
                raise tokens_held(realm_id, holder, waited_s=lock_timeout_s)
            owner = Owner.parse(holder)
            if owner is not None and owner.is_surely_dead():
                dead_claim = claimed_by
            else:
                await anyio.sleep(wait_s)
                wait_s = min(wait_s * 2, LOOK_S_MAX)

    async def replace(self, connection: Connection, realm_id: RealmId, new: Tokens) -> None:
        """Put the tokens of a new consent in place of whatever is there, within the caller's transaction."""
        await connection.execute(STORE, realm_id, *_encrypted(self._keyring, realm_id, new, COLUMNS))

    async def reads(self, connection: Connection, realm_id: RealmId) -> bool:
        """Whether our keys decrypt all that the realm has."""
        row = await connection.fetchrow(READ, realm_id)
        try:
            return row is None or bool(_decrypted(self._keyring, realm_id, row))
        except TokenError:
            return False

    async def give_credentials(self, connection: Connection, realm_id: RealmId, new: Tokens) -> None:
        """Take no more of `new` than the app's credentials, where it has some."""
        await connection.execute(
            GIVE_CREDENTIALS, realm_id, *_encrypted(self._keyring, realm_id, new, CREDENTIAL_COLUMNS)
        )

    async def rotate_keys(self) -> tuple[int, Sequence[TokenError]]:
        """Encrypt anew, with the first key, what another key encrypted.

        Returns the number of realms changed, and what is wrong with those that no key of ours decrypts: they are left
        as they are.
        """
        async with self._database.control() as connection:
            realm_ids = [row["realm_id"] for row in await connection.fetch("SELECT realm_id FROM backfill.token")]
        changed, unread = 0, list[TokenError]()
        for realm_id in realm_ids:
            async with self._database.control() as connection, connection.transaction():
                row = await connection.fetchrow(f"{READ} FOR UPDATE", realm_id)
                if row is None or all(
                    row[name] is None or self._keyring.is_current(row[name]) for name in SECRET_COLUMNS
                ):
                    continue
                try:
                    tokens = _decrypted(self._keyring, realm_id, row)
                except TokenError as error:
                    unread.append(error)
                    continue
                await self.replace(connection, realm_id, tokens)
                changed += 1
        return changed, unread


class LockedTokens:
    """A realm's tokens while nobody else may refresh them."""

    def __init__(self, database: Database, keyring: Keyring, realm_id: RealmId, row: asyncpg.Record) -> None:
        self.current = _decrypted(keyring, realm_id, row)
        """The stored tokens, read as they were claimed."""
        self.stored = False
        """Whether the claim has ended with that."""
        self._database = database
        self._keyring = keyring
        self._realm_id = realm_id
        self._as_stored: bytes = row["refresh_token"]

    async def store(self, new: Tokens) -> None:
        """Commit the new tokens, durably, before returning.

        That ends the claim. Cancellation waits, and a lost connection is replaced: nobody but us has these tokens.
        Raises UnavailableError if the database stays away, and TokenError (RETRY) if others replaced the tokens
        meanwhile: then theirs are to be used.
        """
        assert not self.stored, "the claim ended with the first store"
        with anyio.move_on_after(STORE_TIMEOUT_S, shield=True) as patience:
            await self._store(new)
            self.stored = True
        if patience.cancelled_caught:
            raise self._not_stored()

    async def _store(self, new: Tokens) -> None:
        values = _encrypted(self._keyring, self._realm_id, new, GRANTED_COLUMNS)
        wait_s = STORE_WAIT_S
        while True:
            try:
                async with self._database.control() as connection:
                    if await connection.fetchval(SWAP, self._realm_id, self._as_stored, *values):
                        return
                    row = _found(self._realm_id, await connection.fetchrow(READ, self._realm_id))
                there = _decrypted(self._keyring, self._realm_id, row)
            except UnavailableError:  # whether it was committed all the same is seen by the next try
                await anyio.sleep(wait_s)
                wait_s = min(wait_s * 2, STORE_WAIT_S_MAX)
                continue
            if there.refresh_token == self.current.refresh_token:  # the same value, encrypted anew
                self._as_stored = row["refresh_token"]
            elif there.refresh_token == new.refresh_token:
                return
            else:
                raise tokens_replaced(self._realm_id)

    async def end(self, *, code: str, message: str, action: str) -> None:
        """Drop the tokens, whose consent is over, and park the company for that: both, or neither.

        Raises TokenError (RETRY) if others replaced the tokens meanwhile: theirs are of a consent that may live.
        """
        async with self._database.control() as connection, connection.transaction():
            await connection.fetch(HOLD_REALM, self._realm_id)
            row = await connection.fetchrow(f"{READ} FOR UPDATE", self._realm_id)
            there = None if row is None else _decrypted(self._keyring, self._realm_id, row)
            if there is not None and there.refresh_token != self.current.refresh_token:
                raise tokens_replaced(self._realm_id)
            await connection.execute(DROP, self._realm_id)
            await connection.execute(PARK, self._realm_id, code, message, action)

    def _not_stored(self) -> UnavailableError:
        return UnavailableError(
            f"the refreshed tokens of realm {self._realm_id} could not be stored within {STORE_TIMEOUT_S:.0f} s",
            action="see that the database runs; if the realm is parked afterwards, connect the company again",
            disposition=Disposition.RETRY,
        )


async def keys_used(database: Database) -> dict[str, int]:
    """Names of keys, in hexadecimal, to how many realms have something encrypted with them. Needs no key."""
    async with database.control() as connection:
        return {row["key_id"]: row["realms"] for row in await connection.fetch(KEYS_USED)}


def _found(realm_id: RealmId, row: asyncpg.Record | None) -> asyncpg.Record:
    if row is None:
        raise no_tokens(realm_id)
    return row


def _decrypted(keyring: Keyring, realm_id: RealmId, row: asyncpg.Record) -> Tokens:
    values = dict(row)
    for name in SECRET_COLUMNS:
        if values[name] is not None:
            values[name] = keyring.decrypt(values[name], bound_to=(realm_id, name))
    return Tokens(**values)


def _encrypted(keyring: Keyring, realm_id: RealmId, tokens: Tokens, columns: Sequence[str]) -> list[object]:
    """The values of the columns, in their order."""
    values = [(name, getattr(tokens, name)) for name in columns]
    return [
        keyring.encrypt(value, bound_to=(realm_id, name)) if isinstance(value, Secret) else value
        for name, value in values
    ]
