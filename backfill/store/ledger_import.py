"""Rows of a source into the ledger: through a staging table, all or nothing, each row once.

A million rows take the memory of a thousand: they are copied in pieces as they are read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import msgspec

from backfill.errors import UsageError
from backfill.load_model import Imported, ImportFault, LoadId, NewRow
from backfill.store.database import ABANDONED_TRANSACTION_S, Database
from backfill.store.ledger_statistics import show_planner

if TYPE_CHECKING:  # the driver's generic types exist only in its stubs
    from backfill.store.database import Connection

FAULTS_SHOWN_MAX = 100
"""Faulty lines named in one go; a source with more is wrong as a whole."""

STATEMENT_TIMEOUT_S = 1800.0
"""A million rows go through seven indexes in about a minute; a slow disk may take long."""

READING_S = 3600
"""Between two pieces of a source, which may be a slow pipe. Nobody waits for rows that are only staged."""

LEFT_ALONE = "SET LOCAL idle_in_transaction_session_timeout"

_COLUMNS = (
    "line", "realm_id", "entity", "operation", "source_key", "payload", "payload_hash", "needs", "object_key",
    "natural_key", "rank", "undoes",
)  # fmt: skip

_STAGED = (*_COLUMNS, "corrects")

assert NewRow.__struct_fields__ == _STAGED, "a staged row is a NewRow"

STAGING = f"""
CREATE TEMPORARY TABLE staged_row ON COMMIT DROP AS
SELECT {", ".join(_COLUMNS)}, ''::text AS corrects FROM backfill.load_row WITH NO DATA
"""  # noqa: S608  # our own columns

# By what the statements join and group by. To look at the payloads takes ten times as long, and nobody asks for them.
LOOK_AT_STAGED = "ANALYZE staged_row (realm_id, entity, operation, source_key, payload_hash)"

# Deletions come first, for what they free; but not before what is to be done to their objects earlier.
IN_ORDER = """
UPDATE staged_row SET rank = earlier.rank
FROM (
    SELECT ctid AS place, max(rank) OVER (PARTITION BY realm_id, object_key ORDER BY line) AS rank
    FROM staged_row WHERE operation <> 'create'
) AS earlier
WHERE staged_row.ctid = earlier.place AND staged_row.rank < earlier.rank
"""

UNKNOWN_REALMS = f"""
SELECT min(line) AS line, 'realm ' || realm_id || ' is not registered' AS message
FROM staged_row WHERE realm_id NOT IN (
    SELECT realm_id FROM backfill.realm WHERE parked_code IS DISTINCT FROM 'removing'
)
GROUP BY realm_id ORDER BY line LIMIT {FAULTS_SHOWN_MAX}
"""  # noqa: S608  # a number of ours

# What is added stays only if its companies do, until all is committed.
HOLD_REALMS = """
SELECT FROM backfill.realm WHERE realm_id IN (SELECT realm_id FROM staged_row) ORDER BY realm_id FOR KEY SHARE
"""

TWICE = f"""
SELECT max(line) AS line,
    entity || ' ' || source_key || ' stands in line ' || min(line) || ' already, with another payload' AS message
FROM staged_row WHERE operation = 'create'
GROUP BY realm_id, entity, source_key HAVING count(DISTINCT payload_hash) > 1 ORDER BY line LIMIT {FAULTS_SHOWN_MAX}
"""  # noqa: S608  # as above

# The same change twice is one row, and done once: where it first stands. If it stands last as well, and another one of
# its object between, the object would end as that one says.
CHANGED_BACK = f"""
SELECT line, operation || ' of ' || entity || ' ' || source_key || ' stands in line ' || first_line
    || ' already, and would be done only there, before line ' || latest
    || ': give it another source_key, and the Id of its object or a reference to it' AS message
FROM (
    SELECT *, max(first_line) OVER object AS latest, max(line) OVER object AS last_line
    FROM (
        SELECT line, realm_id, entity, operation, source_key, object_key,
            min(line) OVER (PARTITION BY realm_id, entity, source_key, operation, payload_hash) AS first_line
        FROM staged_row WHERE operation <> 'create'
    ) AS change
    WINDOW object AS (PARTITION BY realm_id, object_key)
) AS change
WHERE line = last_line AND first_line < latest ORDER BY line LIMIT {FAULTS_SHOWN_MAX}
"""  # noqa: S608  # as above

MADE_ALREADY = f"""
SELECT staged_row.line, entity || ' ' || source_key || ' was '
    || CASE held.state WHEN 'sealed' THEN 'sent' ELSE 'created' END || ' by load ' || held.load_id
    || ' with another payload: to change it, use the operation update' AS message
FROM staged_row JOIN backfill.load_row AS held USING (realm_id, entity, source_key)
WHERE staged_row.operation = 'create' AND held.operation = 'create'
    AND held.payload_hash <> staged_row.payload_hash AND held.state IN ('sealed', 'applied', 'adopted')
ORDER BY line LIMIT {FAULTS_SHOWN_MAX}
"""  # noqa: S608  # as above

# What another import has put under a row's key since `faults` were looked for. Seen once all is added, when nobody can
# put anything there any more.
OUTDONE = f"""
SELECT staged_row.line, entity || ' ' || source_key || ' came with another payload in load ' || held.load_id
    || ' meanwhile' AS message
FROM staged_row JOIN backfill.load_row AS held USING (realm_id, entity, source_key)
WHERE staged_row.operation = 'create' AND held.operation = 'create'
    AND held.payload_hash <> staged_row.payload_hash
ORDER BY line LIMIT {FAULTS_SHOWN_MAX}
"""  # noqa: S608  # as above

BEGIN_LOAD = "INSERT INTO backfill.load (source, undoes) VALUES ($1, $2) RETURNING load_id"

# All that may give way, before any of it does: see `ledger.SEAL`. What waits with the same content does not.
TAKE = """
SELECT count(*) FROM (
    SELECT FROM staged_row JOIN backfill.load_row AS held USING (realm_id, entity, source_key, operation)
    WHERE held.state IN ('waiting', 'rejected', 'undone')
        AND (operation = 'create' OR held.payload_hash = staged_row.payload_hash)
        AND (held.state <> 'waiting' OR held.payload_hash <> staged_row.payload_hash)
    ORDER BY held.row_id FOR UPDATE OF held
) AS taken
"""

# What did not take effect gives way to what comes under its key, and what was taken back may be made anew. So may what
# was refused for what it needs, which may be there now: nobody was asked, so that to ask costs nothing.
REPLACE = """
UPDATE backfill.load_row AS held SET
    load_id = $1, line = staged_row.line, payload = staged_row.payload, payload_hash = staged_row.payload_hash,
    needs = staged_row.needs, natural_key = staged_row.natural_key, rank = staged_row.rank, state = 'waiting',
    generation = generation + 1, sync_token = '', fault_code = '', fault_message = '', fault_action = '',
    settled_at = NULL
FROM staged_row
WHERE held.realm_id = staged_row.realm_id AND held.entity = staged_row.entity
    AND held.source_key = staged_row.source_key AND held.operation = 'create' AND staged_row.operation = 'create'
    AND (
        held.state = 'undone'
        OR (held.state IN ('waiting', 'rejected') AND held.payload_hash <> staged_row.payload_hash)
        OR (held.state = 'rejected' AND held.fault_code = 'reference')
    )
"""

# Of a change the same holds; and it may be made anew where it is one of an object that went when the row that made it
# was undone: that row's is now, or will be, another one, or was made anew since. By which key it goes the object's key
# says.
REPEAT = """
UPDATE backfill.load_row AS held SET
    load_id = $1, line = staged_row.line, rank = staged_row.rank, state = 'waiting', generation = generation + 1,
    object_id = NULL, sync_token = '', fault_code = '', fault_message = '', fault_action = '', settled_at = NULL
FROM staged_row
WHERE held.realm_id = staged_row.realm_id AND held.entity = staged_row.entity
    AND held.source_key = staged_row.source_key AND held.operation = staged_row.operation
    AND held.operation <> 'create' AND held.payload_hash = staged_row.payload_hash
    AND (
        (held.state = 'undone' AND held.fault_code = '')
        OR (held.state = 'rejected' AND held.fault_code = 'reference')
        OR (held.state IN ('applied', 'adopted') AND EXISTS (
            SELECT FROM backfill.load_row AS made
            WHERE made.realm_id = held.realm_id AND made.entity = held.entity AND made.operation = 'create'
                AND made.source_key = substr(held.object_key, length(held.entity || '/') + 1)
                AND starts_with(held.object_key, held.entity || '/')
                AND (
                    made.state NOT IN ('applied', 'adopted') OR made.object_id IS DISTINCT FROM held.object_id
                    OR made.settled_at > held.settled_at
                )
        ))
    )
"""

# What took a row back before has nothing to do with what is made of it now, which may be taken back like any other row,
# by one of the same key.
FORGET = """
UPDATE backfill.load_row AS reversal SET undoes = NULL, source_key = reversal.source_key || '.' || reversal.row_id
FROM backfill.load_row AS again WHERE again.load_id = $1 AND reversal.undoes = again.row_id
"""

ADD = f"""
INSERT INTO backfill.load_row (load_id, {", ".join(_COLUMNS)})
SELECT $1, {", ".join(_COLUMNS)} FROM staged_row ORDER BY line
ON CONFLICT DO NOTHING
"""  # noqa: S608  # as above

# A rejected change is not sent any more once another is there instead of it, for it would undo what that one does: by
# no retry, and its fault says that it is not to be made anew either.
CORRECT = """
UPDATE backfill.load_row AS held SET state = 'undone', settled_at = clock_timestamp()
FROM staged_row
WHERE held.row_id = CASE WHEN staged_row.corrects <> '' THEN split_part(staged_row.corrects, '-', 1)::bigint END
    AND encode(held.payload_hash, 'hex') = split_part(staged_row.corrects, '-', 2)
    AND held.realm_id = staged_row.realm_id AND held.operation <> 'create' AND held.state = 'rejected'
    AND (held.entity, held.operation, held.source_key, held.payload_hash) IS DISTINCT FROM
        (staged_row.entity, staged_row.operation, staged_row.source_key, staged_row.payload_hash)
"""

LOADS = """
SELECT DISTINCT held.load_id
FROM staged_row JOIN backfill.load_row AS held USING (realm_id, entity, source_key, operation)
WHERE operation = 'create' OR held.payload_hash = staged_row.payload_hash
ORDER BY load_id
"""


SUMMARY = """
SELECT realm_id, entity, operation, count(*) FROM staged_row GROUP BY realm_id, entity, operation ORDER BY 1, 2, 3
"""

MISSING = f"""
SELECT DISTINCT need FROM staged_row, unnest(needs) AS need
WHERE split_part(need, '/', 1) !~ '[?]'
    AND NOT EXISTS (
        SELECT FROM staged_row AS made WHERE made.realm_id = staged_row.realm_id AND made.operation = 'create'
            AND need = made.entity || '/' || made.source_key
    )
    AND NOT EXISTS (
        SELECT FROM backfill.load_row AS made WHERE made.realm_id = staged_row.realm_id AND made.operation = 'create'
            AND made.entity = split_part(need, '/', 1)
            AND made.source_key = substr(need, length(split_part(need, '/', 1)) + 2) AND made.state <> 'undone'
    )
ORDER BY need LIMIT {FAULTS_SHOWN_MAX}
"""  # noqa: S608  # a number of ours


class Import:
    """One source on its way into the ledger. Nothing of it is there before `finish` returned."""

    def __init__(self, connection: Connection, source: str, undoes: LoadId | None) -> None:
        self._connection = connection
        self._source = source
        self._undoes = undoes
        self._rows = 0

    async def add(self, rows: Sequence[NewRow]) -> None:
        """Stage some rows; a thousand at a time are enough. Raises `UsageError` for what Postgres cannot hold."""
        try:
            await self._connection.copy_records_to_table(
                "staged_row", records=map(msgspec.structs.astuple, rows), columns=_STAGED, timeout=STATEMENT_TIMEOUT_S
            )
        except asyncpg.DataError as error:
            place = f"lines {rows[0].line} to {rows[-1].line}"
            raise UsageError(f"{place}: Postgres cannot hold one of them: {error}") from error
        self._rows += len(rows)

    async def faults(self) -> Sequence[ImportFault]:
        """What is wrong with the staged rows, seen together and beside what is there."""
        await self._connection.execute(LOOK_AT_STAGED)
        found: list[ImportFault] = []
        for statement in (UNKNOWN_REALMS, TWICE, CHANGED_BACK, MADE_ALREADY):
            found += [ImportFault(row["line"], row["message"]) for row in await self._fetched(statement)]
        return sorted(found, key=lambda fault: fault.line)[:FAULTS_SHOWN_MAX]

    async def summary(self) -> Sequence[tuple[str, str, str, int]]:
        """Staged rows by realm, entity and operation."""
        return [(row[0], row[1], row[2], row[3]) for row in await self._fetched(SUMMARY)]

    async def missing(self) -> Sequence[str]:
        """References to rows that are neither staged nor in the ledger, the first hundred."""
        return [row["need"] for row in await self._fetched(MISSING)]

    async def finish(self) -> Imported:
        """Add what is new. Raises `UsageError` if `faults` finds any.

        From here on others may wait for us, who import the same rows or send those that give way.
        """
        _require_none(await self.faults())
        await self._connection.execute(f"{LEFT_ALONE} = '{ABANDONED_TRANSACTION_S}s'")
        load_id = await self._connection.fetchval(BEGIN_LOAD, self._source, self._undoes)
        await self._connection.execute(IN_ORDER, timeout=STATEMENT_TIMEOUT_S)
        await self._connection.fetchval(TAKE, timeout=STATEMENT_TIMEOUT_S)
        replaced = 0
        for statement in (REPEAT, REPLACE):
            replaced += _count(await self._connection.execute(statement, load_id, timeout=STATEMENT_TIMEOUT_S))
        if replaced:
            await self._connection.execute(FORGET, load_id, timeout=STATEMENT_TIMEOUT_S)
        added = _count(await self._connection.execute(ADD, load_id, timeout=STATEMENT_TIMEOUT_S))
        await self._connection.execute(CORRECT, timeout=STATEMENT_TIMEOUT_S)
        if added + replaced < self._rows:
            _require_none([ImportFault(row["line"], row["message"]) for row in await self._fetched(OUTDONE)])
        if not added and not replaced:
            await self._connection.execute("DELETE FROM backfill.load WHERE load_id = $1", load_id)
        await self._connection.execute(HOLD_REALMS, timeout=STATEMENT_TIMEOUT_S)
        _require_none([ImportFault(row["line"], row["message"]) for row in await self._fetched(UNKNOWN_REALMS)])
        await show_planner(self._connection, added + replaced)
        loads = tuple(LoadId(row["load_id"]) for row in await self._fetched(LOADS))
        return Imported(added=added, replaced=replaced, known=self._rows - added - replaced, loads=loads)

    async def _fetched(self, statement: str) -> Sequence[asyncpg.Record]:
        return await self._connection.fetch(statement, timeout=STATEMENT_TIMEOUT_S)


class Imports:
    """The way into the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def begin(self, source: str, *, undoes: LoadId | None = None) -> AsyncIterator[Import]:
        """An import for the block, in one durable transaction; an error within drops all of it."""
        async with self._database.control() as connection, connection.transaction():
            # Reading the source may take longer between two statements than an abandoned transaction is left alone.
            await connection.execute(f"{LEFT_ALONE} = '{READING_S}s'")
            await connection.execute(STAGING)
            yield Import(connection, source, undoes)


def _require_none(faults: Sequence[ImportFault]) -> None:
    if faults:
        raise UsageError("\n".join(f"line {fault.line}: {fault.message}" for fault in faults))


def _count(tag: str) -> int:
    return int(tag.rpartition(" ")[2])
