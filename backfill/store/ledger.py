"""The write ledger over Postgres, as a load works with it (`jobs/load/ports.py`). Every commit is durable."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import structs

from backfill.load_model import Before, Holder, LoadId, LoadRow, Need, Outcome, RowState, Seal, SealItem
from backfill.model import Lease, RealmId
from backfill.store.database import Database
from backfill.store.entity_tables import table_of
from backfill.store.leases import FENCE, fence_of, require, require_fence

if TYPE_CHECKING:  # the driver's generic types exist only in its stubs
    from backfill.store.database import Connection

_LIGHT = """
row_id, load_id, entity, operation, source_key, needs, object_key, rank,
octet_length(payload::text) AS size_bytes, generation, doubtful_since IS NOT NULL AS doubtful,
undoes IS NOT NULL AS takes_back, CASE operation WHEN 'create' THEN coalesce(object_id, '') ELSE '' END AS object_id
"""

WAITING = f"""
SELECT {_LIGHT} FROM backfill.load_row
WHERE realm_id = $1 AND load_id = ANY ($2::bigint[]) AND state = 'waiting'
    AND (rank, row_id) > ($3::smallint, $4::bigint)
ORDER BY rank, row_id LIMIT $5
"""  # noqa: S608  # a statement of ours

ROWS = f"""
SELECT {_LIGHT} FROM backfill.load_row
WHERE realm_id = $1 AND state IN ('waiting', 'sealed') AND row_id = ANY ($2::bigint[])
ORDER BY rank, row_id
"""  # noqa: S608  # as above

PAYLOADS = "SELECT row_id, payload FROM backfill.load_row WHERE realm_id = $1 AND row_id = ANY ($2::bigint[])"

BY_KEY = """
SELECT entity, source_key, row_id, state, object_id
FROM backfill.load_row JOIN unnest($2::text[], $3::text[]) AS wanted (entity, source_key) USING (entity, source_key)
WHERE realm_id = $1 AND operation = 'create'
"""

BY_NAME = """
SELECT entity, natural_key, row_id, state, object_id, several, next_row_id
FROM (
    SELECT DISTINCT ON (entity, natural_key) entity, natural_key, row_id, state, object_id, payload
    FROM backfill.load_row
    JOIN unnest($2::text[], $3::text[]) AS wanted (entity, natural_key) USING (entity, natural_key)
    WHERE realm_id = $1 AND operation = 'create' AND natural_key <> '' AND state <> 'undone'
    ORDER BY entity, natural_key, state NOT IN ('applied', 'adopted'), state = 'rejected', row_id
) AS made
CROSS JOIN LATERAL (
    SELECT
        coalesce(bool_or(other.payload -> 'ParentRef' IS DISTINCT FROM made.payload -> 'ParentRef'), false) AS several,
        min(other.row_id) FILTER (WHERE other.state IN ('waiting', 'sealed')) AS next_row_id
    FROM backfill.load_row AS other
    WHERE other.realm_id = $1 AND other.entity = made.entity AND other.natural_key = made.natural_key
        AND other.operation = 'create' AND other.natural_key <> '' AND other.state NOT IN ('undone', 'rejected')
) AS others
"""

BY_ATTRIBUTE = """
SELECT DISTINCT ON (name) lower(payload ->> $3) AS name, row_id, state, object_id
FROM backfill.load_row
WHERE realm_id = $1 AND entity = $2 AND operation = 'create' AND state NOT IN ('undone', 'rejected')
    AND lower(payload ->> $3) = ANY ($4::text[])
ORDER BY name, state NOT IN ('applied', 'adopted'), row_id
"""

LANDED = """
SELECT id, lower(doc ->> $2) AS name FROM {table}
WHERE realm_id = $1 AND deleted_at IS NULL AND coalesce(doc ->> 'Active', 'true') = 'true'
    AND lower(doc ->> $2) = ANY ($3::text[])
ORDER BY id
"""

OWNED = """
SELECT object_id FROM backfill.load_row
WHERE realm_id = $1 AND entity = $2 AND object_id = ANY ($3::text[]) AND operation = 'create'
"""

UNSETTLED = """
SELECT seal_id, request_id, lane, path, params, body, sealed_at, cardinality(row_ids) AS members,
    extract(epoch FROM clock_timestamp() - lost_at)::double precision AS lost_for_s
FROM backfill.seal
WHERE realm_id = $1 AND settled_at IS NULL AND ($2::bigint[] IS NULL OR seal_id = ANY ($2))
ORDER BY seal_id
"""

ITEMS = """
SELECT seal_id, b_id, row_id, entity, operation, source_key, coalesce(object_id, '') AS object_id,
    sent_sync_token AS sync_token, stamp, generation, doubtful_since
FROM backfill.load_row WHERE seal_id = ANY ($1::bigint[]) AND state = 'sealed' ORDER BY row_id
"""

# Whoever changes several rows takes them in the order of row_id first (so do `ledger_import` and `ledger_status`): a
# load, an import and an undo of the same rows wait for one another and never deadlock.

# All of its rows, or nothing: none is sealed that is not waiting in that generation any more. One statement, for a
# write that goes singly costs the processors more in messages to Postgres than in anything else.
SEAL = f"""
WITH fence AS MATERIALIZED ({FENCE}),
sealed AS MATERIALIZED (
    SELECT * FROM unnest($9::bigint[], $10::text[], $11::integer[], $12::text[], $13::text[], $14::text[], $15::jsonb[])
        AS sealed (row_id, b_id, generation, stamp, sync_token, object_id, before)
),
ready AS MATERIALIZED (
    SELECT held.row_id FROM fence, sealed JOIN backfill.load_row AS held USING (row_id)
    WHERE held.realm_id = $1 AND held.state = 'waiting' AND held.generation = sealed.generation
    ORDER BY held.row_id FOR UPDATE OF held
),
stored AS (
    INSERT INTO backfill.seal (realm_id, epoch, request_id, lane, path, params, body, row_ids)
    SELECT $1, $2, $4, $5, $6, $7, $8, $9 WHERE (SELECT count(*) FROM ready) = cardinality($9)
    RETURNING seal_id, sealed_at
),
members AS (
    UPDATE backfill.load_row AS held SET
        state = 'sealed', seal_id = stored.seal_id, b_id = sealed.b_id, stamp = sealed.stamp,
        sent_sync_token = sealed.sync_token, object_id = nullif(sealed.object_id, ''),
        before = coalesce(sealed.before, held.before),
        fault_code = '', fault_message = '', fault_action = '', intuit_tid = ''
    FROM stored, sealed WHERE held.row_id = sealed.row_id
    RETURNING held.row_id, held.doubtful_since
)
SELECT seal_id, sealed_at, row_id, doubtful_since FROM fence LEFT JOIN (stored CROSS JOIN members) ON true
"""  # noqa: S608  # statements of ours

LOSE = """
UPDATE backfill.seal SET
    times_lost = times_lost + (lost_at IS NULL)::integer, taken_over = taken_over OR $3,
    lost_at = coalesce(lost_at, clock_timestamp())
WHERE realm_id = $1 AND seal_id = ANY ($2::bigint[]) AND settled_at IS NULL
"""

SEND_AGAIN = "UPDATE backfill.seal SET lost_at = NULL, sends = sends + 1 WHERE realm_id = $1 AND seal_id = $2"

DOUBT_SENT_AGAIN = """
UPDATE backfill.load_row AS held SET doubtful_since = coalesce(held.doubtful_since, seal.sealed_at)
FROM backfill.seal
WHERE held.realm_id = $1 AND held.seal_id = $2 AND held.state = 'sealed' AND seal.seal_id = held.seal_id
"""

# Who takes a reversal back does again what that had undone, if under another Id: loaded once more, it is there already.
# When a row took effect itself stays as it was: what was done to its object since then is not to be done once more.
# A reversal that is undone itself has nothing more to do with its row, which may be taken back again by one of its key.
SETTLE = f"""
WITH fence AS MATERIALIZED ({FENCE}),
came AS MATERIALIZED (
    SELECT * FROM unnest(
        $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[],
        $12::boolean[], $13::integer[]
    ) AS came (row_id, state, object_id, sync_token, code, message, action, intuit_tid, doubtful, generation)
),
taken AS MATERIALIZED (
    SELECT held.row_id FROM fence, came JOIN backfill.load_row AS held USING (row_id)
    WHERE held.realm_id = $1 ORDER BY held.row_id FOR UPDATE OF held
),
settled AS (
    UPDATE backfill.load_row AS held SET
        state = came.state,
        object_id = coalesce(nullif(came.object_id, ''), held.object_id),
        sync_token = came.sync_token, fault_code = came.code, fault_message = came.message, fault_action = came.action,
        intuit_tid = came.intuit_tid,
        doubtful_since = CASE WHEN came.state NOT IN ('applied', 'adopted') THEN coalesce(
            held.doubtful_since,
            CASE WHEN came.doubtful THEN (SELECT sealed_at FROM backfill.seal WHERE seal.seal_id = held.seal_id) END
        ) END,
        generation = held.generation + (came.state = 'waiting')::integer, settled_at = clock_timestamp()
    FROM taken JOIN came USING (row_id)
    WHERE held.row_id = taken.row_id AND (
        held.state = 'sealed'
        OR (held.state = 'waiting' AND held.generation = coalesce(came.generation, held.generation))
    )
    RETURNING held.row_id, held.seal_id, held.undoes, held.object_id, held.state
),
undoing AS (SELECT undoes, object_id FROM settled WHERE undoes IS NOT NULL AND state IN ('applied', 'adopted')),
redone AS (
    UPDATE backfill.load_row AS original SET state = 'applied', object_id = undoing.object_id
    FROM undoing JOIN backfill.load_row AS reversal ON reversal.row_id = undoing.undoes
    WHERE original.row_id = reversal.undoes AND original.state = 'undone'
),
undone AS (
    UPDATE backfill.load_row AS held SET
        state = 'undone', undoes = NULL,
        source_key = CASE WHEN held.undoes IS NULL THEN source_key ELSE source_key || '.' || row_id END
    FROM undoing WHERE held.row_id = undoing.undoes
),
closed AS (
    UPDATE backfill.seal SET settled_at = clock_timestamp(), body = ''
    WHERE seal_id = ANY (ARRAY(SELECT seal_id FROM settled)) AND NOT EXISTS (
        SELECT FROM backfill.load_row AS held WHERE held.seal_id = seal.seal_id AND held.state = 'sealed'
            AND held.row_id <> ALL ($4)
    )
)
SELECT row_id FROM fence LEFT JOIN settled ON true
"""  # noqa: S608  # statements of ours

COUNTS = """
SELECT state, count(*) AS rows FROM backfill.load_row
WHERE realm_id = $1 AND load_id = ANY ($2::bigint[]) GROUP BY state
"""


class PostgresLedger:
    """Each method's contract is the port's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def waiting(
        self, realm_id: RealmId, loads: Sequence[LoadId], *, after: tuple[int, int], limit: int
    ) -> Sequence[LoadRow]:
        return await self._light(WAITING, realm_id, list(loads), *after, limit)

    async def rows(self, realm_id: RealmId, row_ids: Sequence[int]) -> Sequence[LoadRow]:
        return await self._light(ROWS, realm_id, list(row_ids))

    async def _light(self, statement: str, *values: object) -> Sequence[LoadRow]:
        async with self._database.control() as connection:
            found = await connection.fetch(statement, *values)
        return [LoadRow(**{**dict(row), "needs": tuple(row["needs"])}) for row in found]

    async def payloads(self, realm_id: RealmId, row_ids: Sequence[int]) -> Mapping[int, bytes]:
        async with self._database.control() as connection:
            found = await connection.fetch(PAYLOADS, realm_id, list(row_ids))
        return {row["row_id"]: bytes(row["payload"]) for row in found}

    async def holders(self, realm_id: RealmId, needs: Sequence[Need]) -> Mapping[Need, Holder]:
        keys = {(need.entity, need.value): need for need in needs if not need.attribute}
        names: dict[tuple[str, str], list[Need]] = {}  # written in any case
        for need in needs:
            if need.attribute:
                names.setdefault((need.entity, need.natural_key), []).append(need)
        async with self._database.control() as connection:
            by_key = await connection.fetch(BY_KEY, realm_id, *_columns(keys))
            by_name = await connection.fetch(BY_NAME, realm_id, *_columns(names))
        found = {keys[row["entity"], row["source_key"]]: _holder(row) for row in by_key}
        for row in by_name:
            holder = structs.replace(_holder(row), several=row["several"], next_row_id=row["next_row_id"])
            found |= dict.fromkeys(names[row["entity"], row["natural_key"]], holder)
        return found

    async def holders_by_attribute(self, realm_id: RealmId, needs: Sequence[Need]) -> Mapping[Need, Holder]:
        found: dict[Need, Holder] = {}
        async with self._database.control() as connection:
            for (entity, attribute), wanted in _by_attribute(needs).items():
                for row in await connection.fetch(BY_ATTRIBUTE, realm_id, entity, attribute, list(wanted)):
                    found |= dict.fromkeys(wanted[row["name"]], _holder(row))
        return found

    async def landed(self, realm_id: RealmId, needs: Sequence[Need]) -> Mapping[Need, Sequence[str]]:
        found: dict[Need, list[str]] = {}
        async with self._database.control() as connection:
            for (entity, attribute), wanted in _by_attribute(needs).items():
                statement = LANDED.format(table=table_of(entity))
                for row in await connection.fetch(statement, realm_id, attribute, list(wanted)):
                    for need in wanted[row["name"]]:
                        found.setdefault(need, []).append(row["id"])
        return found

    async def owned(self, realm_id: RealmId, entity: str, object_ids: Sequence[str]) -> frozenset[str]:
        async with self._database.control() as connection:
            found = await connection.fetch(OWNED, realm_id, entity, list(object_ids))
        return frozenset(row["object_id"] for row in found)

    async def unsettled(self, realm_id: RealmId) -> Sequence[Seal]:
        async with self._database.control() as connection, connection.transaction():
            return await self._seals(connection, realm_id, None)

    async def _seals(self, connection: Connection, realm_id: RealmId, seal_ids: list[int] | None) -> Sequence[Seal]:
        seals = await connection.fetch(UNSETTLED, realm_id, seal_ids)
        items: dict[int, list[SealItem]] = {seal["seal_id"]: [] for seal in seals}
        for row in await connection.fetch(ITEMS, list(items)):
            fields = dict(row)
            items[fields.pop("seal_id")].append(SealItem(**fields))
        return [_seal(seal, items[seal["seal_id"]]) for seal in seals]

    async def seal(self, lease: Lease, seal: Seal, before: Sequence[Before]) -> Seal | None:
        documents = {each.row_id: each.doc for each in before}
        async with self._database.control() as connection:
            rows = await connection.fetch(
                SEAL,
                *fence_of(lease),
                seal.request_id,
                seal.lane,
                seal.path,
                msgspec.json.encode(seal.params),
                seal.body,
                [item.row_id for item in seal.items],
                [item.b_id for item in seal.items],
                [item.generation for item in seal.items],
                [item.stamp for item in seal.items],
                [item.sync_token for item in seal.items],
                [item.object_id for item in seal.items],
                [documents.get(item.row_id) for item in seal.items],
            )
        require_fence(next(iter(rows), None), lease)
        if rows[0]["seal_id"] is None:
            return None
        since = {row["row_id"]: row["doubtful_since"] for row in rows}
        items = tuple(structs.replace(item, doubtful_since=since[item.row_id]) for item in seal.items)
        return structs.replace(seal, seal_id=rows[0]["seal_id"], sealed_at=rows[0]["sealed_at"], items=items)

    async def lose(self, lease: Lease, seal_ids: Sequence[int], *, taken_over: bool) -> Sequence[Seal]:
        async with self._database.control() as connection, connection.transaction():
            await require(connection, lease)
            await connection.execute(LOSE, lease.realm_id, list(seal_ids), taken_over)
            return await self._seals(connection, lease.realm_id, list(seal_ids))

    async def send_again(self, lease: Lease, seal_id: int) -> None:
        async with self._database.control() as connection, connection.transaction():
            await require(connection, lease)
            await connection.execute(SEND_AGAIN, lease.realm_id, seal_id)
            await connection.execute(DOUBT_SENT_AGAIN, lease.realm_id, seal_id)

    async def settle(self, lease: Lease, outcomes: Sequence[Outcome]) -> Collection[int]:
        columns = zip(*(structs.astuple(outcome) for outcome in outcomes), strict=True)
        async with self._database.control() as connection:
            settled = await connection.fetch(SETTLE, *fence_of(lease), *map(list, columns))
        require_fence(next(iter(settled), None), lease)
        return {row["row_id"] for row in settled if row["row_id"] is not None}

    async def counts(self, realm_id: RealmId, loads: Sequence[LoadId]) -> Mapping[str, int]:
        async with self._database.control() as connection:
            return {row["state"]: row["rows"] for row in await connection.fetch(COUNTS, realm_id, list(loads))}

    async def now(self) -> datetime:
        async with self._database.control() as connection:
            moment: datetime = await connection.fetchval("SELECT clock_timestamp()")
        return moment


def _columns(pairs: Iterable[tuple[str, str]]) -> tuple[list[str], list[str]]:
    pairs = list(pairs)
    return [first for first, _ in pairs], [second for _, second in pairs]


def _by_attribute(needs: Sequence[Need]) -> Mapping[tuple[str, str], Mapping[str, list[Need]]]:
    """Entity and attribute to values in lower case, each with the needs for it, however they are written."""
    groups: dict[tuple[str, str], dict[str, list[Need]]] = {}
    for need in needs:
        groups.setdefault((need.entity, need.attribute), {}).setdefault(need.value.lower(), []).append(need)
    return groups


def _holder(row: Any) -> Holder:
    return Holder(row_id=row["row_id"], state=RowState(row["state"]), object_id=row["object_id"])


def _seal(row: Any, items: Sequence[SealItem]) -> Seal:
    return Seal(
        seal_id=row["seal_id"],
        request_id=row["request_id"],
        lane=row["lane"],
        path=row["path"],
        params=tuple((name, value) for name, value in msgspec.json.decode(row["params"], type=list[tuple[str, str]])),
        body=row["body"],
        items=tuple(items),
        sealed_at=row["sealed_at"],
        lost_for_s=row["lost_for_s"],
        whole=len(items) == row["members"],
    )
