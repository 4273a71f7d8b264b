"""The way to Postgres: each trouble in a plain sentence, no password ever, and pools that recover by themselves."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import asyncpg
import pytest

from backfill.errors import Disposition, UnavailableError
from backfill.model import Expected
from backfill.rows import Rows
from backfill.store import database as database_module
from backfill.store import landing
from backfill.store.bulk import encoded
from backfill.store.database import SEND_BUFFER_BYTES, Database, PoolSizes, database_name, open_database
from backfill.store.landing_statements import FENCED_CHECKPOINT
from backfill.store.postgres_errors import translated
from tests.postgres import SMALL_POOLS, PostgresServer
from tests.store.scene import Work, live, rows_of

PASSWORD = "p4ssw0rd-very-secret"


async def opening(dsn: str) -> UnavailableError:
    with pytest.raises(UnavailableError) as caught:
        async with open_database(dsn):
            pass
    shown = f"{caught.value} {caught.value.action} {caught.value.__cause__!r} {caught.value.__context__!r}"
    assert PASSWORD not in shown
    return caught.value


async def test_a_server_that_is_not_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    error = await opening(f"postgresql://me:{PASSWORD}@127.0.0.1:{port}/books")
    assert f"127.0.0.1:{port}/books cannot be reached" in str(error)
    assert error.disposition is Disposition.RETRY


async def test_a_database_that_is_not_there(postgres_server: PostgresServer) -> None:
    assert "does not exist" in str(await opening(postgres_server.dsn_of("nowhere")))


async def test_a_user_that_is_not_known(postgres_server: PostgresServer) -> None:
    error = await opening(postgres_server.dsn.replace("postgres@", f"stranger:{PASSWORD}@"))
    assert "refuses us" in str(error)


@pytest.mark.parametrize(
    "address",
    [
        f"postgres//me:{PASSWORD}@host/db",
        f"mysql://me:{PASSWORD}@host/db",
        f"postgresql://me:{PASSWORD}@host/db?{PASSWORD}",
        f"postgresql://me:{PASSWORD}@host,,other/db",
        f"postgresql://me@/db?port={PASSWORD}",
    ],
)
async def test_an_address_that_cannot_be_read(address: str) -> None:
    assert "cannot be read" in str(await opening(address))


@pytest.mark.parametrize("setting", ["connect_timeout=10", "channel_binding=require", "work_mem=much", "block_size=1"])
async def test_a_setting_that_the_server_does_not_take(postgres_server: PostgresServer, setting: str) -> None:
    error = await opening(f"{postgres_server.dsn}&{setting}")
    assert "does not take a setting" in str(error)
    assert setting.partition("=")[0] in str(error)
    assert "BACKFILL_DATABASE_URL" in error.action


async def test_a_server_that_is_too_old(database_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "OLDEST_MAJOR", 99)
    assert "backfill needs 99 or newer" in str(await opening(database_dsn))


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
async def test_a_database_that_cannot_hold_every_text(postgres_server: PostgresServer, encoding: str) -> None:
    """Each row with such a text would be set aside, and nothing with one be proven."""
    name = f"in_{encoding.lower()}"
    await postgres_server.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")
    error = await opening(postgres_server.dsn_of(name))
    assert f"keeps its texts in {encoding}" in str(error)
    assert "ENCODING 'UTF8'" in error.action
    await postgres_server.execute(f"DROP DATABASE {name}")


async def test_a_pooler_that_drops_what_is_set_for_a_session(
    database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As PgBouncer does with what it is told to ignore."""
    connect = asyncpg.create_pool

    def without(dsn: str, *, server_settings: dict[str, str], **more: Any) -> asyncpg.Pool[asyncpg.Record]:
        kept = {"application_name": server_settings["application_name"]}
        return connect(dsn, server_settings=kept, **more)

    monkeypatch.setattr(asyncpg, "create_pool", without)
    error = await opening(database_dsn)
    assert "does not support what we need" in str(error)
    assert "not to a pooler" in error.action


@pytest.mark.parametrize(
    ("error", "sentence", "disposition"),
    [
        (asyncpg.DiskFullError("no space"), "no space left", Disposition.STOP),
        (asyncpg.TooManyConnectionsError("sorry"), "no connection left", Disposition.RETRY),
        (asyncpg.AdminShutdownError("bye"), "cannot be reached", Disposition.RETRY),
        (asyncpg.CannotConnectNowError("starting"), "cannot be reached", Disposition.RETRY),
        (asyncpg.ConnectionDoesNotExistError("gone"), "cannot be reached: gone", Disposition.RETRY),
        (asyncpg.InvalidPasswordError("no"), "refuses us", Disposition.STOP),
        (asyncpg.DeadlockDetectedError("both"), "busy with another", Disposition.RETRY),
        (asyncpg.UndefinedTableError("none"), "not set up", Disposition.STOP),
        (asyncpg.ReadOnlySQLTransactionError("no"), "read-only", Disposition.STOP),
        (asyncpg.ProtocolViolationError("unsupported startup parameter: jit"), "does not support", Disposition.STOP),
        (asyncpg.InvalidSQLStatementNameError("statement 1 does not exist"), "does not support", Disposition.STOP),
        (asyncpg.DuplicatePreparedStatementError("statement 1 already exists"), "does not support", Disposition.STOP),
        (asyncpg.QueryCanceledError("late"), "in time", Disposition.RETRY),
        (asyncpg.DataCorruptedError("page"), "damaged", Disposition.STOP),
        (TimeoutError(), "no answer in time", Disposition.RETRY),
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused", Disposition.RETRY),
        (asyncpg.InterfaceError("cannot call it(): connection is closed"), "the connection broke$", Disposition.RETRY),
        (asyncpg.TargetServerAttributeNotMatched("no host is read-write"), "reached: no host is", Disposition.RETRY),
    ],
)
def test_the_worlds_troubles_are_said_plainly(error: Exception, sentence: str, disposition: Disposition) -> None:
    with pytest.raises(UnavailableError, match=sentence) as caught, translated("host/books"):
        raise error
    assert str(caught.value).startswith("the database host/books ")
    assert (caught.value.disposition, caught.value.__cause__) == (disposition, error)
    assert caught.value.action


def test_what_the_driver_cannot_do_once_it_lost_track_is_a_lost_connection() -> None:
    """As when it is cut within a COPY: what was begun cannot be rolled back, nor the connection given back."""
    error = asyncpg.InterfaceError("cannot perform operation: another operation is in progress")
    error.__context__ = asyncpg.InterfaceError("the same, of the rollback")
    error.__context__.__context__ = asyncpg.InternalClientError("cannot switch to state 21")
    with pytest.raises(UnavailableError, match="cannot be reached"), translated("host/books"):
        raise error


@pytest.mark.parametrize(
    "error",
    [asyncpg.UniqueViolationError("twice"), asyncpg.PostgresSyntaxError("bad"), asyncpg.InterfaceError("misuse")],
)
def test_our_own_mistakes_pass_through(error: Exception) -> None:
    with pytest.raises(type(error)), translated("host/books"):
        raise error


def test_the_name_of_a_database_has_neither_user_nor_password() -> None:
    assert database_name(f"postgresql://me:{PASSWORD}@db.example:6432/books?sslmode=require") == "db.example:6432/books"
    assert database_name("postgresql:///books?host=%2Frun%2Fpg") == "/run/pg/books"
    assert database_name("postgresql://a:1,b:2/books") == "a:1,b:2/books"
    assert PASSWORD not in database_name(f"nonsense:{PASSWORD}")
    assert PASSWORD not in database_name(f"postgresql://[{PASSWORD}@x")
    for cut in "/?#":
        assert database_name(f"postgresql://me:12{cut}{PASSWORD}@host/books") == "(unreadable address)"


async def test_the_pools_recover_after_the_server_drops_every_connection(
    work: Work, database: Database, postgres_server: PostgresServer
) -> None:
    await work.store.land(work.lease, work.run_id, "Invoice", [live("1", 1)])
    await postgres_server.execute(
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name LIKE 'backfill %'"
    )
    await work.store.land(work.lease, work.run_id, "Invoice", [live("2", 1)])
    await work.store.renew(work.lease)
    assert set(await rows_of(database)) == {"1", "2"}


async def test_a_cancelled_page_leaves_the_pool_usable(work: Work, database: Database) -> None:
    page = [live(str(number), 1, doc=b'{"a":"%s"}' % (b"x" * 2000)) for number in range(2000)]
    for delay_s in (0, 0.001, 0.005, 0.02):
        with anyio.move_on_after(delay_s):
            await work.store.land(work.lease, work.run_id, "Invoice", page)
    landed = await work.store.land(work.lease, work.run_id, "Invoice", page)
    assert landed.landed + landed.unchanged == 2000


async def land(work: Work, id_: str, expected: Expected = Expected.NEW) -> None:
    await work.store.land(work.lease, work.run_id, "Invoice", [live(id_, 1)], expected=expected)


async def too_late(work: Work, expected: Expected = Expected.NEW) -> None:
    """More pages than there are connections, none of which lands: each gives its own back."""
    for _ in range(PoolSizes().landing + 1):
        with anyio.fail_after(20), pytest.raises(UnavailableError, match="in time") as caught:
            await land(work, "early", expected)
        assert caught.value.disposition is Disposition.RETRY


@pytest.mark.parametrize("expected", Expected)
async def test_a_page_that_waits_for_another_session_waits_no_longer_than_is_said(
    work: Work, database: Database, monkeypatch: pytest.MonkeyPatch, expected: Expected
) -> None:
    async with database.control() as other, other.transaction():
        await other.execute("LOCK TABLE qbo.invoice IN ACCESS EXCLUSIVE MODE")
        with monkeypatch.context() as hasty:
            hasty.setattr(database_module, "LANDING_TIMEOUT_S", 0.1)
            await too_late(work, expected)
    assert await rows_of(database) == {}
    await land(work, "late", expected)
    assert set(await rows_of(database)) == {"late"}


async def test_what_a_new_connection_is_asked_has_a_bound(database_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its statements have none of their own: see `LANDING_TIMEOUT_S`."""

    async def unanswered(connection: asyncpg.Connection[asyncpg.Record]) -> None:
        await connection.execute("SELECT pg_sleep(60)")

    monkeypatch.setattr(database_module, "_set_up_landing", unanswered)
    monkeypatch.setattr(database_module, "LANDING_TIMEOUT_S", 0.1)
    with anyio.fail_after(20):
        assert "no answer in time" in str(await opening(database_dsn))


async def test_a_copy_that_its_deadline_ends_leaves_nothing(
    work: Work, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the rows that were sent, nor their transaction, nor a connection that still expects the rest."""
    sent: list[bytes] = []

    async def stalled(realm_id: str, run_id: int, rows: Rows) -> AsyncIterator[bytes]:
        pieces = encoded(realm_id, run_id, rows)
        for _ in range(2):  # the stream's header, and rows
            sent.append(await anext(pieces))
            yield sent[-1]
        await anyio.sleep_forever()

    with monkeypatch.context() as hasty:
        hasty.setattr(landing, "encoded", stalled)
        hasty.setattr(database_module, "LANDING_TIMEOUT_S", 0.3)
        await too_late(work)
    assert any(b"early" in piece for piece in sent)
    async with anyio.create_task_group() as group:
        for number in range(PoolSizes().landing):
            group.start_soon(land, work, str(number))
    assert set(await rows_of(database)) == {"0", "1", "2"}


async def known_statements(database: Database) -> list[list[str]]:
    """Of each connection for pages: what it has planned before."""
    async with AsyncExitStack() as held:
        connections = [await held.enter_async_context(database.landing()) for _ in range(database.landing_size)]
        asked = [await one.fetch("SELECT statement FROM pg_prepared_statements") for one in connections]
    return [[row["statement"] for row in rows] for rows in asked]


async def test_connections_for_pages_are_prepared_before_the_first_page(work: Work, database: Database) -> None:
    await work.store.prepare_landing()
    known = await known_statements(database)
    assert len(known) == SMALL_POOLS.landing
    assert all(FENCED_CHECKPOINT in statements for statements in known)
    assert await rows_of(database) == {}


async def test_connections_that_cannot_be_prepared_are_no_trouble_before_a_page_needs_them(
    work: Work, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def refused(connection: asyncpg.Connection[asyncpg.Record]) -> None:
        nonlocal asked
        asked += 1
        raise asyncpg.TooManyConnectionsError("sorry")

    monkeypatch.setattr(database._landing, "_init", refused)
    await work.store.prepare_landing()
    assert asked == 1, "the first connection is there from the start, and after a refusal no other is asked for"
    await land(work, "first")
    assert set(await rows_of(database)) == {"first"}


def most_allowed() -> int:
    """Bytes of the largest buffer of a socket here; Linux says twice what was asked for, for its own accounts."""
    bound = Path("/proc/sys/net/core/wmem_max")
    return 2 * int(bound.read_text()) if bound.exists() else SEND_BUFFER_BYTES


async def test_a_page_may_be_handed_to_a_local_socket_at_once(database: Database) -> None:
    """Else the server runs out of work while the next page is decoded."""
    sizes = []
    for pool in (database.landing, database.control):
        async with pool() as connection:
            pipe = connection._transport.get_extra_info("socket")  # as the code under test
            assert pipe.family == socket.AF_UNIX, "the tests' own server is local"
            sizes.append(pipe.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF))
    landing, control = sizes
    assert landing > control or landing >= most_allowed()


@pytest.mark.parametrize(
    ("setting", "theirs", "ours"),
    [
        ("default_transaction_isolation", "serializable", "read committed"),
        ("statement_timeout", "50", "0"),
        ("lock_timeout", "50", "0"),
        ("standard_conforming_strings", "off", "on"),
        ("synchronous_commit", "off", "on"),
    ],
)
async def test_what_others_set_for_the_database_is_not_for_us(
    postgres_server: PostgresServer, database_dsn: str, setting: str, theirs: str, ours: str
) -> None:
    """Statements that wait for one another then look again; and a token that is committed outlives the server."""
    name = database_dsn.rpartition("?")[0].rpartition("/")[2]
    await postgres_server.execute(f"ALTER DATABASE {name} SET {setting} = '{theirs}'")
    async with open_database(database_dsn, sizes=SMALL_POOLS) as database:
        async with database.control() as connection:
            assert await connection.fetchval(f"SHOW {setting}") == ours
        async with database.landing() as connection:
            expected = "off" if setting == "synchronous_commit" else ours
            assert await connection.fetchval(f"SHOW {setting}") == expected


async def test_a_bound_for_whole_transactions_is_not_for_us(postgres_server: PostgresServer, database_dsn: str) -> None:
    """Newer servers have one. A migration takes longer than any, and a page may where the disk is slow."""
    name = database_dsn.rpartition("?")[0].rpartition("/")[2]
    try:
        await postgres_server.execute(f"ALTER DATABASE {name} SET transaction_timeout = '50'")
    except asyncpg.UndefinedObjectError:
        pytest.skip("this server has none")
    async with open_database(database_dsn, sizes=SMALL_POOLS) as database:
        for pool in (database.control, database.landing):
            async with pool() as connection, connection.transaction():
                await connection.execute("SELECT pg_sleep(0.2)")


async def test_where_the_server_has_no_further_connection_those_that_are_there_do(
    postgres_server: PostgresServer, database_dsn: str
) -> None:
    """Other programs have taken the rest of them meanwhile: that ends no run that has some."""
    await postgres_server.execute("CREATE ROLE poor LOGIN CONNECTION LIMIT 3")
    try:
        async with open_database(database_dsn.replace("postgres@", "poor@"), migrated=False) as database:

            async def ask() -> None:
                async with database.control() as connection:
                    assert await connection.fetchval("SELECT current_user FROM pg_sleep(0.1)") == "poor"
                async with database.landing() as connection:
                    await connection.fetchval("SELECT pg_sleep(0.1)")

            with anyio.fail_after(30):
                async with anyio.create_task_group() as group:
                    for _ in range(8):
                        group.start_soon(ask)
    finally:
        await postgres_server.execute("DROP ROLE poor")
