"""Metered calls by app and month: counted durably, and added to by one process at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import msgspec

from backfill.errors import Disposition, UnavailableError
from backfill.store.database import Database

BEGIN = "INSERT INTO backfill.metered (app, month) VALUES ($1, $2) ON CONFLICT DO NOTHING"

SO_FAR = "SELECT calls, items FROM backfill.metered WHERE app = $1 AND month = $2"

# Only to the sum that was told, so that no two processes can both be told the same rest. A lock that is held from one
# statement to the next would be held for as long as a process is stopped between them, and this row is everybody's.
ADD = """
UPDATE backfill.metered SET calls = calls + $3, items = items + $4, counted_at = clock_timestamp()
WHERE app = $1 AND month = $2 AND calls = $5 AND items = $6
RETURNING calls, items
"""

ADD_TRIES = 1000
"""Each further one means that another process added some meanwhile, which it does once in a block of calls."""

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
        """Add what `more` says, told the calls and items so far; durable before it returns the new count.

        `more` is asked again if another process added some meanwhile. Raises UnavailableError if that has no end.
        """
        async with self._database.control() as connection:
            for _ in range(ADD_TRIES):
                so_far = await connection.fetchrow(SO_FAR, app, month)
                if so_far is None:  # the month's first
                    await connection.execute(BEGIN, app, month)
                    continue
                told = so_far["calls"], so_far["items"]
                sums = await connection.fetchrow(ADD, app, month, *more(*told), *told)
                if sums is not None:
                    return sums["calls"], sums["items"]
        raise UnavailableError(
            f"other processes counted metered calls {ADD_TRIES} times over while one was to be counted here",
            action="run the command again",
            disposition=Disposition.RETRY,
        )

    async def months(self, *, limit: int) -> Sequence[MeteredRow]:
        """The newest months first."""
        async with self._database.control() as connection:
            return [MeteredRow(**dict(row)) for row in await connection.fetch(MONTHS, limit)]
