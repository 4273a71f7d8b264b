"""The auditor: recounts a company from its documents alone and compares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal

import pytest

from backfill.simulator.books.balances import account_balances
from backfill.simulator.books.entries import quantity
from backfill.simulator.books.ledger import Ledger
from backfill.simulator.books.opening import transactions
from backfill.simulator.books.stored_lists import StoredLists
from backfill.simulator.catalogue import TRAITS
from backfill.simulator.company import Company
from backfill.simulator.documents import Doc, cents, decode

Audit = Callable[[Company], None]
_PAYING = {
    "Payment": ("CustomerRef", {"Invoice": 1, "CreditMemo": -1}),
    "BillPayment": ("VendorRef", {"Bill": 1, "VendorCredit": -1}),
}
_SHOWN = {"Payment": "Payment", "BillPayment": "BillPaymentCheck"}


def _docs(company: Company) -> dict[str, dict[str, Doc]]:
    return {
        entity: {row.id: decode(row.doc) for row in company.table(entity).all()}
        for entity, traits in TRAITS.items()
        if traits.has_id and not traits.wrapped
    }


def _audit_links(docs: dict[str, dict[str, Doc]], home: dict[str, Decimal]) -> dict[str, int]:
    """Every link has its other end and every balance is what is left; what each party owes is handed back.

    `home` gains what the receivable and the payable are worth.
    """
    owed: dict[str, int] = defaultdict(int)
    for paying, (key, signs) in _PAYING.items():
        paid: dict[tuple[str, str], int] = defaultdict(int)
        ends = set()
        for doc in docs[paying].values():
            left = cents(doc["TotalAmt"])
            for line in doc["Line"]:
                (link,) = line["LinkedTxn"]
                paid[link["TxnType"], link["TxnId"]] += cents(line["Amount"])
                ends.add((link["TxnType"], link["TxnId"], doc["Id"]))
                left -= signs[link["TxnType"]] * cents(line["Amount"])
            if paying == "Payment":
                assert cents(doc["UnappliedAmt"]) == left
            owed[doc[key]["value"]] -= left
            home[paying] -= left * Decimal(doc.get("ExchangeRate", 1))
        for entity, sign in signs.items():
            for doc in docs[entity].values():
                left = cents(doc["TotalAmt"]) - cents(doc.get("Deposit", 0)) - paid[entity, doc["Id"]]
                assert cents(doc["Balance"]) == left, f"{entity} {doc['Id']}"
                assert doc.get("RemainingCredit", doc["Balance"]) == doc["Balance"]
                owed[doc[key]["value"]] += sign * left
                home[paying] += sign * left * Decimal(doc.get("ExchangeRate", 1))
                links = {link["TxnId"] for link in doc.get("LinkedTxn", ()) if link["TxnType"] == _SHOWN[paying]}
                assert links == {payer for kind, number, payer in ends if (kind, number) == (entity, doc["Id"])}
    for doc in docs["JournalEntry"].values():
        for line in doc["Line"]:
            detail = line["JournalEntryLineDetail"]
            if "Entity" in detail:
                sign = 1 if (detail["PostingType"] == "Debit") == (detail["Entity"]["Type"] == "Customer") else -1
                owed[detail["Entity"]["EntityRef"]["value"]] += sign * cents(line["Amount"])
                paying = "Payment" if detail["Entity"]["Type"] == "Customer" else "BillPayment"
                home[paying] += sign * cents(line["Amount"]) * Decimal(doc.get("ExchangeRate", 1))
    return owed


def _audit_parties(docs: dict[str, dict[str, Doc]], owed: dict[str, int]) -> None:
    below: dict[str, int] = defaultdict(int)
    for doc in docs["Customer"].values():
        above: Doc | None = doc
        while above:
            below[above["Id"]] += owed[doc["Id"]]
            above = docs["Customer"][above["ParentRef"]["value"]] if "ParentRef" in above else None
    for doc in docs["Customer"].values():
        assert cents(doc["Balance"]) == owed[doc["Id"]], f"Customer {doc['Id']}"
        assert cents(doc["BalanceWithJobs"]) == below[doc["Id"]], f"Customer {doc['Id']}"
    for doc in docs["Vendor"].values():
        assert cents(doc["Balance"]) == owed[doc["Id"]], f"Vendor {doc['Id']}"


def _audit_banking(docs: dict[str, dict[str, Doc]]) -> None:
    banked = set()
    for doc in docs["Deposit"].values():
        for line in doc["Line"]:
            for link in line.get("LinkedTxn", ()):
                banked.add((link["TxnId"], doc["Id"]))
    ends = {(doc["Id"], link["TxnId"]) for doc in docs["Payment"].values() for link in doc["LinkedTxn"]}
    assert ends == banked


def _recounted(company: Company) -> Ledger:
    """A ledger made from nothing but the documents, and what items were set up with."""
    assert company.ledger
    lists = StoredLists(company)
    fresh = Ledger(lists, lambda: transactions(company))
    for stock in company.ledger.stocks.values():
        fresh.set_up(stock.start)
    for transaction in transactions(company):
        fresh.enter(fresh.booked(transaction))
    return fresh


def audited(company: Company) -> None:
    """Fails where anything in the company's books differs from what its documents give."""
    docs = _docs(company)
    home: dict[str, Decimal] = defaultdict(Decimal)
    _audit_parties(docs, _audit_links(docs, home))
    _audit_banking(docs)
    assert company.ledger
    fresh = _recounted(company)
    balances = fresh.daybook().balances()
    assert sum(balances.values()) == 0
    assert company.ledger.daybook().balances() == balances
    sums = {account: (amount, amount) for account, amount in balances.items()}
    facts = [facts for row in company.table("Account").all() if (facts := fresh.lists.account(row.id))]
    right = account_balances(facts, company.home_currency, sums)
    for doc in docs["Account"].values():
        assert {key: cents(doc[key]) for key in right[doc["Id"]]} == right[doc["Id"]], doc["Name"]
    rounded = len(docs["Payment"]) + len(docs["BillPayment"]) if company.multicurrency else 0
    for paying, kind, sign in (("Payment", "Accounts Receivable", 1), ("BillPayment", "Accounts Payable", -1)):
        controls = [account.id for account in facts if account.kind == kind]
        shown = sum(balances.get(account, 0) for account in controls)
        assert abs(sign * shown - home[paying]) <= rounded, kind
    worth = 0
    for item, stock in fresh.stocks.items():
        assert docs["Item"][item].get("QtyOnHand", 0) == quantity(stock.on_hand)
        worth += stock.value
    assets = {stock.start.asset for stock in fresh.stocks.values()}
    assert sum(balances.get(account, 0) for account in assets) == worth


@pytest.fixture
def audit() -> Audit:
    return audited
