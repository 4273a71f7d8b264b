"""What the ledger's statements read of it: their own rows, however many wait, and whatever the planner believes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from backfill.store import ledger
from backfill.store.database import Database
from backfill.store.ledger_import import Imports
from backfill.store.ledger_status import LedgerStatus
from tests.store.ledger_books import new
from tests.store.plans import rows_read

COMPANIES = 20
ROWS = 1000
"""Of each company: enough that to read them all is dearer than to look each one up."""
PAGE = 30
SEALED = 5_000


async def imported(database: Database, prefix: str) -> int:
    """A load of as many rows into each of the companies."""
    async with Imports(database).begin(prefix) as importing:
        for company in range(COMPANIES):
            await importing.add([new(f"{prefix}{number}", realm_id=f"{company}") for number in range(ROWS)])
        (load_id,) = (await importing.finish()).loads
    return load_id


async def never_seen(database: Database) -> int:
    """A load into a ledger that the planner has not looked at before."""
    return await imported(database, "key")


async def once_all_done(database: Database) -> int:
    """A load into one of which the planner knows that nothing waits."""
    await imported(database, "old")
    await settled(database, "applied")
    return await imported(database, "key")


async def retried(database: Database) -> int:
    """The same by a retry."""
    load_id = await imported(database, "key")
    await settled(database, "rejected")
    assert await LedgerStatus(database).retry(None) == COMPANIES * ROWS
    return load_id


async def settled(database: Database, state: str) -> None:
    """All that is there, and the planner knows."""
    async with database.control() as connection:
        sealed = await connection.fetchval(
            "INSERT INTO backfill.seal (realm_id, epoch, request_id, lane, path, params, body, row_ids)"
            "VALUES ('1', 1, 'all', 'batch', '/batch', '[]', '', '{}') RETURNING seal_id"
        )
        await connection.execute(
            "UPDATE backfill.load_row SET state = $1, object_id = row_id::text, fault_message = 'no', seal_id = $2",
            state,
            sealed,
        )
        await connection.execute("ANALYZE backfill.load_row")


@pytest.mark.parametrize("begun", [never_seen, once_all_done, retried])
async def test_each_reads_its_own_rows(database: Database, begun: Any) -> None:
    async with database.control() as connection:
        await connection.execute("ALTER TABLE backfill.load_row SET (autovacuum_enabled = off)")
        await connection.execute(
            "INSERT INTO backfill.realm (realm_id, name) SELECT company, '' FROM generate_series(0, $1) AS company",
            COMPANIES,
        )
    load_id = await begun(database)
    async with database.control() as connection:
        rows = await connection.fetch(
            "SELECT row_id, source_key FROM backfill.load_row WHERE load_id = $1 AND realm_id = '7' LIMIT $2",
            load_id,
            PAGE,
        )
        await connection.execute(
            "UPDATE backfill.realm SET owner = 'us', epoch = 1, lease_until = now() WHERE realm_id = '7'"
        )
    ids, keys = [row["row_id"] for row in rows], [row["source_key"] for row in rows]
    texts = [""] * PAGE
    asked: dict[str, tuple[str, Sequence[object]]] = {
        "waiting": (ledger.WAITING, [[load_id], 0, 0, PAGE]),
        "rows": (ledger.ROWS, [ids]),
        "payloads": (ledger.PAYLOADS, [ids]),
        "by_key": (ledger.BY_KEY, [["Customer"] * PAGE, keys]),
        "by_name": (ledger.BY_NAME, [["Customer"] * PAGE, [f"DisplayName={key}" for key in keys]]),
        "seal": (
            ledger.SEAL,
            [1, "us", "r1", "batch", "/batch", "[]", "", ids, keys, [0] * PAGE, texts, texts, texts, [None] * PAGE],
        ),
        "settle": (
            ledger.SETTLE,
            [1, "us", ids, ["rejected"] * PAGE, texts, texts, texts, keys, texts, texts, [False] * PAGE, [0] * PAGE],
        ),
    }
    found = {name: await rows_read(database, "load_row", sql, ["7", *values]) for name, (sql, values) in asked.items()}
    assert {name: rows for name, rows in found.items() if rows > 2 * PAGE} == {}
    of_the_company = await rows_read(database, "load_row", ledger.COUNTS, ["7", [load_id]])
    assert of_the_company == ROWS

    # Each write that goes singly leaves a seal. A session has planned by then, when there were none.
    earlier = [
        (
            "INSERT INTO backfill.seal (realm_id, epoch, request_id, lane, path, params, body, row_ids)"
            f" SELECT '7', 1, 'r' || n, 'write', '/', '[]', '', '{{}}' FROM generate_series(1, {SEALED}) AS n"
        ),
        (
            "UPDATE backfill.load_row SET state = 'sealed', seal_id = (SELECT max(seal_id) FROM backfill.seal)"
            f" WHERE row_id = ANY ('{{{','.join(map(str, ids))}}}')"
        ),
    ]
    sql, values = asked["settle"]
    assert await rows_read(database, "seal", sql, ["7", *values], before=earlier) <= 2 * PAGE


async def test_who_has_the_tables_lock_keeps_no_import_waiting(database: Database) -> None:
    async with database.control() as connection:
        await connection.execute(
            "INSERT INTO backfill.realm (realm_id, name) SELECT company, '' FROM generate_series(0, $1) AS company",
            COMPANIES,
        )
        async with connection.transaction():
            await connection.execute("LOCK TABLE backfill.load_row IN SHARE UPDATE EXCLUSIVE MODE")
            with anyio.fail_after(20):
                await imported(database, "key")
