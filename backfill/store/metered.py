"""Metered calls by app and month: counted durably, and added to by one process at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING

import msgspec

from backfill.errors import Disposition, UnavailableError
from backfill.model import RunId
from backfill.store.database import Database

if TYPE_CHECKING:  # the driver's generic types exist only in its stubs
    from backfill.store.database import Connection

BEGIN = "INSERT INTO backfill.metered (app, month) VALUES ($1, $2) ON CONFLICT DO NOTHING"

SO_FAR = "SELECT calls, items FROM backfill.metered WHERE app = $1 AND month = $2"

# Only to the sum that was told, so that no two processes can both be told the same rest. A lock that is held from one
# statement to the next would be held for as long as a process is stopped between them, and this row is everybody's.
ADD = """
UPDATE backfill.metered SET calls = calls + $3, items = items + $4, counted_at = clock_timestamp()
WHERE app = $1 AND month = $2 AND calls = $5 AND items = $6
RETURNING calls, items
"""

RUN_SO_FAR = "SELECT metered_calls AS calls, metered_items AS items FROM backfill.run WHERE run_id = $1"

ADD_TO_RUN = """
UPDATE backfill.run SET metered_calls = metered_calls + $2, metered_items = metered_items + $3
WHERE run_id = $1 AND metered_calls = $4 AND metered_items = $5
RETURNING metered_calls AS calls, metered_items AS items
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


More = Callable[[int, int], tuple[int, int]]
"""What to add, told the calls and items so far."""


class MeteredCounts:
    """The table of counts; pacing's port `MeteredLedger`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, app: str, month: date, more: More) -> tuple[int, int]:
        """Add what `more` says, told the calls and items so far; durable before it returns the new count.

        `more` is asked again if another process added some meanwhile. Raises UnavailableError if that has no end.
        """
        async with self._database.control() as connection:
            if await connection.fetchrow(SO_FAR, app, month) is None:  # the month's first
                await connection.execute(BEGIN, app, month)
            return await _added(connection, SO_FAR, ADD, (app, month), more)

    async def months(self, *, limit: int) -> Sequence[MeteredRow]:
        """The newest months first."""
        async with self._database.control() as connection:
            return [MeteredRow(**dict(row)) for row in await connection.fetch(MONTHS, limit)]


class RunMeteredCounts:
    """The count of one run, whatever the app and the month; pacing's port `MeteredLedger`, too."""

    def __init__(self, database: Database, run_id: RunId) -> None:
        self._database = database
        self._run_id = run_id

    async def add(self, app: str, month: date, more: More) -> tuple[int, int]:  # noqa: ARG002  # the port's signature
        """As `MeteredCounts.add`."""
        async with self._database.control() as connection:
            return await _added(connection, RUN_SO_FAR, ADD_TO_RUN, (self._run_id,), more)


async def _added(connection: Connection, so_far: str, add: str, key: Sequence[object], more: More) -> tuple[int, int]:
    for _ in range(ADD_TRIES):
        told = await connection.fetchrow(so_far, *key)
        assert told is not None, "what is counted is there"
        sums = await connection.fetchrow(add, *key, *more(*told), *told)
        if sums is not None:
            return sums["calls"], sums["items"]
    raise UnavailableError(
        f"other processes counted metered calls {ADD_TRIES} times over while one was to be counted here",
        action="run the command again",
        disposition=Disposition.RETRY,
    )
