"""What the inbox's statements read of it: their own events, however many wait, and whatever the planner believes."""

from __future__ import annotations

import pytest

from backfill.store import inbox
from backfill.store.database import Database
from tests.store.plans import rows_read

COMPANIES, EVENTS, PAGE = 20, 1000, 30

TOLD = """
INSERT INTO backfill.webhook_event (key, realm_id, entity, object_id, operation, occurred_at, settled_at, outcome)
SELECT sha256($1 || n::text::bytea), n % $2, 'Invoice', n, 'create', clock_timestamp(), $3::timestamptz,
    CASE WHEN $3::timestamptz IS NULL THEN '' ELSE 'landed' END
FROM generate_series(1, $4) AS n
"""


@pytest.mark.parametrize("known", ["nothing", "that nothing waits", "all"])
async def test_each_reads_its_own_events(database: Database, known: str) -> None:
    async with database.control() as connection:
        await connection.execute("ALTER TABLE backfill.webhook_event SET (autovacuum_enabled = off)")
        long_ago = await connection.fetchval("SELECT now() - interval '1 day'")
        await connection.execute(TOLD, b"old", COMPANIES, long_ago, COMPANIES * EVENTS)
        if known == "that nothing waits":
            await connection.execute("ANALYZE backfill.webhook_event")
        await connection.execute(TOLD, b"new", COMPANIES, None, COMPANIES * EVENTS)
        if known == "all":
            await connection.execute("ANALYZE backfill.webhook_event")
        waiting = await connection.fetch(inbox.TAKE, "7", PAGE)
    ids = [row["event_id"] for row in waiting]
    found = {
        "take": await rows_read(database, "webhook_event", inbox.TAKE, ["7", PAGE]),
        "which realms are not registered": await rows_read(database, "webhook_event", inbox.UNKNOWN, []) - COMPANIES,
        "settle": await rows_read(database, "webhook_event", inbox.SETTLE, ["7", ids, ["landed"] * PAGE]),
    }
    assert {name: rows for name, rows in found.items() if rows > 2 * PAGE} == {}
