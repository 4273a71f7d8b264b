"""What stands in the write ledger, for people: loads, the dead letter, and what could not be excluded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from backfill.errors import UsageError
from backfill.load_model import LoadId, RowState
from backfill.model import RealmId
from backfill.store.database import Database
from backfill.store.ledger_import import STATEMENT_TIMEOUT_S
from backfill.store.ledger_statistics import show_planner
from backfill.store.reading import PIECE_TIMEOUT_S, ROWS_A_PIECE, at_leisure

LOAD = "SELECT load_id FROM backfill.load WHERE load_id = $1"

_LOAD_MAX = 2**63 - 1
"""The ledger's numbers go no further."""

LOADS = """
SELECT load.load_id, source, undoes, imported_at,
    (SELECT jsonb_object_agg(state, rows) FROM (
        SELECT state, count(*) AS rows FROM backfill.load_row WHERE load_row.load_id = load.load_id GROUP BY state
    ) AS counted) AS rows
FROM backfill.load WHERE $1::bigint IS NULL OR load_id = $1 ORDER BY load_id DESC LIMIT $2
"""

DETAIL = """
SELECT realm_id, entity, operation, state, count(*) AS rows
FROM backfill.load_row WHERE load_id = $1 GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""

REASONS = """
SELECT fault_code AS code, min(fault_message) AS message, min(fault_action) AS action, count(*) AS rows
FROM backfill.load_row WHERE state = 'rejected' AND ($1::bigint IS NULL OR load_id = $1)
GROUP BY fault_code ORDER BY rows DESC, code LIMIT 20
"""

# A sender that was paused before it sent, and taken for dead, may still wake up: only of these seals.
UNCERTAIN = """
SELECT seal_id, realm_id, request_id, cardinality(row_ids) AS rows, sealed_at, times_lost, sends, settled_at,
    count(*) OVER () AS of
FROM backfill.seal
WHERE taken_over AND ($1::bigint IS NULL OR EXISTS (
    SELECT FROM backfill.load_row WHERE row_id = ANY (seal.row_ids) AND load_id = $1
))
ORDER BY seal_id DESC LIMIT 100
"""

UNSETTLED = """
SELECT count(*) AS seals, coalesce(sum(cardinality(row_ids)), 0) AS rows FROM backfill.seal WHERE settled_at IS NULL
"""

# Found again, and all the same for a person to look at.
AMBIGUOUS = """
SELECT realm_id, entity, source_key, object_id, fault_message AS message, fault_action AS action, count(*) OVER () AS of
FROM backfill.load_row WHERE fault_code <> '' AND state = 'adopted' AND ($1::bigint IS NULL OR load_id = $1)
ORDER BY row_id DESC LIMIT 100
"""

REJECTED = """
SELECT row_id, realm_id, entity, operation, source_key, payload, payload_hash, line, load_id, fault_code, fault_message,
    fault_action, intuit_tid
FROM backfill.load_row WHERE state = 'rejected' AND ($1::bigint IS NULL OR load_id = $1) ORDER BY row_id
"""

RETRY = """
WITH taken AS MATERIALIZED (
    SELECT row_id FROM backfill.load_row WHERE state = 'rejected' AND ($1::bigint IS NULL OR load_id = $1)
    ORDER BY row_id FOR UPDATE
)
UPDATE backfill.load_row AS held SET
    state = 'waiting', generation = generation + 1, fault_code = '', fault_message = '', fault_action = '',
    settled_at = NULL
FROM taken WHERE held.row_id = taken.row_id
"""

OPEN_LOADS = """
SELECT DISTINCT load_id FROM backfill.load_row
WHERE state IN ('waiting', 'sealed') AND ($1::bigint IS NULL OR load_id = $1) ORDER BY load_id
"""

REALMS = "SELECT DISTINCT realm_id FROM backfill.load_row WHERE load_id = ANY ($1::bigint[]) ORDER BY realm_id"

STATES = "SELECT state, count(*) AS rows FROM backfill.load_row WHERE load_id = ANY ($1::bigint[]) GROUP BY state"

# What was not sent yet is not to be sent any more: no retry sends it, and importing it once more does.
CANCEL = """
WITH taken AS MATERIALIZED (
    SELECT row_id FROM backfill.load_row WHERE load_id = $1 AND state = 'waiting' ORDER BY row_id FOR UPDATE
)
UPDATE backfill.load_row AS held SET state = 'undone', settled_at = clock_timestamp()
FROM taken WHERE held.row_id = taken.row_id
"""

# What the load made goes, or went: of that no change needs to be taken back.
DONE = """
SELECT row_id, realm_id, entity, operation, source_key, payload, object_id, before, settled_at,
    operation <> 'create' AND EXISTS (
        SELECT FROM backfill.load_row AS made
        WHERE made.realm_id = done.realm_id AND made.entity = done.entity AND made.object_id = done.object_id
            AND made.operation = 'create' AND made.load_id = $1 AND made.state IN ('applied', 'adopted', 'undone')
    ) AS goes
FROM backfill.load_row AS done
WHERE load_id = $1 AND state IN ('applied', 'adopted')
    AND NOT EXISTS (SELECT FROM backfill.load_row AS other WHERE other.undoes = done.row_id)
ORDER BY settled_at DESC, row_id DESC
"""

UNDOINGS = """
SELECT load_id FROM backfill.load WHERE undoes = $1 AND EXISTS (
    SELECT FROM backfill.load_row WHERE load_row.load_id = load.load_id AND state = ANY ($2::text[])
) ORDER BY load_id
"""


class DoneRow(msgspec.Struct, frozen=True):
    """A row that took effect, with what undoing it needs."""

    row_id: int
    realm_id: RealmId
    entity: str
    operation: str
    source_key: str
    payload: bytes
    object_id: str
    before: bytes | None
    settled_at: datetime
    goes: bool
    """It changed what the same load made."""


class LedgerStatus:
    """Reads, and the two changes that people ask for. `load_id` None: all loads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def loads(self, load_id: LoadId | None, *, limit: int) -> Sequence[Mapping[str, Any]]:
        """The loads, the newest first, each with its rows by state."""
        return await self._rows(LOADS, load_id, limit)

    async def require(self, load_id: LoadId) -> None:
        """Raises `UsageError` for a load that is none."""
        if not 0 < load_id <= _LOAD_MAX or not await self._rows(LOAD, load_id):
            raise UsageError(f"There is no load {load_id}.", action="See which there are: backfill load status")

    async def detail(self, load_id: LoadId) -> Sequence[Mapping[str, Any]]:
        """Rows by realm, entity, operation and state."""
        return await self._rows(DETAIL, load_id)

    async def reasons(self, load_id: LoadId | None) -> Sequence[Mapping[str, Any]]:
        """Why rows were rejected, the most frequent first."""
        return await self._rows(REASONS, load_id)

    async def audit(self, load_id: LoadId | None) -> Mapping[str, Any]:
        """What is open, and what could not be excluded: how much of it there is, and the newest hundred."""
        (unsettled,) = await self._rows(UNSETTLED)
        found: dict[str, Any] = {"unsettled": unsettled}
        for name, statement in (("taken_over", UNCERTAIN), ("ambiguous", AMBIGUOUS)):
            newest = [dict(row) for row in await self._rows(statement, load_id)]
            counts = [row.pop("of") for row in newest]
            found |= {f"{name}_count": max(counts, default=0), name: newest}
        return found

    async def rejected(self, load_id: LoadId | None) -> AsyncIterator[Mapping[str, Any]]:
        """The dead letter, row by row."""
        async with at_leisure(self._database) as connection:
            async for row in connection.cursor(REJECTED, load_id, prefetch=ROWS_A_PIECE, timeout=PIECE_TIMEOUT_S):
                yield dict(row)

    async def retry(self, load_id: LoadId | None) -> int:
        """Let rejected rows wait again. Returns how many."""
        async with self._database.control() as connection:
            rows = int((await connection.execute(RETRY, load_id, timeout=STATEMENT_TIMEOUT_S)).rpartition(" ")[2])
            await show_planner(connection, rows)
        return rows

    async def open_loads(self, load_id: LoadId | None) -> tuple[LoadId, ...]:
        """Loads with rows that are not at their end."""
        return tuple(LoadId(row["load_id"]) for row in await self._rows(OPEN_LOADS, load_id))

    async def states(self, loads: Sequence[LoadId]) -> Mapping[str, int]:
        """State to rows, of the loads together."""
        return {row["state"]: row["rows"] for row in await self._rows(STATES, list(loads))}

    async def realms(self, loads: Sequence[LoadId]) -> Sequence[RealmId]:
        """The realms that the loads write into."""
        return [RealmId(row["realm_id"]) for row in await self._rows(REALMS, list(loads))]

    async def cancel(self, load_id: LoadId) -> int:
        """Let no row of the load be sent any more. Returns how many were waiting."""
        async with self._database.control() as connection:
            return int((await connection.execute(CANCEL, load_id, timeout=STATEMENT_TIMEOUT_S)).rpartition(" ")[2])

    async def undoings(self, load_id: LoadId, *states: RowState) -> tuple[LoadId, ...]:
        """The loads that take this one back and have rows in one of these states."""
        return tuple(LoadId(row["load_id"]) for row in await self._rows(UNDOINGS, load_id, list(states)))

    async def done(self, load_id: LoadId) -> AsyncIterator[DoneRow]:
        """What took effect and was not taken back, the newest first."""
        async with at_leisure(self._database) as connection:
            async for row in connection.cursor(DONE, load_id, prefetch=ROWS_A_PIECE, timeout=PIECE_TIMEOUT_S):
                fields = dict(row)
                before, payload = fields.pop("before"), bytes(fields.pop("payload"))
                yield DoneRow(**fields, payload=payload, before=None if before is None else bytes(before))

    async def _rows(self, statement: str, *values: object) -> Sequence[Mapping[str, Any]]:
        async with self._database.control() as connection:
            return [dict(row) for row in await connection.fetch(statement, *values)]
