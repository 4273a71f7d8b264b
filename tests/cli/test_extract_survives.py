"""The real command on the real simulator and real Postgres, hurt in ways that a kill is not; then all is compared."""

from __future__ import annotations

import random
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Query
from tests.cli.test_extract_resumed import extract, fleet, same_as_the_companies
from tests.gate import gated
from tests.processes import Backfill, ended, simulated

LEASE_S = 1.0
"""The shortest there is: who is stopped for longer has lost its realms."""

CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'backfill %'
"""


@contextmanager
def short_leases(connected: Backfill) -> Iterator[None]:
    """The user's configuration, with leases that run out at once."""
    config = connected.home / "small.toml"
    before = config.read_text()
    config.write_text(f"{before}\n[postgres]\nlease_s = {LEASE_S}\n")
    yield
    config.write_text(before)


def test_stopped_past_its_lease_it_spoils_nothing_when_it_goes_on(
    user: Backfill, tmp_path: Path, dsn: str, query: Query
) -> None:
    """As a machine that is paused: another takes its realms over and finishes; then the first wakes up."""
    with fleet(user, tmp_path) as (connected, intuit), gated(intuit) as gate, short_leases(connected):
        gate.let(60)
        with connected.having(QBO_BASE_URL=gate.url).started(*extract(connected)) as process:
            gate.full(process)
            process.send_signal(signal.SIGSTOP)
            time.sleep(3 * LEASE_S)  # noqa: TID251  # the lease is the database's clock's
            other = connected.run(*extract(connected))
            assert other.code == 0, other.stderr
            before = query("SELECT realm_id, entity, proven, watermark FROM backfill.proof ORDER BY 1, 2")
            epochs = query("SELECT realm_id, epoch FROM backfill.realm ORDER BY 1")
            assert all(row["epoch"] > 1 for row in epochs), "it was taken over"
            gate.open()
            process.send_signal(signal.SIGCONT)
            woken = ended(process)
        assert woken.code != 0, "it says that it did not finish"
        assert "Traceback" not in woken.stderr
        assert "took over" in woken.stderr + woken.stdout
        assert query("SELECT realm_id, entity, proven, watermark FROM backfill.proof ORDER BY 1, 2") == before
        same_as_the_companies(dsn, intuit)


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 11))])
def test_its_connections_to_the_database_are_cut(
    user: Backfill, tmp_path: Path, dsn: str, query: Query, seed: int
) -> None:
    """All at once, in the middle: it bridges that or stops with a word, and the same command goes on."""
    rng = random.Random(seed)
    with fleet(user, tmp_path) as (connected, intuit), gated(intuit) as gate:
        for _ in range(3):
            gate.let(rng.randrange(30, 60))
            with connected.having(QBO_BASE_URL=gate.url).started(*extract(connected)) as process:
                gate.full(process)
                assert query(CUT), "it was connected"
                gate.open()
                hurt = ended(process)
            assert "Traceback" not in hurt.stderr, hurt.stderr
            assert hurt.code in {0, 1, 3}, hurt.stderr
            if hurt.code == 0:
                break
        last = connected.run(*extract(connected))
        assert last.code == 0, last.stderr
        same_as_the_companies(dsn, intuit)


def test_intuit_goes_down_and_comes_back(user: Backfill, tmp_path: Path, dsn: str) -> None:
    """Nothing answers any more; the run ends with a word, and the same command goes on once it does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    books = {"realms": 3, "rows": "1500:2000", "port": port, "seed": 5}
    with simulated(folders[0], **books) as intuit, gated(intuit) as gate:
        connected = user.having(**intuit.variables)
        (connected.home / "small.toml").write_text("[extract]\npage_rows = 25\n")
        assert connected.run("realms", "import", intuit.realms_file).code == 0
        gate.let(40)
        with connected.having(QBO_BASE_URL=gate.url).started(*extract(connected, "--json")) as process:
            gate.full(process)
            intuit.process.kill()
            intuit.process.wait()
            gate.open()
            hurt = ended(process)
        assert hurt.code == 1, hurt.stderr
        assert "Traceback" not in hurt.stderr
        assert all(error["action"] for error in hurt.json()["errors"])
    with simulated(folders[1], **books) as again:
        last = connected.run(*extract(connected))
        assert last.code == 0, last.stderr
        same_as_the_companies(dsn, again)
