"""What `verify` looks at and what it found, in Postgres."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import asyncpg
import msgspec

from backfill.model import Lease, RealmId, RunId
from backfill.store.database import Database
from backfill.store.entity_tables import table_of
from backfill.store.leases import require
from backfill.store.reports import encoded, storable
from backfill.verdict_model import Difference, Verdict, since_then

DOCUMENTS = """
SELECT id, doc::text AS doc FROM {table} WHERE realm_id = $1 AND id = ANY ($2::text[]) AND deleted_at IS NULL
"""

SAMPLE_IDS = """
SELECT id FROM {table}
WHERE realm_id = $1 AND deleted_at IS NULL AND NOT id = ANY ($2::text[])
ORDER BY hashtextextended(id, $3) LIMIT $4
"""

DOCUMENTS_AFTER = """
SELECT id, doc::text AS doc FROM {table}
WHERE realm_id = $1 AND id COLLATE "C" > $2 AND deleted_at IS NULL
ORDER BY id COLLATE "C" LIMIT $3
"""

FORGET_VERSIONS = """
WITH marked AS (
    DELETE FROM {table} WHERE realm_id = $1 AND id = ANY ($2::text[]) AND deleted_at IS NOT NULL
)
UPDATE {table} SET updated_at = NULL
WHERE realm_id = $1 AND id = ANY ($2::text[]) AND deleted_at IS NULL
    AND (updated_at < $3::timestamptz OR updated_at > $4::timestamptz)
"""

KEEP = """
INSERT INTO backfill.verification AS kept (
    realm_id, entity, run_id, verified_at, equal, counted, held, compared, differences, difference_count, note
)
SELECT $1, found.entity, $2, now(), found.equal, found.counted, found.held, found.compared, found.differences,
    found.difference_count, found.note
FROM unnest(
    $3::text[], $4::boolean[], $5::bigint[], $6::bigint[], $7::bigint[], $8::jsonb[], $9::bigint[], $10::text[]
) AS found (entity, equal, counted, held, compared, differences, difference_count, note)
ON CONFLICT (realm_id, entity) DO UPDATE SET
    run_id = excluded.run_id, verified_at = excluded.verified_at, equal = excluded.equal, counted = excluded.counted,
    held = excluded.held, compared = excluded.compared, differences = excluded.differences,
    difference_count = excluded.difference_count, note = excluded.note
"""

# What differed is not known to be mended by a look that could not be had.
STILL_DIFFERS = """
UPDATE backfill.verification AS kept SET note = found.note
FROM unnest($2::text[], $3::text[]) AS found (entity, note)
WHERE kept.realm_id = $1 AND kept.entity = found.entity AND kept.equal = false
RETURNING kept.entity
"""

DIFFERED = """
SELECT entity, counted, held, compared, differences, difference_count, note FROM backfill.verification
WHERE realm_id = $1 AND equal = false
"""


class Verifications:
    """As `jobs.verify_ports.VerificationStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def documents(self, realm_id: RealmId, entity: str, ids: Sequence[str]) -> Mapping[str, bytes]:
        """The documents of those of the Ids that are held live."""
        async with self._database.control() as connection:
            rows = await connection.fetch(DOCUMENTS.format(table=table_of(entity)), realm_id, list(ids))
        return {row["id"]: row["doc"].encode() for row in rows}

    async def sample_ids(
        self, realm_id: RealmId, entity: str, limit: int, *, seed: int, without: Collection[str]
    ) -> Sequence[str]:
        """Some Ids of live rows, as the hash of seed and Id has it: one pass over the index, whatever there is."""
        async with self._database.control() as connection:
            rows = await connection.fetch(
                SAMPLE_IDS.format(table=table_of(entity)), realm_id, list(without), seed, limit
            )
        return [row["id"] for row in rows]

    async def documents_after(self, realm_id: RealmId, entity: str, after: str, limit: int) -> Mapping[str, bytes]:
        """The next live documents in order of their Ids, bytewise."""
        async with self._database.control() as connection:
            rows = await connection.fetch(DOCUMENTS_AFTER.format(table=table_of(entity)), realm_id, after, limit)
        return {row["id"]: row["doc"].encode() for row in rows}

    async def forget_versions(
        self, lease: Lease, entity: str, ids: Sequence[str], *, but_updated_within: tuple[datetime, datetime]
    ) -> None:
        """Drop marked rows, and when the others were updated. Raises LeaseLostError if fenced off."""
        async with self._database.control() as connection, connection.transaction():
            await require(connection, lease)
            await connection.execute(
                FORGET_VERSIONS.format(table=table_of(entity)), lease.realm_id, list(ids), *but_updated_within
            )

    async def differed(self, realm_id: RealmId) -> Mapping[str, Verdict]:
        """Of each entity, and of the trial balance, the verdict that is kept, where it says that something differs."""
        async with self._database.control() as connection:
            rows = await connection.fetch(DIFFERED, realm_id)
        return {row["entity"]: _verdict(row) for row in rows}

    async def keep_verdicts(self, lease: Lease, run_id: RunId, verdicts: Sequence[Verdict]) -> None:
        """Replace what was found before, unless it was more than is known now. Raises LeaseLostError if fenced off."""
        unknown = [one for one in verdicts if one.equal is None and one.comparable]
        async with self._database.control() as connection, connection.transaction():
            await require(connection, lease)
            rows = await connection.fetch(
                STILL_DIFFERS,
                lease.realm_id,
                [one.entity for one in unknown],
                [storable(since_then(one.note)) for one in unknown],
            )
            known = {row["entity"] for row in rows}
            found = [one for one in verdicts if one.entity not in known]
            await connection.execute(
                KEEP,
                lease.realm_id,
                run_id,
                [one.entity for one in found],
                [one.equal for one in found],
                [one.counted for one in found],
                [one.held for one in found],
                [one.compared for one in found],
                [encoded(list(one.differences)) for one in found],
                [one.differing for one in found],
                [storable(one.note) for one in found],
            )


def _verdict(row: asyncpg.Record) -> Verdict:
    named = msgspec.json.decode(row["differences"], type=list[Difference])
    return Verdict(
        entity=row["entity"],
        equal=False,
        counted=row["counted"],
        held=row["held"],
        compared=row["compared"],
        differences=named,
        note=row["note"],
        unnamed=row["difference_count"] - len(named),
    )
