"""What the dashboard shows of a whole fleet. Reads only.

Each list is bounded; each look is by index, or goes once through a table that has a row for a company and entity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import msgspec

from backfill.model import RunId
from backfill.store.database import Database
from backfill.store.reading import looking

COUNTED_AT_MOST = 10_000
"""Of one kind, where what there is has no bound: of more a person only wants to know that it is more."""

CODES_AT_MOST = 50
"""Different faults within some hours; Intuit documents some hundred in all."""

# How far a run is: each table once, company by company. Who was read to the end and is not proven stays with those that
# are worked on, for the same command goes on with it; its proofs tell. Of who was read to the end, all that was counted
# is met; of the others, what the slices say, which are of large entities alone: small ones are read whole.
PROGRESS = """
WITH unproven AS (SELECT DISTINCT realm_id FROM backfill.proof WHERE NOT proven AND run_id = $1),
censuses AS (SELECT realm_id, sum(counted) AS counted FROM backfill.census WHERE run_id = $1 GROUP BY realm_id),
readings AS (SELECT realm_id, sum(rows_read) AS rows_read FROM backfill.slice WHERE run_id = $1 GROUP BY realm_id),
parts AS (
    SELECT
        CASE WHEN state <> 'parked' AND unproven.realm_id IS NOT NULL THEN 'unproven' ELSE state END AS state,
        state IN ('done', 'parked') OR unproven.realm_id IS NOT NULL AS ended,
        coalesce(rows_read, 0) AS rows_read, counted
    FROM backfill.realm_run
    LEFT JOIN unproven USING (realm_id) LEFT JOIN censuses USING (realm_id) LEFT JOIN readings USING (realm_id)
    WHERE run_id = $1
)
SELECT
    count(*) FILTER (WHERE state = 'pending'), count(*) FILTER (WHERE state = 'running'),
    count(*) FILTER (WHERE state = 'done'), count(*) FILTER (WHERE state = 'unproven'),
    count(*) FILTER (WHERE state = 'parked'),
    coalesce(sum(counted), 0)::bigint, count(counted), count(*) FILTER (WHERE NOT ended AND counted IS NULL),
    coalesce(sum(CASE WHEN state IN ('done', 'unproven') THEN counted ELSE rows_read END), 0)::bigint,
    coalesce(sum(greatest(counted - rows_read, 0)) FILTER (WHERE NOT ended), 0)::bigint
FROM parts
"""

# What was asked within the last window. The log is written beside the work: the newest calls come a second later.
RATE = """
WITH asked AS MATERIALIZED (
    SELECT realm_id, count(*) AS requests, count(*) FILTER (WHERE status = 429) AS throttled
    FROM backfill.call
    WHERE asked_at >= now() - $1 * interval '1 second' AND lane <> 'token'
    GROUP BY realm_id
)
SELECT
    coalesce(sum(requests), 0)::bigint, count(*), coalesce(sum(throttled), 0)::bigint,
    coalesce((SELECT realm_id FROM asked ORDER BY requests DESC, realm_id LIMIT 1), ''), coalesce(max(requests), 0)
FROM asked
"""

COMPANIES = """
SELECT
    count(*), count(*) FILTER (WHERE state = 'parked'), count(*) FILTER (WHERE whole IS NULL),
    count(*) FILTER (WHERE NOT whole), count(*) FILTER (WHERE whole)
FROM backfill.realm LEFT JOIN (
    SELECT realm_id, bool_and(proven) AS whole FROM backfill.proof GROUP BY realm_id
) AS proofs USING (realm_id)
"""

PARKED = """
SELECT realm_id, name, parked_code AS code, parked_message AS message, parked_action AS action, parked_at AS since
FROM backfill.realm WHERE state = 'parked' ORDER BY parked_at DESC, realm_id LIMIT $1
"""

PARKED_CODES = """
SELECT parked_code AS code, count(*) AS realms FROM backfill.realm WHERE state = 'parked'
GROUP BY parked_code ORDER BY realms DESC, code LIMIT 50
"""

UNPROVEN = """
WITH unproven AS (
    SELECT realm_id, count(*) AS entities, min(entity) AS entity FROM backfill.proof WHERE NOT proven
    GROUP BY realm_id ORDER BY realm_id LIMIT $1
)
SELECT realm_id, name, entities, entity, reason, proven_at AS since
FROM unproven JOIN backfill.realm USING (realm_id) JOIN backfill.proof USING (realm_id, entity)
ORDER BY realm_id
"""

DIFFERING = """
WITH differing AS (
    SELECT realm_id, count(*) AS entities, min(entity) AS entity, sum(difference_count)::bigint AS objects,
        max(verified_at) AS since, count(*) OVER () AS of
    FROM backfill.verification WHERE equal = false GROUP BY realm_id ORDER BY realm_id LIMIT $1
)
SELECT realm_id, name, entities, entity, objects, since, of FROM differing JOIN backfill.realm USING (realm_id)
ORDER BY realm_id
"""

# Only those that can be near their end: what the ends are, is said by `qbo.expiries`, to which a day more is no harm.
TOKENS_ENDING = """
SELECT realm_id, refreshed_at, imported_at, refresh_expires_at, consent_expires_at
FROM backfill.token JOIN backfill.realm USING (realm_id)
WHERE coalesce(refresh_expires_at, refreshed_at + $1::interval) < now() + $2::interval
    OR coalesce(consent_expires_at, imported_at + $3::interval) < now() + $4::interval
ORDER BY least(
    coalesce(refresh_expires_at, refreshed_at + $1::interval), coalesce(consent_expires_at, imported_at + $3::interval)
), realm_id
"""

# From each code to the next one by the index of what failed, and of each the newest: a bad night has a million of one.
FAULTS = f"""
WITH RECURSIVE named AS (
    (
        SELECT code FROM backfill.call WHERE code <> '' AND asked_at >= now() - $1 * interval '1 hour'
        ORDER BY code LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT call.code FROM backfill.call AS call
        WHERE call.code <> '' AND call.code > named.code AND call.asked_at >= now() - $1 * interval '1 hour'
        ORDER BY call.code LIMIT 1
    )
    FROM named WHERE named.code IS NOT NULL
),
codes AS (SELECT code FROM named WHERE code IS NOT NULL LIMIT {CODES_AT_MOST})
SELECT code, calls, within_the_hour, realms, newest.asked_at AS last_at, newest.status, newest.realm_id
FROM codes
CROSS JOIN LATERAL (
    SELECT count(*) AS calls, count(DISTINCT realm_id) AS realms,
        count(*) FILTER (WHERE asked_at >= now() - interval '1 hour') AS within_the_hour
    FROM (
        SELECT realm_id, asked_at FROM backfill.call
        WHERE call.code = codes.code AND call.code <> '' AND asked_at >= now() - $1 * interval '1 hour'
        ORDER BY asked_at DESC LIMIT {COUNTED_AT_MOST}
    ) AS bounded
) AS counts
CROSS JOIN LATERAL (
    SELECT asked_at, status, realm_id FROM backfill.call
    WHERE call.code = codes.code AND call.code <> '' AND asked_at >= now() - $1 * interval '1 hour'
    ORDER BY asked_at DESC LIMIT 1
) AS newest
ORDER BY calls DESC, last_at DESC
"""  # noqa: S608  # numbers of ours

LOADS = """
SELECT load_id, source, undoes, imported_at FROM backfill.load ORDER BY load_id DESC LIMIT $1
"""

LOAD_STATES = "SELECT state, count(*) AS rows FROM backfill.load_row WHERE load_id = $1 GROUP BY state"

WEBHOOKS = f"""
SELECT
    (SELECT count(*) FROM (
        SELECT FROM backfill.webhook_event WHERE settled_at IS NULL LIMIT {COUNTED_AT_MOST}
    ) AS bounded) AS waiting,
    (SELECT count(*) FROM (SELECT FROM backfill.webhook_unread LIMIT {COUNTED_AT_MOST}) AS bounded) AS unread,
    (SELECT received_at FROM backfill.webhook_event ORDER BY event_id DESC LIMIT 1) AS last_received_at
"""  # noqa: S608  # numbers of ours


class RunProgress(msgspec.Struct, frozen=True):
    """How many of a run's companies are where, and its rows."""

    waiting: int
    working: int
    proven: int
    unproven: int
    """Read to the end, and of some entity it is not shown that all was read."""
    parked: int
    rows_counted: int
    """By the census of those companies that have one; of a run that counts nothing 0."""
    realms_counted: int
    realms_uncounted: int
    """Of those that are not at their end."""
    rows_met: int
    rows_to_come: int
    """Counted and not met, of companies that are not at their end."""

    @property
    def realms(self) -> int:
        return self.waiting + self.working + self.ended

    @property
    def ended(self) -> int:
        return self.proven + self.unproven + self.parked


class RateSeen(msgspec.Struct, frozen=True):
    """What the call log has of the last window, but for exchanges with the token endpoint."""

    requests: int
    realms: int
    throttled: int
    """Answers with status 429."""
    busiest_realm: str
    busiest_requests: int


class CompanyCounts(msgspec.Struct, frozen=True):
    """How the registered companies are, whichever run found it. One that is parked may be proven too."""

    registered: int
    parked: int
    unread: int
    unproven: int
    proven: int


Row = Mapping[str, Any]


class FleetStatus:
    """Answers about a fleet. Raises `UnavailableError`, also where the schema is another version's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def answers(self) -> bool:
        """Whether the database does; else it raises."""
        async with looking(self._database) as connection:
            return bool(await connection.fetchval("SELECT true"))

    async def progress(self, run_id: RunId) -> RunProgress:
        """How far the run is."""
        async with looking(self._database) as connection:
            return RunProgress(*_one(await connection.fetchrow(PROGRESS, run_id)))

    async def rate(self, *, window_s: float) -> RateSeen:
        """What was asked of Intuit within so many seconds until now."""
        async with looking(self._database) as connection:
            return RateSeen(*_one(await connection.fetchrow(RATE, window_s)))

    async def companies(self) -> CompanyCounts:
        """How many companies are how."""
        async with looking(self._database) as connection:
            return CompanyCounts(*_one(await connection.fetchrow(COMPANIES)))

    async def parked(self, *, limit: int) -> tuple[Sequence[Row], Sequence[Row]]:
        """Who was parked last, with reason and next step; and how many for which fault."""
        async with looking(self._database) as connection:
            return _all(await connection.fetch(PARKED, limit)), _all(await connection.fetch(PARKED_CODES))

    async def unproven(self, *, limit: int) -> Sequence[Row]:
        """Companies by realm id, each with how many entities are not proven, and why the first is not."""
        return await self._rows(UNPROVEN, limit)

    async def differing(self, *, limit: int) -> Sequence[Row]:
        """Companies in which `verify` found differences, of how many in all (`of`)."""
        return await self._rows(DIFFERING, limit)

    async def tokens_ending(self, *bounds: object) -> Sequence[Row]:
        """The fields of `qbo.expiries.TokenDates` of whoever may have to be warned of, who ends first the first.

        `bounds`: how long an unused token lives at the most, how long before its end it is warned of; and of a consent.
        """
        return await self._rows(TOKENS_ENDING, *bounds)

    async def faults(self, *, hours: float) -> Sequence[Row]:
        """What failed within so many hours, by code: calls (at most COUNTED_AT_MOST, the newest), and of those how many
        within the last hour and of how many companies; when, how and of whom the last."""
        return await self._rows(FAULTS, hours)

    async def loads(self, *, limit: int) -> Sequence[Row]:
        """The newest loads, the newest first, each with its rows by state."""
        async with looking(self._database) as connection:
            loads = [dict(row) for row in await connection.fetch(LOADS, limit)]
            for load in loads:
                states = await connection.fetch(LOAD_STATES, load["load_id"])
                load["rows"] = {row["state"]: row["rows"] for row in states}
        return loads

    async def webhooks(self) -> Row:
        """Events that wait and parts that could not be read, COUNTED_AT_MOST at the most, and when the last came."""
        async with looking(self._database) as connection:
            return dict(_one(await connection.fetchrow(WEBHOOKS)))

    async def _rows(self, statement: str, *values: object) -> Sequence[Row]:
        async with looking(self._database) as connection:
            return _all(await connection.fetch(statement, *values))


def _one(row: asyncpg.Record | None) -> asyncpg.Record:
    assert row is not None, "an aggregate has a row"
    return row


def _all(rows: Sequence[asyncpg.Record]) -> Sequence[Row]:
    return [dict(row) for row in rows]
