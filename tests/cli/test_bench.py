"""`backfill bench`: what a machine costs, measured with the real program, and nothing left of it."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import pytest

from backfill.planner.calibration import ROWS_MIN
from tests.cli.conftest import Query, name_of
from tests.postgres import PostgresServer
from tests.processes import Backfill, ended, eventually, processes_naming

SCENARIO = """
[[companies]]
name = "a few"
count = 5
objects = 100

[machine]
processors = 4
row_us = 75
"""

OURS = "SELECT datname FROM pg_database WHERE datname LIKE 'backfill_bench_%' ORDER BY 1"


@pytest.fixture
def bencher(user: Backfill, tmp_path: Path) -> Backfill:
    """With Intuit's own limits, and temporary files where they can be looked for."""
    (tmp_path / "tmp").mkdir()
    scenario(tmp_path)
    bench = user.having(LIMITS_SCALE=None)
    return Backfill(bench.home, {**bench.variables, "TMPDIR": str(tmp_path / "tmp")}, executes=True)


def scenario(folder: Path) -> Path:
    file = folder / "scenario.toml"
    file.write_text(SCENARIO)
    return file


def nothing_left(bencher: Backfill, query: Query) -> bool:
    """No database, no file, no process."""
    tmp = bencher.home / "tmp"
    return (query(OURS), list(tmp.iterdir()), processes_naming(tmp)) == ([], [], {})


def test_a_machine_is_measured_and_planned_with(bencher: Backfill, query: Query, tmp_path: Path) -> None:
    assert ROWS_MIN == 10_800, "as the option has it, which loads nothing of the planner"
    before = query("SELECT count(*) FROM backfill.run"), query("SELECT count(*) FROM backfill.realm")
    done = bencher.run("bench", "scenario.toml", "--rows", str(ROWS_MIN), "--json")
    assert done.code == 0, done.stderr
    result = done.json()
    small, middling, large = result["samples"]
    assert (small["realms"]["total"], small["objects"]) == (40, 90)
    assert (large["realms"]["total"], large["objects"]) == (4, 900)
    for sample in (small, middling, large):
        for run in sample["runs"]:
            assert run["realms"] == {"total": sample["realms"]["total"], "proven": sample["realms"]["total"]}
            assert run["rows"]["landed"] == pytest.approx(sample["realms"]["total"] * sample["objects"], rel=0.1)
            assert run["processor_s"]["program"] > 0
            assert run["processor_s"]["postgres"] > 0, "a server on this machine is found, with its address or not"
            assert run["peak_mb"] > 40
            assert run["disk_bytes"] > run["call_bytes"] > 0
            assert run["wal_bytes"] > 0
        assert sample["planned"]["wall_s"] > 0
    machine = result["machine"]
    assert machine["processors"] == 4, "the scenario's"
    assert 0 < machine["row_us"] != 75
    assert 1 < machine["company_ms"] < 1000
    assert machine["company_ms"] == pytest.approx(result["costs"]["program_s"]["company"] * 1000, rel=0.01)
    assert result["costs"]["program_s"]["run"] > 0.1, "the interpreter's start is no company's"
    assert result["plan"]["realms"] == result["plan_before"]["realms"] == {"total": 5}
    assert result["plan"]["processor_s"] != result["plan_before"]["processor_s"]
    assert result["plan"]["disk_bytes"] > 0

    # The table can be pasted as it is.
    table = "".join(f"{name} = {value}\n" for name, value in machine.items())
    (tmp_path / "pasted.toml").write_text(SCENARIO.partition("[machine]")[0] + "[machine]\n" + table)
    pasted = bencher.run("plan", "pasted.toml", "--json").json()
    assert pasted["wall_s"] == result["plan"]["wall_s"]

    assert nothing_left(bencher, query)
    assert not (bencher.home / "data").exists()
    assert (query("SELECT count(*) FROM backfill.run"), query("SELECT count(*) FROM backfill.realm")) == before


def test_without_a_database_an_embedded_one_is_measured(bencher: Backfill, query: Query) -> None:
    """And stopped, here by Ctrl-C: the server goes, with its folder; the user's own is never begun."""
    user = bencher.having(DATABASE_URL=None)
    with user.started("bench", "scenario.toml", "--rows", str(ROWS_MIN)) as bench:
        heard = said(bench, "Reading ")
        assert f"Starting an embedded Postgres in {bencher.home}/tmp/" in heard
        bench.send_signal(signal.SIGINT)
        bench.send_signal(signal.SIGINT)
        stopped = ended(bench)
    assert (stopped.code, stopped.stdout) == (3, "")
    assert eventually(lambda: nothing_left(bencher, query))
    assert not (bencher.home / "data").exists()


def said(process: subprocess.Popen[str], words: str) -> str:
    """What is heard until these words are said."""
    assert process.stderr is not None
    heard = ""
    while words not in heard:
        line = process.stderr.readline()
        assert line, heard
        heard += line
    return heard


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_while_it_reads_it_leaves_nothing(bencher: Backfill, query: Query, number: signal.Signals) -> None:
    with bencher.started("bench", "scenario.toml", "--rows", str(ROWS_MIN), "--json") as bench:
        said(bench, "Reading ")
        ((name,),) = query(OURS)
        busy = "SELECT 1 FROM pg_stat_activity WHERE datname = $1 AND application_name LIKE 'backfill %'"
        assert eventually(lambda: query(busy, name)), "the program reads"
        bench.send_signal(number)
        stopped = ended(bench)
    assert stopped.code == 3, stopped.stderr
    assert "The bench was stopped. Nothing of it is left." in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert eventually(lambda: nothing_left(bencher, query))


def test_what_a_killed_one_leaves_is_taken_away_by_the_next(
    bencher: Backfill, query: Query, postgres_server: PostgresServer
) -> None:
    with bencher.started("bench", "scenario.toml", "--rows", str(ROWS_MIN)) as bench:
        said(bench, "Reading ")
        bench.kill()
    ((left,),) = query(OURS)
    # Its program ends when it has tried often enough to reach a simulator that is gone.
    sessions = "SELECT 1 FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'"
    query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", left)
    assert eventually(lambda: not query(sessions, left))
    old = re.sub("_[0-9]{10}_", "_1600000000_", left)
    query(f"ALTER DATABASE {left} RENAME TO {old}")
    with bencher.started("bench", "scenario.toml", "--rows", str(ROWS_MIN)) as bench:
        heard = said(bench, "Reading ")
        bench.send_signal(signal.SIGTERM)
        ended(bench)
    assert f"Dropped the database {old}, which a bench that was killed had left behind." in heard
    assert re.search(f"Removed {bencher.home}/tmp/.*, which a bench that was killed had left behind.", heard)
    assert eventually(lambda: nothing_left(bencher, query))


def test_who_may_make_no_database_is_told(bencher: Backfill, query: Query, dsn: str) -> None:
    role = f"limited_{name_of(dsn)}"
    query(f"CREATE ROLE {role} LOGIN")
    limited = bencher.having(DATABASE_URL=dsn.replace("postgres@", f"{role}@", 1))
    refused = limited.run("bench", "scenario.toml", "--json")
    query(f"DROP ROLE {role}")
    assert refused.code == 3
    assert "this user may not make one: permission denied to create database" in refused.stderr
    assert "CREATEDB" in refused.json()["error"]["action"]
    assert nothing_left(bencher, query)


def test_what_keeps_extract_from_reading_is_said(bencher: Backfill, query: Query, tmp_path: Path) -> None:
    (tmp_path / "backfill.toml").write_text("[metered]\nmonthly_cap = 5\n")
    refused = bencher.run("bench", "scenario.toml", "--rows", str(ROWS_MIN), "--config", "backfill.toml")
    assert (refused.code, refused.stdout) == (3, "")
    assert "`backfill extract` did not read the sample of 40 companies (exit code 3): " in refused.stderr
    assert "cap of 5 metered calls" in refused.stderr
    assert nothing_left(bencher, query)


def test_what_is_wrong_is_said_before_anything_is_begun(bencher: Backfill, tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text(SCENARIO.replace("count = 5", "count = 0"))
    assert bencher.run("bench", "wrong.toml").code == 2
    assert bencher.run("bench", "none.toml").code == 2
    assert bencher.run("bench", "scenario.toml", "--rows", str(ROWS_MIN - 1)).code == 2
    assert bencher.run("bench").code == 2
    unreached = bencher.having(DATABASE_URL="postgresql://127.0.0.1:1/none").run("bench", "scenario.toml")
    assert (unreached.code, "cannot be reached" in unreached.stderr) == (3, True)
    assert list((tmp_path / "tmp").iterdir()) == []
