"""The month's cap of metered calls: reaching it stops a run cleanly, and the run goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Query
from tests.processes import Backfill, Intuit, simulated


def config(folder: Path, *lines: str) -> Path:
    file = folder / "backfill.toml"
    file.write_text("\n".join(["[metered]", *lines]))
    return file


def test_a_run_that_reaches_the_cap_stops_and_goes_on_later(user: Backfill, tmp_path: Path, query: Query) -> None:
    with simulated(tmp_path, realms=3, rows="100:140") as intuit:
        connected = user.having(**intuit.variables)
        assert connected.run("realms", "import", intuit.realms_file).code == 0

        capped = config(tmp_path, "monthly_cap = 100")
        stopped = connected.run("extract", "--json", "--config", capped)
        assert stopped.code == 3, stopped.stderr
        result = stopped.json()
        assert result["realms"]["proven"] < 3
        assert 0 < result["metered"] <= 100, "a census alone is forty questions"
        assert result["rows"]["landed"] > 0
        error = result["errors"][0]
        assert (error["realm_id"], error["code"]) == ("", "metered_cap")
        assert "The monthly cap of 100 metered calls is reached" in error["message"]
        assert "a batch as its items" in error["message"]
        assert "metered.monthly_cap" in error["action"]
        held = query("SELECT count(*) FROM backfill.metered WHERE items <= 100")
        assert held[0][0] == 1, "the count is the month's, and what was not used is given back"
        landed = query("SELECT count(*) FROM qbo.term")[0][0]

        # Again: nothing is left, so nothing is asked, and it is said in words.
        asked = intuit.requests()
        again = connected.run("extract", "--config", config(tmp_path, f"monthly_cap = {result['metered']}"))
        assert again.code == 3
        assert "The monthly cap of" in again.stdout
        assert "What to do: Everything landed is kept." in again.stdout
        assert intuit.requests() == asked

        done = connected.run("extract", "--json", "--config", config(tmp_path, "monthly_cap = 1000"))
        assert done.code == 0, done.stderr
        assert done.json()["run_id"] == result["run_id"], "the run goes on"
        assert query("SELECT count(*) FROM qbo.term")[0][0] >= landed > 0

        ((calls, items),) = query("SELECT calls, items FROM backfill.metered")
        assert calls == intuit.requests(), "in Intuit's own word: every call that was answered"
        assert items == result["metered"] + done.json()["metered"]
        shown = connected.run("status", "--config", config(tmp_path, "monthly_cap = 1000"))
        assert f"{calls:,} calls, {items:,} with batches as their items; {items:,} of the cap of 1,000" in shown.stdout
        (month,) = connected.run("status", "--json").json()["metered"]
        assert (month["calls"], month["items"]) == (calls, items)


def test_the_cap_of_one_app_stops_none_of_anothers_companies(
    connected: Backfill, intuit: Intuit, tmp_path: Path, query: Query
) -> None:
    other, *_ = intuit.realm_ids
    assert connected.run("extract", "--json", "--entity", "Term").code == 0
    # A company of the app that the environment would name: its access token is good for an hour without.
    query("UPDATE backfill.token SET client_id = NULL, client_secret = NULL WHERE realm_id = $1", other)
    query("UPDATE backfill.metered SET items = 10000")
    stopped = connected.run("extract", "--json", "--config", config(tmp_path, "monthly_cap = 10_000"))
    assert stopped.code == 3, stopped.stderr
    result = stopped.json()
    assert (result["realms"]["proven"], result["realms"]["unproven"]) == (1, 2)
    assert [error["code"] for error in result["errors"]] == ["metered_cap"]
    assert query("SELECT DISTINCT realm_id FROM backfill.proof WHERE entity = 'Invoice'")[0][0] == other


@pytest.mark.parametrize(("line", "as_items"), [("", False), ('batch_counts_as = "items"', True)])
def test_without_a_cap_calls_are_counted_in_the_reading_that_is_wanted(
    connected: Backfill, tmp_path: Path, query: Query, line: str, as_items: bool
) -> None:
    result = connected.run("extract", "--json", "--config", config(tmp_path, line)).json()
    ((calls, items),) = query("SELECT calls, items FROM backfill.metered")
    assert calls == result["requests"]["total"]
    assert result["metered"] == (items if as_items else calls)
    assert items > calls
