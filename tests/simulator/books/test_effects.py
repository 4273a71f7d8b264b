"""One change, and what it does elsewhere: links, open balances, stock, accounts; what keeps its SyncToken."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from backfill.simulator.books.effects import settle
from backfill.simulator.company import Company
from backfill.simulator.documents import Doc, cents, decode

Audit = Callable[[Company], None]
DAY = "2026-11-01"


class Desk:
    """A company without a seeded history, and the shortest way to change it."""

    def __init__(self) -> None:
        self.company = Company(
            realm_id="1",
            name="Small",
            country="US",
            home_currency="USD",
            multicurrency=True,
            now=lambda: datetime(2026, 11, 20, 18, tzinfo=UTC),
        )
        self.bank = self.account("Checking", "Bank", "Checking")
        self.income = self.account("Services", "Income", "ServiceFeeIncome")
        self.cost = self.account("Cost of Goods Sold", "Cost of Goods Sold", "SuppliesMaterialsCogs")
        self.customer = self.made("Customer", {"DisplayName": "Amy", "Balance": 0, "BalanceWithJobs": 0})
        self.vendor = self.made("Vendor", {"DisplayName": "Cal", "Balance": 0})
        self.hours = self.made("Item", {"Name": "Hours", "Type": "Service", "IncomeAccountRef": self.income})

    def account(self, name: str, kind: str, detail: str, **more: object) -> Doc:
        doc = {"Name": name, "AccountType": kind, "AccountSubType": detail, "CurrentBalance": 0, **more}
        return self.made("Account", doc | {"CurrentBalanceWithSubAccounts": 0, "CurrencyRef": {"value": "USD"}})

    def made(self, entity: str, doc: Doc) -> Doc:
        """A new object; handed back as a reference."""
        row = self.company.create(entity, doc)
        settle(self.company, entity, None, decode(row.doc))
        return {"value": row.id}

    def changed(self, entity: str, reference: Doc, **more: object) -> None:
        before = self.doc(entity, reference)
        row = self.company.replace(entity, reference["value"], before | more)
        settle(self.company, entity, before, decode(row.doc))

    def deleted(self, entity: str, reference: Doc) -> None:
        before = self.doc(entity, reference)
        self.company.delete(entity, reference["value"])
        settle(self.company, entity, before, None)

    def doc(self, entity: str, reference: Doc) -> Doc:
        row = self.company.table(entity).get(reference["value"])
        assert row is not None
        return decode(row.doc)

    def balance(self, entity: str, reference: Doc, key: str = "Balance") -> int:
        return cents(self.doc(entity, reference)[key])

    def named(self, name: str) -> Doc | None:
        """An account by its name."""
        docs = [decode(row.doc) for row in self.company.table("Account").all()]
        return next((doc for doc in docs if doc["Name"] == name), None)

    def invoice(self, total: object, **more: object) -> Doc:
        detail = {"DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {"ItemRef": self.hours}}
        doc = {"TxnDate": DAY, "CustomerRef": self.customer, "TotalAmt": total, "Line": [{"Amount": total, **detail}]}
        return self.made("Invoice", {**doc, "LinkedTxn": [], "Balance": total, **more})

    def payment(self, total: object, *parts: tuple[object, str, Doc], **more: object) -> Doc:
        doc = {"TxnDate": DAY, "CustomerRef": self.customer, "TotalAmt": total, "LinkedTxn": [], "Line": lines(parts)}
        return self.made("Payment", {**doc, **more})

    def bill(self, total: object, *lines: Doc) -> Doc:
        doc = {"TxnDate": DAY, "VendorRef": self.vendor, "TotalAmt": total, "Line": list(lines), "LinkedTxn": []}
        return self.made("Bill", {**doc, "Balance": total})


def lines(parts: tuple[tuple[object, str, Doc], ...]) -> list[Doc]:
    return [
        {"Amount": amount, "LinkedTxn": [{"TxnType": kind, "TxnId": reference["value"]}]}
        for amount, kind, reference in parts
    ]


def of_item(item: Doc, amount: object, qty: object) -> Doc:
    kind = "ItemBasedExpenseLineDetail"
    return {"Amount": amount, "DetailType": kind, kind: {"ItemRef": item, "Qty": qty}}


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_payment_is_linked_both_ways_and_the_rest_of_it_stays_unapplied(desk: Desk) -> None:
    invoice = desk.invoice(100)
    payment = desk.payment(150, (60, "Invoice", invoice))
    doc = desk.doc("Invoice", invoice)
    assert (doc["Balance"], doc["SyncToken"]) == (Decimal("40.00"), "1"), "recorded: a payment moves it"
    assert doc["LinkedTxn"] == [{"TxnId": payment["value"], "TxnType": "Payment"}]
    paid = desk.doc("Payment", payment)
    assert (paid["UnappliedAmt"], paid["SyncToken"]) == (Decimal("90.00"), "0")
    assert (
        desk.balance("Customer", desk.customer) == desk.balance("Customer", desk.customer, "BalanceWithJobs") == -5000
    )
    assert desk.doc("Customer", desk.customer)["SyncToken"] == "0", "recorded: a balance moves LastUpdatedTime alone"

    desk.changed("Payment", payment, Line=[])
    assert (desk.balance("Invoice", invoice), desk.doc("Invoice", invoice)["LinkedTxn"]) == (10000, [])
    assert desk.balance("Payment", payment, "UnappliedAmt") == 15000
    desk.deleted("Payment", payment)
    assert desk.balance("Customer", desk.customer) == 10000


def test_an_invoice_that_goes_leaves_its_payment_unapplied(desk: Desk, audit: Audit) -> None:
    first, second = desk.invoice(100), desk.invoice(30)
    payment = desk.payment(130, (100, "Invoice", first), (30, "Invoice", second))
    desk.deleted("Invoice", first)
    doc = desk.doc("Payment", payment)
    assert (cents(doc["UnappliedAmt"]), len(doc["Line"]), doc["SyncToken"]) == (10000, 1, "1")
    assert desk.balance("Customer", desk.customer) == -10000
    audit(desk.company)


def test_a_client_that_does_not_send_the_links_back_does_not_cut_them(desk: Desk) -> None:
    invoice = desk.invoice(100)
    payment = desk.payment(60, (60, "Invoice", invoice))
    desk.changed("Invoice", invoice, LinkedTxn=[], Balance=100, PrivateNote="x")
    doc = desk.doc("Invoice", invoice)
    assert (cents(doc["Balance"]), doc["SyncToken"]) == (4000, "2")
    assert [link["TxnId"] for link in doc["LinkedTxn"]] == [payment["value"]]


def test_accounts_that_are_missing_are_made_as_they_are_needed(desk: Desk) -> None:
    assert desk.named("Accounts Receivable (A/R)") is None
    desk.payment(60, (60, "Invoice", desk.invoice(100)))
    receivable, undeposited = desk.named("Accounts Receivable (A/R)"), desk.named("Undeposited Funds")
    assert receivable
    assert undeposited
    assert (cents(receivable["CurrentBalance"]), cents(undeposited["CurrentBalance"])) == (4000, 6000)
    assert desk.named("Exchange Gain or Loss") is None
    assert desk.doc("Account", desk.income)["CurrentBalance"] == 0, "recorded: income shows no balance"


def test_what_an_account_below_holds_those_above_show(desk: Desk) -> None:
    below = desk.account("Petty cash", "Bank", "CashOnHand", ParentRef=desk.bank, SubAccount=True)
    desk.made("Transfer", {"TxnDate": DAY, "Amount": 7, "FromAccountRef": desk.bank, "ToAccountRef": below})
    keys = ("CurrentBalance", "CurrentBalanceWithSubAccounts")
    assert [desk.balance("Account", below, key) for key in keys] == [700, 700]
    assert [desk.balance("Account", desk.bank, key) for key in keys] == [-700, 0]


def test_an_account_in_foreign_money_shows_that_money(desk: Desk) -> None:
    euros = desk.account("Compte", "Bank", "Checking")
    desk.changed("Account", euros, CurrencyRef={"value": "EUR"})
    line = {"Amount": 10, "DetailType": "DepositLineDetail", "DepositLineDetail": {"AccountRef": desk.income}}
    doc = {"TxnDate": DAY, "DepositToAccountRef": euros, "TotalAmt": 10, "CurrencyRef": {"value": "EUR"}}
    desk.made("Deposit", {**doc, "ExchangeRate": Decimal("1.25"), "Line": [line]})
    assert desk.balance("Account", euros, "CurrentBalance") == 1000
    assert desk.company.ledger
    assert desk.company.ledger.daybook().balances()[euros["value"]] == 1250


def test_a_gain_by_exchange_is_taken_when_it_is_made_and_follows_the_rate(desk: Desk, audit: Audit) -> None:
    euro = {"CurrencyRef": {"value": "EUR"}}
    invoice = desk.invoice(100, **euro, ExchangeRate=Decimal("1.25"))
    desk.payment(100, (100, "Invoice", invoice), **euro, ExchangeRate=Decimal("1.5"))
    gain = desk.named("Exchange Gain or Loss")
    assert gain
    assert desk.company.ledger
    assert desk.company.ledger.daybook().balances()[gain["Id"]] == -2500
    assert desk.balance("Customer", desk.customer) == 0
    desk.changed("Invoice", invoice, ExchangeRate=Decimal("1.3"))
    assert desk.company.ledger.daybook().balances()[gain["Id"]] == -2000
    audit(desk.company)


def test_stock_follows_what_is_bought_and_sold(desk: Desk, audit: Audit) -> None:
    stock = desk.account("Inventory Asset", "Other Current Asset", "Inventory")
    pump = {"Name": "Pump", "Type": "Inventory", "QtyOnHand": 2, "PurchaseCost": 5, "InvStartDate": DAY}
    item = desk.made(
        "Item", {**pump, "IncomeAccountRef": desk.income, "ExpenseAccountRef": desk.cost, "AssetAccountRef": stock}
    )
    equity = desk.named("Opening Balance Equity")
    assert equity
    assert (desk.balance("Account", stock, "CurrentBalance"), cents(equity["CurrentBalance"])) == (1000, -1000)
    desk.bill(30, of_item(item, 30, 3))
    kind = "SalesItemLineDetail"
    sale = [{"Amount": 50, "DetailType": kind, kind: {"ItemRef": item, "Qty": Decimal("2.5")}}]
    sold = desk.invoice(50, Line=sale)
    assert desk.doc("Item", item)["QtyOnHand"] == Decimal("2.5")
    assert desk.balance("Account", stock, "CurrentBalance") == 1000 + 3000 - 1500
    desk.changed("Item", item, QtyOnHand=99)
    assert desk.doc("Item", item)["QtyOnHand"] == Decimal("2.5"), "what a client says of it does not count"
    desk.deleted("Invoice", sold)
    assert (desk.doc("Item", item)["QtyOnHand"], desk.balance("Account", stock, "CurrentBalance")) == (5, 4000)
    audit(desk.company)


def test_a_deposit_empties_the_drawer_and_its_deletion_fills_it(desk: Desk) -> None:
    payment = desk.payment(60)
    doc = {"TxnDate": DAY, "DepositToAccountRef": desk.bank, "TotalAmt": 60, "Line": lines(((60, "Payment", payment),))}
    deposit = desk.made("Deposit", doc)
    assert desk.doc("Payment", payment)["LinkedTxn"] == [{"TxnId": deposit["value"], "TxnType": "Deposit"}]
    assert desk.balance("Account", desk.bank, "CurrentBalance") == 6000
    desk.deleted("Deposit", deposit)
    assert desk.doc("Payment", payment)["LinkedTxn"] == []
    assert desk.balance("Account", desk.bank, "CurrentBalance") == 0


def test_an_estimate_is_closed_by_its_invoice_and_open_again_without_it(desk: Desk) -> None:
    estimate = desk.made("Estimate", {"TxnDate": DAY, "CustomerRef": desk.customer, "TxnStatus": "Pending", "Line": []})
    invoice = desk.invoice(5, LinkedTxn=[{"TxnId": estimate["value"], "TxnType": "Estimate"}])
    doc = desk.doc("Estimate", estimate)
    assert (doc["TxnStatus"], [link["TxnId"] for link in doc["LinkedTxn"]]) == ("Closed", [invoice["value"]])
    desk.deleted("Invoice", invoice)
    doc = desk.doc("Estimate", estimate)
    assert (doc["TxnStatus"], doc["LinkedTxn"]) == ("Pending", [])


def test_bills_and_vendor_credits_settle_each_other(desk: Desk, audit: Audit) -> None:
    kind = "AccountBasedExpenseLineDetail"
    spent = {"Amount": 80, "DetailType": kind, kind: {"AccountRef": desk.cost}}
    bill = desk.bill(80, spent)
    credit = desk.made(
        "VendorCredit", {"TxnDate": DAY, "VendorRef": desk.vendor, "TotalAmt": 80, "Balance": 80, "Line": [spent]}
    )
    parts = lines(((50, "Bill", bill), (20, "VendorCredit", credit)))
    how = {"PayType": "Check", "CheckPayment": {"BankAccountRef": desk.bank}}
    payment = desk.made("BillPayment", {"TxnDate": DAY, "VendorRef": desk.vendor, "TotalAmt": 30, "Line": parts, **how})
    assert (desk.balance("Bill", bill), desk.balance("VendorCredit", credit)) == (3000, 6000)
    assert desk.doc("Bill", bill)["LinkedTxn"] == [{"TxnId": payment["value"], "TxnType": "BillPaymentCheck"}]
    assert desk.balance("Vendor", desk.vendor) == 3000 - 6000
    audit(desk.company)


def test_balances_are_counted_where_that_is_asked(desk: Desk) -> None:
    row = desk.company.create("Invoice", desk.doc("Invoice", desk.invoice(5)))
    settle(desk.company, "Invoice", None, decode(row.doc), counted_balances=True)
    assert desk.doc("Customer", desk.customer)["SyncToken"] == "1"


def test_a_change_that_moves_no_money_touches_nothing_else(desk: Desk) -> None:
    invoice = desk.invoice(5)
    before = desk.company.changes
    desk.changed("Invoice", invoice, PrivateNote="only a note")
    assert desk.company.changes == before + 1


def test_what_was_paid_down_at_once_is_not_open(desk: Desk, audit: Audit) -> None:
    invoice = desk.invoice(100, Deposit=30, DepositToAccountRef=desk.bank)
    assert desk.balance("Invoice", invoice) == desk.balance("Customer", desk.customer) == 7000
    desk.payment(70, (70, "Invoice", invoice))
    assert desk.balance("Invoice", invoice) == desk.balance("Customer", desk.customer) == 0
    audit(desk.company)


def test_a_deposit_holds_less_when_a_payment_in_it_goes(desk: Desk) -> None:
    first, second = desk.payment(60), desk.payment(40)
    taken = lines(((60, "Payment", first), (40, "Payment", second)))
    doc = {"TxnDate": DAY, "DepositToAccountRef": desk.bank, "TotalAmt": 100, "Line": taken}
    deposit = desk.made("Deposit", doc)
    desk.deleted("Payment", first)
    assert (desk.balance("Deposit", deposit, "TotalAmt"), len(desk.doc("Deposit", deposit)["Line"])) == (4000, 1)
    assert desk.balance("Account", desk.bank, "CurrentBalance") == 4000


@pytest.mark.parametrize("change", ["created", "changed", "deleted"])
def test_a_ledger_made_by_the_change_itself_begins_before_it(desk: Desk, audit: Audit, change: str) -> None:
    stock = desk.account("Inventory Asset", "Other Current Asset", "Inventory")
    pump = {"Name": "Pump", "Type": "Inventory", "QtyOnHand": 9, "PurchaseCost": 5, "AssetAccountRef": stock}
    item = desk.made("Item", {**pump, "ExpenseAccountRef": desk.cost})
    bill = desk.bill(30, of_item(item, 30, 3))
    desk.company.ledger = None
    match change:
        case "created":
            desk.bill(10, of_item(item, 10, 1))
        case "changed":
            desk.changed("Bill", bill, Line=[of_item(item, 30, 4)])
        case _:
            desk.deleted("Bill", bill)
    assert desk.doc("Item", item)["QtyOnHand"] == {"created": 13, "changed": 13, "deleted": 9}[change]
    audit(desk.company)
