"""The table of fault codes, walked: what it says a request provokes, a request provokes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from backfill.simulator.writing.coverage import COVERAGE
from backfill.simulator.writing.faults import VALUE_FAULTS

Provoke = Callable[[Any], str]
"""From a counter to the code that its request is refused with."""

DOCUMENTED = [
    "100", "110", "120", "130", "140", "150", "500", "600", "610", "620", "630", "700", "800", "900", "1000",
    "1010", "1020", "1040", "1050", "2000", "2010", "2020", "2030", "2040", "2050", "2060", "2070", "2080",
    "2090", "2100", "2110", "2120", "2130", "2140", "2150", "2160", "2170", "2180", "2190", "2200", "2210",
    "2220", "2230", "2240", "2250", "2260", "2270", "2280", "2290", "2300", "2500", "2600", "3000", "3001",
    "3100", "3200", "3201", "3202", "4000", "4001", "4002", "5000", "5010", "5020", "5030", "6000", "6002",
    "6010", "6020", "6030", "6040", "6041", "6050", "6060", "6070", "6080", "6090", "6100", "6110", "6120",
    "6130", "6140", "6150", "6160", "6170", "6180", "6190", "6200", "6210", "6220", "6230", "6240", "6250",
    "6270", "6280", "6290", "6300", "6310", "6320", "6330", "6340", "6350", "6360", "6370", "6380", "6390",
    "6400", "6420", "6430", "6440", "6450", "6460", "6470", "6480", "6490", "6500", "6510", "6520", "6530",
    "6540", "10000", "10100", "10200",
]  # fmt: skip


def sent(path: str, change: Callable[[Any, dict[str, Any]], object] | None = None, **params: str) -> Provoke:
    """A good body of the entity, spoiled by `change`, and sent."""

    def provoke(counter: Any) -> str:
        entity = next(name for name in COVERED_ENTITIES if name.lower() == path)
        body = counter.sample(entity)
        if change is not None:
            change(counter, body)
        return str(counter.fault(path, body, **params)["code"])

    return provoke


COVERED_ENTITIES = (
    "Account", "Attachable", "Bill", "Budget", "Class", "Customer", "Deposit", "ExchangeRate", "Invoice", "Item",
    "JournalEntry", "Payment", "Purchase", "TimeActivity", "Transfer", "Vendor",
)  # fmt: skip


def put(**values: Any) -> Callable[[Any, dict[str, Any]], object]:
    return lambda _counter, body: body.update(values)


def in_line(**values: Any) -> Callable[[Any, dict[str, Any]], object]:
    return lambda _counter, body: body["Line"][0].update(values)


def in_detail(**values: Any) -> Callable[[Any, dict[str, Any]], object]:
    return lambda _counter, body: body["Line"][0][body["Line"][0]["DetailType"]].update(values)


def without(*names: str) -> Callable[[Any, dict[str, Any]], object]:
    return lambda _counter, body: [body.pop(name) for name in names]


def query(text: str) -> Provoke:
    return lambda counter: counter.call("GET", "/query", query=text)[1]["Fault"]["Error"][0]["code"]


def inventory(**values: Any) -> Callable[[Any, dict[str, Any]], object]:
    def change(counter: Any, body: dict[str, Any]) -> None:
        stock = {"InvStartDate": "2026-01-01", "QtyOnHand": 1, "Type": "Inventory"}
        accounts = {
            "AssetAccountRef": counter.ref("Account", AccountSubType="Inventory"),
            "ExpenseAccountRef": counter.ref("Account", AccountType="Cost of Goods Sold"),
        }
        body.update({name: part for name, part in {**stock, **accounts, **values}.items() if part is not None})

    return change


def closed(operation: str) -> Provoke:
    def provoke(counter: Any) -> str:
        made = counter.post("invoice", counter.sample("Invoice"))
        counter.set_preference("AccountingInfoPrefs", BookCloseDate="2026-11-20")
        body = {"Id": made["Id"], "SyncToken": "0", "sparse": True, "PrivateNote": "x"}
        return str(counter.fault("invoice", body, operation=operation)["code"])

    return provoke


def level(counter: Any) -> str:
    parent: dict[str, Any] = {}
    for _ in range(5):
        made = counter.post("class", {"Name": counter.new_name("C"), **parent})
        parent = {"ParentRef": {"value": made["Id"]}}
    return str(counter.fault("class", {"Name": "too deep", **parent})["code"])


def circle(counter: Any) -> str:
    above = counter.post("class", {"Name": "above"})
    below = counter.post("class", {"Name": "below", "ParentRef": {"value": above["Id"]}})
    return str(counter.fault("class", {**above, "ParentRef": {"value": below["Id"]}})["code"])


def dependants(counter: Any) -> str:
    above = counter.post("class", {"Name": "above"})
    counter.post("class", {"Name": "below", "ParentRef": {"value": above["Id"]}})
    return str(counter.fault("class", {**above, "Active": False})["code"])


def twice(counter: Any) -> str:
    counter.warn("WarnDuplicateBillNumber")
    body = {**counter.sample("Bill"), "DocNumber": "A-1"}
    counter.post("bill", body)
    return str(counter.fault("bill", body)["code"])


def named_twice(counter: Any) -> str:
    name = counter.post("customer", counter.sample("Customer"))["DisplayName"]
    return str(counter.fault("vendor", {"DisplayName": name})["code"])


def inactive(counter: Any) -> str:
    made = counter.post("class", {"Name": "old"})
    counter.post("class", {**made, "Active": False})
    body = counter.sample("Invoice")
    body["Line"][0]["SalesItemLineDetail"]["ClassRef"] = {"value": made["Id"]}
    return str(counter.fault("invoice", body)["code"])


def owing(counter: Any) -> str:
    made = counter.post("customer", counter.sample("Customer"))
    counter.post("invoice", {**counter.sample("Invoice"), "CustomerRef": {"value": made["Id"]}})
    read = counter.get(f"customer/{made['Id']}")
    return str(counter.fault("customer", {**read, "Active": False})["code"])


def deposited(counter: Any) -> str:
    payment = counter.post("payment", counter.sample("Payment"))
    line = {"Amount": 40, "LinkedTxn": [{"TxnId": payment["Id"], "TxnType": "Payment", "TxnLineId": "0"}]}
    counter.post("deposit", {**counter.sample("Deposit"), "Line": [line]})
    token = counter.get(f"payment/{payment['Id']}")["SyncToken"]
    error = counter.fault("payment", {"Id": payment["Id"], "SyncToken": token}, operation="delete")
    return str(error["code"])


def of_one_currency(counter: Any) -> str:
    counter.company.multicurrency = False
    return str(counter.fault("exchangerate", counter.sample("ExchangeRate"))["code"])


def tax_service(counter: Any) -> str:
    agency = counter.ref("TaxAgency")["value"]
    rate = {"TaxRateName": "r", "RateValue": 101, "TaxAgencyId": agency, "TaxApplicableOn": "Sales"}
    return str(counter.fault("taxservice/taxcode", {"TaxCode": "c", "TaxRateDetails": [rate]})["code"])


def batch(*items: dict[str, Any]) -> Provoke:
    def provoke(counter: Any) -> str:
        _, answer = counter.call("POST", "/batch", {"BatchItemRequest": list(items)})
        fault = answer.get("Fault") or answer["BatchItemResponse"][0]["Fault"]
        return str(fault["Error"][0]["code"])

    return provoke


def bad_minorversion(counter: Any) -> str:
    return str(counter.call("GET", "/customer/1", minorversion="new")[1]["Fault"]["Error"][0]["code"])


DISCOUNT = {"DetailType": "DiscountLineDetail", "DiscountLineDetail": {"PercentBased": True}}
CARD = {"CreditChargeInfo": {"Number": "4111111111111111"}}

CASES: dict[str, Provoke] = {
    "500": sent("customer", operation="delete"),
    "610": inactive,
    "620": sent("payment", put(Line=[{"Amount": 1, "LinkedTxn": [{"TxnId": "99999", "TxnType": "Invoice"}]}])),
    "700": sent("account", lambda c, b: b.update(ParentRef=c.ref("Account", AccountType="Income"))),
    "800": dependants,
    "900": circle,
    "1040": batch(*[{"bId": str(number), "Query": "x"} for number in range(31)]),
    "2000": batch({"bId": "1", "operation": "create", "Nonsense": {"Id": "1"}}),
    "2010": sent("customer", put(BadJson=True)),
    "2020": sent("invoice", without("Line")),
    "2030": sent("customer", put(Id="1.5", SyncToken="0")),
    "2040": sent("customer", put(DisplayName="A:B")),
    "2050": sent("invoice", put(DocNumber="x" * 22)),
    "2060": sent("invoice", put(TxnDate="20.11.2026")),
    "2070": sent("invoice", put(TxnDate="2026-02-30")),
    "2080": sent("timeactivity", put(Hours="two")),
    "2090": sent("timeactivity", put(Hours=1.5)),
    "2100": sent("exchangerate", put(Rate="1,5")),
    "2110": sent("exchangerate", put(Rate="NaN")),
    "2120": sent("invoice", put(CustomerRef="1")),
    "2130": sent("customer", requestid="x" * 51),
    "2140": sent("transfer", put(Amount="much")),
    "2150": sent("invoice", lambda _c, b: b["Line"].append(
        {"DetailType": "DiscountLineDetail", "DiscountLineDetail": {"PercentBased": True, "DiscountPercent": 101}})),
    "2160": sent("invoice", in_detail(Qty="some")),
    "2170": sent("purchase", put(PaymentType="Barter")),
    "2190": sent("invoice", put(TxnDate="1850-01-01")),
    "2200": sent("vendor", put(WebAddr={"URI": "http://a b.example"})),
    "2210": sent("vendor", put(PrimaryEmailAddr={"Address": "nobody"})),
    "2220": sent("customer", put(CurrencyRef={"value": "DOLLAR"})),
    "2230": sent("customer", put(Taxable="maybe")),
    "2240": sent("transfer", put(Amount=100_000_000_000)),
    "2250": sent("journalentry", without("Line")),
    "2260": sent("journalentry", lambda _c, b: b["Line"][0]["JournalEntryLineDetail"].pop("PostingType")),
    "2270": sent("journalentry", in_detail(TaxAmount=1)),
    "2280": sent("invoice", put(TxnTaxDetail={"TotalTax": -1})),
    "2290": sent("transfer", put(Amount=-1)),
    "2300": sent("journalentry", in_line(Amount=51)),
    "2500": sent("invoice", put(CustomerRef={"value": "999999"})),
    "2600": sent("timeactivity", put(StartTime="2026-11-20T09:00:00", EndTime="2026-11-20T10:00:00-08:00")),
    "3000": sent("invoice", put(CustomField=[{"DefinitionId": "first", "StringValue": "x"}])),
    "4000": query("SELECT"),
    "4001": query("SELECT * FROM Custmoer"),
    "5010": lambda c: c.fault("term", {**c.post("term", c.sample("Term")), "SyncToken": "1"})["code"],
    "5030": of_one_currency,
    "6000": sent("journalentry", lambda c, b: b["Line"][0].update(
        c.journal_line("Debit", 50, AccountType="Accounts Receivable"))),
    "6010": sent("account", put(AccountType="Treasure")),
    "6050": sent("attachable", put(AttachableRef=[{"EntityRef": {"type": "Treasure", "value": "1"}}])),
    "6080": lambda c: c.fault("vendor", {"CompanyName": "", "Notes": "x", "Title": "", "Suffix": ""})["code"],
    "6090": sent("invoice", lambda _c, b: b["Line"].append(DISCOUNT)),
    "6100": sent("invoice", lambda c, b: b["Line"][0]["SalesItemLineDetail"].update(
        TaxCodeRef=c.ref("TaxCode", TaxGroup=True))),
    "6130": sent("customer", put(BillWithParent=True)),
    "6140": twice,
    "6160": sent("invoice", put(TxnTaxDetail={"TxnTaxCodeRef": {"value": "TAX"}})),
    "6170": sent("invoice", put(TxnTaxDetail={"TotalTax": 1, "TaxLine": [{"Amount": 1}]})),
    "6180": level,
    "6200": closed("delete"),
    "6210": closed("update"),
    "6220": owing,
    "6230": sent("invoice", put(TxnTaxDetail={"TxnTaxCodeRef": {"value": "CustomSalesTax"}})),
    "6240": named_twice,
    "6270": sent("item", inventory(InvStartDate=None)),
    "6290": sent("timeactivity", put(Hours=0, StartTime="2026-11-20T09:00:00Z", EndTime="2026-11-20T08:00:00Z")),
    "6310": sent("timeactivity", without("EmployeeRef")),
    "6320": sent("timeactivity", put(Hours=0, StartTime="2026-11-20T09:00:00Z")),
    "6330": sent("timeactivity", put(BillableStatus="Billable")),
    "6340": sent("timeactivity", put(Hours=9000)),
    "6430": sent("purchase", lambda c, b: b.update(AccountRef=c.ref("Account", AccountType="Expense"))),
    "6440": sent("invoice", put(Line=[{"Amount": 1, "DetailType": "SalesItemLineDetail"}])),
    "6470": tax_service,
    "6490": sent("budget", put(EndDate="2025-12-31")),
    "6500": sent("budget", put(BudgetDetail=[{"BudgetDate": "2026-01-01", "Amount": 1}])),
    "6520": sent("item", inventory(QtyOnHand=None)),
    "6530": sent("payment", put(CreditCardPayment=CARD)),
    "6540": deposited,
    "10000": bad_minorversion,
}  # fmt: skip


@pytest.mark.parametrize("code", CASES)
def test_a_request_provokes_the_code(counter, code: str) -> None:
    assert CASES[code](counter) == code
    assert COVERAGE[code].by_request


def test_the_table_has_every_documented_code_and_no_other() -> None:
    assert sorted(COVERAGE) == sorted(DOCUMENTED)


def test_what_the_table_says_comes_from_a_request_is_walked() -> None:
    assert {code for code, row in COVERAGE.items() if row.by_request} == set(CASES)


def test_no_fault_has_a_code_that_the_table_does_not_claim() -> None:
    assert all(COVERAGE[code].by_request for code in VALUE_FAULTS)


@pytest.mark.parametrize("code", [code for code in CASES if code not in {"4000", "4001", "10000"}])
def test_a_refused_write_changes_nothing(counter, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Whatever a case prepares is there before its last request, which adds nothing."""
    changes: list[int] = []
    call = counter.call

    def watched(*args: Any, **kwargs: Any) -> Any:
        changes.append(counter.company.changes)
        return call(*args, **kwargs)

    monkeypatch.setattr(counter, "call", watched)
    CASES[code](counter)
    assert counter.company.changes == changes[-1]
