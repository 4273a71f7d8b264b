"""The dashboard as a user starts it: beside a run, before a database that goes away, and until it is stopped."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Query
from tests.cli.test_extract_resumed import said_until
from tests.dashboard.parsed import Page, parsed
from tests.gate import gated
from tests.own_postgres import FAST, own_postgres
from tests.postgres import PostgresServer
from tests.processes import OPENER, PATIENCE_S, Backfill, ended, eventually, simulated


@contextmanager
def watching(user: Backfill, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A dashboard that runs, and its address."""
    with user.started("dashboard", "--port=0", *options) as process:
        said = said_until("The dashboard is at", process)
        yield re.findall(r"http://[\d.]+:\d+", said)[-1], process


def page(address: str) -> tuple[int, Page]:
    try:
        with OPENER.open(address, timeout=PATIENCE_S) as answer:
            return answer.status, parsed(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.code, parsed(refused.read())


def snapshot(address: str) -> Any:
    with OPENER.open(f"{address}/snapshot.json", timeout=PATIENCE_S) as answer:
        return json.loads(answer.read())["snapshot"]


@pytest.fixture
def onlooker(tmp_path: Path, dsn: str) -> Backfill:
    """Somebody with an address and nothing else: no key, no app, no company."""
    home = tmp_path / "onlooker"
    home.mkdir()
    return Backfill(home).having(DATABASE_URL=dsn)


def test_a_run_is_watched_from_its_beginning_to_its_end(
    user: Backfill, onlooker: Backfill, tmp_path: Path, query: Query
) -> None:
    """What it shows at the end is what was landed; and it needs neither key nor app, and leaves nothing."""
    with simulated(tmp_path, realms=4, rows="300:1500") as intuit, gated(intuit) as gate:
        user = user.having(**intuit.variables)
        gate.let(6)
        assert user.run("realms", "import", intuit.realms_file).code == 0
        with watching(onlooker) as (address, process):
            assert "Nothing was run yet" in page(address)[1].text
            with user.having(QBO_BASE_URL=gate.url).started("extract", "--json") as extract:
                assert eventually(lambda: bool(snapshot(address)["under_way"])), "it is seen to run"
                assert "Under way: extract" in page(address)[1].text
                gate.open()
                outcome = ended(extract)
            assert outcome.code == 0, outcome.stderr
            assert eventually(lambda: snapshot(address)["companies"]["proven"] == 4)
            last = snapshot(address)
            assert (last["under_way"], last["runs"][0]["status"]) == ([], "done")
            landed = query("SELECT sum(landed_live) FROM backfill.proof")[0][0]
            shown = 0
            for realm_id in intuit.realm_ids:
                status, own = page(f"{address}/companies/{realm_id}")
                assert status == 200
                assert {"Invoice", "Customer", "query"} <= {text.strip() for text in own.texts}
                shown += int(own.texts[own.texts.index("rows held") + 1].replace(",", ""))
            assert shown == landed
            process.send_signal(signal.SIGTERM)
            stopped = ended(process)
    assert (stopped.code, stopped.stdout) == (0, "The dashboard has stopped.\n")
    assert query("SELECT count(*) FROM backfill.run")[0][0] == 1
    assert list(onlooker.home.iterdir()) == []


def test_ctrl_c_ends_it_well_while_somebody_looks(onlooker: Backfill) -> None:
    with (
        watching(onlooker, "--json") as (address, process),
        OPENER.open(address, timeout=PATIENCE_S),  # a browser keeps its connection
    ):
        process.send_signal(signal.SIGINT)
        stopped = ended(process)
    assert (stopped.code, stopped.json()) == (0, {"stopped": True})


def test_a_name_that_was_not_given_is_refused(onlooker: Backfill) -> None:
    with watching(onlooker, "--allow-host=ops.example.com") as (address, _process):
        given = urllib.request.Request(address, headers={"Host": "ops.example.com"})
        with OPENER.open(given, timeout=PATIENCE_S) as answer:
            assert answer.status == 200
        other = urllib.request.Request(address, headers={"Host": "evil.example"})
        with pytest.raises(urllib.error.HTTPError, match="421"):
            OPENER.open(other, timeout=PATIENCE_S)


def test_two_cannot_have_one_port(onlooker: Backfill) -> None:
    with watching(onlooker) as (address, _process):
        second = onlooker.run("dashboard", f"--port={address.rpartition(':')[2]}")
    assert second.code == 3
    assert "What to do: Give another port: --port." in second.stderr


def test_a_database_that_is_not_set_up_is_left_as_it_is(onlooker: Backfill, postgres_server: PostgresServer) -> None:
    empty = asyncio.run(postgres_server.create(migrated=False))
    refused = onlooker.having(DATABASE_URL=empty).run("dashboard", "--port=0")
    assert refused.code == 3
    assert "is not set up for this version: it lacks 0001_foundation.sql" in refused.stderr
    assert "What to do: run: backfill migrate" in refused.stderr
    assert onlooker.having(DATABASE_URL=empty).run("migrate", "--json").json()["applied"], "nothing was set up"
    asyncio.run(postgres_server.drop(empty))


@pytest.fixture(scope="module")
def short_folder() -> Iterator[Path]:
    """Pytest's folders are too long for a server's socket."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def test_a_database_that_goes_away_is_said_and_comes_back(tmp_path: Path, short_folder: Path) -> None:
    with own_postgres(short_folder / "data") as server:
        dsn = asyncio.run(server.databases.create())
        with watching(Backfill(tmp_path).having(DATABASE_URL=dsn)) as (address, process):
            assert page(address)[0] == 200
            server.stop(FAST)
            gone = "The database has not answered since"
            assert eventually(lambda: gone in page(address)[1].text)
            status, shown = page(address)
            assert (status, "Nothing was run yet" in shown.text) == (200, True), "with what was seen last"
            assert page(f"{address}/companies")[0] == 503, "that was never seen"
            server.start()
            assert eventually(lambda: gone not in page(address)[1].text)
            assert eventually(lambda: page(f"{address}/companies")[0] == 200)
            process.terminate()
            outcome = ended(process)
    assert outcome.code == 0
    assert "Traceback" not in outcome.stderr
