"""The real command on a Postgres that fails under it: restarted, cut off in the middle of a page, out of space."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backfill.store.database import CONTROL_COMMAND_TIMEOUT_S
from tests.cli.test_extract_resumed import extract, fleet, same_as_the_companies
from tests.cli.test_extract_survives import LEASE_S
from tests.gate import gated
from tests.own_postgres import FAST, IMMEDIATE, OwnPostgres, own_postgres, way_to
from tests.postgres import PostgresServer
from tests.processes import PATIENCE_S, Backfill, Outcome, ended

LARGE_PAGES = "[extract]\npage_rows = 200\nreaders_per_realm = 2\n"
"""Pages that are landed by COPY."""

SMALL_DISK_BYTES = 256 * 1024 * 1024
LEFT_BYTES = 1024 * 1024
"""Of it: a fraction of what is to be landed."""

COMMANDS_MOST = 30
"""Each is the user's second try, and one a blow at the most is needed."""

FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON qbo.invoice EXECUTE FUNCTION full_disk();
"""


@pytest.fixture(scope="module")
def server() -> Iterator[OwnPostgres]:
    """A server of these tests' own: pytest's folders are too long for its socket."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        Path(folder).chmod(0o711)
        with own_postgres(Path(folder, "data")) as server:
            yield server


@pytest.fixture
def dsn(server: OwnPostgres) -> Iterator[str]:
    """A fresh, migrated database on it."""
    name = f"hurt_{os.urandom(4).hex()}"
    asyncio.run(server.databases.execute(f"CREATE DATABASE {name} TEMPLATE {server.databases.template}"))
    yield server.dsn(name)
    asyncio.run(server.databases.execute(f"DROP DATABASE {name} WITH (FORCE)"))


def it_said_what_happened(hurt: Outcome) -> None:
    """It bridged the blow, or it ended in order and said what to do."""
    assert "Traceback" not in hurt.stderr, hurt.stderr
    assert hurt.code in {0, 1, 3}, hurt.stderr


@pytest.mark.parametrize(("seed", "blows"), [(1, 2), pytest.param(2, 10, marks=pytest.mark.long)])
def test_the_database_is_restarted_under_load(
    user: Backfill, tmp_path: Path, dsn: str, server: OwnPostgres, seed: int, blows: int, tally: Counter[str]
) -> None:
    """In order and as in a crash, by turns. Commits of pages may be lost with a crash, their checkpoints with them."""
    rng = random.Random(seed)
    with fleet(user, tmp_path) as (connected, intuit), gated(intuit) as gate:
        for blow in range(blows):
            gate.let(rng.randrange(20, 40))
            with connected.having(QBO_BASE_URL=gate.url).started(*extract(connected)) as process:
                gate.full(process)
                server.stop((IMMEDIATE, FAST)[blow % 2])
                server.start()
                gate.open()
                hurt = ended(process)
            it_said_what_happened(hurt)
            tally[f"restarts that ended a command with {hurt.code}"] += 1
        last = connected.run(*extract(connected))
        assert last.code == 0, last.stderr
        tally["documents equal"] += same_as_the_companies(dsn, intuit)


@pytest.mark.parametrize("cuts", [1, pytest.param(12, marks=pytest.mark.long)])
def test_its_way_to_the_database_is_cut_in_the_middle_of_a_page(
    user: Backfill, tmp_path: Path, dsn: str, server: OwnPostgres, cuts: int, tally: Counter[str]
) -> None:
    """By bytes: half of what a COPY has sent arrives, and nobody says goodbye."""
    with fleet(user, tmp_path) as (connected, intuit), way_to(server) as (way, port):
        (connected.home / "small.toml").write_text(LARGE_PAGES)
        cut_off = connected.having(DATABASE_URL=by_port(dsn, port))
        for _ in range(cuts):
            way.cut_copies, before = 1, way.cut
            hurt = cut_off.run(*extract(connected))
            it_said_what_happened(hurt)
            if way.cut == before:
                break  # all is landed: nothing is left to be copied
            tally[f"cuts that ended a command with {hurt.code}"] += 1
        assert way.cut, "a page was cut, or all this proves nothing"
        way.cut_copies = 0
        last = cut_off.run(*extract(connected))
        assert last.code == 0, last.stderr
        tally["documents equal"] += same_as_the_companies(dsn, intuit)


@pytest.mark.parametrize("asleep_s", [0.0, pytest.param(CONTROL_COMMAND_TIMEOUT_S, marks=pytest.mark.long)])
def test_stopped_in_the_middle_of_a_page_it_does_not_block_who_takes_over(
    user: Backfill, tmp_path: Path, dsn: str, server: OwnPostgres, asleep_s: float
) -> None:
    """As a machine that is paused while it holds its realm's row and the server waits for the rest of its rows.

    After a minute it wakes to statements that have run out of their time, of a database that is well.
    """
    with fleet(user, tmp_path) as (connected, intuit), way_to(server) as (way, port):
        (connected.home / "small.toml").write_text(f"{LARGE_PAGES}[postgres]\nlease_s = {LEASE_S}\n")
        way.hold_copies = 1
        with connected.having(DATABASE_URL=by_port(dsn, port)).started(*extract(connected)) as process:
            assert way.held.wait(PATIENCE_S), "a page was held, or all this proves nothing"
            process.send_signal(signal.SIGSTOP)
            other = connected.run(*extract(connected))
            assert other.code == 0, other.stderr
            time.sleep(asleep_s)  # noqa: TID251  # the paused process is outside any event loop of ours
            process.send_signal(signal.SIGCONT)
            woken = ended(process)
        assert woken.code != 0, "it says that it did not finish"
        assert "Traceback" not in woken.stderr
        assert "took over" in woken.stderr + woken.stdout
        same_as_the_companies(dsn, intuit)


def by_port(dsn: str, port: int) -> str:
    """The same database by a way that begins there."""
    database = dsn.partition("?")[0].rpartition("/")[2]
    return f"postgresql://postgres@127.0.0.1:{port}/{database}?sslmode=disable"


def test_the_database_says_that_its_disk_is_full(user: Backfill, tmp_path: Path, dsn: str) -> None:
    """In its words, by a trigger: what the command makes of them. The true thing is the next test's."""
    with fleet(user, tmp_path) as (connected, intuit):
        asyncio.run(PostgresServer(dsn, template="").execute(FULL))
        stopped_for_want_of_space(connected.run(*extract(connected)))
        asyncio.run(PostgresServer(dsn, template="").execute("DROP FUNCTION full_disk CASCADE"))
        last = connected.run(*extract(connected))
        assert last.code == 0, last.stderr
        same_as_the_companies(dsn, intuit)


@pytest.mark.long
def test_a_small_tablespace_is_filled(user: Backfill, tmp_path: Path, server: OwnPostgres) -> None:
    """The whole database on a disk of its own, with a megabyte left. Needs the right to mount, as root has it."""
    with (
        small_disk(server) as disk,
        database_on(disk, server) as dsn,
        fleet(user.having(DATABASE_URL=dsn), tmp_path) as (connected, intuit),
    ):
        ballast = disk / "ballast"
        with ballast.open("wb") as file:
            file.write(bytes(shutil.disk_usage(disk).free - LEFT_BYTES))
        stopped_for_want_of_space(connected.run(*extract(connected)))
        stopped_for_want_of_space(connected.run(*extract(connected)))  # nothing was made of it
        ballast.unlink()
        last = connected.run(*extract(connected))
        assert last.code == 0, last.stderr
        assert "Going on with run 1, which was not finished." in last.stderr
        same_as_the_companies(dsn, intuit)


def stopped_for_want_of_space(full: Outcome) -> None:
    assert full.code == 3, full.stderr
    assert "has no space left on its disk" in full.stderr
    assert "free space there, then run the command again" in full.stderr
    assert "Traceback" not in full.stderr


@contextmanager
def small_disk(server: OwnPostgres) -> Iterator[Path]:
    """A file system of its own that the server may write to."""
    folder = server.files.root / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK_BYTES},mode=0700", "small", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@contextmanager
def database_on(disk: Path, server: OwnPostgres) -> Iterator[str]:
    """A migrated database that lies on `disk`."""
    place = disk / "space"
    place.mkdir(mode=0o700)
    server.privileges.give(place)
    execute = server.databases.execute
    asyncio.run(execute(f"CREATE TABLESPACE small LOCATION '{place}'"))
    asyncio.run(
        execute(f"CREATE DATABASE small TEMPLATE {server.databases.template} TABLESPACE small STRATEGY file_copy")
    )
    yield server.dsn("small")
    asyncio.run(execute("DROP DATABASE small WITH (FORCE)"))
    asyncio.run(execute("DROP TABLESPACE small"))
