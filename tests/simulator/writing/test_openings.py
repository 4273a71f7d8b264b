"""Opening balances: what is asked for on creation is a transaction against Opening Balance Equity."""

from __future__ import annotations

import pytest

from backfill.simulator.documents import cents, decode
from tests.simulator.books.conftest import Audit

DAY = "2026-03-01"


def _equity(counter) -> int:
    (found,) = (
        decode(row.doc)
        for row in counter.company.table("Account").all()
        if decode(row.doc)["AccountSubType"] == "OpeningBalanceEquity"
    )
    return cents(found["CurrentBalance"])


def _entered(counter, entity: str, since: int) -> dict:
    (row,) = counter.company.table(entity).all()[since:]
    return decode(row.doc)


@pytest.mark.parametrize(
    ("entity", "balance", "form"),
    [
        ("Customer", 100, "Invoice"),
        ("Customer", "-12.50", "CreditMemo"),
        ("Vendor", 70.5, "Bill"),
        ("Vendor", -3, "VendorCredit"),
    ],
)
@pytest.mark.parametrize("place", ["counter", "british", "plain"])
def test_a_persons_is_a_form_of_their_own(
    request: pytest.FixtureRequest,
    audit: Audit,
    place: str,
    entity: str,
    balance: object,
    form: str,
) -> None:
    counter = request.getfixturevalue(place)
    before, forms = _equity(counter), len(counter.company.table(form).all())
    body = {"DisplayName": counter.new_name("Old"), "Balance": balance, "OpenBalanceDate": DAY}
    made = counter.post(entity.lower(), body)
    assert (made["Balance"], made["SyncToken"]) == (float(balance), "0")
    entered = _entered(counter, form, forms)
    assert (entered["TxnDate"], entered["PrivateNote"]) == (DAY, "Opening Balance")
    assert (entered["TotalAmt"], entered["Balance"]) == (abs(float(balance)), abs(float(balance)))
    sign = -1 if entity == "Customer" else 1
    assert _equity(counter) - before == sign * round(float(balance) * 100)
    audit(counter.company)


@pytest.mark.parametrize(
    ("kind", "side"), [("Bank", 1), ("Fixed Asset", 1), ("Credit Card", -1), ("Long Term Liability", -1)]
)
def test_an_accounts_is_a_journal_entry(counter, audit: Audit, kind: str, side: int) -> None:
    before, entries = _equity(counter), len(counter.company.table("JournalEntry").all())
    body = {"Name": counter.new_name("New"), "AccountType": kind, "OpeningBalance": 250, "OpeningBalanceDate": DAY}
    made = counter.post("account", body)
    assert (made["CurrentBalance"], made["CurrentBalanceWithSubAccounts"]) == (side * 250, side * 250)
    entered = _entered(counter, "JournalEntry", entries)
    assert (entered["TxnDate"], entered["TotalAmt"]) == (DAY, 250)
    assert _equity(counter) - before == -side * 25_000
    audit(counter.company)


def test_income_and_expenses_have_none(counter) -> None:
    entries = len(counter.company.table("JournalEntry").all())
    body = {"Name": counter.new_name("New"), "AccountType": "Income", "OpeningBalance": 250}
    assert counter.post("account", body)["CurrentBalance"] == 0
    assert len(counter.company.table("JournalEntry").all()) == entries


def test_an_update_enters_nothing(counter) -> None:
    made = counter.post("customer", {"DisplayName": counter.new_name("Old"), "Balance": 5})
    invoices = len(counter.company.table("Invoice").all())
    again = counter.post("customer", {**made, "Balance": 500})
    assert again["Balance"] == 5
    assert len(counter.company.table("Invoice").all()) == invoices


def test_what_is_refused_leaves_nobody_behind(counter) -> None:
    preferences = counter.get("preferences")
    closed = {**preferences["AccountingInfoPrefs"], "BookCloseDate": "2026-06-30"}
    counter.post("preferences", {**preferences, "AccountingInfoPrefs": closed})
    name = counter.new_name("Old")
    before = counter.company.changes
    assert counter.fault("customer", {"DisplayName": name, "Balance": 5, "OpenBalanceDate": DAY})["code"] == "6210"
    assert counter.fault("customer", {"DisplayName": name, "Balance": "x"})["code"] == "2100"
    assert counter.company.changes == before
