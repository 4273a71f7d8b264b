"""A fleet's worth of rows, made by Postgres itself: what the dashboard asks must not cost more than it may."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backfill.store.database import Database
from backfill.store.owners import Owner
from tests.store.plans import rows_read
from tests.store.scene import REALM

COMPANIES, CALLS = 200, 10_000
"""Enough for a plan that reads all of it to be seen."""

ENTITIES = 40
"""Of each company, with a proof each."""

FLEET = (
    "INSERT INTO backfill.run (kind, scope, owner) VALUES ('extract', '{}', $4)",
    """INSERT INTO backfill.realm (realm_id, name)
    SELECT '9' || lpad(number::text, 9, '0'), 'Company ' || number FROM generate_series(1, $1) AS number""",
    """UPDATE backfill.realm SET state = 'parked', parked_code = 'invalid_grant', parked_message = 'gone',
        parked_action = 'connect it again', parked_at = now()
    WHERE right(realm_id, 2) = '07'""",
    """INSERT INTO backfill.token (realm_id, refresh_token, refreshed_at, refresh_expires_at, consent_expires_at)
    SELECT realm_id, 'x', now(), now() + interval '99 days', now() + interval '4 years' FROM backfill.realm""",
    """INSERT INTO backfill.realm_run (run_id, realm_id, state, scan_started_at, finished_at)
    SELECT run_id, realm_id, CASE WHEN half THEN 'done' ELSE 'running' END, now(), CASE WHEN half THEN now() END
    FROM backfill.run, backfill.realm, LATERAL (SELECT right(realm_id, 1) < '5' AS half) AS halves""",
    """INSERT INTO backfill.proof (
        realm_id, entity, run_id, proven, method, counted, landed_live, quarantined, watermark, reason, proven_at
    )
    SELECT realm_id, 'Entity' || number, run_id, fine, 'count', 20, 20, 0, now(),
        CASE WHEN fine THEN '' ELSE 'one is missing' END, now()
    FROM backfill.run, backfill.realm, generate_series(1, $2) AS number,
        LATERAL (SELECT NOT (right(realm_id, 2) = '11' AND number = 3) AS fine) AS judged""",
    """INSERT INTO backfill.census (run_id, realm_id, entity, counted)
    SELECT run_id, realm_id, 'Entity' || number, 20 FROM backfill.realm_run, generate_series(1, $2) AS number""",
    """INSERT INTO backfill.slice (run_id, realm_id, entity, number, rows_read)
    SELECT run_id, realm_id, entity, 0, counted FROM backfill.census""",
    """INSERT INTO backfill.verification (
        realm_id, entity, run_id, verified_at, equal, counted, held, compared, differences, difference_count
    )
    SELECT realm_id, entity, run_id, now(), fine, 20, 20, 20, '[]', CASE WHEN fine THEN 0 ELSE 1 END
    FROM backfill.proof, LATERAL (SELECT right(realm_id, 2) <> '23' AS fine) AS judged""",
    "SELECT backfill.make_calls_of((now() - interval '1 day')::date)",
    "SELECT backfill.make_calls_of(now()::date)",
    """INSERT INTO backfill.call (
        asked_at, realm_id, lane, method, path, params, request_id, attempt, status, code, intuit_tid, duration_s,
        request_bytes, response_bytes
    )
    SELECT now() - number * interval '1 day' / $3, '9' || lpad((1 + number % $1)::text, 9, '0'), 'query', 'GET',
        'query', 'query=SELECT * FROM Invoice', '', 1, CASE WHEN fails THEN 429 ELSE 200 END,
        CASE WHEN fails THEN '003001' ELSE '' END, 'tid-' || number, 0.2, 0, 1000
    FROM generate_series(1, $3 - 1) AS number, LATERAL (SELECT number % 50 = 0 AS fails) AS judged""",
    "INSERT INTO backfill.load (source) VALUES ('payroll.csv')",
    """INSERT INTO backfill.load_row (
        load_id, line, realm_id, entity, operation, source_key, payload, payload_hash, needs, object_key, natural_key,
        rank
    )
    SELECT load_id, number, '9' || lpad((1 + number % $1)::text, 9, '0'), 'Customer', 'create', number::text, '{}', '',
        '{}', '', '', 0
    FROM backfill.load, generate_series(1, $3 / 5) AS number""",
    "ANALYZE",
)
"""Statements, each with the parameters that it names: companies, entities, calls of the last day, the run's owner."""


async def sow(connection: Any, *, companies: int, calls: int, owner: str) -> None:
    """Fill an empty database: half of the companies are done, one of a hundred parked, unproven, or differing."""
    values = (companies, ENTITIES, calls, owner)
    for statement in FLEET:
        named = [number for number in range(1, 5) if f"${number}" in statement]
        typed = statement
        for place, number in enumerate(named, 1):
            typed = typed.replace(f"${number}", f"${place}::{'text' if number == 4 else 'integer'}")
        await connection.execute(typed, *(values[number - 1] for number in named))


@pytest.fixture
async def sown(database: Database) -> Database:
    """A database with COMPANIES companies and a day of CALLS calls."""
    async with database.control() as connection:
        await sow(connection, companies=COMPANIES, calls=CALLS, owner=str(Owner.current()))
    return database


async def calls_read(database: Database, statement: str, *values: object) -> float:
    """How many rows of the log a statement reads: yesterday's and today's, whatever the time is."""
    today = datetime.now(UTC).date()
    days = [f"call_{day:%Y%m%d}" for day in (today - timedelta(days=1), today)]
    return sum([await rows_read(database, day, statement, values) for day in days])


CALL = """
INSERT INTO backfill.call (
    asked_at, realm_id, lane, method, path, params, request_id, attempt, status, code, intuit_tid, duration_s,
    request_bytes, response_bytes
)
SELECT now() - $1 * interval '1 second' - number * interval '1 millisecond', $2, $3, 'GET', 'query', '', '', 1, $4, $5,
    'tid', 0.1, 0, 0
FROM generate_series(1, $6) AS number
"""


async def called(
    database: Database, ago_s: float, *, realm: str = REALM, lane: str = "query", status: int | None = 200,
    code: str = "", times: int = 1,
) -> None:  # fmt: skip
    """Calls that were begun so long ago."""
    day = datetime.now(UTC).date()
    async with database.control() as connection:
        for made in (day - timedelta(days=2), day - timedelta(days=1), day):
            await connection.execute("SELECT backfill.make_calls_of($1)", made)
        await connection.execute(CALL, ago_s, realm, lane, status, code, times)
