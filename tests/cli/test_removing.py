"""A customer leaves: `realms remove`, and `auth revoke` for one whose data stay."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.cli.conftest import Query
from tests.cli.test_auth import sent_back_to, shown
from tests.processes import OPENER, PATIENCE_S, Backfill, Intuit, ended, eventually, simulated

CLOSED = "http://127.0.0.1:1"


@pytest.fixture
def intuit(tmp_path: Path) -> Iterator[Intuit]:
    """Of its own for each test: consents end here."""
    with simulated(tmp_path, realms=2, rows="100:120") as served:
        yield served


@pytest.fixture
def connected(user: Backfill, intuit: Intuit) -> Backfill:
    connected = user.having(**intuit.variables)
    assert connected.run("realms", "import", intuit.realms_file).code == 0
    return connected


@pytest.fixture
def read(connected: Backfill) -> Backfill:
    """Two companies that were read, and a load into both."""
    assert connected.run("extract", "--json").code == 0
    return connected


def credentials(intuit: Intuit, realm_id: str) -> dict[str, str]:
    rows = map(json.loads, intuit.realms_file.read_text().splitlines())
    return next(row for row in rows if row["realm_id"] == realm_id)


def is_honoured(intuit: Intuit, realm_id: str) -> bool:
    """Whether the simulated Intuit still answers to the token that it first gave out for the company."""
    held = credentials(intuit, realm_id)
    address = f"{intuit.url}/v3/company/{realm_id}/companyinfo/{realm_id}"
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {held['access_token']}"})
    try:
        with OPENER.open(request, timeout=PATIENCE_S):
            return True
    except urllib.error.HTTPError as error:
        with error:
            return error.code != HTTPStatus.UNAUTHORIZED


def named_in(query: Query, realm_id: str) -> dict[str, int]:
    """Table to how many of its rows name the company."""
    names = query(
        "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables"
        " WHERE table_schema IN ('qbo', 'backfill') AND table_type = 'BASE TABLE' AND table_name NOT LIKE 'call\\_2%'"
    )
    counts = {
        row["name"]: query(f"SELECT count(*) FROM {row['name']} t WHERE position($1 IN t::text) > 0", realm_id)[0][0]
        for row in names
    }
    return {name: count for name, count in counts.items() if count}


def a_load(user: Backfill, intuit: Intuit) -> None:
    rows = [
        {"realm_id": realm_id, "entity": "Customer", "source_key": f"k{n}", "payload": {"DisplayName": f"New {n}"}}
        for realm_id in intuit.realm_ids
        for n in range(3)
    ]
    (user.home / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert user.run("load", "rows.jsonl", "--json").json()["rows"]["applied"] == 6


def test_a_company_leaves_whole_and_may_come_back(read: Backfill, intuit: Intuit, query: Query) -> None:
    leaves, stays = intuit.realm_ids
    a_load(read, intuit)
    others = named_in(query, stays)
    would = read.run("realms", "remove", leaves, "--dry-run", "--json").json()["realms"]
    assert read.run("realms", "remove", leaves, "--dry-run").stdout.startswith(f"Of company {leaves} ")
    ((would_go, in_doubt),) = [(each["rows"], each["in_doubt"]) for each in would]
    assert (would_go["backfill.load_row"], in_doubt) == (3, 0)
    assert would_go["qbo.customer"] > 3
    assert is_honoured(intuit, leaves)

    unasked = read.run("realms", "remove", leaves)
    assert (unasked.code, "no terminal to ask in" in unasked.stderr) == (2, True)
    assert is_honoured(intuit, leaves)

    removed = read.run("realms", "remove", leaves, "--yes", "--json")
    assert removed.code == 0, removed.stderr
    said = removed.json()
    assert said["realms"] == {"total": 1, "removed": 1, "removed_before": 0, "left": 0}
    ((realm_id, consent, rows),) = [each.values() for each in said["removed"]]
    assert (realm_id, consent, said["errors"]) == (leaves, "revoked", [])
    assert rows["qbo.customer"] == would_go["qbo.customer"]
    assert not is_honoured(intuit, leaves)
    assert is_honoured(intuit, stays)
    # Its log alone names it: the run that removed it.
    assert named_in(query, leaves) == {"backfill.run": 1}
    (log,) = query("SELECT kind, status, scope::text FROM backfill.run WHERE run_id = $1", said["run_id"])
    assert tuple(log) == ("remove", "done", f'{{"realms": ["{leaves}"]}}')
    # Of the other nothing is gone, but that one run names both no more.
    assert named_in(query, stays) == others
    assert query("SELECT sum(calls) FROM backfill.metered")[0][0] > 0

    again = read.run("realms", "remove", leaves, "--yes")
    assert (again.code, again.stdout) == (0, f"Company {leaves} was removed before.\n")
    assert read.run("realms", "remove", "4711", "--yes").code == 2
    for reading in (("status",), ("load", "status"), ("load", "status", "1"), ("realms", "list"), ("calls",)):
        shown = read.run(*reading)
        assert (shown.code, leaves in shown.stdout) == (0, False), reading

    # The load into both is taken back where it still is.
    undone = read.run("load", "undo", "1", "--json")
    assert (undone.code, undone.json()["rows"]["applied"], undone.json()["realms"]["total"]) == (0, 3, 1)

    # A company that comes back begins from nothing, and is proven again.
    back(read, intuit, leaves)
    extract = read.run("extract", "--json", "--realm", leaves)
    assert (extract.code, extract.json()["realms"]["proven"]) == (0, 1), extract.stderr
    assert extract.json()["rows"]["landed"] > 100
    assert read.run("verify", "--deep", "--realm", leaves).code == 0


def back(user: Backfill, intuit: Intuit, realm_id: str) -> None:
    """Its administrator gives consent once more, by hand."""
    held = credentials(intuit, realm_id)
    app = user.having(CLIENT_ID=held["client_id"], CLIENT_SECRET=held["client_secret"])
    with app.started("auth", "login", "--paste", stdin=subprocess.PIPE) as process:
        page = shown(process)
        location = sent_back_to(page, decision="connect", realmId=realm_id)
        _, said = process.communicate(f"{location}\n", timeout=PATIENCE_S)
    assert process.returncode == 0, said


def test_without_a_word_to_intuit_nothing_is_removed_unless_told(read: Backfill, intuit: Intuit, query: Query) -> None:
    leaves = intuit.realm_ids[0]
    before = named_in(query, leaves)
    away = read.having(OAUTH_REVOKE_URL=CLOSED)
    refused = away.run("realms", "remove", leaves, "--yes", "--json")
    assert refused.code == 1
    (error,) = refused.json()["errors"]
    assert (error["realm_id"], error["code"]) == (leaves, "connect")
    assert "Nothing of it was deleted." in error["action"]
    assert "--keep-consent" in error["action"]
    assert query("SELECT state FROM backfill.realm WHERE realm_id = $1", leaves)[0][0] == "active"
    now = named_in(query, leaves)
    assert {name: now[name] for name in before if name not in {"backfill.run", "backfill.call"}} == {
        name: rows for name, rows in before.items() if name not in {"backfill.run", "backfill.call"}
    }
    told = away.run("realms", "remove", leaves, "--yes", "--keep-consent")
    assert (told.code, "its consent stays, until the customer ends it" in told.stdout) == (0, True), told.stderr
    assert is_honoured(intuit, leaves)
    assert named_in(query, leaves) == {"backfill.run": 2}


def test_the_id_is_typed(connected: Backfill, intuit: Intuit, query: Query) -> None:
    leaves = intuit.realm_ids[0]
    for typed, code in ((intuit.realm_ids[1], 2), (leaves, 0)):
        mine, theirs = os.openpty()
        with connected.started("realms", "remove", leaves, stdin=theirs) as process:
            os.close(theirs)
            assert process.stderr is not None
            assert f"({leaves}) will be deleted" in process.stderr.readline()
            os.write(mine, f"{typed}\n".encode())
            outcome = ended(process)
        os.close(mine)
        assert outcome.code == code, outcome.stderr
        assert ("That is not its id: nothing was deleted." in outcome.stderr) == bool(code)
        assert len(query("SELECT FROM backfill.realm WHERE realm_id = $1", leaves)) == bool(code)


HOLD = """
UPDATE backfill.realm SET owner = $2, lease_until = now() + interval '1 hour', epoch = epoch + 1 WHERE realm_id = $1
"""


def test_whoever_works_on_it_is_waited_for(connected: Backfill, intuit: Intuit, query: Query) -> None:
    leaves, stays = intuit.realm_ids
    query(HOLD, leaves, "elsewhere boot 1 1")
    at_once = connected.run("realms", "remove", leaves, stays, "--yes", "--no-wait", "--json")
    assert at_once.code == 1
    assert [error["realm_id"] for error in at_once.json()["errors"]] == [leaves]
    assert [each["realm_id"] for each in at_once.json()["removed"]] == [stays]
    with connected.started("realms", "remove", leaves, "--yes") as process:
        assert process.stderr is not None
        assert "is being worked on by" in process.stderr.readline()
        query("UPDATE backfill.realm SET owner = NULL, lease_until = NULL")
        assert ended(process).code == 0
    assert query("SELECT FROM backfill.realm") == []


SLOWLY = """
CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(600); RETURN NULL; END $$;
"""


@pytest.mark.parametrize("table", ["qbo.account", "qbo.vendor", "backfill.call"])
def test_a_kill_leaves_a_state_that_the_same_command_goes_on_from(
    read: Backfill, intuit: Intuit, query: Query, table: str
) -> None:
    leaves = intuit.realm_ids[0]
    query(SLOWLY)
    query(f"CREATE TRIGGER slowly AFTER DELETE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION slowly()")
    with read.started("realms", "remove", leaves, "--yes") as process:
        sleeping = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        assert eventually(lambda: bool(query(sleeping)))
        process.send_signal(signal.SIGKILL)
        process.wait()
    query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    assert eventually(lambda: not query(sleeping))
    query(f"DROP TRIGGER slowly ON {table}")
    # Nothing reads it, nor wakes it, until that ends.
    extract = read.run("extract", "--json", "--entity", "Vendor")
    assert extract.json()["realms"]["proven"] == 1
    assert "is being removed" in read.run("realms", "import", intuit.realms_file).stderr
    assert read.run("realms", "unpark", leaves, "--json").json() == {"unparked": []}
    shown = read.run("realms", "list").stdout
    assert f"It is being removed.\n    What to do: See that this ends: backfill realms remove {leaves}" in shown
    done = read.run("realms", "remove", leaves, "--yes")
    assert done.code == 0, done.stderr
    assert "Going on with run" in done.stderr
    assert named_in(query, leaves) == {"backfill.run": 1}


def test_an_extract_that_waits_for_it_goes_on_with_the_others(
    connected: Backfill, intuit: Intuit, query: Query
) -> None:
    leaves = intuit.realm_ids[0]
    query(HOLD, leaves, "elsewhere boot 1 1")
    with connected.started("extract", "--json", "--entity", "Vendor") as reading:
        begun = "SELECT FROM backfill.realm_run WHERE state = 'done'"
        assert eventually(lambda: bool(query(begun)))
        query("DELETE FROM backfill.realm WHERE realm_id = $1", leaves)
        outcome = ended(reading)
    assert outcome.code == 1, outcome.stderr
    assert outcome.json()["realms"] == {"total": 2, "proven": 1, "unproven": 1, "parked": 0}
    ((realm_id, code),) = [(each["realm_id"], each["code"]) for each in outcome.json()["errors"]]
    assert (realm_id, code) == (leaves, "RealmGoneError")


def test_a_consent_is_revoked_and_the_data_stay(read: Backfill, intuit: Intuit, query: Query) -> None:
    leaves, stays = intuit.realm_ids
    before = named_in(query, leaves)
    revoked = read.run("auth", "revoke", leaves, "--json")
    assert (revoked.code, revoked.json()) == (0, {"realms": [{"realm_id": leaves, "consent": "revoked"}], "errors": []})
    assert (is_honoured(intuit, leaves), is_honoured(intuit, stays)) == (False, True)
    after = named_in(query, leaves)
    assert before.pop("backfill.token") == 1
    assert {name: after[name] for name in before if name != "backfill.call"} == {
        name: rows for name, rows in before.items() if name != "backfill.call"
    }
    assert after["backfill.call"] == before["backfill.call"] + 1
    listed = read.run("realms", "list").stdout
    assert "Its consent was given back to Intuit (revoked)" in listed
    assert "What to do: To go on with it, an administrator of the company gives consent again" in listed
    again = read.run("auth", "revoke", leaves)
    assert (again.code, "there is no token of it here (any more) to revoke" in again.stdout) == (0, True)
    # The file of the fleet may come again: it has no newer token of that company.
    file = read.run("realms", "import", intuit.realms_file)
    assert (file.code, "The consent of 1 realm was revoked since" in file.stdout) == (0, True)
    assert query("SELECT parked_code FROM backfill.realm WHERE realm_id = $1", leaves)[0][0] == "revoked"
    assert read.run("care", "--json").json()["realms"]["parked"] == 1
    back(read, intuit, leaves)
    assert read.run("extract", "--json").json()["realms"]["proven"] == 2


def test_each_way_of_not_revoking_has_its_end(read: Backfill, intuit: Intuit, query: Query) -> None:
    first, second = intuit.realm_ids
    # The customer ended it; a run found out, and parked the company.
    intuit.revoke(first)
    query("UPDATE backfill.token SET access_token = NULL, access_expires_at = NULL WHERE realm_id = $1", first)
    assert read.run("extract", "--realm", first, "--entity", "Vendor").code == 1
    over = read.run("auth", "revoke", first)
    assert (over.code, "Company" in over.stdout) == (0, True), over.stderr
    assert query("SELECT parked_code FROM backfill.realm WHERE realm_id = $1", first)[0][0] == "revoked"
    # No reply, a key that is not here, an app that Intuit does not know: nothing changes.
    key = "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA="
    for machine, words in (
        (read.having(OAUTH_REVOKE_URL=CLOSED), "got no whole answer"),
        (read.having(ENCRYPTION_KEY=key), "cannot be decrypted with the keys given"),
    ):
        failed = machine.run("auth", "revoke", second)
        assert (failed.code, words in failed.stdout) == (1, True), failed.stdout + failed.stderr
        removing = machine.run("realms", "remove", second, "--yes")
        assert (removing.code, words in removing.stdout, "--keep-consent" in removing.stdout) == (1, True, True)
    unsaid = read.having(OAUTH_REVOKE_URL=None).run("auth", "revoke", second)
    assert (unsaid.code, "Set BACKFILL_OAUTH_REVOKE_URL" in unsaid.stderr) == (2, True)
    assert query("SELECT state FROM backfill.realm WHERE realm_id = $1", second)[0][0] == "active"
    assert is_honoured(intuit, second)
    assert read.run("auth", "revoke", "4711").code == 2
