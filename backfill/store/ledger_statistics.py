"""What Postgres' planner is told of the ledger.

It does not know of rows that have begun to wait until it looks at the table again, which the server has it do by itself
within minutes, or not at all where they are few beside all others. Until then it takes what waits, or what a new
company has, for next to nothing, and reads all of it for each request: 53 ms where 1 do (30,000 rows of one company).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the driver's generic types exist only in its stubs
    from backfill.store.database import Connection

# Who has the table's lock for this is looking at it, too, or sweeps it: then it is left to the server.
LOOK = """
ANALYZE (SKIP_LOCKED) backfill.load_row (
    row_id, load_id, realm_id, entity, operation, source_key, payload_hash, natural_key, object_id, rank, state, seal_id
)
"""

ROWS_MIN = 1000
"""To look takes up to a second, however few rows are new. To read so many for each request costs less."""

TIMEOUT_S = 600.0
"""It looks at 30,000 rows of a table of any size: on a slow disk one seek each."""


async def show_planner(connection: Connection, rows: int) -> None:
    """So many rows have begun to wait."""
    if rows >= ROWS_MIN:
        await connection.execute(LOOK, timeout=TIMEOUT_S)
