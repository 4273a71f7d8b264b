"""The registered companies: imported, listed, armed for writing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from backfill.errors import UsageError
from backfill.model import Realm, RealmId, Secret, Tokens
from backfill.store.database import Database
from backfill.store.leases import REMOVING, realm_leaves, unknown_realm
from backfill.store.tokens import TokenVault

LIST = """
SELECT
    realm_id, name, weight, state,
    coalesce(parked_message, '') AS parked_reason, coalesce(parked_action, '') AS parked_action,
    coalesce(parked_code, '') AS parked_code
FROM backfill.realm
WHERE $1::text IS NULL OR realm_id = $1
ORDER BY realm_id
"""

EXPIRIES = """
SELECT realm_id, refreshed_at, imported_at, refresh_expires_at, consent_expires_at
FROM backfill.token JOIN backfill.realm USING (realm_id)
ORDER BY realm_id
"""

# Of each company that is not parked, how old its proofs of some entities are; unless one that is wanted has none, or
# the last word on one of them is no proof of all of it.
PROVEN = """
SELECT realm_id, CASE
    WHEN bool_and(whole) AND count(*) FILTER (WHERE entity = ANY ($2)) = cardinality($2::text[]) THEN min(watermark)
END AS watermark
FROM backfill.realm LEFT JOIN (
    SELECT proof.realm_id, entity, watermark, proven AND scope ->> 'since' IS NULL AS whole
    FROM backfill.proof JOIN backfill.run USING (run_id) WHERE entity = ANY ($1::text[])
) AS proof USING (realm_id)
WHERE state = 'active'
GROUP BY realm_id ORDER BY realm_id
"""

REVOKED = "revoked"
"""The fault that a company is parked for once its consent was ended here: it waits for a new one."""

# Whether the token was imported before, and Intuit has not refused what became of it since; and what it is parked for.
KNOWN = """
SELECT parked_code IS DISTINCT FROM 'invalid_grant'
    AND EXISTS (SELECT FROM backfill.imported_token WHERE realm_id = $1 AND digest = $2) AS known, parked_code
FROM backfill.realm WHERE realm_id = $1 FOR NO KEY UPDATE
"""

REMEMBER = "INSERT INTO backfill.imported_token (realm_id, digest) VALUES ($1, $2) ON CONFLICT DO NOTHING"

# Null leaves what is there: a file of new tokens need not repeat name and weight.
UPSERT_REALM = """
INSERT INTO backfill.realm AS realm (realm_id, name, weight)
VALUES ($1, coalesce($2::text, ''), coalesce($3::double precision, 1))
ON CONFLICT (realm_id) DO UPDATE SET
    name = coalesce($2, realm.name),
    weight = coalesce($3, realm.weight),
    state = 'active', parked_code = NULL, parked_message = NULL, parked_action = NULL, parked_at = NULL,
    imported_at = CASE WHEN $4 THEN realm.imported_at ELSE now() END
RETURNING xmax = 0 AS added
"""

UNPARK = """
UPDATE backfill.realm
SET state = 'active', parked_code = NULL, parked_message = NULL, parked_action = NULL, parked_at = NULL
WHERE state = 'parked' AND realm_id = ANY ($1::text[]) AND ($2::text IS NULL OR parked_code = $2)
    AND parked_code <> 'removing'
RETURNING realm_id
"""

ACCESS_LIFE = timedelta(hours=1)
"""Of an access token (Intuit's OAuth pages). A file that says more names another end, such as the refresh token's: that
one dies of disuse while the access token is believed to be good and nobody refreshes it."""

ROWS_A_TRANSACTION = 1000
"""An import of many thousands of realms commits now and then, so that it holds no lock for long."""


APPS_OF_THEIR_OWN = """
SELECT count(*) FILTER (WHERE num_nulls(client_id, client_secret) = 0) AS own, count(*) AS all FROM backfill.token
"""


class RealmGrant(msgspec.Struct, frozen=True):
    """What a company's owner granted: a row of `realms import`. None for name or weight keeps what is known."""

    realm_id: RealmId
    refresh_token: Secret
    access_token: Secret | None = None
    access_expires_at: datetime | None = None
    name: str | None = None
    weight: float | None = None
    client_id: Secret | None = None
    client_secret: Secret | None = None


class Imported(msgspec.Struct, frozen=True):
    """What an import did."""

    added: int
    updated: int
    kept: int = 0
    """Of the updated, those whose token was imported before: what became of it since stays."""
    ended: Sequence[RealmId] = ()
    """Of the kept, those whose consent was revoked since: they stay parked."""
    unreadable: Sequence[RealmId] = ()
    """Of the kept, those that no key of ours decrypts: another machine may have the key, and go on with them."""


class Realms:
    """The table of companies."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def import_grants(self, grants: Sequence[RealmGrant], vault: TokenVault, *, granted_at: datetime) -> Imported:
        """Register the companies. One that is known gets the new tokens, is not parked any more, and keeps its data.

        A token that was imported before has been replaced by Intuit since: what became of it is kept, unless Intuit has
        refused that. Raises UsageError for what cannot be registered, and RealmGoneError for what is being removed.
        """
        added, kept, ended, unreadable = 0, 0, list[RealmId](), list[RealmId]()
        # In one order everywhere, so that two imports at once wait for one another and never deadlock.
        ordered = sorted(grants, key=lambda grant: grant.realm_id)
        for start in range(0, len(ordered), ROWS_A_TRANSACTION):
            async with self._database.control() as connection, connection.transaction():
                for grant in ordered[start : start + ROWS_A_TRANSACTION]:
                    digest = hashlib.sha256(grant.refresh_token.reveal().encode()).digest()
                    held = await connection.fetchrow(KNOWN, grant.realm_id, digest)
                    known = held is not None and bool(held["known"])
                    if held is not None and held["parked_code"] == REMOVING:
                        raise realm_leaves(grant.realm_id)
                    if held is not None and known and held["parked_code"] == REVOKED:
                        kept += 1
                        ended.append(grant.realm_id)
                        continue
                    try:
                        added += await connection.fetchval(
                            UPSERT_REALM, grant.realm_id, grant.name, grant.weight, known
                        )
                    except (asyncpg.CheckViolationError, asyncpg.DataError) as error:
                        raise UsageError(
                            f"realm {grant.realm_id!r} cannot be registered: its id, name or weight is not one",
                            action="give an id, a plain name, and a weight above zero",
                        ) from error
                    tokens = _tokens(grant, granted_at)
                    if known:
                        kept += 1
                        if await vault.reads(connection, grant.realm_id):
                            await vault.give_credentials(connection, grant.realm_id, tokens)
                        else:
                            unreadable.append(grant.realm_id)
                    else:
                        await vault.replace(connection, grant.realm_id, tokens)
                        await connection.execute(REMEMBER, grant.realm_id, digest)
        return Imported(
            added=added, updated=len(ordered) - added, kept=kept, ended=tuple(ended), unreadable=tuple(unreadable)
        )

    async def unpark(self, realm_ids: Sequence[RealmId], *, code: str | None = None) -> Sequence[RealmId]:
        """Take back those of the companies that are parked (`code`: for that fault), and say which those were.

        What they waited for was done; they go on with the tokens that they have.
        """
        async with self._database.control() as connection:
            rows = await connection.fetch(UNPARK, list(realm_ids), code)
        return sorted(RealmId(row["realm_id"]) for row in rows)

    async def list(self) -> Sequence[Realm]:
        """All companies by realm id."""
        async with self._database.control() as connection:
            rows = await connection.fetch(LIST, None)
        return [Realm(*row.values()) for row in rows]

    async def apps_of_their_own(self) -> tuple[int, int]:
        """How many companies were imported with the app that they are connected to, and of how many with tokens."""
        async with self._database.control() as connection:
            (row,) = await connection.fetch(APPS_OF_THEIR_OWN)
        return row["own"], row["all"]

    async def token_dates(self) -> Sequence[Mapping[str, Any]]:
        """What is known of the ends of each company's tokens: the fields of `qbo.expiries.TokenDates`."""
        async with self._database.control() as connection:
            return [dict(row) for row in await connection.fetch(EXPIRIES)]

    async def proven(self, entities: Sequence[str], *, wanted: Sequence[str]) -> Mapping[RealmId, datetime | None]:
        """Companies that are not parked, each with the oldest watermark of its proofs of those entities.

        None: it has none, or one of them is not proven, or only a part of it (`--since`), or one that is `wanted`
        (distinct names, all among `entities`) has no proof.
        """
        async with self._database.control() as connection:
            rows = await connection.fetch(PROVEN, list(entities), list(wanted))
        return {RealmId(row["realm_id"]): row["watermark"] for row in rows}

    async def get(self, realm_id: RealmId) -> Realm:
        """One company. Raises UsageError if it is not registered."""
        async with self._database.control() as connection:
            row = await connection.fetchrow(LIST, realm_id)
        if row is None:
            raise unknown_realm(realm_id)
        return Realm(*row.values())

    async def arm(self, realm_id: RealmId, *, armed: bool = True) -> None:
        """Allow (or forbid) writing into the company. Raises UsageError if it is not registered."""
        async with self._database.control() as connection:
            found = await connection.fetchval(
                "UPDATE backfill.realm SET armed = $2 WHERE realm_id = $1 RETURNING true", realm_id, armed
            )
        if not found:
            raise unknown_realm(realm_id)

    async def armed(self) -> frozenset[RealmId]:
        """The companies that may be written into."""
        async with self._database.control() as connection:
            rows = await connection.fetch("SELECT realm_id FROM backfill.realm WHERE armed")
        return frozenset(RealmId(row["realm_id"]) for row in rows)


def _tokens(grant: RealmGrant, granted_at: datetime) -> Tokens:
    ends_at = None if grant.access_expires_at is None else min(grant.access_expires_at, granted_at + ACCESS_LIFE)
    return Tokens(
        access_token=grant.access_token,
        access_expires_at=ends_at,
        refresh_token=grant.refresh_token,
        previous_refresh_token=None,
        refreshed_at=granted_at,
        client_id=grant.client_id,
        client_secret=grant.client_secret,
    )
