"""`backfill care`: what a fleet needs that nobody looks at, as cron would run it."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import msgspec
from msgspec import structs

from backfill.cli.caring import _left_out
from backfill.jobs.proofs import of_a_part
from backfill.jobs.swept import SWEPT
from backfill.model import Proof, RealmId
from backfill.store.entity_tables import table_of
from tests.cli.conftest import Query
from tests.comparison import differences, parsed
from tests.gate import gated
from tests.processes import Backfill, Intuit, ended, eventually, simulated

AGED = "UPDATE backfill.proof SET watermark = watermark - $2::interval WHERE realm_id = $1 RETURNING 1"
UNUSED = (
    "UPDATE backfill.token SET refreshed_at = refreshed_at - interval '40 days',"
    " access_expires_at = access_expires_at - interval '40 days' WHERE realm_id = $1 RETURNING 1"
)
STATE = msgspec.json.Decoder(dict[str, dict[str, msgspec.Raw]])


async def stale(dsn: str, intuit: Intuit, realm_id: str) -> list[str]:
    """What CDC carries and is landed otherwise than it stands in the company."""
    stands = STATE.decode(intuit.state(realm_id, "2100-01-01T00:00:00Z"))
    connection = await asyncpg.connect(dsn)
    found = []
    for entity in (entity.name for entity in SWEPT):
        statement = f"SELECT id, doc::text FROM {table_of(entity)} WHERE realm_id = $1 AND deleted_at IS NULL"
        landed = {row["id"]: parsed(row["doc"]) for row in await connection.fetch(statement, realm_id)}
        there = {id_: parsed(bytes(raw)) for id_, raw in stands[entity].items()}
        found += [f"{entity} {said}" for said in differences(landed, there)]
    await connection.close()
    return found


def test_what_is_due_is_done_and_what_must_be_done_is_said(
    user: Backfill, tmp_path: Path, dsn: str, query: Query
) -> None:
    with simulated(tmp_path, realms=5, rows="100:200") as intuit:
        user = user.having(**intuit.variables)
        assert user.run("realms", "import", intuit.realms_file).code == 0
        stale_one, fresh, unused, revoked, ancient = intuit.realm_ids
        assert user.run("extract", "--json").code == 0

        nothing = user.run("care", "--json")
        assert nothing.code == 0, nothing.stderr
        assert nothing.json()["requests"]["total"] == 0, "all is proven within the day"
        assert "realms done" not in nothing.stderr, "of none there is no progress"
        words = user.run("status").stdout
        assert "Realms of run 1:" in words, "the newest run that had any"
        assert "0 of 0" not in words

        for realm_id in (stale_one, fresh, ancient):
            intuit.act(realm_id, 60)
        query(AGED, stale_one, timedelta(days=2))
        query(AGED, ancient, timedelta(days=40))
        for realm_id in (unused, revoked):
            query(UNUSED, realm_id)
        intuit.revoke(revoked)
        query(
            "UPDATE backfill.token SET consent_expires_at = now() + interval '20 days' WHERE realm_id = $1 RETURNING 1",
            fresh,
        )
        refreshes = "SELECT count(*) FROM backfill.call WHERE lane = 'token' AND realm_id = $1 AND status = 200"
        before = query(refreshes, unused)[0][0]

        cared = user.run("care", "--json")
        assert cared.code == 1, cared.stderr
        said = cared.json()
        assert said["realms"] == {"total": 5, "proven": 3, "swept": 1, "unproven": 1, "parked": 1}
        assert asyncio.run(stale(dsn, intuit, stale_one)) == []
        assert asyncio.run(stale(dsn, intuit, fresh)) != [], "proven within the day, and left alone"
        assert said["rows"]["landed"] > 20
        assert said["requests"]["cdc"] >= 1
        assert said["requests"]["total"] <= 6
        proofs = query(
            "SELECT count(*), bool_and(proven), min(watermark) > now() - interval '1 hour' FROM backfill.proof"
            " WHERE realm_id = $1 AND entity = ANY ($2)",
            stale_one,
            [entity.name for entity in SWEPT],
        )[0]
        assert list(proofs) == [len(SWEPT), True, True]

        assert said["tokens"]["refreshed"] == [unused]
        assert query(refreshes, unused)[0][0] == before + 1
        assert query("SELECT state FROM backfill.realm WHERE realm_id = $1", revoked)[0][0] == "parked"
        errors = {(error["realm_id"], error["code"]): error["action"] for error in said["errors"]}
        assert "extract" in errors[ancient, "UnprovenError"]
        assert (revoked, "invalid_grant") in errors
        assert [(end["realm_id"], end["urgency"]) for end in said["tokens"]["ending"]] == [(fresh, "soon")]

        again = user.run("care")
        assert again.code == 1, "what is parked stays to be looked at"
        assert f"realm {fresh}: the consent ends on" in again.stdout
        assert f"realm {revoked}" in again.stdout


def test_a_company_that_another_process_has_is_waited_for(connected: Backfill, intuit: Intuit, query: Query) -> None:
    realm_id = intuit.realm_ids[0]
    only = f"--realm={realm_id}"
    assert connected.run("extract", only, "--json").code == 0
    query(AGED, realm_id, timedelta(days=2))
    query(
        "UPDATE backfill.realm SET owner = $2, epoch = epoch + 1, lease_until = now() + interval '1 hour'"
        " WHERE realm_id = $1 RETURNING 1",
        realm_id,
        f"elsewhere:{os.getpid()}",
    )
    left_out = connected.run("care", only, "--no-wait", "--json")
    assert left_out.code == 1
    assert left_out.json()["errors"][0]["code"] == "RealmBusyError"
    with connected.started("care", only, "--json") as process:
        assert process.stderr is not None
        assert any("waits for" in line or "waiting" in line for line in process.stderr)
        query("UPDATE backfill.realm SET owner = NULL, lease_until = NULL WHERE realm_id = $1 RETURNING 1", realm_id)
        outcome = ended(process)
    assert outcome.code == 0, outcome.stderr
    assert outcome.json()["realms"]["swept"] == 1


def test_without_realms_there_is_nothing_to_care_for(user: Backfill) -> None:
    assert user.run("care", "--json").code == 2


def test_what_was_not_proven_whole_is_neither_fresh_nor_forgotten(
    connected: Backfill, intuit: Intuit, query: Query
) -> None:
    """Day after day: what cannot be swept is no less unproven for that. Nor less proven for a run that read a part."""
    whole, unproven, partial = intuit.realm_ids
    assert connected.run("extract", "--json").code == 0
    query(
        "UPDATE backfill.proof SET proven = false, reason = 'one row is missing'"
        " WHERE realm_id = $1 AND entity = 'Invoice' RETURNING 1",
        unproven,
    )
    query("DELETE FROM backfill.proof WHERE realm_id = $1 AND entity = 'Customer' RETURNING 1", partial)
    for realm_id in (whole, partial):
        since = (f"--realm={realm_id}", "--entity=Customer", "--since=2026-01-01")
        assert connected.run("extract", "--json", *since).code == 0
    for _ in range(2):
        cared = connected.run("care", "--json")
        assert cared.code == 1, cared.stderr
        said = cared.json()
        assert said["realms"] == {"total": 3, "proven": 1, "swept": 0, "unproven": 2, "parked": 0}
        errors = {(error["realm_id"], error["entity"]): error for error in said["errors"]}
        assert errors.keys() == {(unproven, "Invoice"), (partial, "Customer")}
        assert "one row is missing" in errors[unproven, "Invoice"]["message"]
        assert f"extract --realm {partial} --entity Customer" in errors[partial, "Customer"]["action"]
    for realm_id, entity in errors:
        assert connected.run("extract", "--json", f"--realm={realm_id}", f"--entity={entity}").code == 0
    assert connected.run("care", "--json").json()["realms"]["proven"] == 3
    assert whole not in {realm_id for realm_id, _ in errors}


def test_what_was_never_read_is_named_unless_nobody_wants_it(connected: Backfill, intuit: Intuit) -> None:
    """As after `extract --entity` alone, or an upgrade to a version that knows one more."""
    for entity in ("Customer", "Vendor"):
        assert connected.run("extract", "--json", f"--entity={entity}").code == 0
    cared = connected.run("care", "--json")
    assert cared.code == 1, cared.stderr
    assert cared.json()["realms"] == {"total": 3, "proven": 0, "swept": 0, "unproven": 3, "parked": 0}
    assert {(error["realm_id"], error["entity"]) for error in cared.json()["errors"]} == {
        (realm_id, "") for realm_id in intuit.realm_ids
    }
    assert f"and {len(SWEPT) - 7} more were never read to the end" in cared.json()["errors"][0]["message"]
    wanted = connected.home / "wanted.toml"
    wanted.write_text('[extract]\nentities = ["Customer", "Vendor", "TaxAgency"]\n')
    fresh = connected.run("care", "--json", "--config", wanted)
    assert (fresh.code, fresh.json()["realms"]["proven"], fresh.json()["requests"]["total"]) == (0, 3, 0)


def test_a_daily_run_sweeps_every_company_every_day(connected: Backfill, intuit: Intuit, query: Query) -> None:
    """The last one took a while to come to this company: its proof is less than a day old."""
    realm_id = intuit.realm_ids[0]
    assert connected.run("extract", "--realm", realm_id, "--json").code == 0
    query(AGED, realm_id, timedelta(hours=23, minutes=30))
    assert connected.run("care", "--realm", realm_id, "--json").json()["realms"]["swept"] == 1


def test_a_stop_while_tokens_are_kept_alive_loses_none(connected: Backfill, intuit: Intuit, query: Query) -> None:
    """Intuit may have given a new value already: whoever is stopped stores it first."""
    query(UNUSED, intuit.realm_ids[0])
    claimed = "SELECT count(*) FROM backfill.token WHERE claimed_by IS NOT NULL"
    with gated(intuit) as gate:
        slow = connected.having(OAUTH_TOKEN_URL=f"{gate.url}/oauth2/v1/tokens/bearer")
        with slow.started("care", "--json") as process:
            assert eventually(lambda: query(claimed)[0][0] == 1)
            process.terminate()
            gate.open()
            done = ended(process)
    assert (done.code, "Stopped when 1 of 1 tokens" in done.stderr) == (3, True), done.stderr
    unused = "SELECT count(*) FROM backfill.token WHERE refreshed_at < now() - interval '1 day'"
    assert query(unused)[0][0] == 0


def test_the_token_of_a_company_that_is_parked_for_a_while_is_kept_alive(
    connected: Backfill, intuit: Intuit, query: Query
) -> None:
    """A subscription that ended is renewed months later; by then a token that nobody used would be dead."""
    lapsed, dead, _ = intuit.realm_ids
    only = [f"--realm={realm_id}" for realm_id in (lapsed, dead)]
    for realm_id, code in ((lapsed, "6190"), (dead, "invalid_grant")):
        query(UNUSED, realm_id)
        query(
            "UPDATE backfill.realm SET state = 'parked', parked_code = $2, parked_message = 'm', parked_action = 'a',"
            " parked_at = now() WHERE realm_id = $1",
            realm_id,
            code,
        )
    said = connected.run("care", *only, "--json").json()
    assert said["tokens"]["refreshed"] == [lapsed]
    assert said["realms"]["parked"] == 2


def test_care_is_alive_while_it_keeps_tokens_alive(connected: Backfill, intuit: Intuit, query: Query) -> None:
    """Thousands of tokens take minutes: another care would take over, and `keys retire` would take the key away."""
    for realm_id in intuit.realm_ids:
        query(UNUSED, realm_id)
    config = connected.home / "short.toml"
    config.write_text("[postgres]\nlease_s = 1\n")
    beats = "SELECT heartbeat_at > started_at + interval '1 second' FROM backfill.run WHERE kind = 'care'"
    with gated(intuit) as gate:
        waiting = connected.having(OAUTH_TOKEN_URL=f"{gate.url}/oauth2/v1/tokens/bearer")
        with waiting.started("care", "--config", config) as care:
            assert eventually(lambda: [row[0] for row in query(beats)] == [True], timeout_s=15)
            refused = connected.run("keys", "rotate", "--config", config)
            assert (refused.code, "1 command is running: care, by" in refused.stderr) == (3, True)
            gate.open()
            assert care.wait(30) is not None


def test_what_a_sweep_left_out_says_why() -> None:
    day = datetime(2026, 10, 1, tzinfo=UTC)
    proven = Proof("Vendor", True, "count", 5, 5, 0, day)
    for proof, why in (
        (proven, "it was proven last as of 2026-10-01, and CDC reaches back 30 days."),
        (of_a_part(proven, day), "only a part of it was read (--since)."),
        (structs.replace(proven, proven=False, reason="the server counts 6"), "the server counts 6."),
    ):
        trouble = _left_out(RealmId("1"), proof)
        assert trouble.message == f"There is nothing to go on from: {why}"
        assert trouble.action == "Read it whole: backfill extract --realm 1 --entity Vendor"
