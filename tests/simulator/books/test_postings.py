"""What each transaction posts, account by account; foreign money; what posts nothing."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from backfill.simulator.books.entries import Party
from backfill.simulator.books.lists import Rate, SownLists
from backfill.simulator.books.postings import POSTINGS, effects_of
from backfill.simulator.catalogue import TRAITS
from backfill.simulator.changes import voided
from backfill.simulator.documents import Doc

ACCOUNTS = {
    "ar": ("Accounts Receivable (A/R)", "Accounts Receivable", "AccountsReceivable"),
    "ap": ("Accounts Payable (A/P)", "Accounts Payable", "AccountsPayable"),
    "undeposited": ("Undeposited Funds", "Other Current Asset", "UndepositedFunds"),
    "bank": ("Checking", "Bank", "Checking"),
    "savings": ("Savings", "Bank", "Savings"),
    "card": ("Visa", "Credit Card", "CreditCard"),
    "sales": ("Sales", "Income", "SalesOfProductIncome"),
    "services": ("Services", "Income", "ServiceFeeIncome"),
    "cogs": ("Cost of Goods Sold", "Cost of Goods Sold", "SuppliesMaterialsCogs"),
    "stock": ("Inventory Asset", "Other Current Asset", "Inventory"),
    "rent": ("Rent", "Expense", "RentOrLeaseOfBuildings"),
    "tax": ("Sales Tax Payable", "Other Current Liability", "GlobalTaxPayable"),
    "discount": ("Discounts given", "Income", "DiscountsRefundsGiven"),
    "shipping": ("Shipping Income", "Income", "SalesOfProductIncome"),
    "exchange": ("Exchange Gain or Loss", "Other Expense", "ExchangeGainOrLoss"),
    "lost": ("Uncategorized Expense", "Expense", "OtherMiscellaneousServiceCost"),
    "found": ("Uncategorized Income", "Income", "ServiceFeeIncome"),
}


class Known(SownLists):
    """A chart of accounts whose Ids are words, three items, and the rates of what is settled."""

    def __init__(self) -> None:
        super().__init__("USD")
        self.rates: dict[tuple[str, str], Rate] = {}
        for key, (name, kind, detail) in ACCOUNTS.items():
            self.learn("Account", key, {"Name": name, "AccountType": kind, "AccountSubType": detail})
        self.learn("Item", "hours", {"Type": "Service", "IncomeAccountRef": {"value": "services"}})
        parts = {"IncomeAccountRef": {"value": "sales"}, "ExpenseAccountRef": {"value": "cogs"}}
        self.learn("Item", "pump", {"Type": "Inventory", **parts, "AssetAccountRef": {"value": "stock"}})
        self.learn("Item", "sod", {"Type": "NonInventory", **parts})

    def rate(self, entity: str, object_id: str) -> Rate | None:
        return self.rates.get((entity, object_id))


def ref(value: str) -> Doc:
    return {"value": value}


def line(kind: str, amount: object, **detail: Any) -> Doc:
    return {"Amount": amount, "DetailType": kind, kind: detail}


def sold(item: str, amount: object, qty: object = 1) -> Doc:
    return line("SalesItemLineDetail", amount, ItemRef=ref(item), Qty=qty)


def spent(account: str, amount: object) -> Doc:
    return line("AccountBasedExpenseLineDetail", amount, AccountRef=ref(account))


def bought(item: str, amount: object, qty: object) -> Doc:
    return line("ItemBasedExpenseLineDetail", amount, ItemRef=ref(item), Qty=qty)


def pays(amount: object, *links: tuple[str, str]) -> Doc:
    return {"Amount": amount, "LinkedTxn": [{"TxnType": kind, "TxnId": number} for kind, number in links]}


def side(posting: str, account: str, amount: object, **more: Any) -> Doc:
    return line("JournalEntryLineDetail", amount, PostingType=posting, AccountRef=ref(account), **more)


AMY = {"CustomerRef": ref("7")}
CAL = {"VendorRef": ref("8")}
SALE = [
    sold("hours", 100),
    sold("SHIPPING_ITEM_ID", 5),
    line("DiscountLineDetail", 10),
    {"DetailType": "GroupLineDetail", "Amount": 30, "GroupLineDetail": {"Line": [sold("sod", 10), sold("sod", 20)]}},
    {"DetailType": "DescriptionOnly", "Description": "thank you"},
    line("SubTotalLineDetail", 125),
]
SOLD = {"services": -10000, "shipping": -500, "discount": 1000, "sod": 0, "sales": -3000, "tax": -800}
SALES_FORM = {**AMY, "Line": SALE, "TxnTaxDetail": {"TotalTax": 8}, "TotalAmt": 133, "DepositToAccountRef": ref("bank")}
PURCHASE = [spent("rent", 40), bought("pump", 60, 3), bought("sod", 5, 1)]
BOUGHT = {"rent": 4000, "stock": 6000, "cogs": 500, "tax": 210}
PURCHASE_FORM = {"Line": PURCHASE, "TxnTaxDetail": {"TotalTax": Decimal("2.1")}, "TotalAmt": Decimal("107.10")}


def _negative(sums: dict[str, int]) -> dict[str, int]:
    return {account: -cents for account, cents in sums.items()}


POSTED: list[tuple[str, str, Doc, dict[str, int]]] = [
    ("an invoice", "Invoice", SALES_FORM, {"ar": 13300, **SOLD}),
    ("an invoice paid down", "Invoice", {**SALES_FORM, "Deposit": 33}, {"ar": 10000, "bank": 3300, **SOLD}),
    ("a sales receipt", "SalesReceipt", SALES_FORM, {"bank": 13300, **SOLD}),
    ("a sale to be banked", "SalesReceipt", {**SALES_FORM, "DepositToAccountRef": {}}, {"undeposited": 13300, **SOLD}),
    ("a refund", "RefundReceipt", SALES_FORM, {"bank": -13300, **_negative(SOLD)}),
    ("a credit memo", "CreditMemo", SALES_FORM, {"ar": -13300, **_negative(SOLD)}),
    (
        "a payment, partly unapplied",
        "Payment",
        {**AMY, "TotalAmt": 50, "Line": [pays(30, ("Invoice", "1"))]},
        {"undeposited": 5000, "ar": -5000},
    ),
    (
        "a credit applied",
        "Payment",
        {**AMY, "TotalAmt": 0, "Line": [pays(30, ("Invoice", "1")), pays(30, ("CreditMemo", "2"))]},
        {"ar": 0},
    ),
    ("a bill", "Bill", {**CAL, **PURCHASE_FORM}, {"ap": -10710, **BOUGHT}),
    ("a check", "Purchase", {**PURCHASE_FORM, "AccountRef": ref("bank")}, {"bank": -10710, **BOUGHT}),
    (
        "a card's refund",
        "Purchase",
        {"Line": [spent("rent", 40)], "TotalAmt": 40, "AccountRef": ref("card"), "Credit": True},
        {"card": 4000, "rent": -4000},
    ),
    # What leaves stock again does so at its cost, which stock posts; the credit itself goes to the cost of sales.
    (
        "a vendor credit",
        "VendorCredit",
        {**CAL, **PURCHASE_FORM},
        {"ap": 10710, "rent": -4000, "cogs": -6500, "tax": -210},
    ),
    (
        "a check for bills",
        "BillPayment",
        {**CAL, "TotalAmt": 70, "PayType": "Check", "CheckPayment": {"BankAccountRef": ref("bank")},
         "Line": [pays(100, ("Bill", "3")), pays(30, ("VendorCredit", "4"))]},
        {"bank": -7000, "ap": 7000},
    ),
    (
        "bills paid by card",
        "BillPayment",
        {**CAL, "TotalAmt": 70, "PayType": "CreditCard", "CreditCardPayment": {"CCAccountRef": ref("card")},
         "CheckPayment": {"BankAccountRef": ref("bank")},
         "Line": [pays(70, ("Bill", "3"))]},
        {"card": -7000, "ap": 7000},
    ),
    (
        "a card paid",
        "CreditCardPayment",
        {"Amount": 9, "BankAccountRef": ref("bank"), "CreditCardAccountRef": ref("card")},
        {"bank": -900, "card": 900},
    ),
    (
        "a deposit with cash back",
        "Deposit",
        {"DepositToAccountRef": ref("bank"), "TotalAmt": 45, "CashBack": {"AccountRef": ref("savings"), "Amount": 5},
         "Line": [pays(30, ("Payment", "5")), line("DepositLineDetail", 20, AccountRef=ref("services"))]},
        {"bank": 4500, "savings": 500, "undeposited": -3000, "services": -2000},
    ),
    (
        "a transfer",
        "Transfer",
        {"Amount": 12, "FromAccountRef": ref("bank"), "ToAccountRef": ref("savings")},
        {"bank": -1200, "savings": 1200},
    ),
    (
        "a journal entry",
        "JournalEntry",
        {"Line": [side("Debit", "rent", 10), side("Credit", "bank", 4), side("Credit", "card", 6)], "TotalAmt": 10},
        {"rent": 1000, "bank": -400, "card": -600},
    ),
    ("tax paid", "TaxPayment", {"PaymentAmount": 6, "PaymentAccountRef": ref("bank")}, {"bank": -600, "tax": 600}),
    (
        "tax refunded",
        "TaxPayment",
        {"PaymentAmount": 6, "PaymentAccountRef": ref("bank"), "Refund": True},
        {"bank": 600, "tax": -600},
    ),
    ("an estimate", "Estimate", SALES_FORM, {}),
    ("an order", "PurchaseOrder", {**CAL, **PURCHASE_FORM}, {}),
    ("hours", "TimeActivity", {"Hours": 8, "HourlyRate": 100}, {}),
    ("a charge to be passed on", "ReimburseCharge", {"Amount": 5, "Line": [line("ReimburseLineDetail", 5)]}, {}),
    ("a template", "RecurringTransaction", {"Invoice": SALES_FORM}, {}),
]  # fmt: skip


def _sums(entity: str, doc: Doc, lists: Known) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for posting in effects_of(entity, doc, lists).postings:
        sums[posting.account] += posting.cents
    return {account: cents for account, cents in sums.items() if cents}


@pytest.mark.parametrize(("entity", "doc", "expected"), [row[1:] for row in POSTED], ids=[row[0] for row in POSTED])
def test_a_transaction_posts(entity: str, doc: Doc, expected: dict[str, int]) -> None:
    posted = _sums(entity, doc, Known())
    assert posted == {account: cents for account, cents in expected.items() if cents}
    assert sum(posted.values()) == 0


def test_every_transaction_has_its_row_and_every_row_its_example() -> None:
    assert set(POSTINGS) == {entity for entity, traits in TRAITS.items() if traits.is_transaction}
    assert set(POSTINGS) - {row[1] for row in POSTED} == {"InventoryAdjustment"}, "which posts through stock alone"


@pytest.mark.parametrize("entity", ["Invoice", "SalesReceipt", "Payment", "BillPayment"])
def test_a_void_posts_nothing(entity: str) -> None:
    doc = next(row[2] for row in POSTED if row[1] == entity)
    effects = effects_of(entity, voided({**doc, "Line": [*doc["Line"], sold("pump", 5)]}), Known())
    assert effects == ((), ())


def test_a_posting_says_whose_it_is_and_under_which_heading() -> None:
    detail = {"ItemRef": ref("hours"), "ClassRef": ref("north")}
    doc = {**AMY, "DepartmentRef": ref("store"), "TotalAmt": 9, "Line": [line("SalesItemLineDetail", 9, **detail)]}
    whole, part = effects_of("Invoice", doc, Known()).postings
    assert (whole.party, whole.line, whole.side) == (Party("Customer", "7"), -1, "Debit")
    assert (part.party, part.line, part.side) == (Party("Customer", "7"), 0, "Credit")
    assert (part.klass, part.department, part.item) == ("north", "store", "hours")
    entity = {"Type": "Vendor", "EntityRef": ref("8")}
    (posted, _) = effects_of(
        "JournalEntry", {"Line": [side("Debit", "ap", 5, Entity=entity), side("Credit", "bank", 5)]}, Known()
    ).postings
    assert posted.party == Party("Vendor", "8")


def test_lines_that_do_not_add_up_show_in_the_uncategorized_account() -> None:
    assert _sums("Invoice", {**AMY, "TotalAmt": 12, "Line": [sold("hours", 9)]}, Known()) == {
        "ar": 1200, "services": -900, "found": -300,
    }  # fmt: skip


def test_foreign_money_is_posted_at_its_rate_and_still_balances_to_the_cent() -> None:
    rate = Decimal("1.08421")
    lines = [sold("hours", Decimal("0.33")), sold("sod", Decimal("0.33")), sold("sod", Decimal("0.34"))]
    doc = {**AMY, "ExchangeRate": rate, "TotalAmt": 1, "Line": lines}
    effects = effects_of("Invoice", doc, Known())
    assert (
        sum(posting.amount for posting in effects.postings) == sum(posting.cents for posting in effects.postings) == 0
    )
    owed = effects.postings[0]
    assert (owed.account, owed.cents, owed.amount) == ("ar", 108, 100)


def test_a_cent_that_rounding_moves_is_in_the_value_of_stock_too() -> None:
    parts = [bought("pump", Decimal("0.35"), 1), bought("pump", Decimal("0.33"), 1), bought("pump", Decimal("0.32"), 1)]
    effects = effects_of("Bill", {**CAL, "ExchangeRate": Decimal("1.08421"), "TotalAmt": 1, "Line": parts}, Known())
    values = [posting.cents for posting in effects.postings if posting.account == "stock"]
    assert values == [movement.cents for movement in effects.movements]
    assert sum(values) == 108 != sum(round(cents * 1.08421) for cents in (35, 33, 32))


SETTLING = pytest.mark.parametrize(
    ("entity", "target", "credit", "control", "money", "sign"),
    [
        ("Payment", "Invoice", "CreditMemo", "ar", "undeposited", 1),
        ("BillPayment", "Bill", "VendorCredit", "ap", "bank", -1),
    ],
)


@SETTLING
def test_what_is_settled_leaves_at_the_rate_it_came_in_at_and_the_rest_is_gain_or_loss(
    entity: str, target: str, credit: str, control: str, money: str, sign: int
) -> None:
    lists = Known()
    lists.rates = {(target, "1"): Decimal("1.25")}
    party = {**AMY, **CAL, "CheckPayment": {"BankAccountRef": ref("bank")}}
    doc = {**party, "ExchangeRate": Decimal("1.5"), "TotalAmt": 100, "Line": [pays(80, (target, "1"))]}
    # 80 that came in at 1.25, and 20 that are not applied at today's 1.5
    settled = 80 * 125 + 20 * 150
    assert _sums(entity, doc, lists) == {money: sign * 15000, control: -sign * settled, "exchange": -sign * 2000}


@SETTLING
def test_a_credit_is_used_up_at_the_rate_it_was_given_at(
    entity: str, target: str, credit: str, control: str, money: str, sign: int
) -> None:
    lists = Known()
    lists.rates = {(target, "1"): Decimal("1.25"), (credit, "2"): Decimal(2)}
    party = {**AMY, **CAL, "CheckPayment": {"BankAccountRef": ref("bank")}}
    parts = [pays(80, (target, "1")), pays(20, (credit, "2"))]
    doc = {**party, "ExchangeRate": Decimal("1.5"), "TotalAmt": 60, "Line": parts}
    settled = 80 * 125 - 20 * 200
    assert _sums(entity, doc, lists) == {money: sign * 9000, control: -sign * settled, "exchange": -sign * 3000}


def test_a_link_to_nothing_settles_nothing() -> None:
    doc = {**AMY, "TotalAmt": 5, "Line": [{"Amount": 5, "LinkedTxn": [{}]}, {"LinkedTxn": None}]}
    assert _sums("Payment", doc, Known()) == {"undeposited": 500, "ar": -500}


def test_stock_moves_with_what_is_bought_and_sold() -> None:
    def moved(entity: str, doc: Doc) -> list[tuple[int, int | None, bool]]:
        movements = effects_of(entity, doc, Known()).movements
        assert {(movement.item, movement.asset, movement.counter) for movement in movements} <= {
            ("pump", "stock", "cogs")
        }
        return [(movement.micros, movement.cents, movement.is_return) for movement in movements]

    sale = {**AMY, "TotalAmt": 9, "Line": [sold("pump", 9, Decimal("2.5")), sold("sod", 0, 4)]}
    assert moved("Invoice", sale) == moved("SalesReceipt", sale) == [(-2_500_000, None, False)]
    assert moved("CreditMemo", sale) == moved("RefundReceipt", sale) == [(2_500_000, None, True)]
    purchase = {"TotalAmt": 60, "Line": [bought("pump", 60, 3)], "ExchangeRate": 2}
    assert moved("Bill", purchase) == moved("Purchase", purchase) == [(3_000_000, 12000, False)]
    assert moved("VendorCredit", purchase) == [(-3_000_000, None, False)]
    lost = line("ItemAdjustmentLineDetail", 0, ItemRef=ref("pump"), QtyDiff=-4)
    assert moved("InventoryAdjustment", {"AdjustAccountRef": ref("cogs"), "Line": [lost]}) == [
        (-4_000_000, None, False)
    ]
