"""One payment, one void, one deletion: what each moves elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

import pytest

from backfill.simulator.clerk import Clerk
from backfill.simulator.company import Company
from backfill.simulator.documents import Doc, cents, decode
from backfill.simulator.fleet import Fleet
from backfill.simulator.seed.reader import read_books

DAY = "2026-11-20"


@pytest.fixture
def clerk() -> Clerk:
    fleet = Fleet(realms=2, seed=2, now=lambda: datetime(2026, 11, 20, 12, tzinfo=UTC), rows_min=200, rows_max=200)
    company = fleet.company(fleet.realm_ids[1])
    return Clerk(company, read_books(company), Random(1), counted_balances=True)


def _doc(company: Company, entity: str, object_id: str) -> Doc:
    row = company.table(entity).get(object_id)
    assert row is not None
    return decode(row.doc)


def test_a_payment_closes_its_invoice_and_lowers_what_the_customer_owes(clerk: Clerk) -> None:
    company = clerk.company
    invoice = clerk.enter("Invoice", DAY)
    doc = decode(invoice.doc)
    customer_id = doc["CustomerRef"]["value"]
    total, owed = cents(doc["TotalAmt"]), cents(_doc(company, "Customer", customer_id)["Balance"])
    paid = clerk.pay(invoice, DAY, total)
    after = _doc(company, "Invoice", invoice.id)
    assert (after["Balance"], after["SyncToken"]) == (0, "1")
    assert after["LinkedTxn"] == [{"TxnId": paid.id, "TxnType": "Payment"}]
    assert cents(_doc(company, "Customer", customer_id)["Balance"]) == owed - total

    clerk.remove("Payment", paid)
    assert cents(_doc(company, "Invoice", invoice.id)["Balance"]) == total
    assert _doc(company, "Invoice", invoice.id)["LinkedTxn"] == []
    assert cents(_doc(company, "Customer", customer_id)["Balance"]) == owed


def test_a_bill_paid_and_the_payment_voided_is_open_again(clerk: Clerk) -> None:
    bill = clerk.enter("Bill", DAY)
    total = cents(decode(bill.doc)["TotalAmt"])
    paid = clerk.pay_bill(bill, DAY, total // 2)
    assert cents(_doc(clerk.company, "Bill", bill.id)["Balance"]) == total - total // 2
    clerk.void("BillPayment", paid)
    assert cents(_doc(clerk.company, "Bill", bill.id)["Balance"]) == total
    assert _doc(clerk.company, "BillPayment", paid.id)["TotalAmt"] == 0


def test_what_a_job_owes_its_parents_see(clerk: Clerk) -> None:
    company = clerk.company
    above = company.create("Customer", {"DisplayName": "Above", "Balance": 0, "BalanceWithJobs": 0})
    reference = {"value": above.id, "name": "Above"}
    job = {"DisplayName": "Job", "Level": 1, "ParentRef": reference, "Balance": 0, "BalanceWithJobs": 0}
    below = company.create("Customer", job)
    clerk.books.learn("Customer", below.id, job | {"FullyQualifiedName": "Above:Job"})
    clerk.books.customers[:] = [clerk.books.parties[below.id]]
    invoice = decode(clerk.enter("Invoice", DAY).doc)
    assert _doc(company, "Customer", below.id)["Balance"] == invoice["TotalAmt"]
    assert _doc(company, "Customer", above.id)["Balance"] == 0
    assert _doc(company, "Customer", above.id)["BalanceWithJobs"] == invoice["TotalAmt"]


def test_a_new_list_object_can_be_cited_at_once_and_an_inactive_one_no_more(clerk: Clerk) -> None:
    made = clerk.enter("Vendor", DAY)
    assert made.id in {party.id for party in clerk.books.vendors}
    clerk.books.forget("Vendor", made.id)
    assert made.id not in {party.id for party in clerk.books.vendors}
    names = [decode(row.doc)["DisplayName"] for row in clerk.company.table("Vendor").all()]
    assert len(names) == len(set(names))


def test_what_is_banked_leaves_the_drawer_and_is_linked_both_ways(clerk: Clerk) -> None:
    invoice = clerk.enter("Invoice", DAY)
    paid = clerk.pay(invoice, DAY, cents(decode(invoice.doc)["TotalAmt"]))
    drawer = clerk.books.accounts["UndepositedFunds"][0]["value"]
    held = cents(_doc(clerk.company, "Account", drawer)["CurrentBalance"])
    banked = clerk.bank([paid], DAY)
    assert _doc(clerk.company, "Payment", paid.id)["LinkedTxn"] == [{"TxnId": banked.id, "TxnType": "Deposit"}]
    emptied = cents(_doc(clerk.company, "Account", drawer)["CurrentBalance"])
    assert held - emptied == cents(decode(paid.doc)["TotalAmt"]) == cents(decode(banked.doc)["TotalAmt"])


def test_foreign_money_is_paid_at_another_rate_than_it_was_charged_at() -> None:
    fleet = Fleet(realms=2, seed=2, now=lambda: datetime(2026, 11, 20, 12, tzinfo=UTC), rows_min=300, rows_max=300)
    company = fleet.company(fleet.realm_ids[1])
    clerk = Clerk(company, read_books(company), Random(1), counted_balances=True)
    foreign = [
        row
        for row in company.table("Invoice").all()
        if (doc := decode(row.doc)).get("ExchangeRate", 1) != 1 and cents(doc["Balance"]) > 0
    ]
    rates = [
        (decode(row.doc)["ExchangeRate"], decode(clerk.pay(row, DAY, 100).doc)["ExchangeRate"]) for row in foreign[:5]
    ]
    assert rates
    assert any(charged != paid for charged, paid in rates)
    assert all(abs(paid / charged - 1) < 0.06 for charged, paid in rates)
