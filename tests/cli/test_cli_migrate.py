"""`backfill migrate`, and the version of the database that every command looks at first."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest

from backfill.store.migrate import shipped_migrations
from tests.postgres import PostgresServer
from tests.processes import PATIENCE_S, Backfill, ended

NAMES = [migration.name for migration in shipped_migrations()]


@pytest.fixture
def empty(user: Backfill, postgres_server: PostgresServer) -> Iterator[Backfill]:
    """A user whose database has nothing in it."""
    dsn = asyncio.run(postgres_server.create(migrated=False))
    yield user.having(DATABASE_URL=dsn)
    asyncio.run(postgres_server.drop(dsn))


def test_migrate_says_what_it_applied(empty: Backfill) -> None:
    first = empty.run("migrate")
    assert (first.code, first.stdout) == (0, f"Applied {', '.join(NAMES)}.\n")
    assert empty.run("migrate").stdout == "The schema is up to date.\n"
    assert empty.run("migrate", "--json").json() == {"applied": []}


def test_every_command_migrates_and_several_at_once_wait_for_one_another(empty: Backfill) -> None:
    arguments = (("realms", "list", "--json"), ("status", "--json"), ("migrate", "--json"))
    with (
        empty.started(*arguments[0]) as first,
        empty.started(*arguments[1]) as second,
        empty.started(*arguments[2]) as third,
    ):
        outcomes = [ended(process) for process in (first, second, third)]
    assert [(outcome.code, outcome.stderr) for outcome in outcomes] == [(0, "")] * 3
    assert empty.run("migrate", "--json").json() == {"applied": []}


NEEDS_A_NEWER_ONE = """
from backfill.store import database
from backfill.__main__ import main
database.OLDEST_MAJOR = 99
main()
"""


def test_a_server_that_is_too_old(user: Backfill) -> None:
    """No such server can be had here; so a program is run that says it needs a newer one than this."""
    outcome = subprocess.run(
        [sys.executable, "-c", NEEDS_A_NEWER_ONE, "migrate", "--json"],
        env=user.environment,
        cwd=user.home,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert outcome.returncode == 3
    assert "backfill needs 99 or newer" in outcome.stderr
    assert "BACKFILL_DATABASE_URL" in outcome.stderr
    assert '"message": "the database ' in outcome.stdout
