"""Companies to report on, and a reader of reports that shares nothing with what makes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from backfill.simulator.api import Api
from backfill.simulator.books.effects import settle
from backfill.simulator.call import Call
from backfill.simulator.company import Company
from backfill.simulator.documents import Doc, decode
from backfill.simulator.envelopes import Answer
from backfill.simulator.fleet import Fleet
from backfill.simulator.settings import ReportSettings, SimulatorSettings

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
JSON = {"accept": "application/json"}


def money(text: str) -> Decimal:
    return Decimal(text or 0)


class Read:
    """A report as a client may read it: everything by Ids, groups and positions, nothing by titles."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.header = body["Header"]
        self.columns = body["Columns"]["Column"]
        self.rows: list[dict[str, Any]] = body["Rows"].get("Row", [])

    @property
    def has_data(self) -> bool:
        (option,) = (option for option in self.header["Option"] if option["Name"] == "NoReportData")
        return option["Value"] == "false"

    def walk(self) -> Iterator[dict[str, Any]]:
        """Every section and row, from the top."""
        waiting = list(reversed(self.rows))
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.get("Rows", {}).get("Row", [])))

    def group(self, name: str) -> list[Decimal]:
        """The amounts of a group's summary, or of its row."""
        (cells,) = (_last(node) for node in self.walk() if node.get("group") == name)
        return [money(cell["value"]) for cell in cells[1:]]

    def has_group(self, name: str) -> bool:
        return any(node.get("group") == name for node in self.walk())

    def by_id(self) -> dict[str, list[Decimal]]:
        """Id in the first cell to the amounts that are its own: of a row, or of a section's header."""
        found: dict[str, list[Decimal]] = {}
        for node in self.walk():
            cells = node.get("ColData") or node.get("Header", {}).get("ColData") or [{}]
            if cells[0].get("id"):
                assert cells[0]["id"] not in found, "shown twice"
                found[cells[0]["id"]] = [money(cell["value"]) for cell in cells[1:]]
        return found

    def entries(self) -> list[tuple[tuple[str, ...], list[dict[str, str]]]]:
        """Every data row, with the Ids (or else the words) of the headers above it."""
        return list(_entries(self.rows, ()))

    def values(self) -> list[list[str]]:
        """The texts of all data rows."""
        return [[cell["value"] for cell in cells] for _, cells in self.entries()]

    def column(self, key: str) -> int:
        """The place of a column, by its type or its ColKey."""
        for place, column in enumerate(self.columns):
            keys = [named["Value"] for named in column.get("MetaData", ()) if named["Name"] == "ColKey"]
            if column["ColType"] == key or key in keys:
                return place
        raise AssertionError(f"no column {key}")

    def check_sums(self, *, but: tuple[str, ...] = ()) -> None:
        """Every summary is the sum of what is in its section, the section's header included."""
        left_out = {self.column(key) for key in but}
        for node in self.walk():
            if "Summary" in node and "Rows" in node and node["Rows"]:
                _check(node, left_out)


def _entries(nodes: list[dict[str, Any]], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
    for node in nodes:
        if "ColData" in node:
            yield path, node["ColData"]
            continue
        head = node.get("Header", {}).get("ColData", [{"value": ""}])[0]
        yield from _entries(node.get("Rows", {}).get("Row", []), (*path, head.get("id") or head["value"]))


def _last(node: dict[str, Any]) -> list[dict[str, str]]:
    return node.get("ColData") or node["Summary"]["ColData"]


def _check(node: dict[str, Any], left_out: set[int]) -> None:
    summary = node["Summary"]["ColData"]
    for place in range(1, len(summary)):
        if place in left_out or not _is_amount(summary[place]["value"]):
            continue
        parts = [node.get("Header", {}).get("ColData", [{}] * len(summary))[place].get("value", "")]
        parts += [_last(inner)[place]["value"] for inner in node["Rows"]["Row"]]
        assert sum(money(part) for part in parts if _is_amount(part)) == money(summary[place]["value"]), summary


def _is_amount(text: str) -> bool:
    return "." in text and text.replace(".", "").lstrip("-").isdigit()


class Reporter:
    """Asks a company for reports through the API."""

    def __init__(self, company: Company, **settings: Any) -> None:
        self.company = company
        fleet = SimpleNamespace(realm_ids=(company.realm_id,), company=lambda _: company)
        self.api = Api(SimulatorSettings(reports=ReportSettings(**settings)), fleet)

    def answer(self, name: str, /, **params: str) -> Answer:
        given = {key.rstrip("_"): value for key, value in params.items()}
        return self.api.handle(Call(self.company.realm_id, "GET", f"/reports/{name}", given, JSON))

    def ask(self, name: str, /, **params: str) -> Read:
        answer = self.answer(name, **params)
        assert answer.status == 200, answer.body
        return Read(json.loads(answer.body))

    def code(self, name: str, /, **params: str) -> str:
        """The code of the fault that is answered."""
        answer = self.answer(name, **params)
        assert answer.status == 400, answer.body
        (error,) = json.loads(answer.body)["Fault"]["Error"]
        return error["code"]


class Desk(Reporter):
    """A company of 2026 without a seeded history, kept by hand."""

    def __init__(self, country: str = "US", *, several: bool = False, **settings: Any) -> None:
        currency = "EUR" if country == "FR" else "USD"
        company = Company(
            realm_id="1",
            name="Small",
            country=country,
            home_currency=currency,
            multicurrency=several,
            now=lambda: NOW,
        )
        super().__init__(company, **settings)
        company.create("CompanyInfo", {"CompanyName": "Small", "FiscalYearStartMonth": "January"})
        self.bank = self.account("Checking", "Bank", "Checking")
        self.receivable = self.account("Accounts Receivable (A/R)", "Accounts Receivable", "AccountsReceivable")
        self.payable = self.account("Accounts Payable (A/P)", "Accounts Payable", "AccountsPayable")
        self.undeposited = self.account("Undeposited Funds", "Other Current Asset", "UndepositedFunds")
        self.tax = self.account("Sales Tax Payable", "Other Current Liability", "GlobalTaxPayable")
        self.retained = self.account("Retained Earnings", "Equity", "RetainedEarnings")
        self.income = self.account("Services", "Income", "ServiceFeeIncome")
        self.rent = self.account("Rent", "Expense", "RentOrLeaseOfBuildings")
        self.amy = self.made("Customer", {"DisplayName": "Amy", "Balance": 0, "BalanceWithJobs": 0})
        self.cal = self.made("Vendor", {"DisplayName": "Cal", "Balance": 0})
        self.hours = self.made("Item", {"Name": "Hours", "Type": "Service", "IncomeAccountRef": self.income})

    def account(self, name: str, kind: str, detail: str, **more: Any) -> Doc:
        doc = {"Name": name, "AccountType": kind, "AccountSubType": detail, "CurrentBalance": 0, **more}
        doc |= {"CurrentBalanceWithSubAccounts": 0, "CurrencyRef": {"value": self.company.home_currency}}
        return self.made("Account", doc)

    def made(self, entity: str, doc: Doc) -> Doc:
        """A new object; handed back as a reference."""
        row = self.company.create(entity, doc)
        settle(self.company, entity, None, decode(row.doc))
        return {"value": row.id}

    def changed(self, entity: str, reference: Doc, **more: Any) -> None:
        row = self.company.table(entity).get(reference["value"])
        assert row is not None
        before = decode(row.doc)
        after = decode(self.company.replace(entity, reference["value"], before | more).doc)
        settle(self.company, entity, before, after)

    def invoice(self, day: str, amount: Any, *, tax: Any = 0, item: Doc | None = None, **more: Any) -> Doc:
        detail = {"ItemRef": item or self.hours, "Qty": 1, "UnitPrice": amount, **more.pop("detail", {})}
        line = {"Amount": amount, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}
        doc = {"CustomerRef": self.amy, "TxnDate": day, "TotalAmt": amount + tax, "Line": [line], "LinkedTxn": []}
        return self.made("Invoice", doc | {"TxnTaxDetail": {"TotalTax": tax}} | more)

    def bill(self, day: str, amount: Any, **more: Any) -> Doc:
        kind = "AccountBasedExpenseLineDetail"
        line = {"Amount": amount, "DetailType": kind, kind: {"AccountRef": more.pop("account", self.rent)}}
        doc = {"VendorRef": self.cal, "TxnDate": day, "TotalAmt": amount, "Line": [line], "LinkedTxn": []}
        return self.made("Bill", doc | more)

    def paid(self, day: str, total: Any, *parts: tuple[str, Doc, Any], **more: Any) -> Doc:
        """A Payment that settles these parts."""
        doc = {"CustomerRef": self.amy, "TxnDate": day, "TotalAmt": total, "Line": _settling(parts), "LinkedTxn": []}
        return self.made("Payment", doc | {"DepositToAccountRef": self.bank} | more)

    def paid_bill(self, day: str, total: Any, *parts: tuple[str, Doc, Any]) -> Doc:
        doc = {"VendorRef": self.cal, "TxnDate": day, "TotalAmt": total, "Line": _settling(parts), "LinkedTxn": []}
        return self.made("BillPayment", doc | {"PayType": "Check", "CheckPayment": {"BankAccountRef": self.bank}})

    def journal(self, day: str, *lines: tuple[Doc, int]) -> Doc:
        """A JournalEntry; an amount below 0 is a credit."""
        kind = "JournalEntryLineDetail"
        parts = [
            {
                "Amount": abs(amount),
                "DetailType": kind,
                kind: {"AccountRef": account, "PostingType": "Debit" if amount > 0 else "Credit"},
            }
            for account, amount in lines
        ]
        return self.made("JournalEntry", {"TxnDate": day, "Line": parts})


def _settling(parts: tuple[tuple[str, Doc, Any], ...]) -> list[Doc]:
    return [
        {"Amount": amount, "LinkedTxn": [{"TxnType": kind, "TxnId": reference["value"]}]}
        for kind, reference, amount in parts
    ]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def desk_of() -> Callable[..., Desk]:
    """A maker of desks; the arguments are the settings of reports, and `country` and `several` currencies."""
    return Desk


KINDS = (("US", True), ("US", False), ("FR", False), ("GB", True))
"""Country, and whether it trades in several currencies, of the companies that tests ask for by number."""


def realm_of(fleet: Fleet, number: int) -> str:
    """The first company of the kind; the world's very first one is a sample, and left out."""
    profiles = {realm_id: fleet.profile(realm_id) for realm_id in fleet.realm_ids[1:]}
    return next(
        realm_id for realm_id, profile in profiles.items() if (profile.country, profile.multicurrency) == KINDS[number]
    )


@pytest.fixture
def reporter_of() -> Callable[..., Reporter]:
    """A maker of reporters on one of a fleet's companies: `reporter_of(0)` trades in several currencies."""

    def make(number: int, rows: int = 300, **settings: Any) -> Reporter:
        fleet = Fleet(realms=8, seed=21, now=lambda: NOW, rows_min=rows, rows_max=rows)
        return Reporter(fleet.company(realm_of(fleet, number)), **settings)

    return make


Ask = Callable[..., Read]
