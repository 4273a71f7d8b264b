"""How a run ended: one judgement for its exit code and for what is stored of it, and its troubles in words."""

from __future__ import annotations

import pytest

from backfill.cli.ending import STATUSES, TROUBLES_SHOWN, exit_of, troubles_in_words
from backfill.cli.output import Exit
from backfill.jobs.fleet import FleetResult, Trouble
from backfill.model import Realm, RealmId
from backfill.store.runs import RunStatus

REALM = RealmId("1")


@pytest.mark.parametrize(
    ("fleet", "well", "stored"),
    [
        (FleetResult(proven=[REALM]), True, RunStatus.DONE),
        (
            FleetResult(proven=[REALM]),
            False,
            RunStatus.INCOMPLETE,
        ),  # rows were set aside
        (FleetResult(parked=[REALM]), True, RunStatus.INCOMPLETE),
        (FleetResult(stopped=[REALM]), False, RunStatus.STOPPED),
    ],
)
def test_a_run_is_stored_as_its_exit_code_says(fleet: FleetResult, well: bool, stored: RunStatus) -> None:
    assert STATUSES[exit_of(fleet, well=well)] is stored


def test_every_ending_but_wrong_usage_is_stored() -> None:
    assert STATUSES.keys() == set(Exit) - {Exit.USAGE}, "wrong usage begins no run"


def test_a_realm_that_was_parked_before_is_told_with_what_it_waits_for() -> None:
    fleet = FleetResult()
    fleet.leave_out(Realm(REALM, "Amy's", 1.0, "parked", "its token is dead", "Connect it again."))
    assert (fleet.parked, exit_of(fleet)) == ([REALM], Exit.UNPROVEN)
    assert list(troubles_in_words(fleet.troubles, more="backfill status")) == [
        "  realm 1: its token is dead",
        "      What to do: Connect it again.",
    ]


def test_of_many_troubles_it_is_said_where_the_others_are() -> None:
    cap = Trouble(RealmId(""), "", "metered_cap", "The cap is reached.", "")
    many = [cap, *(Trouble(REALM, "Bill", "unproven", f"trouble {number}", "") for number in range(TROUBLES_SHOWN + 4))]
    lines = list(troubles_in_words(many, more="backfill load status"))
    assert lines[:2] == ["  The cap is reached.", "  realm 1 Bill: trouble 0"]
    assert (len(lines), lines[-1]) == (TROUBLES_SHOWN + 1, "  and 5 more: backfill load status")
