"""A small American company with everything in it, a desk to write to it by, and a good body for every entity."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from backfill.simulator.api import Api
from backfill.simulator.call import Call
from backfill.simulator.catalogue import TRAITS
from backfill.simulator.company import Company
from backfill.simulator.documents import decode
from backfill.simulator.fleet import ROWS_HELD, Fleet
from backfill.simulator.held import Histories
from backfill.simulator.settings import SimulatorSettings
from tests.simulator.books.conftest import Audit, audited

NOON = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
JSON = {"accept": "application/json"}


class Counter:
    """A company behind its API, as a client sees it."""

    def __init__(self, fleet: Fleet, realm_id: str) -> None:
        self.realm_id = realm_id
        self.company: Company = fleet.company(realm_id)
        self.api = Api(SimulatorSettings(), fleet)
        self._numbers = itertools.count(1)
        self.currencies = map("".join, itertools.product("XYZ", "KLMNOPQRST", "KLMNOPQRST"))
        """Codes that the company does not have."""

    def call(self, method: str, path: str, body: Any = None, **params: str) -> tuple[int, dict[str, Any]]:
        sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        answer = self.api.handle(Call(self.realm_id, method, path, params, JSON, sent))
        return answer.status, json.loads(answer.body)

    def post(self, path: str, body: Any, **params: str) -> dict[str, Any]:
        """The object that a write answers; the write must be good."""
        status, answer = self.call("POST", f"/{path}", body, **params)
        assert status == 200, answer
        (found,) = (value for key, value in answer.items() if key != "time")
        return found

    def fault(self, path: str, body: Any, **params: str) -> dict[str, Any]:
        """The error of a write that must be refused."""
        status, answer = self.call("POST", f"/{path}", body, **params)
        assert status == 400, answer
        (error,) = answer["Fault"]["Error"]
        return error

    def get(self, path: str) -> dict[str, Any]:
        status, answer = self.call("GET", f"/{path}")
        assert status == 200, answer
        (found,) = (value for key, value in answer.items() if key != "time")
        return found

    def batch(self, *items: dict[str, Any], **params: str) -> dict[str, dict[str, Any]]:
        """bId to the item's answer."""
        status, answer = self.call("POST", "/batch", {"BatchItemRequest": list(items)}, **params)
        assert status == 200, answer
        return {item["bId"]: item for item in answer["BatchItemResponse"]}

    def ref(self, entity: str, **wanted: Any) -> dict[str, str]:
        """A reference to the first active object with those attributes."""
        for row in self.company.table(entity).all():
            doc = decode(row.doc)
            if row.active and all(doc.get(name) == value for name, value in wanted.items()):
                return {"value": row.id}
        raise AssertionError(f"no {entity} with {wanted}")

    def new_name(self, stem: str = "New") -> str:
        return f"{stem} {next(self._numbers)}"

    def set_preference(self, group: str, **values: Any) -> None:
        row = self.company.table("Preferences").all()[0]
        doc = decode(row.doc)
        doc[group] = {**doc.get(group, {}), **values}
        self.company.replace("Preferences", row.id, doc)

    def warn(self, name: str) -> None:
        """Switch one of the warnings about numbers used twice on."""
        self.set_preference("OtherPrefs", NameValue=[{"Name": name, "Value": "true"}])

    def sales_line(self, amount: float = 100) -> dict[str, Any]:
        return {
            "Amount": amount,
            "DetailType": "SalesItemLineDetail",
            "SalesItemLineDetail": {"ItemRef": self.ref("Item", Type="Service")},
        }

    def expense_line(self, amount: float = 100) -> dict[str, Any]:
        detail = {"AccountRef": self.ref("Account", AccountType="Expense")}
        kind = "AccountBasedExpenseLineDetail"
        return {"Amount": amount, "DetailType": kind, kind: detail}

    def journal_line(self, side: str, amount: float, **account: str) -> dict[str, Any]:
        detail = {"PostingType": side, "AccountRef": self.ref("Account", **account)}
        return {"Amount": amount, "DetailType": "JournalEntryLineDetail", "JournalEntryLineDetail": detail}

    def sample(self, entity: str) -> dict[str, Any]:
        """A body that creates an object of the entity, another one each time."""
        return SAMPLES[entity](self)


def _sale(counter: Counter) -> dict[str, Any]:
    return {"CustomerRef": counter.ref("Customer"), "Line": [counter.sales_line()]}


def _purchase(counter: Counter) -> dict[str, Any]:
    return {"VendorRef": counter.ref("Vendor"), "Line": [counter.expense_line()]}


def _bank(counter: Counter) -> dict[str, str]:
    return counter.ref("Account", AccountType="Bank")


def _bill_payment(counter: Counter) -> dict[str, Any]:
    bill = counter.post("bill", _purchase(counter))
    return {
        "VendorRef": bill["VendorRef"],
        "PayType": "Check",
        "TotalAmt": 100,
        "CheckPayment": {"BankAccountRef": _bank(counter)},
        "Line": [{"Amount": 100, "LinkedTxn": [{"TxnId": bill["Id"], "TxnType": "Bill"}]}],
    }


def _deposit(counter: Counter) -> dict[str, Any]:
    detail = {"AccountRef": counter.ref("Account", AccountType="Income")}
    line = {"Amount": 20, "DetailType": "DepositLineDetail", "DepositLineDetail": detail}
    return {"DepositToAccountRef": _bank(counter), "Line": [line]}


def _journal_entry(counter: Counter) -> dict[str, Any]:
    return {
        "Line": [
            counter.journal_line("Debit", 50, AccountType="Expense"),
            counter.journal_line("Credit", 50, AccountType="Bank"),
        ]
    }


def _inventory_adjustment(counter: Counter) -> dict[str, Any]:
    kind = "ItemAdjustmentLineDetail"
    line = {"DetailType": kind, kind: {"ItemRef": counter.ref("Item", Type="Inventory"), "QtyDiff": 2}}
    return {"AdjustAccountRef": counter.ref("Account", AccountType="Cost of Goods Sold"), "Line": [line]}


def _recurring(counter: Counter) -> dict[str, Any]:
    return {"Invoice": {**_sale(counter), "RecurringInfo": {"Name": counter.new_name("Monthly")}}}


SAMPLES: dict[str, Callable[[Counter], dict[str, Any]]] = {
    "Account": lambda c: {"Name": c.new_name("Account"), "AccountType": "Bank"},
    "Attachable": lambda c: {"Note": c.new_name("Note")},
    "Bill": _purchase,
    "BillPayment": _bill_payment,
    "Budget": lambda c: {
        "Name": c.new_name("Budget"),
        "StartDate": "2026-01-01",
        "EndDate": "2026-12-31",
        "BudgetType": "ProfitAndLoss",
        "BudgetEntryType": "Monthly",
        "BudgetDetail": [
            {"BudgetDate": "2026-01-01", "Amount": 5, "AccountRef": c.ref("Account", AccountType="Expense")}
        ],
    },
    "Class": lambda c: {"Name": c.new_name("Class")},
    "CompanyCurrency": lambda c: {"Code": next(c.currencies)},
    "CreditCardPayment": lambda c: {
        "Amount": 30,
        "BankAccountRef": _bank(c),
        "CreditCardAccountRef": c.ref("Account", AccountType="Credit Card"),
    },
    "CreditMemo": _sale,
    "Customer": lambda c: {"DisplayName": c.new_name("Customer")},
    "Department": lambda c: {"Name": c.new_name("Location")},
    "Deposit": _deposit,
    "Employee": lambda c: {"GivenName": "Jo", "FamilyName": c.new_name("Doe")},
    "Estimate": _sale,
    "ExchangeRate": lambda c: {"SourceCurrencyCode": "EUR", "Rate": 1.25, "AsOfDate": "2026-11-19"},
    "InventoryAdjustment": _inventory_adjustment,
    "Invoice": _sale,
    "Item": lambda c: {
        "Name": c.new_name("Item"),
        "Type": "Service",
        "IncomeAccountRef": c.ref("Account", AccountType="Income"),
    },
    "JournalCode": lambda c: {"Name": c.new_name("VT")},
    "JournalEntry": _journal_entry,
    "Payment": lambda c: {"CustomerRef": c.ref("Customer"), "TotalAmt": 40},
    "PaymentMethod": lambda c: {"Name": c.new_name("Barter")},
    "Purchase": lambda c: {"PaymentType": "Check", "AccountRef": _bank(c), "Line": [c.expense_line()]},
    "PurchaseOrder": _purchase,
    "RecurringTransaction": _recurring,
    "RefundReceipt": lambda c: {**_sale(c), "DepositToAccountRef": _bank(c)},
    "SalesReceipt": _sale,
    "TaxAgency": lambda c: {"DisplayName": c.new_name("Agency")},
    "Term": lambda c: {"Name": c.new_name("Within"), "DueDays": 7},
    "TimeActivity": lambda c: {"NameOf": "Employee", "EmployeeRef": c.ref("Employee"), "Hours": 2},
    "Transfer": lambda c: {"Amount": 10, "FromAccountRef": _bank(c), "ToAccountRef": _savings(c)},
    "Vendor": lambda c: {"DisplayName": c.new_name("Vendor")},
    "VendorCredit": _purchase,
}
"""A good body for every entity that can be created."""


def _savings(counter: Counter) -> dict[str, str]:
    return counter.ref("Account", AccountSubType="Savings")


HISTORIES = Histories(ROWS_HELD)
"""What the companies begin with, sown once: whatever happens to a company is kept beside it, in the company."""


def small_world() -> Fleet:
    return Fleet(realms=12, seed=3, now=lambda: NOON, rows_min=1, rows_max=1)


@pytest.fixture(scope="session", autouse=True)
def sown() -> Iterator[None]:
    """In the end the histories are as they were sown: no test has had another's changes before it."""
    yield
    anew = small_world()
    for realm_id in anew.realm_ids:
        if (history := HISTORIES.get(realm_id)) is not None:
            expected = anew.history(realm_id)
            assert all(history.table(entity).core() == expected.table(entity).core() for entity in TRAITS)
            assert {item: list(stock.moved) for item, stock in history.stocks.items()} == {
                item: list(stock.moved) for item, stock in expected.stocks.items()
            }


def counter_of(country: str, *, multicurrency: bool) -> Counter:
    """A counter at the first company of that country in one small world. The company is the counter's own."""
    fleet = small_world()
    fleet._histories = HISTORIES
    for realm_id in fleet.realm_ids:
        profile = fleet.profile(realm_id)
        if (profile.country, profile.multicurrency) == (country, multicurrency):
            return Counter(fleet, realm_id)
    raise AssertionError(f"no company of {country}")


@pytest.fixture
def counter() -> Counter:
    """An American company with several currencies and every list."""
    return counter_of("US", multicurrency=True)


@pytest.fixture
def british() -> Counter:
    """A British company with several currencies: each line has a tax code with rates."""
    return counter_of("GB", multicurrency=True)


@pytest.fixture
def plain() -> Counter:
    """An American company with dollars alone."""
    return counter_of("US", multicurrency=False)


@pytest.fixture
def audit() -> Audit:
    """Fails where a company's books differ from what its documents give."""
    return audited
