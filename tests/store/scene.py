"""The realms, times and records that the store's tests speak of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg

from backfill.model import Lease, RealmId, Record, RunId
from backfill.store.database import Database
from backfill.store.postgres_store import PostgresStore

REALM = RealmId("9130350000000000001")
OTHER_REALM = RealmId("9130350000000000002")
EVER = datetime.min.replace(tzinfo=UTC)
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Work:
    """A store at work on a realm."""

    store: PostgresStore
    lease: Lease
    run_id: RunId


def at(second: int) -> datetime:
    return NOW + timedelta(seconds=second)


def live(id: str, updated: int | None, sync_token: int | None = 0, doc: bytes | None = None) -> Record:  # noqa: A002  # Intuit's word
    """An object updated at that second; None: one of an entity without times."""
    text = doc if doc is not None else f'{{"v":"{updated}/{sync_token}"}}'.encode()
    when = None if updated is None else at(updated)
    return Record(id=id, sync_token=sync_token, created_at=when and NOW, updated_at=when, doc=text)


def deleted(id: str, when: int | None) -> Record:  # noqa: A002  # Intuit's word
    """The stub of an object deleted at that second."""
    return Record(
        id=id,
        sync_token=None,
        created_at=None,
        updated_at=None if when is None else at(when),
        doc=b'{"Id":"%s","status":"Deleted"}' % id.encode(),
        deleted=True,
    )


async def rows_of(database: Database, table: str = "qbo.invoice") -> dict[str, asyncpg.Record]:
    """The rows of the table by id."""
    async with database.control() as connection:
        return {row["id"]: row for row in await connection.fetch(f"SELECT * FROM {table}")}
