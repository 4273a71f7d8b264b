"""`backfill calls`: what a run asked is found again, shown, and exported as Intuit's support wants it."""

from __future__ import annotations

import csv
import json
import zlib
from pathlib import Path

import pytest

from tests.cli.conftest import Query
from tests.processes import Backfill, Intuit, simulated


def test_every_call_of_a_run_is_in_the_log(connected: Backfill, intuit: Intuit, query: Query, tmp_path: Path) -> None:
    asked_before = {realm_id: len(intuit.log(realm_id)) for realm_id in intuit.realm_ids}
    result = connected.run("extract", "--json")
    assert result.code == 0, result.stderr
    for realm_id in intuit.realm_ids:
        served = intuit.log(realm_id)[asked_before[realm_id] :]
        logged = query("SELECT status, intuit_tid FROM backfill.call WHERE realm_id = $1 AND lane <> 'token'", realm_id)
        assert len(logged) == len(served) > 0
        assert len({row["intuit_tid"] for row in logged}) == len(served), "each has its own id"
    total = query("SELECT count(*) FROM backfill.call WHERE lane <> 'token'")[0][0]
    assert total == result.json()["requests"]["total"]

    shown = connected.run("calls", "--entity", "Customer", "--limit", "3", "--json").json()["calls"]
    assert 0 < len(shown) <= 3
    assert all(call["response_body"] is None and call["response_crc32"] is not None for call in shown)
    in_words = connected.run("calls", "--realm", intuit.realm_ids[0]).stdout
    assert shown[0]["path"] in in_words
    tid = query("SELECT intuit_tid FROM backfill.call WHERE lane = 'batch' LIMIT 1")[0][0]
    assert tid in connected.run("calls", "--tid", tid).stdout
    assert connected.run("calls", "--failed").stdout == "There are no such calls in the log.\n"

    for form in ("csv", "jsonl"):
        file = tmp_path / f"calls.{form}"
        done = connected.run("calls", "--lane", "batch", "--export", file, "--format", form)
        assert done.code == 0, done.stderr
        assert file.stat().st_mode & 0o777 == 0o600
        with file.open(newline="") as lines:
            rows = list(csv.DictReader(lines)) if form == "csv" else [json.loads(line) for line in lines]
        assert len(rows) == query("SELECT count(*) FROM backfill.call WHERE lane = 'batch'")[0][0]
        row = next(row for row in rows if row["intuit_tid"] == tid)
        assert row["endpoint"].startswith(f"{intuit.url}/v3/company/{row['company_id']}/batch?minorversion=")
        assert row["request"].startswith('{"BatchItemRequest":')
        assert row["time"].endswith("+00:00")
        assert (row["method"], str(row["status"]), row["environment"]) == ("POST", "200", "sandbox")
        piped = connected.run("calls", "--lane", "batch", "--export", "-", "--format", form)
        with file.open(newline="") as lines:
            assert piped.stdout == lines.read()
        assert piped.stderr == f"{len(rows):,} calls written.\n"


def test_a_refusal_is_logged_with_what_was_said_and_what_is_secret_is_not(
    user: Backfill, tmp_path: Path, query: Query
) -> None:
    with simulated(tmp_path, realms=2, rows="100:120") as intuit:
        connected = user.having(**intuit.variables)
        assert connected.run("realms", "import", intuit.realms_file).code == 0
        intuit.revoke(intuit.realm_ids[0])
        assert connected.run("extract").code == 1
        assert connected.run("calls", "--fault", "0", "--json").json()["calls"] == []
        refused = connected.run("calls", "--fault", "invalid_grant", "--json").json()["calls"]
        assert [(call["realm_id"], call["lane"], call["status"]) for call in refused] == [
            (intuit.realm_ids[0], "token", 400)
        ] * len(refused)
        assert len(refused) >= 1
        kept = "\n".join(str(tuple(row)) for row in query("SELECT * FROM backfill.call"))
        assert [secret for secret in intuit.secrets if secret in kept] == []


def test_the_log_can_be_left_out_and_can_keep_everything(connected: Backfill, query: Query, tmp_path: Path) -> None:
    config = tmp_path / "backfill.toml"
    config.write_text("[call_log]\nenabled = false")
    assert connected.run("extract", "--entity", "Customer", "--config", config).code == 0
    assert query("SELECT count(*) FROM backfill.call")[0][0] == 0
    config.write_text('[call_log]\nlog_bodies = "all"')
    assert connected.run("extract", "--entity", "Vendor", "--config", config).code == 0
    bodies = query("SELECT response_body, response_crc32 FROM backfill.call WHERE lane <> 'token'")
    assert bodies
    assert all(zlib.crc32(row["response_body"].encode()) == row["response_crc32"] for row in bodies)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--status", "4oo"), "--status 4oo: give a status such as 429"),
        (("--limit", "99999999999999999999"), "--limit"),
        (("--lane", "fast"), "There is no lane 'fast'."),
        (("--since", "yesterday"), "--since yesterday: give a date"),
        (("--entity", "Invoyce"), "Invoyce"),
        (("--export", "no/such/folder.csv"), "no/such/folder.csv cannot be written"),
    ],
)
def test_a_question_that_is_none_is_refused(user: Backfill, arguments: tuple[str, ...], said: str) -> None:
    outcome = user.run("calls", *arguments)
    assert outcome.code == 2
    assert said in outcome.stderr
