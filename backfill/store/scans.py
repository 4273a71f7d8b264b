"""How far a realm is within a run: census, slices, proofs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import msgspec

from backfill.model import NOT_BEGUN, Lease, Proof, RealmId, RunId, Scan, Slice
from backfill.store.database import Database
from backfill.store.leases import FENCE, fence_of, require_fence
from backfill.store.reports import encoded

# One statement is one moment. Where the scan was not begun, neither is there anything else.
SCAN = """
SELECT jsonb_build_object(
    'started_at', scan_started_at,
    'census', (
        SELECT coalesce(jsonb_object_agg(entity, counted), '{}')
        FROM backfill.census WHERE run_id = $1 AND realm_id = $2
    ),
    'slices', (
        SELECT coalesce(
            jsonb_agg(
                jsonb_build_object(
                    'entity', entity, 'number', number, 'lower', lower_bound, 'upper', upper_bound,
                    'cursor', cursor, 'rows', rows_read, 'done', done
                )
                ORDER BY entity, number
            ),
            '[]'
        )
        FROM backfill.slice WHERE run_id = $1 AND realm_id = $2
    ),
    'finished', state = 'done'
)
FROM backfill.realm_run WHERE run_id = $1 AND realm_id = $2
"""

# A scan that is begun again has a new plan. And a refused row whose Id could not be read is never cleared by landing,
# so an earlier scan's would count for ever; but who reads only the latest does not meet what is older.
CLEAR = f"""
WITH fence AS MATERIALIZED ({FENCE}),
census AS (DELETE FROM backfill.census WHERE run_id = $4 AND realm_id = $1),
slices AS (DELETE FROM backfill.slice WHERE run_id = $4 AND realm_id = $1),
nameless AS (
    DELETE FROM backfill.quarantine
    WHERE realm_id = $1 AND id = '' AND run_id <> $4 AND entity = ANY ($5::text[])
        AND EXISTS (SELECT FROM backfill.run WHERE run_id = $4 AND scope ->> 'since' IS NULL)
)
SELECT FROM fence
"""  # noqa: S608  # a statement of ours

PLAN = """
WITH begun AS (
    INSERT INTO backfill.realm_run (run_id, realm_id, state, scan_started_at) VALUES ($1, $2, 'running', $3)
    ON CONFLICT (run_id, realm_id) DO UPDATE
    SET state = 'running', scan_started_at = excluded.scan_started_at, finished_at = NULL
),
census AS (
    INSERT INTO backfill.census (run_id, realm_id, entity, counted)
    SELECT $1, $2, key, value::bigint FROM jsonb_each_text($4)
)
INSERT INTO backfill.slice (run_id, realm_id, entity, number, lower_bound, upper_bound, cursor, rows_read, done)
SELECT $1, $2, plan.* FROM jsonb_to_recordset($5) AS plan (
    entity text, number integer, lower timestamptz, upper timestamptz, cursor timestamptz, rows bigint, done boolean
)
"""

# What a run was told to read only the latest of is proven only so far, and takes no proof of all away.
FINISH = f"""
WITH fence AS MATERIALIZED ({FENCE}),
proofs AS (
    INSERT INTO backfill.proof AS held (
        run_id, realm_id, entity, proven, method, counted, landed_live, quarantined, watermark, reason, proven_at
    )
    SELECT $4, $1, proofs.*, now() FROM fence, jsonb_to_recordset($5) AS proofs (
        entity text, proven boolean, method text, counted bigint, landed_live bigint, quarantined bigint,
        watermark timestamptz, reason text
    )
    ON CONFLICT (realm_id, entity) DO UPDATE SET
        run_id = excluded.run_id, proven = excluded.proven, method = excluded.method, counted = excluded.counted,
        landed_live = excluded.landed_live, quarantined = excluded.quarantined, watermark = excluded.watermark,
        reason = excluded.reason, proven_at = excluded.proven_at
    WHERE NOT held.proven
        OR EXISTS (SELECT FROM backfill.run AS comes WHERE comes.run_id = $4 AND comes.scope ->> 'since' IS NULL)
        OR EXISTS (SELECT FROM backfill.run AS was WHERE was.run_id = held.run_id AND was.scope ->> 'since' IS NOT NULL)
),
finished AS (
    UPDATE backfill.realm_run SET state = 'done', finished_at = now() FROM fence
    WHERE run_id = $4 AND realm_id = $1 AND $6::boolean
)
SELECT FROM fence
"""  # noqa: S608  # a statement of ours

# What a person had done stays what it waits for, whatever a run then finds: see `realms.REVOKED`, `leases.REMOVING`.
PARK = """
WITH parked AS (
    UPDATE backfill.realm
    SET state = 'parked', parked_code = $3, parked_message = $4, parked_action = $5, parked_at = now()
    WHERE realm_id = $1 AND imported_at = coalesce($6, imported_at)
        AND (parked_code IS NULL OR parked_code NOT IN ('revoked', 'removing'))
)
UPDATE backfill.realm_run SET state = 'parked', finished_at = now() WHERE realm_id = $1 AND run_id = $2
"""

PROVEN_AT = """
SELECT entity, watermark FROM backfill.proof JOIN backfill.run USING (run_id)
WHERE realm_id = $1 AND proven AND watermark IS NOT NULL AND scope ->> 'since' IS NULL
"""

PROOFS = """
SELECT entity, proven, method, counted, landed_live, quarantined, watermark, reason
FROM backfill.proof WHERE realm_id = $1 ORDER BY entity
"""

# Where a run's own proof took none of all away, that one says how it is; but not what was set aside since.
PROOFS_OF_RUN = """
SELECT
    entity, proven, method, counted, landed_live,
    CASE WHEN proof.run_id = $2 THEN quarantined ELSE (
        SELECT count(*) FROM backfill.quarantine AS aside
        WHERE aside.realm_id = proof.realm_id AND aside.entity = proof.entity
    ) END AS quarantined,
    watermark, reason
FROM backfill.proof JOIN backfill.run AS asked ON asked.run_id = $2
WHERE realm_id = $1
    AND (proof.run_id = $2 OR (proven AND scope ->> 'since' IS NOT NULL AND scope -> 'entities' ? entity))
ORDER BY entity
"""


_SCAN = msgspec.json.Decoder(Scan)


class Scans:
    """Reads and writes the state of scans. All of it is durable at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def scan(self, run_id: RunId, realm_id: RealmId) -> Scan:
        """How far the realm is in the run, as one moment saw it; an empty scan if it was not begun."""
        async with self._database.control() as connection:
            scan = await connection.fetchval(SCAN, run_id, realm_id)
        return NOT_BEGUN if scan is None else _SCAN.decode(scan)

    async def begin(
        self,
        lease: Lease,
        run_id: RunId,
        *,
        started_at: datetime,
        census: Mapping[str, int],
        slices: Sequence[Slice],
    ) -> None:
        """Store the scan's start and plan, all or nothing; an earlier plan of the same run is dropped."""
        entities = sorted({*census, *(part.entity for part in slices)})
        async with self._database.control() as connection, connection.transaction():
            require_fence(await connection.fetchrow(CLEAR, *fence_of(lease), run_id, entities), lease)
            await connection.execute(PLAN, run_id, lease.realm_id, started_at, encoded(dict(census)), encoded(slices))

    async def finish(self, lease: Lease, run_id: RunId, proofs: Sequence[Proof], *, kept: Collection[str] = ()) -> None:
        """Store the proofs, but those of entities in `kept`, and end the scan if all hold. Durable, and with it every
        page landed before."""
        hold = all(proof.proven for proof in proofs)
        told = encoded([proof for proof in proofs if proof.entity not in kept])
        async with self._database.control() as connection:
            require_fence(await connection.fetchrow(FINISH, *fence_of(lease), run_id, told, hold), lease)

    async def park(
        self,
        realm_id: RealmId,
        run_id: RunId,
        *,
        code: str,
        message: str,
        action: str,
        imported_at: datetime | None = None,
    ) -> None:
        """Set the company aside, in the run too, with what a person must do. A new import takes it back.

        `imported_at`: of the tokens with which that was found. Where newer ones were imported meanwhile, the company
        stays as it is, and only the run has done with it until it looks for whoever is connected again.
        """
        async with self._database.control() as connection:
            await connection.execute(PARK, realm_id, run_id, code, message, action, imported_at)

    async def proven_at(self, realm_id: RealmId) -> Mapping[str, datetime]:
        """Entity to the watermark as of which all of it was proven last; those that never were are missing."""
        async with self._database.control() as connection:
            rows = await connection.fetch(PROVEN_AT, realm_id)
        return {row["entity"]: row["watermark"] for row in rows}

    async def proofs(self, realm_id: RealmId, *, of_run: RunId | None = None) -> Sequence[Proof]:
        """The latest word on each entity and report of a realm; `of_run`: on those that this run had a word on."""
        async with self._database.control() as connection:
            if of_run is None:
                rows = await connection.fetch(PROOFS, realm_id)
            else:
                rows = await connection.fetch(PROOFS_OF_RUN, realm_id, of_run)
            return [Proof(**row) for row in rows]
