"""`backfill sql`: psql on the database that the other commands use, whatever its address holds."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys

import pytest

from backfill.cli.sql import libpq_environment
from tests.cli.conftest import Query
from tests.processes import COMMAND, PATIENCE_S, Backfill, eventually


def test_a_statement_and_psql_itself(user: Backfill, query: Query) -> None:
    query("INSERT INTO backfill.realm (realm_id, name) VALUES ('123', 'Café')")
    once = user.run("sql", "SELECT name FROM backfill.realm")
    assert (once.code, once.stdout.split()[2]) == (0, "Café")
    typed = user.run("sql", stdin=b"SELECT 6 * 7;\n\\q\n")
    assert (typed.code, "42" in typed.stdout) == (0, True)
    wrong = user.run("sql", "SELECT nothing")
    assert (wrong.code, wrong.stdout, 'column "nothing" does not exist' in wrong.stderr) == (3, "", True)


MANY = "SELECT repeat('x', 500) FROM generate_series(1, 400_000)"


def test_a_long_answer_is_not_held_in_memory(user: Backfill) -> None:
    """Its peak is psql's own, measured by who waits for it."""
    measured = (
        "import resource, subprocess, sys\n"
        "code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode\n"
        "print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)"
    )
    peaks = []
    for statement in ("SELECT 1", MANY):
        command = [sys.executable, "-c", measured, *COMMAND, "sql", statement]
        done = subprocess.run(
            command, env=user.environment, cwd=user.home, capture_output=True, text=True, timeout=PATIENCE_S, check=True
        )
        code, peak_mb = map(int, done.stdout.split())
        assert code == 0, done.stderr
        peaks.append(peak_mb)
    assert peaks[1] < peaks[0] + 20, "these are 200 MB"


def test_who_reads_an_answer_may_have_had_enough(user: Backfill) -> None:
    reading, writing = os.pipe()
    with user.started("sql", MANY, stdout=writing) as process:
        os.close(writing)
        assert os.read(reading, 100)
        os.close(reading)
        _, stderr = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, stderr) == (0, "")


def test_who_ends_the_command_ends_psql(user: Backfill, query: Query) -> None:
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(300)' AND state = 'active'"
    with user.started("sql", "SELECT pg_sleep(300)") as process:
        assert eventually(lambda: query(asleep)[0][0] == 1)
        process.terminate()
        assert process.wait(PATIENCE_S) == 3


PROMPT = b"=# "


def test_ctrl_c_is_psqls_own(user: Backfill) -> None:
    """As often as it is pressed: psql drops the line, or stops the statement, and goes on."""
    shown, terminal = pty.openpty()
    with user.started("sql", stdin=terminal, stdout=terminal, stderr=terminal, process_group=0) as process:
        os.close(terminal)
        seen = b""

        def prompted(after: bytes) -> None:
            """What is typed before psql has heard of a signal, and asks anew, goes with the line."""
            nonlocal seen
            while PROMPT not in seen[seen.find(after) :] or after not in seen:
                assert select.select([shown], [], [], PATIENCE_S)[0], seen
                seen += os.read(shown, 4096)

        os.write(shown, b"\\pset pager off\n")
        for number in (41, 42, 43):
            os.write(shown, b"SELECT %d + 1000 AS sum;\n" % number)
            prompted(b"%d" % (number + 1000))
            seen = b""
            os.killpg(process.pid, signal.SIGINT)
            prompted(b"")
        os.write(shown, b"\\q\n")
        while select.select([shown], [], [], PATIENCE_S)[0]:
            try:
                seen += os.read(shown, 4096)
            except OSError:  # all who had it open are gone
                break
        assert process.wait(PATIENCE_S) == 0, seen
        assert b"Traceback" not in seen, seen
    os.close(shown)


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
        (
            "postgresql://ann@%2FRun%2Fsocket:6432/books",
            {"PGHOST": "/Run/socket", "PGPORT": "6432", "PGUSER": "ann", "PGDATABASE": "books"},
        ),
        (
            "postgresql://db/books?sslcert=/me.pem&sslkey=/me.key&target_session_attrs=read-write",
            {
                "PGHOST": "db",
                "PGDATABASE": "books",
                "PGSSLCERT": "/me.pem",
                "PGSSLKEY": "/me.key",
                "PGTARGETSESSIONATTRS": "read-write",
            },
        ),
        ("postgresql://", {}),
    ],
)
def test_the_address_travels_in_the_environment(url: str, expected: dict[str, str]) -> None:
    assert libpq_environment(url) == expected
