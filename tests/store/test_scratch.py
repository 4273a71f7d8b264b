"""A database of our own on the user's server: it goes however its block ends, and what was left behind goes, too."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import anyio
import asyncpg
import pytest

from backfill.errors import UnavailableError
from backfill.store.scratch import scratch_database
from tests.postgres import PostgresServer

OLD = "backfill_bench_1600000000_"


async def names(dsn: str) -> set[str]:
    connection = await asyncpg.connect(dsn)
    try:
        return {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}
    finally:
        await connection.close()


@pytest.fixture
async def limited_dsn(postgres_server: PostgresServer, database_dsn: str) -> AsyncIterator[str]:
    """The way to a database of one who may make no other."""
    role = f"limited_{secrets.token_hex(4)}"
    await postgres_server.execute(f"CREATE ROLE {role} LOGIN")
    yield database_dsn.replace("postgres@", f"{role}@", 1)
    await postgres_server.execute(f"DROP ROLE {role}")


async def test_it_is_another_database_and_is_dropped(postgres_server: PostgresServer, database_dsn: str) -> None:
    told: list[str] = []
    before = await names(database_dsn)
    async with scratch_database(database_dsn, tell=told.append) as scratch:
        assert await names(database_dsn) - before == {scratch.name}
        for _ in range(2):  # a second time, too: with tables there
            await scratch.empty()
            connection = await asyncpg.connect(scratch.dsn)
            assert await connection.fetchval("SELECT current_database()") == scratch.name
            assert await connection.fetchval("SELECT count(*) FROM qbo.invoice") == 0
            await connection.close()
        begun = await scratch.use()
        connection = await asyncpg.connect(scratch.dsn)
        await connection.execute("CREATE TABLE more AS SELECT repeat('x', 100) FROM generate_series(1, 10000)")
        await connection.close()
        await scratch.settle()
        used = await scratch.use()
        assert used.disk_bytes - begun.disk_bytes > 1_000_000
        assert used.wal_bytes - begun.wal_bytes > 1_000_000
        assert used.call_bytes == begun.call_bytes
        assert int((await scratch.version()).split(".")[0]) >= 14
    assert (await names(database_dsn), told) == (before, [])


async def test_it_is_dropped_when_the_block_fails_or_is_cancelled(database_dsn: str) -> None:
    before = await names(database_dsn)
    with pytest.raises(ZeroDivisionError):
        async with scratch_database(database_dsn, tell=print):
            raise ZeroDivisionError
    assert await names(database_dsn) == before
    with anyio.CancelScope() as scope:
        async with scratch_database(database_dsn, tell=print) as scratch:
            stranger = await asyncpg.connect(scratch.dsn)  # as a program's that was killed, and is not yet gone
            scope.cancel()
            await anyio.sleep_forever()
    assert await names(database_dsn) == before
    stranger.terminate()


async def test_what_was_left_behind_is_dropped_and_said(postgres_server: PostgresServer, database_dsn: str) -> None:
    left, held, alike = OLD + secrets.token_hex(6), OLD + secrets.token_hex(6), OLD + "mine"
    for name in (left, held, alike):
        await postgres_server.execute(f"CREATE DATABASE {name}")
    holder = await asyncpg.connect(database_dsn.replace(database_name(database_dsn), held))
    told: list[str] = []
    async with (
        scratch_database(database_dsn, tell=told.append) as first,
        scratch_database(database_dsn, tell=told.append) as second,
    ):
        assert {first.name, second.name, held, alike} <= await names(database_dsn)
    assert told == [f"Dropped the database {left}, which a bench that was killed had left behind."]
    assert left not in await names(database_dsn)
    await holder.close()
    for name in (held, alike):
        await postgres_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def test_one_just_made_is_not_taken_for_left_behind(postgres_server: PostgresServer, database_dsn: str) -> None:
    connection = await asyncpg.connect(database_dsn)
    seconds = await connection.fetchval("SELECT extract(epoch FROM now())::bigint")
    await connection.close()
    made = f"backfill_bench_{seconds}_{secrets.token_hex(6)}"
    await postgres_server.execute(f"CREATE DATABASE {made}")
    async with scratch_database(database_dsn, tell=print):
        pass
    assert made in await names(database_dsn)
    await postgres_server.execute(f"DROP DATABASE {made}")


async def test_who_may_make_none_is_told_what_to_do(limited_dsn: str) -> None:
    before = await names(limited_dsn)
    with pytest.raises(UnavailableError, match="this user may not make one: permission denied") as refused:
        async with scratch_database(limited_dsn, tell=print):
            pass
    assert "CREATEDB" in refused.value.action
    assert await names(limited_dsn) == before


async def test_that_it_could_not_be_dropped_is_said(
    postgres_server: PostgresServer, database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    async with scratch_database(database_dsn, tell=told.append) as scratch:
        monkeypatch.setattr("backfill.store.scratch._connected", lambda _: unreachable())
    assert told == [f"The database {scratch.name} could not be dropped: it is gone. The next bench does it."]
    await postgres_server.execute(f"DROP DATABASE {scratch.name} WITH (FORCE)")


def unreachable() -> AsyncIterator[None]:
    raise UnavailableError("it is gone.")


def database_name(dsn: str) -> str:
    return dsn.rpartition("?")[0].rpartition("/")[2]
