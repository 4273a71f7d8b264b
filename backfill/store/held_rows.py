"""What is held of a realm: counted, or by Id."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import asyncpg

from backfill.entities import ENTITIES
from backfill.model import Held, HeldById, RealmId, RunId
from backfill.store.database import Database
from backfill.store.entity_tables import table_of

# An object whose newest version was refused is held in quarantine, not live, although an older version is there.
# A row without a name is known by where a run met it, so two runs may file one row twice: what one run met counts.
# The refused are subtracted, not left out: a plan made while the table was empty would look each row up in quarantine.
# Without bounds the key's index answers alone: a third of the work of reading the rows (measured).
HELD = """
SELECT
    (SELECT count(*) FROM {table} AS held WHERE held.realm_id = $1 AND held.deleted_at IS NULL {bounds})
    - (
        SELECT count(*) FROM {table} AS held
        WHERE held.realm_id = $1 AND held.deleted_at IS NULL {bounds}
            AND held.id = ANY (ARRAY(SELECT id FROM backfill.quarantine WHERE realm_id = $1 AND entity = $2))
    ) AS live,
    (SELECT count(*) FROM backfill.quarantine WHERE realm_id = $1 AND entity = $2 AND id <> '' {aside})
    + coalesce(
        (
            SELECT count(*) FROM backfill.quarantine WHERE realm_id = $1 AND entity = $2 AND id = '' {aside}
            GROUP BY run_id ORDER BY 1 DESC LIMIT 1
        ),
        0
    ) AS quarantined
"""

# What is there beyond so many is not read, and of an entity read for the first time nothing is. In the key's order:
# where few realms hold all rows, the planner would read the table in hope of an early hit, in vain for a new realm.
HOLDS_MORE = """
SELECT EXISTS (SELECT FROM {table} WHERE realm_id = $1 AND deleted_at IS NULL ORDER BY id OFFSET $2)
"""

LIVE_IDS = """
SELECT id FROM {table}
WHERE realm_id = $1 AND deleted_at IS NULL
    AND ($2::timestamptz IS NULL OR created_at >= $2) AND ($3::timestamptz IS NULL OR created_at <= $3)
    AND ($4::timestamptz IS NULL OR updated_at >= $4)
"""

QUARANTINED = """
SELECT entity, array_remove(array_agg(id), '') AS ids, count(*) FILTER (WHERE id = '') AS nameless
FROM backfill.quarantine WHERE realm_id = $1 GROUP BY entity, run_id
"""

# Every table has its branch, and only those asked for are looked into: one statement, planned once a session. What is
# live has no number of nameless rows.
HELD_BY_ID = QUARANTINED + "".join(
    f" UNION ALL SELECT '{entity}',"  # noqa: S608  # names of ours
    f" (SELECT array_agg(id) FROM {table_of(entity)} WHERE realm_id = $1 AND deleted_at IS NULL), NULL"
    f" WHERE '{entity}' = ANY ($2::text[])"
    for entity in ENTITIES
)

# As HELD counts, both numbers in one pass over the key's index.
COUNTED_SINCE = """
SELECT
    count(*) AS live,
    count(*) FILTER (
        WHERE coalesce(updated_at >= (SELECT ($3::timestamptz[])[array_position($2::text[], '{entity}')]), true)
    ) AS recent
FROM {table} WHERE realm_id = $1 AND deleted_at IS NULL
"""
HELD_SINCE = " UNION ALL ".join(
    f"""
SELECT '{entity}', every.live - refused.live, every.recent - refused.recent
FROM ({counted}) AS every, (
    {counted} AND id = ANY (ARRAY(SELECT id FROM backfill.quarantine WHERE realm_id = $1 AND entity = '{entity}'))
) AS refused
WHERE '{entity}' = ANY ($2::text[])
"""  # noqa: S608  # names of ours
    for entity in ENTITIES
    for counted in (COUNTED_SINCE.format(entity=entity, table=table_of(entity)),)
)

MARKED_IDS = """
SELECT id FROM {table} WHERE realm_id = $1 AND id = ANY ($2::text[]) AND deleted_at IS NOT NULL
"""

CREATED_UP_TO = """
WITH moment AS (
    SELECT created_at, count(*) AS created FROM {table}
    WHERE realm_id = $1 AND deleted_at IS NULL AND created_at IS NOT NULL
    GROUP BY created_at
),
risen AS (
    SELECT created_at, sum(created) OVER (ORDER BY created_at) AS up_to, sum(created) OVER () AS total FROM moment
)
SELECT max(created_at) AS moment, max(up_to)::bigint AS up_to FROM risen
GROUP BY ceil(up_to * $2::integer / total) ORDER BY moment
"""


class HeldRows:
    """Reads what is held. Each answer is as of its own moment."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def held(
        self,
        realm_id: RealmId,
        entity: str,
        *,
        created_to: datetime | None = None,
        updated_from: datetime | None = None,
        aside_by: RunId | None = None,
    ) -> Held:
        """Count live rows and quarantined ones; together they are what the server should count.

        The bounds are inclusive and restrict the live rows only; a row without the time in question is inside. Of the
        quarantined ones all count, or those that the run `aside_by` met.
        """
        bounds: list[str] = []
        values: list[datetime | RunId] = []
        for column, comparison, value in (("created_at", "<=", created_to), ("updated_at", ">=", updated_from)):
            if value is not None:
                values.append(value)
                bounds.append(f"AND coalesce(held.{column} {comparison} ${2 + len(values)}, true)")
        aside = ""
        if aside_by is not None:
            values.append(aside_by)
            aside = f"AND run_id = ${2 + len(values)}"
        statement = HELD.format(table=table_of(entity), bounds=" ".join(bounds), aside=aside)
        async with self._database.control() as connection:
            row = await connection.fetchrow(statement, realm_id, entity, *values)
        assert row is not None, "a SELECT of counts has a row"
        return Held(live=row["live"], quarantined=row["quarantined"])

    async def held_since(self, realm_id: RealmId, since: Mapping[str, datetime]) -> Mapping[str, tuple[int, int]]:
        """Entity to its live rows, and those of them within its bound, as `held` counts both."""
        async with self._database.control() as connection:
            rows = await connection.fetch(HELD_SINCE, realm_id, list(since), list(since.values()))
        return {entity: (live, recent) for entity, live, recent in rows}

    async def holds_more(self, realm_id: RealmId, entity: str, *, than: int) -> bool:
        """Whether more rows are live than so many. Reads no further than that says."""
        async with self._database.control() as connection:
            return bool(await connection.fetchval(HOLDS_MORE.format(table=table_of(entity)), realm_id, than))

    async def live_ids(
        self,
        realm_id: RealmId,
        entity: str,
        *,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        updated_from: datetime | None = None,
    ) -> Sequence[str]:
        """The Ids of live rows within the bounds (inclusive); without a bound, rows without its time too."""
        bounds = created_from, created_to, updated_from
        async with self._database.control() as connection:
            rows = await connection.fetch(LIVE_IDS.format(table=table_of(entity)), realm_id, *bounds)
        return [row["id"] for row in rows]

    async def held_by_id(self, realm_id: RealmId, entities: Collection[str]) -> Mapping[str, HeldById]:
        """What is held of each of the entities, whole. For entities that are small, or of which little is held."""
        if not entities:
            return {}
        async with self._database.control() as connection:
            rows = await connection.fetch(HELD_BY_ID, realm_id, entities)
        live = [row for row in rows if row["nameless"] is None]
        quarantine = _by_entity([row for row in rows if row["nameless"] is not None])
        nothing: tuple[Collection[str], int] = (), 0
        return {row["entity"]: HeldById(row["ids"] or (), *quarantine.get(row["entity"], nothing)) for row in live}

    async def marked_ids(self, realm_id: RealmId, entity: str, ids: Collection[str]) -> Collection[str]:
        """Those of the Ids whose rows are marked deleted."""
        async with self._database.control() as connection:
            rows = await connection.fetch(MARKED_IDS.format(table=table_of(entity)), realm_id, list(ids))
        return {row["id"] for row in rows}

    async def aside(self, realm_id: RealmId) -> Mapping[str, Collection[str]]:
        """Entity to the Ids that are in quarantine, as far as these could be read."""
        async with self._database.control() as connection:
            quarantine = _by_entity(await connection.fetch(QUARANTINED, realm_id))
        return {entity: ids for entity, (ids, _) in quarantine.items() if ids}

    async def created_up_to(self, realm_id: RealmId, entity: str, *, parts: int) -> Sequence[tuple[datetime, int]]:
        """Moments that cut the live rows by CreateTime into about equal parts, and the rows created up to each."""
        async with self._database.control() as connection:
            rows = await connection.fetch(CREATED_UP_TO.format(table=table_of(entity)), realm_id, parts)
        return [(row["moment"], row["up_to"]) for row in rows]


def _by_entity(rows: Sequence[asyncpg.Record]) -> Mapping[str, tuple[Collection[str], int]]:
    """Entity to the Ids in quarantine, and how many rows are there without one: see `HELD`."""
    found: dict[str, tuple[set[str], int]] = {}
    for row in rows:
        ids, nameless = found.get(row["entity"], (set(), 0))
        found[row["entity"]] = (ids.union(row["ids"]), max(nameless, row["nameless"]))
    return found
