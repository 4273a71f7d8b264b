"""Metered calls by app and month: counted durably, and added to by one process at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import msgspec

from backfill.store.database import Database

BEGIN = "INSERT INTO backfill.metered (app, month) VALUES ($1, $2) ON CONFLICT DO NOTHING"

# The lock is held until the sum is committed, so that no two processes can both be told the same rest.
SO_FAR = "SELECT calls, items FROM backfill.metered WHERE app = $1 AND month = $2 FOR UPDATE"

ADD = """
UPDATE backfill.metered SET calls = calls + $3, items = items + $4, counted_at = clock_timestamp()
WHERE app = $1 AND month = $2
RETURNING calls, items
"""

MONTHS = "SELECT app, month, calls, items FROM backfill.metered ORDER BY month DESC, app LIMIT $1"


class MeteredRow(msgspec.Struct, frozen=True):
    """What an app used up in a month, in both readings: `calls` a batch as one, `items` a batch as its items.

    While a command runs this holds the block that it has not used up yet; one that was killed leaves it in.
    """

    app: str
    month: date
    calls: int
    items: int


class MeteredCounts:
    """The table of counts; pacing's port `MeteredLedger`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, app: str, month: date, more: Callable[[int, int], tuple[int, int]]) -> tuple[int, int]:
        """Add what `more` says, told the calls and items so far; durable before it returns the new count."""
        async with self._database.control() as connection, connection.transaction():
            await connection.execute(BEGIN, app, month)
            so_far = await connection.fetchrow(SO_FAR, app, month)
            assert so_far is not None, "it was begun in this transaction"
            sums = await connection.fetchrow(ADD, app, month, *more(so_far["calls"], so_far["items"]))
            assert sums is not None, "it is locked"
            return sums["calls"], sums["items"]

    async def months(self, *, limit: int) -> Sequence[MeteredRow]:
        """The newest months first."""
        async with self._database.control() as connection:
            return [MeteredRow(**dict(row)) for row in await connection.fetch(MONTHS, limit)]
