"""Migrations: applied once, in order, by one runner at a time; a changed file and a newer database are refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import asyncpg
import pytest

import backfill.store
from backfill.entities import ENTITIES
from backfill.errors import Disposition, UnavailableError
from backfill.store import database
from backfill.store import migrate as migrate_module
from backfill.store.database import open_database
from backfill.store.entity_tables import table_of
from backfill.store.migrate import Migration, migrate, shipped_migrations
from tests.postgres import PostgresServer

ONE = Migration(1, "0001_one.sql", "CREATE TABLE backfill.one (a int); INSERT INTO backfill.one VALUES (1)")
TWO = Migration(2, "0002_two.sql", "ALTER TABLE backfill.one ADD COLUMN b int")
BROKEN = Migration(2, "0002_broken.sql", "CREATE TABLE backfill.two (a int); SELECT 1 / 0")


@pytest.fixture
async def empty_dsn(postgres_server: PostgresServer) -> AsyncIterator[str]:
    dsn = await postgres_server.create(migrated=False)
    yield dsn
    await postgres_server.drop(dsn)


@pytest.fixture
async def connection(empty_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    opened = await asyncpg.connect(empty_dsn)
    yield opened
    await opened.close()


async def test_each_file_is_applied_once_and_in_order(connection: asyncpg.Connection) -> None:
    assert await migrate(connection, [ONE]) == ["0001_one.sql"]
    assert await migrate(connection, [ONE, TWO]) == ["0002_two.sql"]
    assert await migrate(connection, [ONE, TWO]) == []
    assert await connection.fetchval("SELECT count(*) FROM backfill.one") == 1


async def test_runners_at_once_wait_for_one_another(empty_dsn: str) -> None:
    applied: list[str] = []

    async def run() -> None:
        own = await asyncpg.connect(empty_dsn)
        applied.extend(await migrate(own, [ONE, TWO]))
        await own.close()

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(run)
    assert applied == ["0001_one.sql", "0002_two.sql"]


async def test_a_file_may_take_longer_than_a_statement_of_ours(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index over all that was ever loaded takes minutes: broken off, it would begin anew with every command."""
    slow = Migration(2, "0002_slow.sql", "SELECT pg_sleep(1)")
    monkeypatch.setattr(database, "CONTROL_COMMAND_TIMEOUT_S", 0.4)
    monkeypatch.setattr(migrate_module, "shipped_migrations", lambda: (ONE, slow))

    async def command() -> None:
        async with open_database(empty_dsn):
            pass

    async with anyio.create_task_group() as group:
        group.start_soon(command)
        group.start_soon(command)  # waits for the other
    await command()


async def test_a_lock_that_somebody_holds_is_not_waited_for_as_long(
    empty_dsn: str, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All who come later would wait behind us."""
    await migrate(connection, [ONE])
    monkeypatch.setattr(migrate_module, "BLOCKED_MOST", "SET LOCAL lock_timeout = '100ms'")
    monkeypatch.setattr(migrate_module, "shipped_migrations", lambda: (ONE, TWO))
    async with connection.transaction():
        await connection.execute("SELECT FROM backfill.one")
        with anyio.fail_after(20), pytest.raises(UnavailableError, match="busy with another") as caught:
            async with open_database(empty_dsn):
                pass
    assert caught.value.disposition is Disposition.RETRY


async def test_a_file_that_fails_leaves_the_schema_as_it_was(connection: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(connection, [ONE, BROKEN])
    assert await connection.fetchval(
        "SELECT to_regclass('backfill.one') IS NULL AND to_regclass('backfill.two') IS NULL"
    )


async def test_a_changed_file_is_refused(connection: asyncpg.Connection) -> None:
    await migrate(connection, [ONE])
    changed = Migration(1, ONE.name, f"{ONE.sql} -- better")
    with pytest.raises(UnavailableError, match=r"0001_one\.sql was changed"):
        await migrate(connection, [changed])


async def test_a_database_that_is_further_than_the_program_is_refused(connection: asyncpg.Connection) -> None:
    await migrate(connection, [ONE, TWO])
    with pytest.raises(UnavailableError, match=r"newer backfill: 0002_two\.sql") as caught:
        await migrate(connection, [ONE])
    assert "newer version" in caught.value.action


@pytest.mark.parametrize(
    "theirs",
    [
        "CREATE SCHEMA qbo; CREATE TABLE qbo.invoice (number int)",
        "CREATE SCHEMA qbo; CREATE VIEW qbo.customer AS SELECT 1",
        "CREATE SCHEMA backfill; CREATE TABLE backfill.run (distance int)",
        "CREATE SCHEMA backfill; CREATE TABLE backfill.migration (birds int)",
    ],
)
async def test_tables_of_others_in_our_place_are_said_and_left_alone(
    connection: asyncpg.Connection, empty_dsn: str, theirs: str
) -> None:
    await connection.execute(theirs)
    before = await connection.fetchval("SELECT array_agg(relname::text ORDER BY oid) FROM pg_class")
    with pytest.raises(UnavailableError, match="has tables that are not ours in the schemas backfill or qbo: "):
        async with open_database(empty_dsn):
            pass
    assert await connection.fetchval("SELECT array_agg(relname::text ORDER BY oid) FROM pg_class") == before


async def test_who_finds_the_schema_there_need_not_be_allowed_to_make_one(
    connection: asyncpg.Connection, empty_dsn: str
) -> None:
    await migrate(connection)
    await connection.execute("""
        DO $$ BEGIN CREATE ROLE lowly LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
        GRANT USAGE ON SCHEMA backfill, qbo TO lowly;
        GRANT SELECT ON ALL TABLES IN SCHEMA backfill, qbo TO lowly;
    """)
    lowly = open_database(empty_dsn.replace("postgres@", "lowly@"))
    async with lowly as database, database.control() as one:
        assert await one.fetchval("SELECT current_user || count(*) FROM backfill.realm") == "lowly0"


async def test_whoever_opens_a_database_brings_it_up_to_date(connection: asyncpg.Connection, empty_dsn: str) -> None:
    async with open_database(empty_dsn, migrated=False):
        assert not await connection.fetchval("SELECT to_regclass('backfill.migration') IS NOT NULL")
    async with open_database(empty_dsn):
        assert await migrate(connection) == []


def test_the_shipped_files_are_numbered_without_a_gap() -> None:
    assert [migration.number for migration in shipped_migrations()] == list(range(1, len(shipped_migrations()) + 1))


async def test_the_schema_file_is_what_the_migrations_make(
    connection: asyncpg.Connection, postgres_server: PostgresServer
) -> None:
    await migrate(connection)
    dsn = await postgres_server.create(migrated=False)
    reviewed = await asyncpg.connect(dsn)
    await reviewed.execute((Path(backfill.store.__file__).parent / "schema.sql").read_text())
    made, written = await catalogue(connection), await catalogue(reviewed)
    await reviewed.close()
    await postgres_server.drop(dsn)
    assert len(made) > 400, "the catalogue of some fifty tables"
    assert made == written


async def test_every_entity_has_its_table_of_the_same_shape(connection: asyncpg.Connection) -> None:
    await migrate(connection)
    tables = await connection.fetch(
        "SELECT relname, reloptions FROM pg_class"
        " WHERE relkind = 'r' AND relnamespace = 'qbo'::regnamespace AND relname NOT IN ('report', 'report_row')"
    )
    assert {f"qbo.{row['relname']}" for row in tables} == {table_of(entity) for entity in ENTITIES}
    assert {tuple(row["reloptions"]) for row in tables} == {("toast_tuple_target=8160",)}
    columns = await connection.fetch(
        "SELECT DISTINCT array_agg(concat_ws(' ', attname, atttypid::regtype, attnotnull) ORDER BY attnum)"
        " FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid"
        " WHERE relnamespace = 'qbo'::regnamespace AND relkind = 'r' AND relname NOT IN ('report', 'report_row')"
        " AND attnum > 0 GROUP BY attrelid"
    )
    assert len(columns) == 1


CATALOGUE = """
SELECT 'column', attrelid::regclass::text, attname, format_type(atttypid, atttypmod),
    concat_ws(' ', attnotnull, attidentity, attgenerated, pg_get_expr(adbin, adrelid),
        row_number() OVER (PARTITION BY attrelid ORDER BY attnum))
FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attnum > 0 AND NOT attisdropped AND attrelid IN (SELECT oid FROM ours)
UNION ALL
SELECT 'constraint', conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid)
FROM pg_constraint WHERE conrelid IN (SELECT oid FROM ours)
UNION ALL
SELECT 'index', indrelid::regclass::text, indexrelid::regclass::text, '', pg_get_indexdef(indexrelid)
FROM pg_index WHERE indrelid IN (SELECT oid FROM ours)
UNION ALL
SELECT 'relation', oid::regclass::text, relkind::text, relpersistence::text, array_to_string(reloptions, ',')
FROM ours
"""


async def catalogue(connection: asyncpg.Connection) -> set[tuple[str, ...]]:
    """Everything that makes up the schema, as the server describes it."""
    rows = await connection.fetch(
        "WITH ours AS (SELECT * FROM pg_class WHERE relnamespace IN ('qbo'::regnamespace, 'backfill'::regnamespace)) "
        + CATALOGUE
    )
    return {tuple(str(value) for value in row) for row in rows}


async def test_what_was_in_doubt_before_it_was_told_since_when_is_so_since_its_first_lost_attempt(
    connection: asyncpg.Connection,
) -> None:
    """0011. Of one that nobody is known to have lost, since its first attempt; what is done is not in doubt."""
    await migrate(connection, shipped_migrations()[:10])
    await connection.execute(
        """
        INSERT INTO backfill.realm (realm_id) VALUES ('1');
        INSERT INTO backfill.load (source) VALUES ('a file');
        INSERT INTO backfill.seal (
            realm_id, request_id, lane, path, params, body, row_ids, epoch, sealed_at, times_lost
        )
        SELECT '1', number::text, 'batch', '/batch', '[]', '', row_ids, 1,
            timestamptz '2026-01-01Z' + number * interval '1 day', lost
        FROM (VALUES (1, '{1,4}'::bigint[], 0), (2, '{1,3}', 1), (3, '{1,2}', 1)) AS sealed (number, row_ids, lost);
        INSERT INTO backfill.load_row (
            load_id, line, realm_id, entity, operation, source_key, payload, payload_hash, needs, object_key,
            natural_key, rank, state, doubtful, seal_id, object_id, fault_message
        )
        SELECT 1, number, '1', 'Customer', 'create', number::text, '{}', '', '{}', '', '', 1, state, doubtful,
            seal_id, object_id, 'm'
        FROM (VALUES
            (1, 'rejected', true, 3, NULL), (2, 'applied', true, 3, '7'), (3, 'waiting', false, 2, NULL),
            (4, 'waiting', true, 1, NULL)
        ) AS held (number, state, doubtful, seal_id, object_id);
        """
    )
    await migrate(connection)
    rows = await connection.fetch(
        "SELECT row_id, extract(day FROM doubtful_since AT TIME ZONE 'UTC')::int AS day FROM backfill.load_row"
    )
    assert {row["row_id"]: row["day"] for row in rows} == {1: 3, 2: None, 3: None, 4: 2}
