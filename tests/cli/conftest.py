"""What the tests of the command line share: a user with a database, and a simulated Intuit."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.postgres import PostgresServer, postgres_server
from tests.processes import Backfill, Intuit, eventually, simulated

__all__ = ["postgres_server"]

LIMITS_SCALE = "60"
"""A minute's window is a second: rehearsals against the limits take seconds."""

Query = Callable[..., list[asyncpg.Record]]


@pytest.fixture
def dsn(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh, migrated database."""
    made = asyncio.run(postgres_server.create())
    yield made
    asyncio.run(postgres_server.drop(made))


@pytest.fixture
def query(dsn: str) -> Query:
    """Run one statement on the user's database: `query("SELECT ...", argument)`."""
    return lambda statement, *arguments: asyncio.run(_fetch(dsn, statement, arguments))


async def _fetch(dsn: str, statement: str, arguments: tuple[Any, ...]) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(statement, *arguments)
    finally:
        await connection.close()


@pytest.fixture
def user(tmp_path: Path, dsn: str) -> Backfill:
    """A user with an empty database and no realms."""
    return Backfill(tmp_path).having(DATABASE_URL=dsn, LIMITS_SCALE=LIMITS_SCALE)


@pytest.fixture
def embedded_user(tmp_path: Path) -> Backfill:
    """A user who gives no database. What is started for that must not keep the pipes: see `Backfill.executes`."""
    return Backfill(tmp_path, executes=True).having(LIMITS_SCALE=LIMITS_SCALE)


@pytest.fixture(scope="session")
def intuit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Intuit]:
    """Three small companies that nobody changes. For reading only: the tests share them."""
    with simulated(tmp_path_factory.mktemp("intuit"), realms=3, rows="100:140") as served:
        yield served


@pytest.fixture(scope="session")
def key() -> str:
    """What encrypts the tokens of the connected users."""
    return base64.b64encode(os.urandom(32)).decode()


@pytest.fixture(scope="session")
def connected_template(
    postgres_server: PostgresServer, intuit: Intuit, key: str, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """A database with the three companies imported, to be cloned: an import takes longer than a clone."""
    dsn = asyncio.run(postgres_server.create())
    importer = Backfill(tmp_path_factory.mktemp("importer")).having(DATABASE_URL=dsn, ENCRYPTION_KEY=key)
    imported = importer.run("realms", "import", intuit.realms_file)
    assert imported.code == 0, imported.stderr
    name = name_of(dsn)
    # Only a database that nobody is connected to can be cloned, and the command's connections end after it.
    sessions = "SELECT 1 FROM pg_stat_activity WHERE datname = $1"
    assert eventually(lambda: not asyncio.run(_fetch(postgres_server.dsn, sessions, (name,))))
    return name


@pytest.fixture
def connected(
    user: Backfill, intuit: Intuit, postgres_server: PostgresServer, connected_template: str, key: str, dsn: str
) -> Backfill:
    """A user with the three companies registered."""
    name = name_of(dsn)
    asyncio.run(postgres_server.execute(f"DROP DATABASE {name}"))
    asyncio.run(postgres_server.clone(connected_template, name))
    return user.having(**intuit.variables, ENCRYPTION_KEY=key)


def name_of(dsn: str) -> str:
    """The database of an address."""
    return dsn.rpartition("?")[0].rpartition("/")[2]
