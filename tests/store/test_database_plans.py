"""How statements are planned: by the key, once a session, and never compiled."""

from __future__ import annotations

import pytest

from backfill.entities import ENTITIES
from backfill.store.database import Database, PoolSizes, open_database
from backfill.store.held_rows import HELD_BY_ID, HELD_SINCE, HOLDS_MORE, LIVE_IDS, HeldRows
from backfill.store.landing_statements import land_statement
from tests.store.scene import NOW, OTHER_REALM, REALM, Work, live


class TestPlan:
    """The hot statement finds rows by the primary key, whatever the size of the table."""

    async def test_the_upsert_uses_the_primary_key(self, work: Work, database: Database) -> None:
        page = [live(str(number), 1) for number in range(2000)]
        await work.store.land(work.lease, work.run_id, "Invoice", page)
        async with database.control() as connection, connection.transaction():
            plan = await connection.fetch(
                f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {land_statement('Invoice')}",
                *(REALM, work.lease.epoch, work.lease.owner, work.run_id, "Invoice"),
                *(["1"], [9], [None], [None], [False], [b"{}"], None, None, None, None, None, None),
            )
        text = "\n".join(row[0] for row in plan)
        assert "Conflict Arbiter Indexes: invoice_pkey" in text
        assert "Seq Scan on invoice" not in text
        assert "Tuples Inserted: 0" in text, text

    async def test_reads_go_by_realm(self, database: Database) -> None:
        async with database.control() as connection, connection.transaction():
            await connection.execute("SET LOCAL enable_seqscan = off")  # an empty table is read whole otherwise
            plan = await connection.fetch(f"EXPLAIN {LIVE_IDS.format(table='qbo.invoice')}", REALM, None, None, None)
        assert "invoice_pkey" in "\n".join(row[0] for row in plan)

    async def test_what_a_realm_does_not_have_is_not_looked_for_among_what_another_has(
        self, work: Work, database: Database
    ) -> None:
        """To find any row the planner would read the table, where it takes every row for a hit."""
        page = [live(str(number), 1) for number in range(2000)]
        await work.store.land(work.lease, work.run_id, "Invoice", page)
        async with database.control() as connection:
            await connection.execute("ANALYZE qbo.invoice")
            # As a statement of its own: what EXPLAIN itself is given as parameters the planner sees.
            await connection.execute(f"PREPARE any_held (text, bigint) AS {HOLDS_MORE.format(table='qbo.invoice')}")
            plan = await connection.fetch(f"EXPLAIN EXECUTE any_held ('{OTHER_REALM}', 0)")
        text = "\n".join(row[0] for row in plan)
        assert "invoice_pkey" in text, text
        assert "Seq Scan" not in text, text


@pytest.mark.parametrize("statement", [HELD_BY_ID, HELD_SINCE])
async def test_a_statement_over_all_tables_is_planned_once_a_session(database: Database, statement: str) -> None:
    async with database.control() as connection:
        for _ in range(2):
            await connection.fetch(statement, REALM, ["Invoice"], *([[NOW]] if "$3" in statement else []))
        kept = await connection.fetchrow(
            "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement = $1", statement
        )
    assert kept is not None
    assert tuple(kept) == (2, 0)


async def test_what_is_asked_of_each_entity_is_planned_once_a_session(database_dsn: str) -> None:
    """However many there are: what the next company needs is not dropped for it."""
    async with open_database(database_dsn, sizes=PoolSizes(control=1, landing=1)) as database:
        held = HeldRows(database)
        for entity in ENTITIES:
            await held.held(REALM, entity)
            await held.held(REALM, entity, updated_from=NOW)
            await held.live_ids(REALM, entity)
        async with database.control() as connection:
            kept = await connection.fetchval(
                "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE $1", "%qbo.%"
            )
    assert kept == 3 * len(ENTITIES) > 100


async def test_no_statement_of_ours_is_compiled(database: Database) -> None:
    """The embedded server does not anyway; a server of the user's own does where it takes one to be large."""
    for pool in (database.control, database.landing):
        async with pool() as connection:
            told = await connection.fetchrow("SELECT setting, source FROM pg_settings WHERE name = 'jit'")
        assert told is not None
        assert tuple(told) == ("off", "client")
