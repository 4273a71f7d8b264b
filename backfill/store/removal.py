"""All that the database has of one company: counted, and deleted piece by piece under its lease."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from backfill.entities import ENTITIES
from backfill.model import Lease, RealmId
from backfill.store.database import Database
from backfill.store.entity_tables import table_of
from backfill.store.leases import FENCE, REMOVING, fence_of, require, require_fence

ROWS_A_PIECE = 5_000
"""Some tenths of a second, whatever the rows; a lease is renewed beside it, and a stop is heeded after it."""
WITH_MANY_A_PIECE = 20
"""Of rows that take thousands of others with them: a report has up to 400,000 cells, a run's plan a hundred slices."""
COUNT_TIMEOUT_S = 1800.0
"""To count some ten million rows of a company takes seconds, on a slow disk minutes. Nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Part:
    """A table with rows of companies, and how it is gone through: by an index that begins with the company."""

    table: str
    key: str
    """The column behind the company's in that index: a piece begins where the last one ended, and not with what is
    deleted already, which for as long as somebody reads an older state would be looked through again each time."""
    kind: str = "text"
    first: str = ""
    """The type of that column, and what none of its values is before."""
    only: str = "true"
    """The condition of an index that has not all of the table."""
    with_it: str = ""
    """The table whose rows go with these, by its key."""
    joined: str = ""
    """And how it is joined to be counted."""

    @property
    def rows_a_piece(self) -> int:
        return WITH_MANY_A_PIECE if self.with_it else ROWS_A_PIECE

    @property
    def tables(self) -> Sequence[str]:
        return [self.table, *self.with_it.split()]

    @property
    def delete(self) -> str:
        """Its parameters: the fence's three, where to begin, how many rows. What is selected: the fence, and so on."""
        # As a pair, and not as this company and a key: else the planner may take another index that has the keys in
        # order, as the log's by time, and look there through the rows of all. What is deleted is found by its place
        # alone, which the log has once in each of its days: an index by company would lead to all of the company's.
        return f"""
WITH fence AS MATERIALIZED ({FENCE}),
piece AS MATERIALIZED (
    SELECT ctid AS place, {self.key} AS key FROM {self.table}
    WHERE (realm_id, {self.key}) >= ($1, $4::text::{self.kind}) AND realm_id <= $1 AND {self.only}
        AND EXISTS (SELECT FROM fence)
    ORDER BY realm_id, {self.key} LIMIT $5
),
gone AS (
    DELETE FROM {self.table} WHERE ctid = ANY (ARRAY(SELECT place FROM piece)) AND realm_id || '' = $1 RETURNING 1
)
SELECT (SELECT count(*) FROM gone) AS rows, (SELECT key::text FROM piece ORDER BY key DESC LIMIT 1) AS last FROM fence
"""  # noqa: S608  # names of ours

    @property
    def count(self) -> str:
        return f"SELECT count(*) FROM {self.table} WHERE realm_id = $1 AND {self.only}"  # noqa: S608  # as above

    def count_of(self, table: str) -> str:
        """Of a table whose rows go with these."""
        return (
            f"SELECT count(*) FROM {self.table} AS part JOIN {table} AS held USING ({self.joined})"  # noqa: S608
            " WHERE part.realm_id = $1"
        )


PARTS: Sequence[Part] = (
    # First what says that all is there, and what opens the company.
    Part("backfill.proof", "entity"),
    Part("backfill.verification", "entity"),
    Part("backfill.token", "realm_id"),
    Part("backfill.imported_token", "digest", "bytea"),
    Part("backfill.permit", "realm_id"),
    Part(
        "backfill.realm_run",
        "realm_id",
        with_it="backfill.census backfill.slice",
        joined="run_id, realm_id",
    ),
    *(Part(table_of(entity), "id") for entity in sorted(ENTITIES)),
    Part("qbo.report", "report", with_it="qbo.report_row", joined="report_id"),
    Part("backfill.quarantine", "entity"),
    Part("backfill.webhook_event", "event_id", "bigint", "0", "settled_at IS NULL"),
    Part("backfill.webhook_event", "event_id", "bigint", "0", "settled_at IS NOT NULL"),
    Part("backfill.call", "asked_at", "timestamptz", "-infinity"),
)
"""All but the ledger, which is gone through load by load, and the company's own row."""

LEDGER = ("backfill.load_row", "backfill.seal")
OWN = "backfill.realm"

SEALS = Part("backfill.seal", "request_id")

# A look into the index for each load, whatever the planner believes: as a join, it would read all companies' rows. The
# newest first, so that what takes back goes before what is taken back.
LOADS = """
SELECT load.load_id FROM backfill.load CROSS JOIN LATERAL (
    SELECT FROM backfill.load_row WHERE load_row.load_id = load.load_id AND load_row.realm_id = $1 LIMIT 1
) AS held
ORDER BY load.load_id DESC
"""

LOADED = """
SELECT coalesce(sum(held.rows), 0) FROM backfill.load CROSS JOIN LATERAL (
    SELECT count(*) AS rows FROM backfill.load_row WHERE load_row.load_id = load.load_id AND load_row.realm_id = $1
) AS held
"""

PIECE_OF_LOAD = """
SELECT row_id FROM backfill.load_row WHERE load_id = $1 AND realm_id = $2 LIMIT $3
"""

# What undid a row may come in a later piece, or stand in an older load: a row that was loaded anew is in the newest.
LET_GO = "UPDATE backfill.load_row SET undoes = NULL WHERE undoes = ANY ($1::bigint[])"

DELETE_ROWS = "DELETE FROM backfill.load_row WHERE row_id = ANY ($1::bigint[])"

# Of a load into other companies, too, the rest stays.
DELETE_LOAD = """
DELETE FROM backfill.load WHERE load_id = $1
    AND NOT EXISTS (SELECT FROM backfill.load_row WHERE load_row.load_id = $1)
    AND NOT EXISTS (SELECT FROM backfill.load AS undoing WHERE undoing.undoes = $1)
"""

MARK = """
UPDATE backfill.realm SET
    state = 'parked', parked_code = $2, parked_message = $3, parked_action = $4,
    parked_at = coalesce(parked_at, now()), armed = false
WHERE realm_id = $1
"""

LOCK = "SELECT FROM backfill.realm WHERE realm_id = $1 FOR UPDATE"

DELETE_REALM = "DELETE FROM backfill.realm WHERE realm_id = $1"

# What other processes wrote down late. Not of a company that was registered again meanwhile.
LATE_CALLS = """
DELETE FROM backfill.call
WHERE realm_id || '' = $1 AND NOT EXISTS (SELECT FROM backfill.realm WHERE realm_id = $1)
    AND ctid = ANY (ARRAY(SELECT ctid FROM backfill.call WHERE realm_id = $1 LIMIT $2))
"""

KIND = "remove"
"""Of the runs that remove companies: the log of it, which stays."""

SAYING = """
SELECT run_id, scope, summary FROM backfill.run
WHERE kind <> $2 AND (position('"' || $1 || '"' IN scope::text) > 0 OR position('"' || $1 || '"' IN summary::text) > 0)
ORDER BY run_id
"""

SAY = "UPDATE backfill.run SET scope = $2, summary = $3 WHERE run_id = $1"

REMOVED = """
SELECT realm_id FROM unnest($1::text[]) AS named (realm_id)
WHERE NOT EXISTS (SELECT FROM backfill.realm WHERE realm.realm_id = named.realm_id)
    AND EXISTS (SELECT FROM backfill.run WHERE kind = $2 AND scope -> 'realms' ? named.realm_id)
"""

DOUBTFUL = "SELECT coalesce(sum(cardinality(row_ids)), 0) FROM backfill.seal WHERE realm_id = $1 AND settled_at IS NULL"


class Removal:
    """Takes companies out of the database. Whatever ends it, the same goes on where it was."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self, realm_id: RealmId) -> Mapping[str, int]:
        """Table to how many rows of the company it has; tables that have none are missing."""
        counts: dict[str, int] = {}
        async with self._database.control() as connection:
            for part in (*PARTS, SEALS):
                counted = {part.table: part.count} | {name: part.count_of(name) for name in part.tables[1:]}
                for table, statement in counted.items():
                    rows = await connection.fetchval(statement, realm_id, timeout=COUNT_TIMEOUT_S)
                    counts[table] = counts.get(table, 0) + rows
            counts["backfill.load_row"] = int(await connection.fetchval(LOADED, realm_id, timeout=COUNT_TIMEOUT_S))
        return {table: rows for table, rows in counts.items() if rows}

    async def doubtful(self, realm_id: RealmId) -> int:
        """Rows that were sent and of which nobody knows yet whether they took effect: nobody will look any more."""
        async with self._database.control() as connection:
            return int(await connection.fetchval(DOUBTFUL, realm_id))

    async def removed(self, realm_ids: Sequence[RealmId]) -> Sequence[RealmId]:
        """Which of them are not registered any more, since they were removed."""
        async with self._database.control() as connection:
            return [RealmId(row["realm_id"]) for row in await connection.fetch(REMOVED, list(realm_ids), KIND)]

    async def mark(self, lease: Lease) -> None:
        """From here on nothing else works on the company: no lease, no import and no `unpark` gets at it."""
        async with self._database.control() as connection, connection.transaction():
            await require(connection, lease)
            await connection.execute(
                MARK,
                lease.realm_id,
                REMOVING,
                "It is being removed.",
                f"See that this ends: backfill realms remove {lease.realm_id}",
            )

    async def pieces(self, lease: Lease) -> AsyncIterator[tuple[str, int]]:
        """Delete all but the company's own row, and say after each piece of which table how many rows went.

        Each piece is a transaction of its own. Raises LeaseLostError if another took the company over.
        """
        for part in PARTS:
            async for rows in self._part(lease, part):
                yield part.table, rows
        async for rows in self._loads(lease):
            yield "backfill.load_row", rows
        async for rows in self._part(lease, SEALS):
            yield SEALS.table, rows
        await self._unsay(lease)

    async def end(self, lease: Lease) -> bool:
        """Delete the company's own row, if nothing of it came meanwhile; else its pieces are to be gone through again.

        The row is locked before it is looked: an import that had put rows there, or a delivery, has committed by then.
        """
        async with self._database.control() as connection, connection.transaction():
            await require(connection, lease)
            await connection.fetch(LOCK, lease.realm_id)
            if await connection.fetch(LOADS, lease.realm_id):
                return False
            await connection.execute(DELETE_REALM, lease.realm_id)
        return True

    async def sweep_calls(self, realm_id: RealmId) -> None:
        """Delete what was written to the log of calls after the company had gone."""
        rows = ROWS_A_PIECE
        while rows == ROWS_A_PIECE:
            async with self._database.control() as connection:
                rows = _count(await connection.execute(LATE_CALLS, realm_id, ROWS_A_PIECE))

    async def _part(self, lease: Lease, part: Part) -> AsyncIterator[int]:
        begin: str | None = part.first
        while begin is not None:
            async with self._database.control() as connection:
                row = await connection.fetchrow(part.delete, *fence_of(lease), begin, part.rows_a_piece)
            require_fence(row, lease)
            assert row is not None, "the fence was required"
            begin = row["last"]
            if row["rows"]:
                yield row["rows"]

    async def _loads(self, lease: Lease) -> AsyncIterator[int]:
        async with self._database.control() as connection:
            loads = [row["load_id"] for row in await connection.fetch(LOADS, lease.realm_id)]
        for load_id in loads:
            rows = ROWS_A_PIECE
            while rows == ROWS_A_PIECE:
                async with self._database.control() as connection, connection.transaction():
                    await require(connection, lease)
                    found = await connection.fetch(PIECE_OF_LOAD, load_id, lease.realm_id, ROWS_A_PIECE)
                    row_ids = [row["row_id"] for row in found]
                    await connection.execute(LET_GO, row_ids)
                    await connection.execute(DELETE_ROWS, row_ids)
                    rows = len(row_ids)
                    if rows < ROWS_A_PIECE:
                        await connection.execute(DELETE_LOAD, load_id)
                if rows:
                    yield rows

    async def _unsay(self, lease: Lease) -> None:
        """Take the company out of what other runs wrote down: which companies they were of, and their troubles."""
        async with self._database.control() as connection, connection.transaction():
            await require(connection, lease)
            for row in await connection.fetch(SAYING, lease.realm_id, KIND):
                scope, summary = (_without(lease.realm_id, row[name]) for name in ("scope", "summary"))
                await connection.execute(SAY, row["run_id"], scope, summary)


def _without(realm_id: RealmId, raw: msgspec.Raw | None) -> bytes | None:
    return None if raw is None else msgspec.json.encode(unsaid(realm_id, msgspec.json.decode(raw)))


def unsaid(realm_id: RealmId, value: Any) -> Any:
    """JSON without what names the company: items of lists that are it, or are about it."""
    match value:
        case dict():
            return {name: unsaid(realm_id, part) for name, part in value.items() if name != realm_id}
        case list():
            return [unsaid(realm_id, part) for part in value if part != realm_id and not _is_about(realm_id, part)]
    return value


def _is_about(realm_id: RealmId, part: Any) -> bool:
    return isinstance(part, dict) and part.get("realm_id") == realm_id


def _count(tag: str) -> int:
    return int(tag.rpartition(" ")[2])
