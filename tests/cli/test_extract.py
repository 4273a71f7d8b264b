"""`backfill extract`: its JSON, its exit codes, and what it says where it refuses. The data have tests of their own."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backfill.cli.extract import parse_moment
from backfill.cli.extraction import Extraction
from backfill.cli.output import Exit
from backfill.cli.tally import Tally
from backfill.errors import UsageError
from backfill.jobs.fleet import FleetResult, Trouble
from backfill.model import RealmId, RunId
from backfill.store.owners import Owner, owner_in_words
from tests.cli.conftest import Query
from tests.gate import gated
from tests.processes import Backfill, Intuit, ended, eventually, simulated

REALM = RealmId("1")


def refusals(intuit: Intuit) -> int:
    """How often the simulator refused since it serves. A stalled machine bunches requests within a second's window."""
    return sum(summed["by_status"].get("429", 0) for summed in intuit.summary().values())


def test_the_result_is_the_contracts_object(connected: Backfill, intuit: Intuit) -> None:
    refused = -refusals(intuit)
    done = connected.run("extract", "--json", "--entity", "Customer", "--entity", "invoice", "--entity", "TimeActivity")
    assert done.code == 0, done.stderr
    result = done.json()
    assert list(result) == [
        "run_id", "realms", "rows", "requests", "throttled", "metered", "wall_s", "errors",
    ]  # fmt: skip
    assert result["realms"] == {"total": 3, "proven": 3, "unproven": 0, "parked": 0}
    assert list(result["rows"]) == ["landed", "unchanged", "deleted", "quarantined"]
    assert result["rows"]["landed"] > 50
    lanes = result["requests"]
    assert list(lanes) == ["total", "query", "batch", "cdc", "report", "write"]
    assert lanes["total"] == sum(lanes.values()) - lanes["total"]
    assert lanes["batch"] >= 6, "a census and a snapshot of each"
    assert lanes["report"] == lanes["write"] == 0
    refused += refusals(intuit)
    assert (result["throttled"] > 0) == (refused > 0)
    assert (result["metered"], result["errors"]) == (lanes["total"] - refused, [])
    assert (result["run_id"], result["wall_s"] > 0) == (1, True)


def test_only_what_was_named_is_read(connected: Backfill, intuit: Intuit, query: Query) -> None:
    chosen = intuit.realm_ids[1]
    done = connected.run("extract", "--realm", chosen, "--entity", "vendor")
    assert done.code == 0, done.stderr
    assert done.stdout.startswith("Run 1: 1 of 1 realms proven complete in ")
    assert [tuple(row) for row in query("SELECT realm_id, entity FROM backfill.proof")] == [(chosen, "Vendor")]
    assert {row[0] for row in query("SELECT DISTINCT realm_id FROM qbo.vendor")} == {chosen}


def test_since_leaves_out_what_is_older(connected: Backfill, query: Query) -> None:
    since = datetime.now(UTC) - timedelta(days=400)
    done = connected.run("extract", "--since", since.date().isoformat(), "--json")
    assert (done.code, done.json()["realms"]["proven"]) == (0, 3), done.stderr
    ((oldest, rows),) = query("SELECT min(updated_at), count(*) FROM qbo.invoice")
    assert since.replace(hour=0, minute=0, second=0, microsecond=0) <= oldest
    method = "SELECT DISTINCT method LIKE '%, since ' || $1 || '%' FROM backfill.proof WHERE entity = 'Invoice'"
    assert [row[0] for row in query(method, since.date().isoformat())] == [True], "no proof of the whole"
    assert connected.run("extract").code == 0
    assert [row[0] for row in query(method, since.date().isoformat())] == [False]
    ((_, all_rows),) = query("SELECT min(updated_at), count(*) FROM qbo.invoice")
    assert 0 < rows < all_rows


def test_a_second_extract_is_a_run_of_its_own_that_changes_nothing(connected: Backfill, query: Query) -> None:
    first = connected.run("extract", "--json").json()
    tables = [
        row[0] for row in query("SELECT tablename FROM pg_tables WHERE schemaname = 'qbo' AND tablename !~ '^report'")
    ]
    held = [query(f"SELECT realm_id, id, deleted_at, doc::text FROM qbo.{table} ORDER BY 1, 2") for table in tables]
    second = connected.run("extract", "--json").json()
    assert (first["run_id"], second["run_id"]) == (1, 2)
    assert first["rows"]["landed"] == sum(map(len, held)) > 300
    assert second["rows"]["deleted"] == 0
    assert second["rows"]["landed"] + second["rows"]["unchanged"] == first["rows"]["landed"]
    assert held == [
        query(f"SELECT realm_id, id, deleted_at, doc::text FROM qbo.{table} ORDER BY 1, 2") for table in tables
    ]
    # What has a version is not even written again.
    assert query("SELECT count(*) FROM qbo.invoice WHERE run_id <> 1")[0][0] == 0


def test_what_was_set_aside_before_a_run_was_stopped_is_told_at_its_end(
    connected: Backfill, intuit: Intuit, query: Query
) -> None:
    """Whose realm was done with, though not all of it could be read: the whole run's exit code says so."""
    realm_id = intuit.realm_ids[0]
    assert connected.run("extract", "--entity", "Customer").code == 0
    query("UPDATE backfill.run SET status = 'stopped', finished_at = NULL RETURNING 1")
    query(
        "UPDATE backfill.proof SET landed_live = landed_live - 2, quarantined = 2 WHERE realm_id = $1 RETURNING 1",
        realm_id,
    )
    again = connected.run("extract", "--entity", "Customer", "--json")
    assert "Going on with run 1" in again.stderr
    assert again.code == 1, again.stderr
    assert [(it["realm_id"], it["entity"], it["code"]) for it in again.json()["errors"]] == [
        (realm_id, "Customer", "quarantined")
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--entity", "Invoce"], ("There is no entity called 'Invoce'", "Did you mean Invoice")),
        (["--entity", "Zzz"], ("There is no entity called 'Zzz'", "Known entities: Account, Attachable, ")),
        (["--realm", "NEAR"], ("There is no realm NEAR", "Did you mean 1")),
        (["--realm", "nothing like it"], ("There is no realm nothing like it", "backfill realms list")),
        (["--since", "yesterday"], ("--since yesterday: give a date such as",)),
        (["--since", "2026-02-30"], ("--since 2026-02-30: give a date such as",)),
        (["--since", "9999-12-31"], ("--since 9999-12-31: that is yet to come",)),
        (["--sinc", "2026-02-20"], ("No such option: --sinc",)),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_near(
    connected: Backfill, intuit: Intuit, query: Query, arguments: list[str], said: tuple[str, ...]
) -> None:
    near = intuit.realm_ids[0][:-1] + ("1" if intuit.realm_ids[0][-1] == "0" else "0")
    refused = connected.run("extract", *[near if word == "NEAR" else word for word in arguments])
    assert (refused.code, refused.stdout) == (2, "")
    for words in said:
        assert words.replace("NEAR", near) in refused.stderr
    assert query("SELECT * FROM backfill.run") == []


def test_without_realms_there_is_nothing_to_extract(user: Backfill) -> None:
    refused = user.having(LIMITS_SCALE=None).run("extract", "--json")
    assert refused.code == 2
    assert refused.json() == {
        "error": {
            "message": "No realms are registered.",
            "action": "Import some first: backfill realms import FILE",
        }
    }
    assert "backfill: No realms are registered." in refused.stderr


def test_limits_are_never_scaled_against_intuit(user: Backfill, query: Query) -> None:
    for variables in ({"QBO_BASE_URL": None}, {"QBO_BASE_URL": "https://Quickbooks.api.INTUIT.com./"}):
        refused = user.having(**variables).run("extract")
        assert refused.code == 2
        assert "Intuit's own limits cannot be scaled" in refused.stderr
    assert query("SELECT * FROM backfill.run") == []


def test_a_revoked_realm_is_parked_and_every_other_goes_on(user: Backfill, tmp_path: Path, query: Query) -> None:
    """Law 5."""
    with simulated(tmp_path, realms=3, rows="100:120") as intuit:
        connected = user.having(**intuit.variables)
        assert connected.run("realms", "import", intuit.realms_file).code == 0
        gone, *others = intuit.realm_ids
        intuit.revoke(gone)
        first = connected.run("extract", "--json", "--entity", "Customer")
        assert first.code == 1
        result = first.json()
        assert result["realms"] == {"total": 3, "proven": 2, "unproven": 0, "parked": 1}
        (error,) = result["errors"]
        assert list(error) == ["realm_id", "entity", "code", "message", "action"]
        assert (error["realm_id"], error["entity"], error["code"]) == (gone, "", "invalid_grant")
        assert gone in error["message"]
        assert "Reconnect the company" in error["action"]
        proven = {row[0] for row in query("SELECT realm_id FROM backfill.proof WHERE proven")}
        assert proven == set(others)

        # A parked realm is not tried again, and is still told, with what to do.
        asked_before = intuit.requests()
        second = connected.run("extract", "--entity", "Customer")
        assert second.code == 1
        assert f"realm {gone}: {error['message']}\n      What to do: {error['action']}" in second.stdout
        assert "1 parked" in second.stdout
        assert intuit.requests() > asked_before
        assert gone not in {realm for realm, summed in intuit.summary().items() if summed["by_status"].get("200")}
        alone = connected.run("extract", "--json", "--realm", others[0], "--entity", "Customer")
        assert (alone.code, alone.json()["realms"]["total"]) == (0, 1)


def test_who_is_connected_while_a_run_goes_on_is_read_by_it(user: Backfill, tmp_path: Path, query: Query) -> None:
    """Two companies come with their first tokens, one of them parked before: its owner connects it again."""
    with simulated(tmp_path, realms=3, rows="100:120") as intuit, gated(intuit) as gate:
        connected = user.having(**intuit.variables)
        known, late, parked = intuit.realm_ids
        rows = Path(intuit.realms_file).read_text().splitlines()
        of_realm = {json.loads(row)["realm_id"]: row for row in rows}
        for realm_id in (known, parked):
            assert connected.run("realms", "import", "-", stdin=of_realm[realm_id].encode()).code == 0
        query(
            "UPDATE backfill.realm SET state = 'parked', parked_code = 'c', parked_message = 'm', parked_action = 'a',"
            " parked_at = now() WHERE realm_id = $1",
            parked,
        )
        gate.let(1)
        arguments = ["extract", "--json", "--entity", "Customer"]
        with connected.having(QBO_BASE_URL=gate.url).started(*arguments) as process:
            gate.full(process)
            for realm_id in (late, parked):
                assert connected.run("realms", "import", "-", stdin=of_realm[realm_id].encode()).code == 0
            joined = "SELECT count(*) FROM backfill.realm_run"
            assert eventually(lambda: query(joined)[0][0] == 3)
            gate.open()
            done = ended(process)
        assert done.code == 0, done.stderr
        assert done.json()["realms"] == {"total": 3, "proven": 3, "unproven": 0, "parked": 0}
        assert query("SELECT count(DISTINCT run_id) FROM backfill.realm_run")[0][0] == 1


def test_a_realm_that_another_process_owns_is_left_out_if_asked(
    connected: Backfill, intuit: Intuit, query: Query
) -> None:
    owned = intuit.realm_ids[0]
    owner = str(Owner.current())  # this process: alive
    query(
        "UPDATE backfill.realm SET owner = $1, epoch = epoch + 1, lease_until = now() + interval '1 hour'"
        " WHERE realm_id = $2",
        owner,
        owned,
    )
    done = connected.run("extract", "--no-wait", "--json", "--entity", "Customer")
    assert done.code == 1
    result = done.json()
    assert result["realms"] == {"total": 3, "proven": 2, "unproven": 1, "parked": 0}
    (error,) = result["errors"]
    assert (error["realm_id"], error["code"]) == (owned, "RealmBusyError")
    assert owner_in_words(owner) in error["message"]


def extraction(fleet: FleetResult, *, quarantined: int = 0) -> Extraction:
    tally = Tally(lambda: 0.0, 1)
    tally.quarantined = quarantined
    return Extraction(RunId(1), 1, tally, fleet, 1.0)


TROUBLE = Trouble(REALM, "Customer", "unproven", "does not add up", "Run it again.")


@pytest.mark.parametrize(
    ("fleet", "quarantined", "expected"),
    [
        (FleetResult(proven=[REALM]), 0, Exit.DONE),
        (FleetResult(proven=[REALM]), 1, Exit.UNPROVEN),
        (FleetResult(proven=[REALM], troubles=[TROUBLE]), 0, Exit.UNPROVEN),
        (FleetResult(unproven=[REALM]), 0, Exit.UNPROVEN),
        (FleetResult(parked=[REALM]), 0, Exit.UNPROVEN),
        (FleetResult(stopped=[REALM]), 0, Exit.STOPPED),
        (FleetResult(stopped=[REALM], parked=[REALM], unproven=[REALM]), 0, Exit.STOPPED),
    ],
)
def test_exit_codes_of_a_run_that_ended(fleet: FleetResult, quarantined: int, expected: Exit) -> None:
    assert extraction(fleet, quarantined=quarantined).exit_code is expected


def test_a_result_in_words_names_the_first_of_many() -> None:
    realms = [RealmId(str(number)) for number in range(30)]
    troubles = [Trouble(realm, "", "parked", f"trouble {realm}", "act") for realm in realms]
    words = extraction(FleetResult(parked=realms, troubles=troubles)).in_words()
    assert "30 parked: 0, 1, 2, 3, 4, ..." in words
    assert "realm 19: trouble 19\n      What to do: act\n" in words
    assert words.endswith("and 10 more: backfill status")


def test_since_is_a_day_or_a_moment() -> None:
    assert parse_moment("--since", None) is None
    assert parse_moment("--since", "2026-01-31") == datetime(2026, 1, 31, tzinfo=UTC)
    assert parse_moment("--since", "2026-01-31T08:00:00Z") == datetime(2026, 1, 31, 8, tzinfo=UTC)
    assert parse_moment("--since", "2026-01-31T08:00:00-08:00") == datetime(2026, 1, 31, 16, tzinfo=UTC)
    for text in ("0001-01-01", "0001-01-01T00:00:00Z", "1969-12-31"):
        assert parse_moment("--since", text) == datetime(1970, 1, 1, tzinfo=UTC), "there was nothing before"


@pytest.mark.parametrize(
    "text", ["", "today", "31.01.2026", "2026-01-31T08:00:00", "2026-13-01", "0001-01-01T00:00:00+14:00"]
)
def test_since_without_a_zone_or_a_meaning_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="give a date such as 2026-01-31"):
        parse_moment("--since", text)
