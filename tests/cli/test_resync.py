"""What `resync --plan` says to a person: of a fleet whose companies are much alike, not each one's forty entities."""

from __future__ import annotations

from backfill.cli.resync import plan_as_json, plan_in_words
from backfill.jobs.outage import Price, Way
from backfill.model import RealmId
from backfill.qbo.catalogue import CATALOGUE
from tests.processes import Backfill, Intuit

SMALL = [Price(Way.ONE_ANSWER, tuple(CATALOGUE), 2, 2)]
LARGE = [Price(Way.CHANGES, ("Bill", "Invoice"), 3, 4), Price(Way.WHOLE, ("TaxCode",), 3, 3)]


def test_realms_of_which_the_same_is_asked_are_said_together() -> None:
    planned = {RealmId(str(number)): SMALL for number in range(1_000)} | {RealmId("4711"): LARGE}
    said = plan_in_words(planned).splitlines()
    assert said[0] == "1,001 realms: at least 2,006 calls, 2,007 of them metered; nothing was asked yet."
    assert said[1] == "1,000 realms (0, 1, 2, 3, 4 and 995 more), each: 2 calls"
    at = said.index("realm 4711: 6 calls")
    assert said[at + 1 : at + 3] == [
        "  changes         3  Bill, Invoice",
        "  whole           3  TaxCode",
    ]
    assert at < 10, "forty entities wrapped are a few lines"
    assert max(map(len, said)) <= 120
    names = ", ".join(line.strip().removeprefix("one answer").lstrip(" 2") for line in said[2:at]).replace(",,", ",")
    assert names.split(", ") == list(CATALOGUE)


def test_the_rest_of_a_motley_fleet_is_counted() -> None:
    planned = {RealmId(str(number)): [Price(Way.WHOLE, ("Bill",), number, number)] for number in range(50)}
    said = plan_in_words(planned)
    assert "and 30 more realms: --json has them all." in said
    assert len(str(plan_as_json(planned)).split("realm_id")) == 51


def test_an_outage_from_the_first_to_the_last_day_there_can_be(connected: Backfill, intuit: Intuit) -> None:
    only = ("--realm", intuit.realm_ids[0], "--entity", "Customer")
    assert connected.run("extract", *only).code == 0
    for more in (("--plan",), ()):
        done = connected.run("resync", "--since", "0001-01-01", "--until", "9999-12-31", *only, *more)
        assert done.code == 0, done.stderr
