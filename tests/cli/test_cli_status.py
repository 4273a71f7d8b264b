"""`backfill status`: what was run, how far each company is, and what is proven of one of them."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Raw, json, structs

from backfill.cli.status import _run_words
from backfill.model import RealmId, RunId
from backfill.store.runs import RunStatus
from backfill.store.status import RealmProgress, RunRow
from tests.cli.conftest import Query
from tests.processes import Backfill, Intuit


def test_status_before_and_after_a_run(connected: Backfill, intuit: Intuit) -> None:
    before = connected.executing.run("status")
    assert (before.code, before.stdout) == (0, "Nothing was run yet. Begin: backfill extract\n")
    nothing = {"runs": [], "realms": [], "parked": {}, "metered": [], "tokens_ending": []}
    assert connected.run("status", "--json").json() == nothing
    realm_id = intuit.realm_ids[0]
    unread = connected.run("status", "--realm", realm_id)
    assert unread.stdout == f"Nothing of realm {realm_id} is proven yet. Begin: backfill extract --realm {realm_id}\n"

    extracted = connected.run("extract", "--json").json()
    words = connected.run("status").stdout
    assert "3 of 3 realms done" in words
    assert all(f"  {realm_id} " in words for realm_id in intuit.realm_ids)
    shown = connected.run("status", "--json").json()
    (run,) = shown["runs"]
    assert (run["run_id"], run["kind"], run["status"], run["realms"], run["realms_done"]) == (
        1,
        "extract",
        "done",
        3,
        3,
    )
    assert run["summary"] == extracted
    assert [realm["realm_id"] for realm in shown["realms"]] == sorted(intuit.realm_ids)
    assert {realm["entities_proven"] for realm in shown["realms"]} == {41}

    proofs = connected.run("status", "--realm", realm_id, "--json").json()
    assert proofs["realm_id"] == realm_id
    assert len(proofs["proofs"]) == 41
    assert {proof["proof"]["proven"] for proof in proofs["proofs"]} == {True}
    assert connected.run("status", "--realm", realm_id).stdout.count(" yes ") == 41


def test_what_waits_for_a_person_is_said_with_what_to_do(connected: Backfill, intuit: Intuit, query: Query) -> None:
    parked, unproven, _ = sorted(intuit.realm_ids)
    assert connected.run("extract", "--entity", "Term").code == 0
    query(
        """UPDATE backfill.realm SET state = 'parked', parked_code = 'invalid_grant', parked_message = 'It is over.',
           parked_action = 'Connect it anew.', parked_at = now() WHERE realm_id = $1""",
        parked,
    )
    query("UPDATE backfill.proof SET proven = false, reason = 'it counts 7' WHERE realm_id = $1", unproven)
    words = connected.run("status").stdout
    assert "It is over.\n      What to do: Connect it anew.\n" in words
    assert "1 unproven" in words
    of_one = connected.run("status", "--realm", unproven).stdout
    assert " NO " in of_one
    assert "it counts 7" in of_one
    assert connected.run("extract", "--realm", unproven, "--entity", "Term").code == 0
    later = connected.run("status")
    assert "It is over." not in later.stdout, "of the newest run's companies only"
    assert "Parked, of 3 realms: 1. What each waits for: backfill realms list\n  invalid_grant: 1\n" in later.stdout
    assert connected.run("status", "--json").json()["parked"] == {"invalid_grant": 1}


def test_an_unknown_realm(connected: Backfill, intuit: Intuit) -> None:
    known = intuit.realm_ids[0]
    refused = connected.run("status", "--realm", known[:-1])
    assert (refused.code, f"Did you mean {known}" in refused.stderr) == (2, True)


def _incomplete(summary: bytes | None) -> RunRow:
    moment = datetime(2026, 11, 30, tzinfo=UTC)
    said = None if summary is None else Raw(summary)
    return RunRow(
        RunId(1), "extract", Raw(b"{}"), RunStatus.INCOMPLETE, None, moment, moment, moment, said, 61, 60, 1, 0
    )


def test_why_a_run_and_a_realm_that_is_not_parked_came_to_no_end_is_said() -> None:
    """Whoever looks the next morning has no other place for it."""
    well = RealmProgress(RealmId("1"), "", "done", None, None, 5, 5, 5, 41, 0, 0, "", "", "")
    left = structs.replace(well, realm_id=RealmId("2"), state="pending", entities_proven=0)
    errors = [
        {"realm_id": "", "entity": "", "code": "metered_cap", "message": "The cap.", "action": "Raise it."},
        {"realm_id": "2", "entity": "", "code": "401", "message": "Wrong secret.", "action": "Set it."},
        {"realm_id": "1", "entity": "Bill", "code": "quarantined", "message": "A row.", "action": "See."},
    ]
    run = _incomplete(json.encode({"errors": errors}))
    lines = "\n".join(_run_words([run], run, [well, left])).splitlines()
    at = lines.index("Realms of run 1:")
    assert lines[at + 1 : at + 3] == ["  The cap.", "      What to do: Raise it."]
    assert [line.split()[0] for line in lines[at + 3 :]] == ["2", "Wrong", "What", "1"], "who is not well goes first"
    taken_back = structs.replace(left, state="parked")
    assert "Wrong secret." not in "\n".join(_run_words([run], run, [well, taken_back]))
    gone_on_with = structs.replace(run, status=RunStatus.RUNNING)
    assert "Wrong secret." not in "\n".join(_run_words([gone_on_with], gone_on_with, [well, left]))


def test_of_thousands_those_are_shown_that_somebody_must_look_at() -> None:
    well = RealmProgress(RealmId("1"), "", "done", None, None, 5, 5, 5, 41, 0, 0, "", "", "")
    parked = structs.replace(well, realm_id=RealmId("p"), parked_message="It is over.", parked_action="Act.")
    unproven = structs.replace(well, realm_id=RealmId("u"), entities_unproven=1)
    others = [structs.replace(well, realm_id=RealmId(str(number))) for number in range(2, 60)]
    run = _incomplete(None)
    lines = list(_run_words([run], run, [well, *others, parked, unproven]))
    shown = [line.split()[0] for line in lines if " 41 entities" in line]
    assert shown == ["p", "u", *map(str, range(1, 49))]
    assert lines[-1] == "  and 11 more: backfill status --json"
