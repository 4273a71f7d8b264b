"""Bringing the schema up to date: plain SQL files in order, each applied once, none changed afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

import asyncpg

from backfill.errors import UnavailableError

if TYPE_CHECKING:  # the driver's generic types exist only in its stubs
    from asyncpg.pool import PoolConnectionProxy

    AnyConnection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]

MIGRATION_LOCK = 0x6261636B66696C6C
"""The advisory lock that runners queue for: 'backfill' in ASCII, so that a person who sees it knows whose it is."""

MIGRATION_S = 6 * 3600.0
"""For one file, and to wait for another runner's files. An index over all the rows of a ledger takes minutes, and what
is broken off begins anew with every command."""

BLOCKED_MOST = "SET LOCAL lock_timeout = '60s'"

LEDGER_THERE = "SELECT to_regclass('backfill.migration') IS NOT NULL"

CREATE_LEDGER = """
CREATE SCHEMA IF NOT EXISTS backfill;
CREATE TABLE IF NOT EXISTS backfill.migration (
    number integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: `0001_foundation.sql` is number 1."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped_migrations() -> tuple[Migration, ...]:
    """The files in the package, in order."""
    folder = resources.files("backfill.store") / "migrations"
    return tuple(
        Migration(int(file.name.split("_")[0]), file.name, file.read_text(encoding="utf-8"))
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".sql")
    )


async def migrate(connection: AnyConnection, migrations: Sequence[Migration] | None = None) -> list[str]:
    """Apply what is missing and return the names of the files applied. Concurrent runners wait for one another.

    All in one transaction: a file that fails leaves the schema as it was. Raises UnavailableError if an applied
    file has changed since, if the database is further than this program, or if tables of others are in our place.
    """
    shipped = shipped_migrations() if migrations is None else migrations
    async with connection.transaction():
        # Released with the transaction, also if we die; before the ledger is made, which two cannot do at once.
        await connection.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK, timeout=MIGRATION_S)
        # While we wait for a lock, whoever reads or writes waits behind us; and who holds it may do so for hours.
        await connection.execute(BLOCKED_MOST)
        # Only where it lacks: to be allowed to make a schema is more than a command needs that finds its own there.
        if not await connection.fetchval(LEDGER_THERE):
            await connection.execute(CREATE_LEDGER)
        missing = _missing(shipped, await _applied(connection))
        for migration in missing:
            try:
                await connection.execute(migration.sql, timeout=MIGRATION_S)
            except (asyncpg.DuplicateTableError, asyncpg.DuplicateObjectError) as error:
                raise _of_others(str(error)) from error
            await connection.execute(
                "INSERT INTO backfill.migration (number, name, checksum) VALUES ($1, $2, $3)",
                migration.number,
                migration.name,
                migration.checksum,
            )
    return [migration.name for migration in missing]


async def require_migrated(name: str, connection: AnyConnection) -> None:
    """See that nothing is to apply to the database `name`, and write nothing. Raises UnavailableError."""
    applied = await _applied(connection) if await connection.fetchval(LEDGER_THERE) else {}
    missing = _missing(shipped_migrations(), applied)
    if missing:
        raise UnavailableError(
            f"the database {name} is not set up for this version: it lacks {missing[0].name}",
            action="run: backfill migrate",
        )


async def _applied(connection: AnyConnection) -> dict[int, tuple[str, str]]:
    try:
        rows = await connection.fetch("SELECT number, name, checksum FROM backfill.migration")
    except asyncpg.UndefinedColumnError as error:
        raise _of_others(f"backfill.migration: {error}") from error
    return {row["number"]: (row["name"], row["checksum"]) for row in rows}


def _of_others(told: str) -> UnavailableError:
    return UnavailableError(
        f"the database has tables that are not ours in the schemas backfill or qbo: {told}",
        action="give a database that has no such tables, or move them to another schema",
    )


def _missing(shipped: Sequence[Migration], applied: dict[int, tuple[str, str]]) -> list[Migration]:
    """The files still to apply. Raises UnavailableError where what was applied is not what we ship."""
    unknown = sorted(applied.keys() - {migration.number for migration in shipped})
    if unknown:
        raise UnavailableError(
            f"the database was set up by a newer backfill: {applied[unknown[-1]][0]} is not known to this one",
            action="install the newer version of backfill",
        )
    for migration in shipped:
        if migration.number in applied and applied[migration.number][1] != migration.checksum:
            raise UnavailableError(
                f"the migration {migration.name} was changed since it was applied to this database",
                action="install an unchanged version of backfill; a schema is changed by a new file only",
            )
    return [migration for migration in shipped if migration.number not in applied]


async def drop_everything(connection: AnyConnection) -> None:
    """Drop all that migrations made, with all data. For databases that are made anew, such as a demo's."""
    await connection.execute("DROP SCHEMA IF EXISTS qbo, backfill CASCADE")
