"""What undoing a load must bring back, and what nobody can."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from backfill.model import RealmId
from backfill.rehearsal.asked_rows import AskedRow
from backfill.rehearsal.books_seen import SeenChange
from backfill.rehearsal.oracles.exactly_once import effects_of
from backfill.rehearsal.oracles.taken_back import left_of
from backfill.simulator.company import Company
from backfill.simulator.fleet import Fleet
from backfill.simulator.journal import Changed

BILL = {
    "Id": "9999",
    "DocNumber": "none like it",
    "SalesTermRef": {"value": "3"},
    "Line": [{"ItemRef": {"value": "7"}}],
}
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def a_company() -> Company:
    fleet = Fleet(realms=1, seed=1, now=lambda: NOW, rows_min=90, rows_max=90)
    return fleet.company(fleet.realm_ids[0])


def change(entity: str, id_: str, before: object, after: object, *, by_people: bool) -> SeenChange:
    raw = [None if doc is None else json.dumps(doc).encode() for doc in (before, after)]
    return SeenChange(Changed(NOW, entity, id_, raw[0], raw[1], counted=True), by_people)


@pytest.mark.parametrize(
    ("people", "is_demanded"),
    [
        ([], True),
        ([("Term", "3", False)], False),
        ([("Item", "7", False)], False),
        ([("Term", "3", False), ("Term", "3", True)], True),
        ([("Term", "4", False), ("Item", "3", False)], True),
    ],
)
def test_what_was_deleted_is_there_again_unless_people_ended_what_it_needs(
    people: list[tuple[str, str, bool]], is_demanded: bool
) -> None:
    """QuickBooks takes nothing new that refers to what is inactive (fault 610)."""
    company = a_company()
    row = AskedRow(
        realm_id=RealmId(company.realm_id), entity="Bill", operation="delete", key="k", payload={}, object_id="9999"
    )
    seen = [change("Bill", "9999", BILL, None, by_people=False)]
    seen += [change(entity, id_, {}, {"Active": active}, by_people=True) for entity, id_, active in people]
    assert bool(list(left_of(effects_of(row.realm_id, [row], seen), company))) == is_demanded


@pytest.mark.parametrize(("used", "is_demanded"), [("CustomerRef", False), ("VendorRef", True)])
def test_what_was_made_is_gone_unless_something_of_peoples_keeps_it(used: str, is_demanded: bool) -> None:
    """Hours that are to be billed to a customer, say (fault 6280)."""
    company = a_company()
    customer = json.loads(next(row for row in company.table("Customer").by_created() if row.active).doc)
    row = AskedRow(
        realm_id=RealmId(company.realm_id), entity="Customer", operation="create", key="k", payload={}, mark="#row 1#"
    )
    seen = [
        change("Customer", customer["Id"], None, {"Notes": "#row 1#"}, by_people=False),
        change("TimeActivity", "1", None, {used: {"value": customer["Id"]}}, by_people=True),
    ]
    assert bool(list(left_of(effects_of(row.realm_id, [row], seen), company))) == is_demanded
