"""A database of our own on a server that is the user's, for as long as a block runs.

It is known by its name, which says when it was made: one that nobody is connected to was left by a process that was
killed, and is dropped by whoever makes the next.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio
import asyncpg

from backfill.errors import BackfillError, UnavailableError
from backfill.store.database import CONNECT_TIMEOUT_S, PoolSizes, database_name, open_database
from backfill.store.migrate import drop_everything, migrate
from backfill.store.postgres_errors import translated

if TYPE_CHECKING:  # the driver's generic types exist only in its stubs
    from backfill.store.database import Connection, Driven

ONE_CONNECTION = PoolSizes(control=1, landing=1)
"""Enough to make a database and to drop it."""

MADE_WITHIN_S = 60
"""Whoever makes a database is connected to it a moment later; until then it is nobody's, too."""

SETTLED_S = 5.0
"""For the sessions of a program that has ended: a server sees at once that they are gone, one under load later."""
LOOK_S = 0.02

NAME = "SELECT format('backfill_bench_%s_%s', extract(epoch FROM now())::bigint, $1::text)"

CREATE = """
SELECT format(
    'CREATE DATABASE %I TEMPLATE template0 ENCODING ''UTF8'' LC_COLLATE %L LC_CTYPE %L', $1::text, datcollate, datctype
)
FROM pg_database WHERE datname = current_database()
"""
"""The statement, with texts sorted as in the user's own database: it is what an index on them costs."""

DROP = "SELECT format('DROP DATABASE IF EXISTS %I WITH (FORCE)', $1::text)"
"""The statement."""

LEFT_BEHIND = """
SELECT datname FROM pg_database
WHERE datname ~ '^backfill_bench_[0-9]{10}_[0-9a-f]{12}$'
    AND split_part(datname, '_', 3)::bigint < extract(epoch FROM now()) - $1::integer
    AND pg_has_role(datdba, 'USAGE')
    AND NOT EXISTS (
        SELECT FROM pg_stat_activity AS session
        WHERE session.datname = pg_database.datname AND backend_type IS DISTINCT FROM 'autovacuum worker'
    )
ORDER BY datname
"""

USE = """
SELECT pg_database_size(current_database()) AS disk_bytes,
    pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint AS wal_bytes,
    (SELECT coalesce(sum(pg_total_relation_size(relid)), 0)::bigint FROM pg_partition_tree('backfill.call'))
        AS call_bytes
"""

OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""

VERSION = "SELECT split_part(current_setting('server_version'), ' ', 1)"


@dataclass(frozen=True, slots=True)
class Use:
    """What has been used so far: by the database on disk, by the log of calls in it, and of WAL by the whole server."""

    disk_bytes: int
    wal_bytes: int
    call_bytes: int


class ScratchDatabase:
    """The database, held by a session of ours. `dsn` leads to it."""

    def __init__(self, dsn: str, name: str, held: Driven) -> None:
        self.dsn = dsn
        self.name = name
        self._at = database_name(dsn)
        self._held = held

    async def empty(self) -> None:
        """Drop all tables, and make them anew."""
        with translated(self._at):
            await drop_everything(self._held)
            await migrate(self._held)

    async def version(self) -> str:
        """The server's: 18.1."""
        with translated(self._at):
            return str(await self._held.fetchval(VERSION))

    async def use(self) -> Use:
        with translated(self._at):
            row = await self._held.fetchrow(USE)
        assert row is not None, "a SELECT of functions has a row"
        return Use(**row)

    async def settle(self) -> None:
        """Return when nobody else is connected any more, so that what their sessions used is known; or after a time."""
        with anyio.move_on_after(SETTLED_S), translated(self._at):
            while await self._held.fetchval(OTHERS):  # noqa: ASYNC110  # the server tells nobody
                await anyio.sleep(LOOK_S)


@asynccontextmanager
async def scratch_database(dsn: str, *, tell: Callable[[str], None]) -> AsyncIterator[ScratchDatabase]:
    """A new database on the server that `dsn` leads to, without tables; dropped when the block ends, however it does.

    `tell` is told of those that others left, and that are dropped before; and of one that could not be dropped. Raises
    `UnavailableError`, also where the user may not make one.
    """
    server = database_name(dsn)
    name = ""
    try:
        async with _connected(dsn) as connection:
            await _drop_left_behind(connection, tell)
            name = await connection.fetchval(NAME, secrets.token_hex(6))
            try:
                create = await connection.fetchval(CREATE, name)
                with anyio.CancelScope(shield=True):  # or nobody would know whether it is there
                    await connection.execute(create)
            except asyncpg.InsufficientPrivilegeError as error:
                raise UnavailableError(
                    f"A database of its own is needed at {server}, and this user may not make one: {error}.",
                    action="Allow it: ALTER ROLE ... CREATEDB. Or leave BACKFILL_DATABASE_URL out: an embedded Postgres"
                    " is measured then.",
                ) from error
        with translated(server):
            held = await asyncpg.connect(_of(dsn, name), timeout=CONNECT_TIMEOUT_S)
        try:
            yield ScratchDatabase(_of(dsn, name), name, held)
        finally:
            held.terminate()
    finally:
        if name:
            with anyio.CancelScope(shield=True):
                await _drop(dsn, name, tell)


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[Connection]:
    async with open_database(dsn, sizes=ONE_CONNECTION, migrated=False) as database, database.control() as connection:
        yield connection


async def _drop_left_behind(connection: Connection, tell: Callable[[str], None]) -> None:
    for left in await connection.fetch(LEFT_BEHIND, MADE_WITHIN_S):
        drop = await connection.fetchval(DROP, left["datname"])
        await connection.execute(drop)
        tell(f"Dropped the database {left['datname']}, which a bench that was killed had left behind.")


async def _drop(dsn: str, name: str, tell: Callable[[str], None]) -> None:
    """What came before is more telling than that it cannot be dropped, so this raises nothing of the world's."""
    try:
        async with _connected(dsn) as connection:
            drop = await connection.fetchval(DROP, name)
            await connection.execute(drop)
    except BackfillError as error:
        tell(f"The database {name} could not be dropped: {error.message.rstrip('.')}. The next bench does it.")


def _of(dsn: str, database: str) -> str:
    """The address of another database of the same server."""
    parts = urlsplit(dsn)
    return f"{parts.scheme}://{parts.netloc}/{database}" + (f"?{parts.query}" if parts.query else "")
