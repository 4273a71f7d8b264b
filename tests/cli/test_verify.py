"""Verify and resync, end to end: real processes, HTTP, Postgres. What is broken on purpose is named, then repaired."""

from __future__ import annotations

import asyncio
import json
import stat
import urllib.request
from pathlib import Path

import pytest

from tests.cli.conftest import Query
from tests.comparison import compare
from tests.processes import OPENER, PATIENCE_S, Backfill, Intuit, simulated


def test_after_an_outage_everything_is_as_in_the_company(
    user: Backfill, tmp_path: Path, dsn: str, query: Query
) -> None:
    with simulated(tmp_path, realms=2, rows="300:900") as intuit:
        connected = user.having(**intuit.variables)
        assert connected.run("realms", "import", intuit.realms_file).code == 0
        extracted = connected.run("extract", "--json")
        assert extracted.code == 0, extracted.stderr
        (since,) = query("SELECT to_char(min(watermark), 'YYYY-MM-DD\"T\"HH24:MI:SSTZH:TZM') FROM backfill.proof")[0]
        for realm_id in intuit.realm_ids:
            intuit.act(realm_id, 60)

        planned = connected.run("resync", "--since", since, "--plan", "--json")
        assert planned.code == 0, planned.stderr
        assert len(planned.json()["realms"]) == 2
        resynced = connected.executing.run("resync", "--since", since, "--json")
        assert resynced.code == 0, resynced.stderr
        assert resynced.json()["rows"]["deleted"] > 0
        assert 0 < planned.json()["calls"] <= resynced.json()["requests"]["total"]
        compared = asyncio.run(compare(dsn, intuit))
        assert compared.differing == 0, "\n".join(compared.differences)

        verified = connected.executing.run("verify", "--deep", "--pages", "pages", "--json")
        assert verified.code == 0, verified.stderr
        assert query("SELECT count(*) FROM backfill.verification WHERE equal = false")[0][0] == 0


def test_what_is_broken_on_purpose_is_named_and_repaired(connected: Backfill, tmp_path: Path, query: Query) -> None:
    assert connected.run("extract", "--json").code == 0
    (realm,) = query("SELECT min(realm_id) FROM backfill.realm")[0]
    dropped = query(
        "DELETE FROM qbo.customer WHERE id = (SELECT min(id) FROM qbo.customer WHERE realm_id = $1)"
        " AND realm_id = $1 RETURNING id",
        realm,
    )[0][0]
    altered = query(
        "UPDATE qbo.invoice SET doc = jsonb_set(doc, '{TotalAmt}', '0.01') WHERE realm_id = $1"
        " AND id = (SELECT min(id) FROM qbo.invoice WHERE realm_id = $1) RETURNING id",
        realm,
    )[0][0]
    query(
        "INSERT INTO qbo.bill SELECT realm_id, '99999999', sync_token, created_at, updated_at, NULL,"
        " jsonb_set(doc, '{VendorRef,name}', '\"<script>alert(1)</script>\"'), run_id, landed_at"
        " FROM qbo.bill WHERE realm_id = $1 LIMIT 1",
        realm,
    )
    marked = query(
        "UPDATE qbo.vendor SET deleted_at = now() WHERE realm_id = $1"
        " AND id = (SELECT min(id) FROM qbo.vendor WHERE realm_id = $1) RETURNING id",
        realm,
    )[0][0]
    query("UPDATE qbo.company_info SET doc = 'null' WHERE realm_id = $1 RETURNING 1", realm)

    found = connected.run("verify", "--deep", "--pages", "pages", "--json")
    assert found.code == 1, found.stderr
    errors = found.json()["errors"]
    mended_by = "Put it right: backfill verify --repair --deep --realm "
    assert all(error["action"].startswith(f"{mended_by}{error['realm_id']}.") for error in errors), "as it is typed"
    page = json.loads((tmp_path / "pages" / f"{realm}.json").read_bytes())
    named = {(one["entity"], it["id"], it["kind"]) for one in page["entities"] for it in one["differences"]}
    assert named == {
        ("Customer", dropped, "missing"),
        ("Invoice", altered, "altered"),
        ("Bill", "99999999", "extra"),
        ("Vendor", marked, "missing"),
        ("CompanyInfo", "1", "altered"),
    }
    html = (tmp_path / "pages" / f"{realm}.html").read_text()
    assert "does not equal" in html
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    for file in (tmp_path / "pages").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    repaired = connected.run("verify", "--deep", "--repair", "--pages", "repaired", "--json")
    assert repaired.code == 0, repaired.stdout + repaired.stderr
    assert "The copy equals the company" in (tmp_path / "repaired" / f"{realm}.html").read_text()
    assert json.loads((tmp_path / "repaired" / f"{realm}.json").read_bytes())["repaired"] == 5
    assert connected.run("verify", "--json").code == 0
    assert "0 of 0" not in connected.run("status").stdout, "to compare is not to read rows"
    assert query("SELECT deleted_at IS NOT NULL FROM qbo.bill WHERE id = '99999999'")[0][0]


def test_pages_are_all_in_one_place_though_a_run_was_stopped(
    connected: Backfill, intuit: Intuit, tmp_path: Path, query: Query
) -> None:
    """The pages of the stopped run are where that one was to write them."""
    realm_id, *_ = intuit.realm_ids
    assert connected.run("extract", "--entity", "Term").code == 0
    verify = ("verify", "--entity", "Term", "--realm", realm_id, "--pages")
    assert connected.run(*verify, "here").code == 0
    for folder, goes_on in (("here", True), ("there", False)):
        query("UPDATE backfill.run SET status = 'stopped', finished_at = NULL RETURNING 1")
        done = connected.run(*verify, folder)
        assert done.code == 0, done.stderr
        assert ("Going on with run" in done.stderr) is goes_on
        assert (tmp_path / folder / f"{realm_id}.html").exists()


def test_of_some_entities_no_trial_balance_is_made(connected: Backfill, tmp_path: Path, query: Query) -> None:
    """Whichever way they were chosen: what they post is not all that is posted."""
    some = tmp_path / "some.toml"
    some.write_text('[extract]\nentities = ["Account", "CompanyInfo", "Invoice", "Item", "Preferences"]\n')
    assert connected.run("extract", "--config", some).code == 0
    verified = connected.run("verify", "--config", some, "--pages", "pages")
    assert verified.code == 0, verified.stdout
    assert query("SELECT count(*) FROM backfill.verification WHERE entity = 'TrialBalance'")[0][0] == 0
    for page in (tmp_path / "pages").glob("*.html"):
        assert "What was compared equals the company" in page.read_text()


def test_a_sample_sees_what_all_documents_have(connected: Backfill, query: Query) -> None:
    assert connected.run("extract", "--json", "--entity", "Account").code == 0
    query("UPDATE qbo.account SET doc = jsonb_set(doc, '{Name}', '\"x\"')")
    found = connected.run("verify", "--entity", "Account", "--json")
    assert found.code == 1
    assert "Account" in {error["entity"] for error in found.json()["errors"]}


def test_what_could_not_be_read_is_unproven(user: Backfill, tmp_path: Path) -> None:
    """The same command is what there is to do, and no repair."""
    with simulated(tmp_path, realms=1, rows="100:140") as intuit:
        connected = user.having(**intuit.variables)
        assert connected.run("realms", "import", intuit.realms_file).code == 0
        verify = ("verify", "--repair", "--deep", "--entity", "Account", "--json")
        assert connected.run("extract", "--json", "--entity", "Account").code == 0
        unreadable = {"mishap": "poisoned_row", "share": 1.0, "entities": ["Account"]}
        inject = urllib.request.Request(f"{intuit.url}/control/injections", data=json.dumps([unreadable]).encode())
        with OPENER.open(inject, timeout=PATIENCE_S) as answer:
            assert answer.status == 200
        found = connected.run(*verify)
        assert found.code == 1, found.stderr
        (error,) = found.json()["errors"]
        assert (error["entity"], error["code"]) == ("Account", "unproven")
        assert "could not be read" in error["message"]
        assert "the same command again" in error["action"]


@pytest.mark.parametrize("arguments", [["--since", "2999-01-01"], ["--since", "yesterday"]])
def test_an_outage_that_cannot_be(connected: Backfill, arguments: list[str]) -> None:
    assert connected.run("resync", *arguments).code == 2
