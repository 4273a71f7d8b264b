"""What people read of any length, in pieces within a read-only transaction: log, ledger, their own query."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec

from backfill.errors import UnavailableError, UsageError
from backfill.store.database import Database

if TYPE_CHECKING:  # the driver's generic types exist only in its stubs
    from backfill.store.database import Connection

ROWS_A_PIECE = 500
"""Fetched together: of documents, a few MB."""

PIECE_TIMEOUT_S = 1800.0
"""For one piece. Before the first all that there is may have to be joined and sorted. The driver takes None for the
bound of the pool's other statements, and not for none."""

LEFT_ALONE = "SET LOCAL idle_in_transaction_session_timeout = '1h'"
"""Between two pieces, whose reader may be a person who looks at them, or a slow pipe."""

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
"""Numbers keep their scale."""


@asynccontextmanager
async def at_leisure(database: Database) -> AsyncIterator[Connection]:
    """A connection within a read-only transaction, for cursors that nobody hurries: see `PIECE_TIMEOUT_S`."""
    async with database.control() as connection, connection.transaction(readonly=True):
        await connection.execute(LEFT_ALONE)
        yield connection


@asynccontextmanager
async def looking(database: Database) -> AsyncIterator[Connection]:
    """A connection to look with, for who goes on looking while others bring the schema to another version.

    Raises `UnavailableError` where that was done, as for the world's other troubles within the block.
    """
    async with database.control() as connection:
        try:
            yield connection
        except (asyncpg.UndefinedColumnError, asyncpg.UndefinedFunctionError) as error:
            raise UnavailableError(
                f"the database {database.name} has another version's schema: {error}",
                action="start this again with the version that the other commands have",
            ) from error


async def rows_of(database: Database, statement: str) -> AsyncIterator[Mapping[str, Any]]:
    """The rows of one SELECT as they come: JSON decoded, dates and times as texts. Raises `UsageError` for bad SQL."""
    async with at_leisure(database) as connection:
        try:
            async for row in connection.cursor(statement, prefetch=ROWS_A_PIECE, timeout=PIECE_TIMEOUT_S):
                yield {key: _plain(value) for key, value in row.items()}
        except (asyncpg.SyntaxOrAccessError, asyncpg.DataError, asyncpg.ReadOnlySQLTransactionError) as error:
            raise UsageError(
                f"The query cannot be run: {error}.", action="Give one SELECT; try it with: backfill sql"
            ) from error


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Raw):
        return _DECODER.decode(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value
