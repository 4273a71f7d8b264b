"""Many processes on one run: each company read once, by one of them at a time, whoever dies."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import msgspec
import pytest

from backfill.cli.run_scopes import ReportsScope, reports_alone, reports_beside
from backfill.config.sections import ReportsSection
from backfill.config.settings import Settings
from backfill.jobs.report_options import ReportOptions
from backfill.qbo.reports import REPORTS, Basis
from tests.cli.conftest import Query
from tests.cli.test_extract_resumed import extract, fleet, said_until, same_as_the_companies
from tests.gate import gated
from tests.processes import Backfill, Intuit, ended

REALMS = 6
PLANNED = 30
"""Metered calls: for some of the companies."""
FEW_PLACES = "[extract]\npage_rows = 100\nreaders_per_realm = 2\nrealms_at_once = 2\n[postgres]\nlease_s = 1\n"
"""So that no process has all companies, and who died is soon taken for dead."""


@contextmanager
def companies(user: Backfill, folder: Path) -> Iterator[tuple[Backfill, Intuit]]:
    with fleet(user, folder, realms=REALMS, rows="1100:1400", changes_per_minute=0) as (connected, intuit):
        (connected.home / "small.toml").write_text(FEW_PLACES)
        yield connected, intuit


def worker(user: Backfill, *arguments: str) -> tuple[str, ...]:
    return ("worker", "--config", str(user.home / "small.toml"), "--json", *arguments)


def begun(process: subprocess.Popen[str]) -> None:
    said_until("Helping with run 1 (extract)", process)


def test_companies_are_shared_out_and_each_is_read_once(user: Backfill, tmp_path: Path, dsn: str, query: Query) -> None:
    with companies(user, tmp_path) as (connected, intuit), gated(intuit) as gate:
        gate.let(4)
        through = connected.having(QBO_BASE_URL=gate.url)
        with (
            through.started(*extract(connected, "--json")) as main,
            connected.started(*worker(connected)) as one,
            connected.started(*worker(connected)) as other,
        ):
            begun(one)
            begun(other)
            helpers = connected.run("status", "--json").json()["runs"][0]["helpers"]
            words = connected.run("status").stdout
            gate.open()
            done = ended(main)
            helped = []
            for process in (one, other):
                said_until("Waiting for a run", process)
                process.send_signal(signal.SIGTERM)
                helped.append(ended(process))
        assert done.code == 0, done.stderr
        assert (helpers, "with 2 workers" in words) == (2, True)
        result = done.json()
        assert result["realms"]["proven"] == REALMS
        assert [process.code for process in helped] == [0, 0]
        parts = [process.json()["runs"][0] for process in helped]
        assert all(part["run_id"] == result["run_id"] for part in parts)
        finished = sum(part["realms"]["proven"] for part in parts)
        assert finished == result["realms"]["elsewhere"] > 0
        landed = sum(part["rows"]["landed"] for part in [result, *parts])
        assert landed == sum(count for (count,) in rows_held(query)), "no row came twice"
        told = sum(part["requests"]["total"] for part in [result, *parts])
        assert told == intuit.requests()
        same_as_the_companies(dsn, intuit)


def rows_held(query: Query) -> list[tuple[int]]:
    return [tuple(row) for row in query("SELECT sum(landed_live)::bigint FROM backfill.proof")]


def test_workers_finish_what_a_killed_command_began(user: Backfill, tmp_path: Path, dsn: str, query: Query) -> None:
    with companies(user, tmp_path) as (connected, intuit), gated(intuit) as gate:
        gate.let(20)
        through = connected.having(QBO_BASE_URL=gate.url)
        with through.started(*extract(connected)) as main:
            gate.full(main)  # it is in the middle of two companies
            with connected.started(*worker(connected, "--once")) as one:
                begun(one)
                main.kill()
                ended(main)
                helped = ended(one)
        assert helped.code == 0, helped.stderr
        states = query("SELECT state, count(*) FROM backfill.realm_run GROUP BY 1")
        assert [tuple(row) for row in states] == [("done", REALMS)]
        asked = intuit.requests()
        last = connected.run(*extract(connected, "--json"))
        assert last.code == 0, last.stderr
        assert last.json()["realms"] == {
            "total": REALMS,
            "proven": REALMS,
            "unproven": 0,
            "parked": 0,
            "elsewhere": REALMS,
        }
        assert last.json()["run_id"] == 1
        assert intuit.requests() == asked, "all of it was done"
        same_as_the_companies(dsn, intuit)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_ends_in_the_middle_is_gone_on_for(
    user: Backfill, tmp_path: Path, dsn: str, number: signal.Signals
) -> None:
    with companies(user, tmp_path) as (connected, intuit), gated(intuit) as gate, gated(intuit) as held:
        gate.let(4)
        held.let(15)
        with (
            connected.having(QBO_BASE_URL=gate.url).started(*extract(connected, "--json")) as main,
            connected.having(QBO_BASE_URL=held.url).started(*worker(connected)) as one,
        ):
            begun(one)
            held.full(one)
            one.send_signal(number)
            if number is signal.SIGTERM:
                said_until("Stopping", one)
                held.open()
            assert ended(one).code == (0 if number is signal.SIGTERM else -number)
            gate.open()
            done = ended(main)
        assert done.code == 0, done.stderr
        assert done.json()["realms"]["proven"] == REALMS
        same_as_the_companies(dsn, intuit)


def test_who_stops_the_run_stops_its_workers(user: Backfill, tmp_path: Path, query: Query) -> None:
    with companies(user, tmp_path) as (connected, intuit), gated(intuit) as gate, gated(intuit) as held:
        gate.let(4)
        held.let(15)
        with (
            connected.having(QBO_BASE_URL=gate.url).started(*extract(connected)) as main,
            connected.having(QBO_BASE_URL=held.url).started(*worker(connected)) as one,
        ):
            begun(one)
            held.full(one)
            main.send_signal(signal.SIGINT)
            gate.open()
            assert ended(main).code == 3
            held.open()
            said_until("Waiting for a run", one)
            assert not query("SELECT 1 FROM backfill.realm WHERE owner IS NOT NULL")
            one.send_signal(signal.SIGINT)
            assert ended(one).code == 0
        states = {row["state"] for row in query("SELECT DISTINCT state FROM backfill.realm_run")}
        assert states - {"done"}, "it was not worked to its end"


def test_there_may_be_nothing_to_help_with(connected: Backfill) -> None:
    done = connected.run("worker", "--once")
    assert (done.code, done.stdout) == (0, "There was no run to help with.\n")


def test_the_plan_that_a_run_is_held_to_holds_its_workers(user: Backfill, tmp_path: Path, query: Query) -> None:
    """By the calls of both, whoever makes them."""
    plan = tmp_path / "plan.json"
    metered = {"calls": PLANNED, "items": PLANNED}
    plan.write_text(json.dumps({"realms": {"total": 6}, "requests": {"total": 30}, "metered": metered, "wall_s": 1}))
    with companies(user, tmp_path) as (connected, intuit), gated(intuit) as gate:
        gate.let(2)
        through = connected.having(QBO_BASE_URL=gate.url)
        with (
            through.started(*extract(connected, "--plan", str(plan))) as main,
            connected.started(*worker(connected)) as one,
        ):
            begun(one)
            said_until("Helped with run 1", one)
            gate.open()
            done = ended(main)
            one.send_signal(signal.SIGTERM)
            helped = ended(one)
        assert (done.code, helped.code) == (3, 0), done.stderr
        assert helped.json()["runs"][0]["metered"] > 0
        ((calls,),) = query("SELECT metered_calls FROM backfill.run WHERE run_id = 1")
        assert intuit.requests() <= calls <= PLANNED * 1.1


CONFIGURED = ReportsSection(names=("BalanceSheet",), trailing_periods=5, readers_per_realm=2)


def test_the_reports_of_an_extract_are_read_as_its_scope_says() -> None:
    there = ReportsSection(names=("ProfitAndLoss", "GeneralLedger"), basis="cash", by=("Month",), period_months=3)
    scope = msgspec.json.decode(msgspec.json.encode(there.scope()))
    here = reports_beside(Settings(reports=CONFIGURED), scope)
    assert here == there.model_copy(update={"trailing_periods": 5, "readers_per_realm": 2}).options()


def test_the_reports_of_a_run_of_reports_are_read_as_its_scope_says() -> None:
    text = b"""{
        "reports": ["GeneralLedger", "ProfitAndLoss"], "bases": ["cash"], "by": ["", "Month"],
        "from": "2024-01-01", "to": null, "period_months": 12, "realms": "all"
    }"""
    options = reports_alone(Settings(reports=CONFIGURED), msgspec.json.decode(text, type=ReportsScope))
    assert options == ReportOptions(
        reports=(REPORTS["GeneralLedger"], REPORTS["ProfitAndLoss"]),
        bases=(Basis.CASH,),
        by=("", "Month"),
        first=date(2024, 1, 1),
        last=None,
        period_months=12,
        trailing_periods=5,
        readers=2,
    )
