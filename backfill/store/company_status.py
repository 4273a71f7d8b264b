"""What the dashboard shows of companies: the table of them, found and cut into pages, and all of one. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backfill.model import RealmId
from backfill.store.database import Database
from backfill.store.fleet_status import COUNTED_AT_MOST
from backfill.store.reading import looking

# What a person types is looked for in names as it stands, and at the beginning of the Ids.
_WHICH = """
FROM backfill.realm
WHERE ($1 = '' OR starts_with(realm_id, $1) OR strpos(lower(name), lower($1)) > 0)
    AND CASE $2
        WHEN 'parked' THEN state = 'parked'
        WHEN 'unproven' THEN realm_id IN (SELECT realm_id FROM backfill.proof WHERE NOT proven)
        WHEN 'differing' THEN realm_id IN (SELECT realm_id FROM backfill.verification WHERE equal = false)
        WHEN 'unread' THEN NOT EXISTS (SELECT FROM backfill.proof WHERE proof.realm_id = realm.realm_id)
        WHEN 'working' THEN lease_until > now()
        ELSE true
    END
"""

HOW_MANY = f"SELECT count(*) {_WHICH}"  # statements of ours

# The page first, then one look of each kind for each company on it.
PAGE = f"""
WITH page AS (SELECT * {_WHICH} ORDER BY realm_id LIMIT $3 OFFSET $4)
SELECT
    realm_id, name, state, coalesce(parked_code, '') AS parked_code, coalesce(parked_message, '') AS parked_message,
    coalesce(lease_until > now(), false) AS working,
    proofs.proven, proofs.unproven, coalesce(proofs.held, 0) AS held, proofs.watermark, quarantined, differing
FROM page
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE proof.proven) AS proven, count(*) FILTER (WHERE NOT proof.proven) AS unproven,
        sum(landed_live)::bigint AS held, min(watermark) AS watermark
    FROM backfill.proof WHERE proof.realm_id = page.realm_id
) AS proofs
CROSS JOIN LATERAL (
    SELECT count(*) AS quarantined FROM (
        SELECT FROM backfill.quarantine WHERE quarantine.realm_id = page.realm_id LIMIT {COUNTED_AT_MOST}
    ) AS bounded
) AS aside
CROSS JOIN LATERAL (
    SELECT count(*) AS differing FROM backfill.verification
    WHERE verification.realm_id = page.realm_id AND equal = false
) AS verified
ORDER BY realm_id
"""  # noqa: S608  # statements and a number of ours

COMPANY = """
SELECT
    realm_id, name, state, coalesce(parked_code, '') AS parked_code, coalesce(parked_message, '') AS parked_message,
    coalesce(parked_action, '') AS parked_action, parked_at, armed, imported_at, weight,
    CASE WHEN lease_until > now() THEN owner ELSE '' END AS worked_on_by,
    token.realm_id IS NOT NULL AS connected, refreshed_at, refresh_expires_at, consent_expires_at
FROM backfill.realm LEFT JOIN backfill.token USING (realm_id)
WHERE realm_id = $1
"""

VERIFICATIONS = """
SELECT entity, equal, counted, held, compared, difference_count AS differing, note, verified_at
FROM backfill.verification WHERE realm_id = $1 ORDER BY entity LIMIT $2
"""

ASIDE = """
SELECT entity, id, code, message, refused_at FROM backfill.quarantine
WHERE realm_id = $1 ORDER BY entity, key LIMIT $2
"""

LAST_CALLS = """
SELECT asked_at, lane, method, path, status, code, duration_s, attempt, intuit_tid
FROM backfill.call WHERE realm_id = $1 ORDER BY asked_at DESC LIMIT $2
"""

# Of the newest loads alone: by load and company there is an index, by company none.
LOADED = """
WITH newest AS (SELECT load_id, source FROM backfill.load ORDER BY load_id DESC LIMIT $2)
SELECT load_id, source, state, count(*) AS rows
FROM newest JOIN backfill.load_row USING (load_id) WHERE realm_id = $1
GROUP BY 1, 2, 3 ORDER BY load_id DESC, state
"""

LAST_RUNS = """
SELECT run_id, kind, part.state, run.status, part.scan_started_at, part.finished_at
FROM backfill.realm_run AS part JOIN backfill.run USING (run_id)
WHERE part.realm_id = $1 ORDER BY run_id DESC LIMIT $2
"""

Row = Mapping[str, Any]


class CompanyStatus:
    """Answers about companies. Raises `UnavailableError`, also where the schema is another version's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def how_many(self, text: str, kind: str) -> int:
        """Companies whose id begins with `text`, or whose name has it, of a kind: parked, unproven, differing, unread,
        working; anything else: all."""
        async with looking(self._database) as connection:
            return int(await connection.fetchval(HOW_MANY, text, kind))

    async def page(self, text: str, kind: str, *, limit: int, offset: int) -> Sequence[Row]:
        """The same companies by realm id, some of them."""
        return await self._rows(PAGE, text, kind, limit, offset)

    async def company(self, realm_id: RealmId) -> Row | None:
        """One company; None if it is not registered. Of its tokens when they end, and nothing else."""
        async with looking(self._database) as connection:
            row = await connection.fetchrow(COMPANY, realm_id)
        return None if row is None else dict(row)

    async def verifications(self, realm_id: RealmId, *, limit: int) -> Sequence[Row]:
        """What `verify` found last, by entity."""
        return await self._rows(VERIFICATIONS, realm_id, limit)

    async def aside(self, realm_id: RealmId, *, limit: int) -> Sequence[Row]:
        """Rows that were set aside, by entity; not their bytes."""
        return await self._rows(ASIDE, realm_id, limit)

    async def last_calls(self, realm_id: RealmId, *, limit: int) -> Sequence[Row]:
        """The newest exchanges with Intuit, the newest first; not their bodies."""
        return await self._rows(LAST_CALLS, realm_id, limit)

    async def loaded(self, realm_id: RealmId, *, loads: int) -> Sequence[Row]:
        """Rows by load and state, of the newest loads."""
        return await self._rows(LOADED, realm_id, loads)

    async def last_runs(self, realm_id: RealmId, *, limit: int) -> Sequence[Row]:
        """The newest runs that had the company, the newest first."""
        return await self._rows(LAST_RUNS, realm_id, limit)

    async def _rows(self, statement: str, *values: object) -> Sequence[Row]:
        async with looking(self._database) as connection:
            return [dict(row) for row in await connection.fetch(statement, *values)]
