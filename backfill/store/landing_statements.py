"""The statements of landing: a page's rows, its checkpoint, and the fence that both stand behind, in one round trip.

The first five parameters of each are realm, epoch, owner, run and entity.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from backfill.store.entity_tables import table_of
from backfill.store.leases import FENCE

EXPIRING_LINKS: Mapping[str, tuple[str, ...]] = {"Attachable": ("TempDownloadUri", "ThumbnailTempDownloadUri")}
"""Members that let whoever has them read the file for some minutes: worthless later, dangerous until then."""

# `held` is the row that is there, `excluded` the one that comes, $12 from when on equal versions overwrite, $17 up to
# when what is held has settled.
STANDS = """
CASE
    WHEN excluded.deleted_at IS NOT NULL AND held.deleted_at IS NOT NULL
        THEN excluded.deleted_at > held.deleted_at
    WHEN excluded.deleted_at IS NOT NULL
        THEN held.updated_at IS NULL OR held.updated_at <= excluded.deleted_at
    WHEN held.deleted_at IS NOT NULL
        THEN coalesce(excluded.updated_at > held.deleted_at, held.updated_at IS NULL)
            OR coalesce(held.deleted_at <= $17::timestamptz, false)
    WHEN excluded.updated_at IS NULL
        THEN excluded.doc IS DISTINCT FROM held.doc
    WHEN held.updated_at IS NULL
        THEN true
    WHEN (excluded.updated_at, coalesce(excluded.sync_token, -1)) = (held.updated_at, coalesce(held.sync_token, -1))
        THEN coalesce(excluded.updated_at >= $12::timestamptz, false) AND excluded.doc IS DISTINCT FROM held.doc
    ELSE (excluded.updated_at, coalesce(excluded.sync_token, -1)) > (held.updated_at, coalesce(held.sync_token, -1))
        OR coalesce(held.updated_at <= $17::timestamptz, false)
END
"""

# One round trip: the fence, the rows, what they clear, the checkpoint. Without a row in `fence` nothing is written.
# A deletion leaves version and document as they were last known, and knows its own time.
LAND = """
WITH fence AS MATERIALIZED ({fence}),
landed AS (
    INSERT INTO {table} AS held (realm_id, id, sync_token, created_at, updated_at, deleted_at, doc, run_id, landed_at)
    SELECT
        $1, page.id, page.sync_token, page.created_at, page.updated_at,
        CASE WHEN page.deleted THEN coalesce(page.updated_at, clock_timestamp()) END,
        {doc}, $4, clock_timestamp()
    FROM fence, unnest($6::text[], $7::bigint[], $8::timestamptz[], $9::timestamptz[], $10::boolean[], $11::jsonb[])
        AS page (id, sync_token, created_at, updated_at, deleted, doc)
    ON CONFLICT (realm_id, id) DO UPDATE SET
        sync_token = CASE WHEN excluded.deleted_at IS NULL THEN excluded.sync_token ELSE held.sync_token END,
        created_at = CASE WHEN excluded.deleted_at IS NULL THEN excluded.created_at ELSE held.created_at END,
        updated_at = CASE WHEN excluded.deleted_at IS NULL THEN excluded.updated_at ELSE held.updated_at END,
        doc = CASE WHEN excluded.deleted_at IS NULL THEN excluded.doc ELSE held.doc END,
        deleted_at = excluded.deleted_at,
        run_id = excluded.run_id,
        landed_at = excluded.landed_at
    WHERE {stands}
    RETURNING held.deleted_at IS NOT NULL AS deleted
),
cleared AS (
    DELETE FROM backfill.quarantine USING fence
    WHERE realm_id = $1 AND entity = $5 AND key IN (SELECT 'id:' || landing.id FROM unnest($6::text[]) AS landing (id))
),
checkpoint AS (
    UPDATE backfill.slice SET cursor = $14::timestamptz, rows_read = $15::bigint, done = $16::boolean
    FROM fence
    WHERE run_id = $4 AND realm_id = $1 AND entity = $5 AND number = $13::integer
    RETURNING 1
)
SELECT
    (SELECT count(*) FROM fence) AS fenced,
    (SELECT count(*) FROM landed WHERE NOT deleted) AS landed,
    (SELECT count(*) FROM landed WHERE deleted) AS deleted,
    (SELECT count(*) FROM checkpoint) AS checkpoints
"""

# The same fence and checkpoint where the rows come otherwise, or there are none. Quarantine is empty as a rule; where
# the entity has any, `LAND` is what clears it.
FENCED_CHECKPOINT = f"""
WITH fence AS MATERIALIZED ({FENCE}),
checkpoint AS (
    UPDATE backfill.slice SET cursor = $7::timestamptz, rows_read = $8::bigint, done = $9::boolean
    FROM fence
    WHERE run_id = $4 AND realm_id = $1 AND entity = $5 AND number = $6::integer
    RETURNING 1
)
SELECT
    (SELECT count(*) FROM fence) AS fenced,
    (SELECT count(*) FROM checkpoint) AS checkpoints,
    EXISTS (SELECT FROM backfill.quarantine WHERE realm_id = $1 AND entity = $5) AS quarantine
"""  # noqa: S608  # a statement of ours

# Nothing counts as known while the entity has rows in quarantine: a row must be landed to leave it. What
# comes was also compared with what is held here, in one statement with the checkpoint: twice the work (measured).
# Times come as the bytes that they are: as the driver's objects they cost as much as all the rest of a known row.
KNOWN = """
SELECT id, timestamptz_send(updated_at), coalesce(sync_token, -1) FROM {table}
WHERE realm_id = $1 AND id = ANY ($2::text[]) AND updated_at IS NOT NULL AND deleted_at IS NULL
    AND NOT EXISTS (SELECT FROM backfill.quarantine WHERE realm_id = $1 AND entity = $3)
"""

SET_ASIDE = """
INSERT INTO backfill.quarantine (realm_id, entity, id, run_id, code, message, raw, refused_at)
SELECT $1, $2, refusal.id, $3, refusal.code, refusal.message, refusal.raw, clock_timestamp()
FROM unnest($4::text[], $5::text[], $6::text[], $7::bytea[]) AS refusal (id, code, message, raw)
ON CONFLICT (realm_id, entity, key) DO UPDATE SET
    run_id = excluded.run_id, code = excluded.code, message = excluded.message, raw = excluded.raw,
    refused_at = excluded.refused_at
"""

FORGET_NAMELESS = f"""
WITH fence AS MATERIALIZED ({FENCE}),
forgotten AS (
    DELETE FROM backfill.quarantine USING fence
    WHERE realm_id = $1 AND entity = $4 AND id = '' AND raw <> ALL ($5::bytea[])
)
SELECT FROM fence
"""  # noqa: S608  # a statement of ours


@cache
def land_statement(entity: str) -> str:
    """The statement that lands a page of `entity`."""
    doc = "page.doc" + "".join(f" - '{member}'" for member in EXPIRING_LINKS.get(entity, ()))
    return LAND.format(fence=FENCE, table=table_of(entity), doc=doc, stands=STANDS)


@cache
def known_statement(entity: str) -> str:
    """The statement that asks for the versions held of a page of `entity`."""
    return KNOWN.format(table=table_of(entity))
