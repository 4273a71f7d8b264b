"""The recorded general ledger, made again from books that are kept as those were: the same report to the last key."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from backfill.simulator.api import Api
from backfill.simulator.call import Call
from backfill.simulator.company import Company
from backfill.simulator.settings import SimulatorSettings
from tests.recordings import recording, skip_without_recordings

skip_without_recordings()

KINDS = (
    "Bank", "Bank", "Accounts Receivable", "Other Current Asset", "Other Current Asset", "Fixed Asset",
    "Accounts Payable", "Credit Card", "Other Current Liability", "Other Current Liability", "Long Term Liability",
    "Equity", "Equity", "Income", "Income", "Expense", "Expense",
)  # fmt: skip
"""The types of the accounts in the order in which they are recorded."""
CREDIT = frozenset(KINDS[6:15])
UNDEPOSITED, RECEIVABLE, RETAINED = 4, 2, 12


def recorded() -> dict[str, Any]:
    return json.loads(recording("reports-gl"))[0]["response"]


class Copy:
    """A company made from what the recording shows."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.at = datetime.fromisoformat(body["Header"]["Time"])
        self.company = Company(
            realm_id="1",
            name="Copy",
            country="US",
            home_currency="USD",
            multicurrency=False,
            now=lambda: self.at.astimezone(UTC),
        )
        self.load("CompanyInfo", "1", {"FiscalYearStartMonth": "January"})
        self.lines: list[dict[str, Any]] = []
        for place, section in enumerate(body["Rows"]["Row"]):
            self.account(place, section)
        self.load("JournalEntry", "1", {"TxnDate": "2019-12-31", "Line": self.dated(True)})
        self.load("JournalEntry", "2", {"TxnDate": "2020-08-31", "Line": self.dated(False)})
        income = body["Rows"]["Row"][13:15]
        for number, section in enumerate(income):
            account = section["Header"]["ColData"][0]["id"]
            self.load("Item", str(number), {"Type": "Service", "IncomeAccountRef": {"value": account}})
            for row in section["Rows"]["Row"]:
                self.sale(row["ColData"], str(number), body)

    def load(self, entity: str, object_id: str, doc: dict[str, Any]) -> None:
        self.company.load(entity, self.company.sealed(entity, object_id, doc, created=0, updated=0))

    def account(self, place: int, section: dict[str, Any], parent: str = "") -> None:
        """The account of a section, and of the one in it, whose Id the upper one bears in the recording."""
        cell = section["Header"]["ColData"][0]
        (first, *_) = section["Rows"]["Row"]
        nested = "Header" in first
        object_id = cell.get("id", parent.removeprefix("above "))
        own = f"above {object_id}" if nested else object_id
        details = {UNDEPOSITED: "UndepositedFunds", RECEIVABLE: "AccountsReceivable", RETAINED: "RetainedEarnings"}
        doc = {"Name": cell["value"], "AccountType": KINDS[place], "AccountSubType": details.get(place, "")}
        self.load("Account", own, doc | ({"ParentRef": {"value": parent}} if parent else {}))
        if nested:
            self.account(place, first, own)
        elif first["ColData"][0]["value"] == "Beginning Balance":
            self.open(place, own, Decimal(first["ColData"][-1]["value"]))

    def open(self, place: int, account: str, amount: Decimal) -> None:
        side = "Credit" if (KINDS[place] in CREDIT) == (amount > 0) else "Debit"
        detail = {"AccountRef": {"value": account}, "PostingType": side, "of_year": KINDS[place] == "Expense"}
        line = {"Amount": abs(amount), "DetailType": "JournalEntryLineDetail", "JournalEntryLineDetail": detail}
        self.lines.append(line)

    def dated(self, before: bool) -> list[dict[str, Any]]:
        """The opening balances of the years before, or those of the year: what was spent was taken from the first."""
        lines = [line for line in self.lines if line["JournalEntryLineDetail"]["of_year"] != before]
        left = sum(
            line["Amount"] * (1 if line["JournalEntryLineDetail"]["PostingType"] == "Debit" else -1) for line in lines
        )
        first = self.lines[0]["JournalEntryLineDetail"]["AccountRef"]
        detail = {"AccountRef": first, "PostingType": "Credit" if left > 0 else "Debit"}
        return [
            *lines,
            {"Amount": abs(left), "DetailType": "JournalEntryLineDetail", "JournalEntryLineDetail": detail},
        ]

    def sale(self, cells: list[dict[str, str]], item: str, body: dict[str, Any]) -> None:
        day, kind, number, name, memo, split, amount, _ = cells
        line = {"Description": memo["value"], "Amount": Decimal(amount["value"]), "DetailType": "SalesItemLineDetail"}
        line["SalesItemLineDetail"] = {"ItemRef": {"value": item}}
        doc = {"TxnDate": day["value"], "DocNumber": number["value"], "TotalAmt": line["Amount"], "Line": [line]}
        if name["id"]:
            self.load("Customer", name["id"], {"DisplayName": name["value"]})
            doc["CustomerRef"] = {"value": name["id"]}
        entity = "Invoice" if kind["value"] == "Invoice" else "SalesReceipt"
        doc["ARAccountRef" if entity == "Invoice" else "DepositToAccountRef"] = {"value": split["id"]}
        self.load(entity, kind["id"], doc)


def test_the_recorded_ledger_made_again_is_the_recorded_ledger() -> None:
    """Nothing is asked for, as it was recorded: the days, the columns, every row, every key in its place."""
    response = recorded()
    copy = Copy(response["body"])
    fleet = type("Fleet", (), {"company": lambda _self, _realm: copy.company})()
    call = Call("1", "GET", "/reports/GeneralLedger", {}, {"accept": "application/json"})
    answer = Api(SimulatorSettings(), fleet).handle(call)
    assert answer.status == response["status"]
    assert answer.content_type == response["headers"]["Content-Type"]
    made = json.dumps(json.loads(answer.body), indent=1)
    assert made == json.dumps(response["body"], indent=1)
