"""`backfill sql`: psql on the database that the other commands use, whatever its address holds."""

from __future__ import annotations

import pytest

from backfill.cli.sql import libpq_environment
from tests.cli.conftest import Query
from tests.processes import Backfill


def test_a_statement_and_psql_itself(user: Backfill, query: Query) -> None:
    query("INSERT INTO backfill.realm (realm_id, name) VALUES ('123', 'Café')")
    once = user.run("sql", "SELECT name FROM backfill.realm")
    assert (once.code, once.stdout.split()[2]) == (0, "Café")
    typed = user.run("sql", stdin=b"SELECT 6 * 7;\n\\q\n")
    assert (typed.code, "42" in typed.stdout) == (0, True)
    wrong = user.run("sql", "SELECT nothing")
    assert (wrong.code, wrong.stdout, 'column "nothing" does not exist' in wrong.stderr) == (3, "", True)


def test_the_embedded_database(embedded_user: Backfill) -> None:
    assert embedded_user.run("migrate").code == 0
    shown = embedded_user.run("sql", "SELECT count(*) FROM backfill.realm")
    assert (shown.code, shown.stdout.split()[2]) == (0, "0")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://ann@db1:6432,db2/books",
            {"PGHOST": "db1,db2", "PGPORT": "6432,", "PGUSER": "ann", "PGDATABASE": "books"},
        ),
        # Several hosts, one of them in brackets, are refused by Python 3.11.2's own parser, and so by the settings.
        ("postgresql://[::1]:6432/books", {"PGHOST": "::1", "PGPORT": "6432", "PGDATABASE": "books"}),
        (
            "postgresql://an%40n:p%2Fw@db.example.com:6432/books?sslmode=verify-full&sslrootcert=/ca.pem",
            {
                "PGHOST": "db.example.com",
                "PGPORT": "6432",
                "PGUSER": "an@n",
                "PGPASSWORD": "p/w",
                "PGDATABASE": "books",
                "PGSSLMODE": "verify-full",
                "PGSSLROOTCERT": "/ca.pem",
            },
        ),
        (
            "postgresql://postgres@/postgres?host=%2Frun%2Fsocket&port=5432",
            {"PGHOST": "/run/socket", "PGPORT": "5432", "PGUSER": "postgres", "PGDATABASE": "postgres"},
        ),
        ("postgresql://", {}),
    ],
)
def test_the_address_travels_in_the_environment(url: str, expected: dict[str, str]) -> None:
    assert libpq_environment(url) == expected
