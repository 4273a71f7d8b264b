"""`backfill plan`: what a run will take, and the run that is held to it."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Query
from tests.processes import Backfill, Intuit, ended

SCENARIO = """
[[companies]]
name = "the simulated three"
count = 3
objects = [100, 140]

[intuit]
latency_s = 0.1
page_s = 0
"""

LARGE = """
metered_elsewhere = 400_000

[[companies]]
name = "payroll customers"
count = 140_000
objects = 100

[[companies]]
name = "one large"
count = 1
objects = 3_000
"""


def written(folder: Path, text: str, name: str = "scenario.toml") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def planned(user: Backfill, folder: Path, **changed: Any) -> Path:
    """The plan of the three companies, as a file; with what is `changed` in it."""
    made = user.run("plan", written(folder, SCENARIO), "--json")
    assert made.code == 0, made.stderr
    return written(folder, json.dumps(made.json() | changed), "plan.json")


def test_a_fleet_is_planned_without_companies_and_without_a_database(tmp_path: Path) -> None:
    user = Backfill(tmp_path)
    scenario = written(tmp_path, LARGE)
    plan = user.run("plan", scenario, "--json").json()
    assert plan["realms"]["total"] == 140_001
    assert plan["rows"]["landed"] == 140_000 * 100 + 3_000
    assert plan["requests"]["total"] == sum(count for lane, count in plan["requests"].items() if lane != "total")
    assert plan["requests"]["total"] == plan["metered"]["calls"] < plan["metered"]["items"]
    assert plan["requests"]["total"] == sum(group["requests"]["total"] for group in plan["groups"])
    assert sum(plan["bound_s"].values()) == pytest.approx(plan["wall_s"], abs=0.01)
    assert not list(tmp_path.rglob("postmaster.pid")), "no database was begun for it"

    told = user.run("plan", scenario)
    assert told.code == 0
    assert "payroll customers: 12 of 140,000 companies are simulated" in told.stderr
    assert "140,001 companies with 14,003,000 rows" in told.stdout
    assert "the processors that the program and Postgres share" in told.stdout
    assert "Builder" in told.stdout
    assert "Intuit does not say which of the two it counts." in told.stdout
    assert "Gold" not in told.stdout.split("a batch as its items")[0], "a tier that is enough is the last that is named"


def test_the_configuration_is_planned_with(tmp_path: Path) -> None:
    user = Backfill(tmp_path)
    scenario = written(tmp_path, SCENARIO)
    lines = ['[metered]\nmonthly_cap = 5\nbatch_counts_as = "call"', "[extract]\nrealms_at_once = 1"]
    config = written(tmp_path, "\n".join(lines), "backfill.toml")
    told = user.run("plan", scenario, "--config", config)
    assert "3 calendar months under the monthly cap of 5" in told.stdout, "twelve calls"
    assert "as its items" not in told.stdout
    assert "the places: other companies wait" in told.stdout
    assert "With extract.realms_at_once = 2 it would take" in told.stdout
    at_once = user.run("plan", scenario, "--json").json()["wall_s"]
    assert user.run("plan", scenario, "--json", "--config", config).json()["wall_s"] > 2 * at_once


def test_what_is_wrong_with_a_scenario_is_said_at_once(tmp_path: Path) -> None:
    user = Backfill(tmp_path)
    wrong = SCENARIO.replace("count = 3", "count = 0\nobject = 4").replace("latency_s", "latency")
    refused = user.run("plan", written(tmp_path, wrong), "--json")
    assert refused.code == 2
    assert "has 3 faults" in refused.json()["error"]["message"]
    assert "companies #1.object: there is no such key. Did you mean objects?" in refused.stderr
    assert "intuit.latency: there is no such key. Did you mean latency_s?" in refused.stderr
    assert "companies #1.count: " in refused.stderr
    assert user.run("plan", tmp_path / "none.toml").code == 2


def test_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    """Although it works in a thread, and the company that is simulated takes seconds."""
    after = '[[companies]]\nname = "not begun"\ncount = 1\nobjects = 100\n'
    large = written(tmp_path, LARGE.replace("objects = 3_000", "objects = 200_000") + after)
    with Backfill(tmp_path).started("plan", large, "--json") as process:
        assert process.stderr is not None
        while "one large" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        stopped = ended(process)
    assert (stopped.code, list(stopped.json())) == (3, ["error"]), stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert "not begun" not in stopped.stderr


def test_a_run_says_what_was_planned_beside_what_it_took(connected: Backfill, tmp_path: Path) -> None:
    plan = planned(connected, tmp_path)
    done = connected.run("extract", "--plan", plan, "--json")
    assert done.code == 0, done.stderr
    result = done.json()
    assert result["planned"]["requests"]["total"] == result["requests"]["total"] == 12
    assert result["planned"]["realms"]["total"] == 3
    again = connected.run("extract", "--plan", plan)
    assert again.code == 0, "each run has the plan's calls anew"
    assert "Planned were " in again.stdout
    assert " and 12 requests; it took " in again.stdout
    assert "to be read" not in again.stderr


def test_a_run_makes_no_more_calls_than_its_plan_allows(
    connected: Backfill, intuit: Intuit, tmp_path: Path, query: Query
) -> None:
    plan = planned(connected, tmp_path, metered={"calls": 6, "items": 60}, realms={"total": 2})
    asked = intuit.requests()
    stopped = connected.run("extract", "--plan", plan, "--json")
    assert stopped.code == 3, stopped.stderr
    assert "The plan is for 2 companies; 3 are to be read." in stopped.stderr
    assert intuit.requests() - asked == 6, "a tenth more than six are six"
    error = stopped.json()["errors"][0]
    assert (error["realm_id"], error["code"]) == ("", "metered_cap")
    assert "its cap of 6 metered calls is reached" in error["message"]
    assert "Make a plan that fits" in error["action"]
    run_id = stopped.json()["run_id"]
    ((calls,),) = query("SELECT metered_calls FROM backfill.run WHERE run_id = $1", run_id)
    assert calls == 6

    # Another process goes on with the run, and with what is left of its plan: nothing.
    rest = connected.run("extract", "--plan", plan)
    assert rest.code == 3
    assert "Planned for the whole run were " in rest.stdout
    assert "; what was left of it took " in rest.stdout
    assert intuit.requests() - asked == 6
    # By items, where these are what is counted.
    by_items = written(tmp_path, '[metered]\nbatch_counts_as = "items"', "backfill.toml")
    assert "its cap of 66 metered calls" in connected.run("extract", "--plan", plan, "--config", by_items).stdout

    done = connected.run("extract", "--json")
    assert (done.code, done.json()["run_id"]) == (0, run_id)
    assert "planned" not in done.json()


def test_what_is_no_plan_is_refused_before_anything_is_asked(connected: Backfill, tmp_path: Path, query: Query) -> None:
    for text in ("", "[]", '{"realms": {"total": -1}}', SCENARIO):
        refused = connected.run("extract", "--plan", written(tmp_path, text, "plan.json"), "--json")
        assert refused.code == 2
        assert "backfill plan SCENARIO --json" in refused.json()["error"]["action"]
    assert connected.run("extract", "--plan", tmp_path / "none.json").code == 2
    assert query("SELECT count(*) FROM backfill.run")[0][0] == 0
