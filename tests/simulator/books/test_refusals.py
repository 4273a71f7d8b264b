"""What the books do not allow, and that they allow the same with nothing in its way."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from backfill.simulator.books.effects import settle
from backfill.simulator.books.refusals import CHECKS, refusal
from backfill.simulator.changes import deactivated, voided
from backfill.simulator.company import Company
from backfill.simulator.documents import Doc, decode

AMY, BOB, CAL, JOB = ({"value": number} for number in "1234")
BANK, DRAWER = {"value": "1"}, {"value": "2"}


@pytest.fixture
def company() -> Company:
    company = Company(
        realm_id="1",
        name="Small",
        country="US",
        home_currency="USD",
        multicurrency=False,
        now=lambda: datetime(2026, 11, 20, 18, tzinfo=UTC),
    )
    for name in ("Amy", "Bob"):
        company.create("Customer", {"DisplayName": name, "Active": True, "Balance": 0})
    company.create("Vendor", {"DisplayName": "Cal", "Active": True, "Balance": 0})
    company.create("Customer", {"DisplayName": "Job", "Active": True, "Balance": 0, "ParentRef": AMY})
    company.create("Account", {"Name": "Checking", "AccountType": "Bank", "AccountSubType": "Checking"})
    kind = {"AccountType": "Other Current Asset", "AccountSubType": "UndepositedFunds"}
    company.create("Account", {"Name": "Undeposited Funds", **kind})
    return company


def make(company: Company, entity: str, doc: Doc) -> Doc:
    made = decode(company.create(entity, doc).doc)
    settle(company, entity, None, made)
    return stored(company, entity, made)


def stored(company: Company, entity: str, doc: Doc) -> Doc:
    row = company.table(entity).get(doc["Id"])
    assert row
    return decode(row.doc)


def invoice(company: Company, total: int = 100, customer: Doc = AMY) -> Doc:
    doc = {"CustomerRef": customer, "TotalAmt": total, "Balance": total, "LinkedTxn": [], "Line": []}
    return make(company, "Invoice", doc | {"TxnDate": "2026-11-01"})


def paying(total: int, *parts: tuple[int, str, str], customer: Doc = AMY) -> Doc:
    lines = [{"Amount": amount, "LinkedTxn": [{"TxnType": kind, "TxnId": number}]} for amount, kind, number in parts]
    head = {"TxnDate": "2026-11-02", "CustomerRef": customer, "VendorRef": CAL, "DepositToAccountRef": DRAWER}
    return {**head, "TotalAmt": total, "LinkedTxn": [], "Line": lines}


def code(company: Company, entity: str, before: Doc | None, after: Doc | None) -> str:
    fault = refusal(company, entity, before, after)
    return fault.code if fault else ""


def test_what_is_paid_cannot_be_deleted_lowered_below_it_or_given_to_another(company: Company) -> None:
    owed = invoice(company)
    assert code(company, "Invoice", owed, None) == ""
    make(company, "Payment", paying(60, (60, "Invoice", owed["Id"])))
    owed = stored(company, "Invoice", owed)
    assert code(company, "Invoice", owed, None) == "6000"
    assert code(company, "Invoice", owed, {**owed, "TotalAmt": 59}) == "6000"
    assert code(company, "Invoice", owed, {**owed, "TotalAmt": 60}) == ""
    assert code(company, "Invoice", owed, {**owed, "CustomerRef": BOB}) == "6000"
    assert code(company, "Invoice", owed, voided(owed)) == "", "voiding leaves the payment unapplied"


def test_no_more_is_settled_than_is_open(company: Company) -> None:
    owed = invoice(company)
    make(company, "Payment", first := paying(60, (60, "Invoice", owed["Id"])))
    assert code(company, "Payment", None, paying(41, (41, "Invoice", owed["Id"]))) == "6000"
    assert code(company, "Payment", None, paying(40, (40, "Invoice", owed["Id"]))) == ""
    assert code(company, "Payment", None, paying(40, (-1, "Invoice", owed["Id"]))) == "6000"
    (row,) = company.table("Payment").all()
    old = decode(row.doc)
    assert code(company, "Payment", old, {**first, "Line": paying(0, (100, "Invoice", owed["Id"]))["Line"]}) == "6000"
    assert code(company, "Payment", old, paying(100, (100, "Invoice", owed["Id"]))) == "", "its own part counts as open"


def test_no_more_is_settled_than_is_paid(company: Company) -> None:
    owed = invoice(company)
    assert code(company, "Payment", None, paying(50, (60, "Invoice", owed["Id"]))) == "6000"
    assert code(company, "Payment", None, paying(60, (60, "Invoice", owed["Id"]))) == ""


def test_people_pay_what_is_theirs_or_below_them(company: Company) -> None:
    owed, below = invoice(company), invoice(company, customer=JOB)
    assert code(company, "Payment", None, paying(5, (5, "Invoice", owed["Id"]), customer=BOB)) == "6000"
    assert code(company, "Payment", None, paying(5, (5, "Invoice", below["Id"]))) == ""
    assert code(company, "Payment", None, paying(5, (5, "Invoice", "999"))) == "620"
    bill = {
        "TxnDate": "2026-11-01",
        "VendorRef": {"value": "9"},
        "TotalAmt": 5,
        "Balance": 5,
        "LinkedTxn": [],
        "Line": [],
    }
    other = make(company, "Bill", bill)
    assert code(company, "BillPayment", None, paying(5, (5, "Bill", other["Id"]))) == "6000"


def _deposit(company: Company, *numbers: str) -> Doc:
    lines = paying(0, *((60, "Payment", number) for number in numbers))["Line"]
    return {"TxnDate": "2026-11-03", "DepositToAccountRef": BANK, "TotalAmt": 60 * len(numbers), "Line": lines}


def test_what_was_deposited_stays_until_the_deposit_goes(company: Company) -> None:
    payment = make(company, "Payment", paying(60))
    make(company, "Deposit", _deposit(company, payment["Id"]))
    payment = stored(company, "Payment", payment)
    assert code(company, "Payment", payment, None) == "6540"
    assert code(company, "Payment", payment, voided(payment)) == "6540"
    assert code(company, "Payment", payment, {**payment, "TotalAmt": 61}) == "6540"
    assert code(company, "Payment", payment, {**payment, "PrivateNote": "x"}) == ""


def test_only_what_waits_is_deposited_and_only_once(company: Company) -> None:
    payment = make(company, "Payment", paying(60))
    banked = make(company, "Payment", {**paying(60), "DepositToAccountRef": BANK})
    assert code(company, "Deposit", None, _deposit(company, payment["Id"])) == ""
    assert code(company, "Deposit", None, _deposit(company, banked["Id"])) == "620"
    assert code(company, "Deposit", None, _deposit(company, "999")) == "620"
    deposit = make(company, "Deposit", _deposit(company, payment["Id"]))
    assert code(company, "Deposit", None, _deposit(company, payment["Id"])) == "620"
    assert code(company, "Deposit", deposit, {**deposit, "PrivateNote": "x"}) == ""


@pytest.mark.parametrize(("entity", "number"), [("Customer", "1"), ("Vendor", "3")])
def test_who_owes_or_is_owed_stays_active(company: Company, entity: str, number: str) -> None:
    row = company.table(entity).get(number)
    assert row
    before = decode(row.doc)
    assert code(company, entity, before, deactivated(entity, before)) == ""
    before["Balance"] = 5
    assert code(company, entity, before, deactivated(entity, before)) == "6220"
    assert code(company, entity, before, {**before, "Notes": "x"}) == ""


def test_what_has_no_checks_is_not_refused(company: Company) -> None:
    assert "Transfer" not in CHECKS
    assert code(company, "Transfer", None, {"Amount": 5}) == ""
