"""A user's own query over the database, read in pieces within a read-only transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import asyncpg
import msgspec

from backfill.errors import UsageError
from backfill.store.database import Database

_ROWS_AT_ONCE = 500

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
"""Numbers keep their scale."""


async def rows_of(database: Database, statement: str) -> AsyncIterator[Mapping[str, Any]]:
    """The rows of one SELECT as they come: JSON decoded, dates and times as texts. Raises `UsageError` for bad SQL."""
    async with database.control() as connection, connection.transaction(readonly=True):
        await connection.execute("SET LOCAL idle_in_transaction_session_timeout = '1h'")
        try:
            async for row in connection.cursor(statement, prefetch=_ROWS_AT_ONCE, timeout=None):
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
