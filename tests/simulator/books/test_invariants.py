"""Whatever happens to a company, its books balance and agree with its documents."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import pytest

from backfill.simulator.books.effects import settle
from backfill.simulator.changes import voided
from backfill.simulator.company import Company
from backfill.simulator.documents import Doc, cents, decode, encode, money
from backfill.simulator.faults import FaultedError
from backfill.simulator.fleet import Fleet
from backfill.simulator.people import People
from backfill.simulator.stored import StoredObject
from backfill.simulator.writing.writer import write

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = "2026-11-20"
SAMPLE, MANY_CURRENCIES, PLAIN, FRANCE, BRITAIN = range(5)
Audit = Callable[[Company], None]


class Wild:
    """Does at random what people and programs may do, and what they should not: it asks for no refusal."""

    def __init__(self, company: Company, seed: int) -> None:
        self.company = company
        self.rng = Random(seed)
        self.written = 0
        self.people = People(company, Random(seed), changes_per_minute=60)
        self.acts = (
            self.credit, self.pay_two, self.delete_paid, self.void_paid, self.charge_more, self.revalue, self.correct,
            self.apply_vendor_credit, self.post_elsewhere, self.stock_new, self.trade_stock, self.write, self.rewrite,
            self.open,
        )  # fmt: skip

    def act(self) -> None:
        if self.rng.random() < 0.6:
            self.people.act(1)
        else:
            self.rng.choice(self.acts)()

    def row(self, entity: str, fits: Callable[[Doc], bool] = lambda _doc: True) -> tuple[StoredObject, Doc] | None:
        rows = self.company.table(entity).all()
        for _ in range(12):
            if rows and fits(doc := decode((row := self.rng.choice(rows)).doc)):
                return row, doc
        return None

    def create(self, entity: str, doc: Doc) -> Doc:
        made = decode(self.company.create(entity, doc).doc)
        settle(self.company, entity, None, made)
        return made

    def replace(self, entity: str, before: Doc, after: Doc) -> None:
        settle(self.company, entity, before, decode(self.company.replace(entity, before["Id"], after).doc))

    def copied(self, doc: Doc, total: int, **more: object) -> Doc:
        """A form like another, with one line of one product."""
        item = self.rng.choice(self.people._clerk.books.products)
        line = {"Amount": money(total), "DetailType": "SalesItemLineDetail"}
        form = {key: doc[key] for key in ("CustomerRef", "CurrencyRef", "ExchangeRate") if key in doc}
        detail = {"SalesItemLineDetail": {"ItemRef": item.reference, "Qty": 1}}
        return {**form, "TxnDate": DAY, "TotalAmt": money(total), "Line": [{**line, **detail}], **more}

    def paying(self, doc: Doc, total: int, parts: list[tuple[str, str, int]]) -> Doc:
        """A payment by whoever the document is about, at a rate a little off."""
        keys = ("CustomerRef", "VendorRef", "CurrencyRef", "ExchangeRate")
        head = {key: doc[key] for key in keys if key in doc}
        if head.get("ExchangeRate", 1) != 1:
            head["ExchangeRate"] = Decimal(head["ExchangeRate"]) * self.rng.randrange(90, 110) / 100
        lines = [
            {"Amount": money(amount), "LinkedTxn": [{"TxnType": kind, "TxnId": number}]}
            for kind, number, amount in parts
        ]
        return {**head, "TxnDate": DAY, "TotalAmt": money(total), "LinkedTxn": [], "Line": lines}

    def credit(self) -> None:
        """A credit memo, applied to an open invoice by a payment of nothing."""
        if found := self.row("Invoice", lambda doc: cents(doc["Balance"]) > 10):
            doc = found[1]
            amount = self.rng.randrange(1, cents(doc["Balance"]))
            memo = self.create("CreditMemo", self.copied(doc, amount + 5))
            parts = [("Invoice", doc["Id"], amount), ("CreditMemo", memo["Id"], amount)]
            self.create("Payment", self.paying(doc, 0, parts))

    def pay_two(self) -> None:
        """Two invoices, one of them in part, and some more than both."""
        if found := self.row("Invoice", lambda doc: cents(doc["Balance"]) > 10):
            doc = found[1]
            other = self.create("Invoice", self.copied(doc, 777))
            parts = [("Invoice", doc["Id"], cents(doc["Balance"]) // 3), ("Invoice", other["Id"], 777)]
            self.create("Payment", self.paying(doc, parts[0][2] + 1_000, parts))

    def _paid(self) -> tuple[str, StoredObject, Doc] | None:
        entity = self.rng.choice(("Invoice", "Bill", "CreditMemo", "VendorCredit", "Payment"))
        found = self.row(entity, lambda doc: bool(doc.get("LinkedTxn")) and bool(doc["TotalAmt"]))
        return (entity, *found) if found else None

    def delete_paid(self) -> None:
        if found := self._paid():
            entity, row, doc = found
            self.company.delete(entity, row.id)
            settle(self.company, entity, doc, None)

    def void_paid(self) -> None:
        if found := self.row("Invoice", lambda doc: bool(doc["LinkedTxn"]) and bool(doc["TotalAmt"])):
            self.replace("Invoice", found[1], voided(found[1]))

    def charge_more(self) -> None:
        """Another line on an invoice, paid or not; a client that sends back no links does not cut them."""
        if found := self.row("Invoice", lambda doc: bool(doc["TotalAmt"])):
            doc = found[1]
            more = self.copied(doc, 55)
            total = money(cents(doc["TotalAmt"]) + 55)
            self.replace(
                "Invoice", doc, {**doc, "TotalAmt": total, "Line": doc["Line"] + more["Line"], "LinkedTxn": []}
            )

    def revalue(self) -> None:
        """Another rate on what may have been paid already."""
        entity = self.rng.choice(("Invoice", "Bill", "Payment"))
        if found := self.row(entity, lambda doc: doc.get("ExchangeRate", 1) != 1):
            doc = found[1]
            self.replace(entity, doc, {**doc, "ExchangeRate": Decimal(doc["ExchangeRate"]) * 11 / 10})

    def correct(self) -> None:
        """A journal entry that writes off what a customer owes."""
        found = self.row("Customer", lambda doc: doc["CurrencyRef"]["value"] == self.company.home_currency)
        if found is None:
            return
        books = self.people._clerk.books
        who = {"Entity": {"Type": "Customer", "EntityRef": {"value": found[0].id}}}
        sides = [("Credit", books.accounts["AccountsReceivable"][0], who), ("Debit", books.accounts["Expense"][0], {})]
        lines = [
            {
                "Amount": 9,
                "DetailType": "JournalEntryLineDetail",
                "JournalEntryLineDetail": {"PostingType": side, "AccountRef": account, **party},
            }
            for side, account, party in sides
        ]
        self.create("JournalEntry", {"TxnDate": DAY, "TotalAmt": 9, "Line": lines})

    def apply_vendor_credit(self) -> None:
        if found := self.row("Bill", lambda doc: cents(doc["Balance"]) > 10):
            doc = found[1]
            books = self.people._clerk.books
            kind = "AccountBasedExpenseLineDetail"
            line = {"Amount": money(10), "DetailType": kind, kind: {"AccountRef": books.accounts["Expense"][0]}}
            keys = ("VendorRef", "CurrencyRef", "ExchangeRate")
            head = {key: doc[key] for key in keys if key in doc} | {"APAccountRef": doc["APAccountRef"]}
            made = self.create("VendorCredit", {**head, "TxnDate": DAY, "TotalAmt": money(10), "Line": [line]})
            paid = self.paying(doc, 0, [("Bill", doc["Id"], 10), ("VendorCredit", made["Id"], 10)])
            self.create(
                "BillPayment",
                {**paid, "PayType": "Check", "CheckPayment": {"BankAccountRef": books.accounts["Bank"][0]}},
            )

    def post_elsewhere(self) -> None:
        """An item whose sales are income of another kind from now on, and always were."""
        if found := self.row("Item", lambda doc: "IncomeAccountRef" in doc):
            account = self.rng.choice(self.people._clerk.books.accounts["Income"])
            self.replace("Item", found[1], {**found[1], "IncomeAccountRef": account, "QtyOnHand": 5})

    def stock_new(self) -> None:
        if found := self.row("Item", lambda doc: doc["Type"] == "Inventory"):
            name = f"New {self.company.changes}"
            new = {**found[1], "Name": name, "QtyOnHand": self.rng.randrange(9), "InvStartDate": DAY}
            made = self.create("Item", new)
            self.people._clerk.books.learn("Item", made["Id"], made)

    def trade_stock(self) -> None:
        self.people._clerk.enter(self.rng.choice(("InventoryAdjustment", "CreditMemo", "VendorCredit", "Bill")), DAY)

    def write(self) -> None:
        """What a program enters through the API."""
        books, rng = self.people._clerk.books, self.rng
        amount = money(rng.randrange(1, 9_000))
        customer, vendor = rng.choice(books.customers), rng.choice(books.vendors)
        item, bank = rng.choice(books.products).reference, books.accounts["Bank"][0]
        sold = {"DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {"ItemRef": item, "Qty": 2, "UnitPrice": 3}}
        spent = {"DetailType": "AccountBasedExpenseLineDetail", "Amount": amount}
        spent["AccountBasedExpenseLineDetail"] = {"AccountRef": books.account(rng, "Expense")}
        bought = {"DetailType": "ItemBasedExpenseLineDetail", "Amount": 6}
        bought["ItemBasedExpenseLineDetail"] = {"ItemRef": item, "Qty": 2}
        sale = {"CustomerRef": customer.reference, "Line": [sold, {**sold, "Amount": 6}]}
        bill = {"VendorRef": vendor.reference, "Line": [spent, bought]}
        self.asked(
            *rng.choice(
                [
                    ("Invoice", sale),
                    ("SalesReceipt", sale),
                    ("CreditMemo", sale),
                    ("RefundReceipt", {**sale, "DepositToAccountRef": bank}),
                    ("Bill", bill),
                    ("VendorCredit", bill),
                    ("Purchase", {"AccountRef": bank, "PaymentType": "Cash", "Line": [spent, bought]}),
                    ("Payment", {"CustomerRef": customer.reference, "TotalAmt": amount}),
                    ("Payment", self._paying_all()),
                    (
                        "Transfer",
                        {"Amount": amount, "FromAccountRef": bank, "ToAccountRef": books.accounts["Bank"][-1]},
                    ),
                ]
            )
        )

    def open(self) -> None:
        """Accounts and people that begin with something."""
        name, amount = f"Open {self.company.changes}", money(self.rng.randrange(-5_000, 5_000))
        kind = self.rng.choice(("Bank", "Fixed Asset", "Credit Card", "Equity", "Expense"))
        day = self.rng.choice((DAY, "2019-05-05"))
        self.asked(
            *self.rng.choice(
                [
                    ("Customer", {"DisplayName": name, "Balance": amount, "OpenBalanceDate": day}),
                    ("Vendor", {"DisplayName": name, "Balance": amount, "OpenBalanceDate": day}),
                    (
                        "Account",
                        {"Name": name, "AccountType": kind, "OpeningBalance": amount, "OpeningBalanceDate": day},
                    ),
                ]
            )
        )

    def _paying_all(self) -> Doc:
        found = self.row("Invoice", lambda doc: cents(doc["Balance"]) > 0)
        doc = found[1] if found else {}
        total = doc.get("Balance", 0)
        head = {key: doc[key] for key in ("CustomerRef", "CurrencyRef") if key in doc}
        parts = [{"Amount": total, "LinkedTxn": [{"TxnType": "Invoice", "TxnId": doc["Id"]}]}] if doc else []
        return {**head, "TotalAmt": total, "Line": parts}

    def rewrite(self) -> None:
        """What a program changes and takes back through the API."""
        entity = self.rng.choice(
            ("Invoice", "Payment", "Bill", "BillPayment", "SalesReceipt", "JournalEntry", "Deposit")
        )
        if found := self.row(entity):
            doc = found[1]
            operation = self.rng.choice(("update", "delete", "void"))
            changed = {**doc, "PrivateNote": "again", "TxnDate": "2026-10-01"} if operation == "update" else doc
            self.asked(entity, changed, operation)

    def asked(self, entity: str, body: Doc, operation: str = "create") -> None:
        """As the API takes it: refused, or done whole."""
        before = self.company.changes
        try:
            write(self.company, entity, operation, decode(encode(body)), frozenset())
        except FaultedError:
            assert self.company.changes == before, "what is refused changes nothing"
        else:
            self.written += 1


def _company(number: int, rows: int) -> Company:
    fleet = Fleet(realms=5, seed=21, now=lambda: NOW, rows_min=rows, rows_max=rows)
    return fleet.company(fleet.realm_ids[number])


def _walk(company: Company, audit: Audit, *, seed: int, steps: int, audited: int) -> None:
    wild = Wild(company, seed)
    audit(company)
    for step in range(steps):
        wild.act()
        assert company.ledger
        assert sum(company.ledger.daybook().balances().values()) == 0
        if step % audited == 0:
            audit(company)
    audit(company)
    assert wild.written, "nothing was taken through the API"


@pytest.mark.parametrize("number", [SAMPLE, MANY_CURRENCIES, PLAIN, FRANCE, BRITAIN])
def test_the_books_balance_after_every_change(number: int, audit: Audit) -> None:
    _walk(_company(number, 300), audit, seed=number, steps=150, audited=10)


@pytest.mark.parametrize("number", [MANY_CURRENCIES, FRANCE])
def test_the_books_of_a_company_of_copies_balance_too(number: int, audit: Audit) -> None:
    """Changes fall on the core and on its copies, whose stock is made when it is first asked for."""
    company = _company(number, 1_600)
    assert company.table("Invoice").base.is_copied
    _walk(company, audit, seed=number, steps=60, audited=20)


@pytest.mark.long
@pytest.mark.parametrize(("number", "seed"), [(MANY_CURRENCIES, 7), (PLAIN, 8)])
def test_the_books_balance_after_ten_thousand_changes(number: int, seed: int, audit: Audit) -> None:
    """The daybook that each change moves balances after each; every 250 it equals one that is made anew from all."""
    _walk(_company(number, 300), audit, seed=seed, steps=10_000, audited=250)
