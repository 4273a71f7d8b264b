"""`backfill doctor`: what is not well is found before a run finds it, and all of it at once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backfill.cli.checkup import CLOCK_S, _ahead, _told_time
from backfill.wire import Response
from tests.cli.conftest import Query
from tests.processes import Backfill, Intuit, Outcome, simulated

CLOSED = "http://127.0.0.1:1"


@pytest.fixture
def intuit(tmp_path: Path) -> Iterator[Intuit]:
    with simulated(tmp_path, realms=2, rows="100:120") as served:
        yield served


@pytest.fixture
def ready(user: Backfill, intuit: Intuit) -> Backfill:
    """Somebody for whom all is well."""
    rows = [json.loads(line) for line in intuit.realms_file.read_text().splitlines()]
    app = {"CLIENT_ID": rows[0]["client_id"], "CLIENT_SECRET": rows[0]["client_secret"]}
    plain = "\n".join(json.dumps({key: row[key] for key in ("realm_id", "refresh_token")}) for row in rows)
    connected = user.having(**intuit.variables, LIMITS_SCALE="60", **app)
    assert connected.run("realms", "import", "-", stdin=plain.encode()).code == 0
    return connected


def found(outcome: Outcome) -> Mapping[str, str]:
    """What is not well, with what is said of it."""
    return {
        check["name"]: f"{check['message']}. {check['action']}"
        for check in outcome.json()["checks"]
        if not check["well"]
    }


def test_all_is_well(ready: Backfill, intuit: Intuit) -> None:
    outcome = ready.run("doctor")
    assert outcome.code == 0
    names = [line.split()[:2] for line in outcome.stdout.splitlines()]
    assert names == [["ok", name] for name in ("settings", "database", "key", "companies", "app", "intuit")]
    asked = intuit.summary()
    assert not asked.keys() & set(intuit.realm_ids), "no company is asked anything"


def test_nothing_is_well(user: Backfill) -> None:
    nowhere = user.having(QBO_BASE_URL=CLOSED, OAUTH_TOKEN_URL=CLOSED, CLIENT_ID="id", CLIENT_SECRET="secret")
    outcome = nowhere.run("doctor", "--json")
    assert outcome.code == 1
    said = found(outcome)
    assert "none are registered" in said["companies"]
    for name in ("app", "intuit"):
        assert "got no whole answer" in said[name]
        assert "Check the network and the firewall" in said[name]
    assert not user.home.joinpath(".config/backfill/encryption.key").exists(), "whoever looks makes no key"


def test_limits_that_no_run_would_begin_with(ready: Backfill) -> None:
    said = found(ready.having(QBO_BASE_URL="https://nobody.intuit.com:1", LIMITS_SCALE="60").run("doctor", "--json"))
    assert "Intuit's own limits cannot be scaled" in said["settings"]


def test_a_database_that_is_not_there_hides_nothing_else(ready: Backfill) -> None:
    outcome = ready.having(DATABASE_URL="postgresql://127.0.0.1:1/none").run("doctor", "--json")
    assert (outcome.code, list(found(outcome))) == (1, ["database"])
    assert "cannot be reached" in found(outcome)["database"]


def test_an_app_that_is_not_known(ready: Backfill, user: Backfill, intuit: Intuit) -> None:
    wrong = found(ready.having(CLIENT_SECRET="other").run("doctor", "--json"))
    assert list(wrong) == ["app"]
    assert "client id or secret is wrong" in wrong["app"]
    none = found(user.having(**intuit.variables, LIMITS_SCALE="60").run("doctor", "--json"))
    assert "no app is set" in none["app"]
    assert user.having(**intuit.variables).run("realms", "import", intuit.realms_file).code == 0
    assert found(user.having(**intuit.variables, LIMITS_SCALE="60").run("doctor", "--json")) == {}


def test_companies_that_wait_for_somebody(ready: Backfill, intuit: Intuit, query: Query) -> None:
    query(
        "UPDATE backfill.realm SET state = 'parked', parked_code = '1', parked_message = 'm', parked_action = 'a',"
        f" parked_at = now() WHERE realm_id = '{intuit.realm_ids[0]}'"
    )
    query(
        f"UPDATE backfill.token SET refreshed_at = now() - interval '99 days' WHERE realm_id = '{intuit.realm_ids[1]}'"
    )
    said = found(ready.run("doctor", "--json"))
    assert list(said) == ["companies"]
    assert "2 registered, 1 of them parked, 1 with tokens that end soon or have ended" in said["companies"]


def test_a_key_that_is_another_or_gone(ready: Backfill) -> None:
    another = found(ready.having(ENCRYPTION_KEY="A" * 43 + "=").run("doctor", "--json"))
    assert "the tokens of 2 realms were encrypted with another key" in another["key"]
    ready.home.joinpath(".config/backfill/encryption.key").rename(ready.home / "elsewhere")
    gone = found(ready.run("doctor", "--json"))
    assert list(gone) == ["key"]
    assert "encrypted with a key that is not here" in gone["key"]
    assert not ready.home.joinpath(".config/backfill/encryption.key").exists()


MOMENT = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("there_s", "said"),
    [(0, ""), (CLOCK_S, ""), (-CLOCK_S, ""), (CLOCK_S + 2, "61 s ahead of"), (-CLOCK_S - 1, "61 s behind")],
)
def test_clocks_that_differ(there_s: float, said: str) -> None:
    """The question took a second, so that the other clock may have said its time at either end of it."""
    there = MOMENT + timedelta(seconds=there_s)
    assert _ahead(there, MOMENT, MOMENT + timedelta(seconds=1)) == said


def test_the_time_that_an_answer_tells() -> None:
    assert _told_time(Response(status=401, headers={"date": "Fri, 20 Nov 2026 00:00:00 GMT"})) == MOMENT
    for other in ({}, {"date": "soon"}):
        assert _told_time(Response(status=401, headers=other)) is None
