"""Somebody else at work: everywhere, true to the books, and undoable in retrospect."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from random import Random

import anyio
import pytest

from backfill.errors import UsageError
from backfill.simulator.catalogue import TRAITS
from backfill.simulator.company import Company
from backfill.simulator.documents import cents, decode, encode
from backfill.simulator.fleet import Fleet
from backfill.simulator.people import People
from backfill.simulator.writing.writer import write

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
State = dict[str, dict[str, bytes]]


def _company(number: int = 0, rows: int = 900, seed: int = 5) -> Company:
    fleet = Fleet(realms=5, seed=seed, now=lambda: NOW, rows_min=rows, rows_max=rows)
    return fleet.company(fleet.realm_ids[number])


def _now(company: Company) -> State:
    return {entity: {row.id: row.doc for row in company.table(entity).all()} for entity in TRAITS}


@pytest.mark.parametrize("number", range(5))
def test_the_past_is_what_it_was_whatever_people_did(number: int) -> None:
    """A naive model, whole copies, agrees with `state_at` after every few changes."""
    company = _company(number)
    people = People(company, Random(number), changes_per_minute=60)
    seen = [(company.stamp(), _now(company))]
    for _ in range(30):
        people.act(10)
        seen.append((company.stamp(), _now(company)))
    for instant, state in seen:
        assert company.state_at(instant) == state


def test_people_change_what_change_data_capture_does_not_carry_and_the_singletons() -> None:
    company = _company()
    before = _now(company)
    People(company, Random(2), changes_per_minute=60).act(1_500)
    after = _now(company)
    changed = {entity for entity in TRAITS if before[entity] != after[entity]}
    read_only = {"CompanyCurrency", "CustomerType", "JournalCode", "ReimburseCharge", "TaxClassification", "TaxPayment"}
    assert changed == set(TRAITS) - read_only
    for entity in ("TimeActivity", "Attachable", "Invoice", "RecurringTransaction", "Budget"):
        gone = {object_id for object_id, _ in company.deleted_since(entity, int(NOW.timestamp()))}
        made = (after[entity].keys() | gone) - before[entity].keys()
        assert made, f"no {entity} was created"
        assert gone, f"no {entity} was deleted"


def test_people_in_france_and_britain_change_what_only_they_have() -> None:
    for number, entity in ((3, "JournalCode"), (4, "TaxPayment")):
        company = _company(number)
        before = len(company.table(entity))
        People(company, Random(3), changes_per_minute=60).act(1_500)
        assert len(company.table(entity)) > before


def test_every_kind_of_change_happens_back_dated_ones_too() -> None:
    company = _company()
    before = _now(company)
    People(company, Random(3), changes_per_minute=60).act(1_500)
    after = _now(company)
    new = [decode(doc) for object_id, doc in after["Invoice"].items() if object_id not in before["Invoice"]]
    assert any(doc["TxnDate"] < "2026-01-01" for doc in new), "nothing was entered with an old date"
    for entity in ("Invoice", "Payment", "SalesReceipt", "BillPayment"):
        voids = {object_id for object_id, doc in after[entity].items() if b'"PrivateNote":"Voided' in doc}
        assert any(b'"PrivateNote":"Voided' not in before[entity].get(object_id, b"") for object_id in voids), entity
    assert any(doc["LinkedTxn"] for doc in new), "nothing new was paid"
    assert {row.active for row in company.table("Customer").all()} == {True, False}
    assert company.deleted_since("Payment", int(NOW.timestamp()))


def test_the_same_seed_makes_the_same_changes() -> None:
    states = []
    for _ in range(2):
        company = _company()
        People(company, Random(8), changes_per_minute=60).act(300)
        states.append(_now(company))
    assert states[0] == states[1]


def test_customers_still_owe_the_sum_of_what_is_open() -> None:
    company = _company(rows=2_000)
    People(company, Random(4), changes_per_minute=60).act(800)
    owed: dict[str, int] = defaultdict(int)
    for entity, sign, attribute in (("Invoice", 1, "Balance"), ("CreditMemo", -1, "Balance"), ("Payment", -1, "")):
        for row in company.table(entity).all():
            doc = decode(row.doc)
            owed[doc["CustomerRef"]["value"]] += sign * cents(doc[attribute or "UnappliedAmt"])
    balances = {row.id: cents(decode(row.doc)["Balance"]) for row in company.table("Customer").all()}
    assert balances == {party: owed[party] for party in balances}


def test_links_between_payments_and_invoices_hold_both_ways() -> None:
    company = _company()
    People(company, Random(6), changes_per_minute=60).act(800)
    invoices = {row.id: decode(row.doc) for row in company.table("Invoice").all()}
    paid = defaultdict(int)
    links = set()
    for row in company.table("Payment").all():
        for line in decode(row.doc)["Line"]:
            (link,) = line["LinkedTxn"]
            paid[link["TxnId"]] += cents(line["Amount"])
            links.add((link["TxnId"], row.id))
    assert links == {(number, link["TxnId"]) for number, doc in invoices.items() for link in doc["LinkedTxn"]}
    assert all(cents(doc["TotalAmt"]) - cents(doc["Balance"]) == paid[number] for number, doc in invoices.items())


def test_balances_can_move_without_the_sync_token_as_recorded() -> None:
    company = _company()
    before = {row.id: row for row in company.table("Customer").all()}
    people = People(company, Random(3), changes_per_minute=60, counted_balances=False)
    people._habits = [habit for habit in people._habits if habit.act == people._pay]
    people._weights = [1.0]
    people.act(5)
    moved = [row for row in company.table("Customer").all() if row != before[row.id]]
    assert moved
    assert all(row.sync_token == before[row.id].sync_token and row.updated > before[row.id].updated for row in moved)


@pytest.mark.virtual
async def test_people_keep_the_rate_until_they_are_cancelled() -> None:
    company = _company()
    people = People(company, Random(1), changes_per_minute=30)
    acts = []
    people.act = acts.append  # type: ignore[method-assign]
    with anyio.move_on_after(3_600):
        await people.run()
    assert 1_600 < sum(acts) < 2_000  # 1,800 are expected in an hour; 200 are nearly five standard deviations


@pytest.mark.virtual
async def test_people_who_change_nothing_just_wait() -> None:
    company = _company()
    with anyio.move_on_after(3_600) as scope:
        await People(company, Random(1), changes_per_minute=0).run()
    assert scope.cancelled_caught
    assert company.changes == 0


def test_a_negative_rate_is_refused() -> None:
    with pytest.raises(UsageError):
        People(_company(), Random(1), changes_per_minute=-1)


@pytest.mark.parametrize("late", [False, True])
def test_people_go_on_with_what_programs_have_entered(late: bool) -> None:
    """Customers, currencies and open forms that came through the API, before or after they began to work."""
    company = _company(1)
    early = None if late else People(company, Random(3), changes_per_minute=60)
    for entity in ("Invoice", "Bill"):
        for row in company.table(entity).all():
            company.delete(entity, row.id)
    item = next(row.id for row in company.table("Item").all() if decode(row.doc)["Type"] == "Service")
    account = next(row.id for row in company.table("Account").all() if decode(row.doc)["AccountType"] == "Expense")
    sold = {"Amount": 90, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {"ItemRef": {"value": item}}}
    kind = "AccountBasedExpenseLineDetail"
    bought = {"Amount": 90, "DetailType": kind, kind: {"AccountRef": {"value": account}}}

    def entered(entity: str, body: dict) -> dict:
        written = write(company, entity, "create", decode(encode(body)), frozenset())
        return decode(b"{" + written + b"}")[entity]

    entered("CompanyCurrency", {"Code": "NZD", "Name": "Kiwi"})
    entered("Item", {"Name": "Bare", "Type": "Service", "IncomeAccountRef": {"value": account}})
    customer = entered("Customer", {"DisplayName": "Late", "CurrencyRef": {"value": "NZD"}})
    vendor = entered("Vendor", {"DisplayName": "Later"})
    for _ in range(20):
        entered("Invoice", {"CustomerRef": {"value": customer["Id"]}, "Line": [sold]})
        entered("Bill", {"VendorRef": {"value": vendor["Id"]}, "Line": [bought]})
    people = early or People(company, Random(3), changes_per_minute=60)
    people.act(600)
    payers = {decode(row.doc)["CustomerRef"]["value"] for row in company.table("Payment").all()}
    paid = {decode(row.doc)["VendorRef"]["value"] for row in company.table("BillPayment").all()}
    assert customer["Id"] in payers
    assert vendor["Id"] in paid
