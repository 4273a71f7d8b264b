"""What undoing a load must bring back, and what nobody can."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from backfill.model import RealmId
from backfill.rehearsal.asked_rows import AskedRow
from backfill.rehearsal.books_seen import SeenChange
from backfill.rehearsal.oracles.exactly_once import effects_of
from backfill.rehearsal.oracles.taken_back import left_of
from backfill.simulator.company import Company
from backfill.simulator.fleet import Fleet
from backfill.simulator.journal import Changed
from backfill.simulator.writing.desk import headless

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def a_company() -> Company:
    fleet = Fleet(realms=1, seed=1, now=lambda: NOW, rows_min=90, rows_max=90)
    return fleet.company(fleet.realm_ids[0])


def asked(entity: str, operation: str, key: str, **more: Any) -> AskedRow:
    return AskedRow(realm_id=RealmId("1"), entity=entity, operation=operation, key=key, payload={}, **more)


def change(entity: str, id_: str, before: object, after: object, *, by_people: bool) -> SeenChange:
    raw = [None if doc is None else json.dumps(doc).encode() for doc in (before, after)]
    return SeenChange(Changed(NOW, entity, id_, raw[0], raw[1], counted=True), by_people)


def test_what_was_deleted_is_there_again_unless_it_needs_what_is_inactive() -> None:
    """QuickBooks takes nothing new that refers to it (fault 610)."""
    company = a_company()
    term = next(row for row in company.table("Term").by_created() if row.active)
    bill = {"Id": "9999", "DocNumber": "none like it", "SalesTermRef": {"value": term.id}}
    row = asked("Bill", "delete", "k", object_id="9999")
    effects = effects_of(row.realm_id, [row], [change("Bill", "9999", bill, None, by_people=False)])
    assert list(left_of(effects, company))
    company.replace("Term", term.id, {**headless(json.loads(term.doc)), "Active": False})
    assert not list(left_of(effects, company))


@pytest.mark.parametrize(("used", "is_demanded"), [("CustomerRef", False), ("VendorRef", True)])
def test_what_was_made_is_gone_unless_something_of_peoples_keeps_it(used: str, is_demanded: bool) -> None:
    """Hours that are to be billed to a customer, say (fault 6280)."""
    company = a_company()
    customer = json.loads(next(row for row in company.table("Customer").by_created() if row.active).doc)
    row = asked("Customer", "create", "k", mark="#row 1#")
    seen = [
        change("Customer", customer["Id"], None, {"Notes": "#row 1#"}, by_people=False),
        change("TimeActivity", "1", None, {used: {"value": customer["Id"]}}, by_people=True),
    ]
    assert bool(list(left_of(effects_of(row.realm_id, [row], seen), company))) == is_demanded


@pytest.mark.parametrize("is_deposited", [False, True])
def test_what_people_have_deposited_keeps_its_invoice_too(is_deposited: bool) -> None:
    company = a_company()
    invoice, payment = (company.table(entity).by_created()[0].id for entity in ("Invoice", "Payment"))
    rows = [
        asked("Invoice", "create", "i", mark="#row 1#"),
        asked("Payment", "create", "p", mark="#row 2#", names=("i",)),
    ]
    seen = [
        change("Invoice", invoice, None, {"PrivateNote": "#row 1#"}, by_people=False),
        change("Payment", payment, None, {"PrivateNote": "#row 2#"}, by_people=False),
        change("Payment", payment, {}, {}, by_people=is_deposited),
    ]
    assert len(list(left_of(effects_of(RealmId("1"), rows, seen), company))) == (0 if is_deposited else 2)
