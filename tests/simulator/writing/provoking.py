"""A request for every fault code that one provokes, alone or under a setting."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import anyio

from backfill.simulator.api import Api
from backfill.simulator.call import Call
from backfill.simulator.core import Simulator
from backfill.simulator.settings import ServerLimits, SimulatorSettings

Provoke = Callable[[Any], str]
"""From a counter to the code that its request is refused with."""

NOON = datetime(2026, 11, 20, 18, tzinfo=UTC)


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


def exchanged(
    counter: Any, *calls: Call, between: Callable[[Simulator], object] = lambda _: None, **settings: Any
) -> str:
    """The code of the last answer of a whole simulator over the counter's companies, tokens and limits included."""
    simulator = Simulator(SimulatorSettings(**settings), counter.api._fleet, now=lambda: NOON, seed=1)

    async def work() -> str:
        codes = []
        for call in calls:
            held = simulator.credentials(call.realm_id).access_token
            headers = {"accept": "application/json", "authorization": f"Bearer {held}"} | dict(call.headers)
            codes.append((await simulator.exchange(replace(call, headers=headers))).code)
            between(simulator)
        return codes[-1]

    return anyio.run(work)


def preferences(counter: Any, **headers: str) -> Call:
    return Call(counter.realm_id, "GET", "/preferences", {}, headers)


def throttled(counter: Any) -> str:
    limits = ServerLimits(requests_per_minute=1)
    return exchanged(counter, preferences(counter), preferences(counter), limits=limits)


def stranger(counter: Any) -> str:
    other = next(realm_id for realm_id in counter.api._fleet.realm_ids if realm_id != counter.realm_id)
    simulator = Simulator(SimulatorSettings(), counter.api._fleet, now=lambda: NOON, seed=1)
    token = simulator.credentials(other).access_token
    return exchanged(counter, preferences(counter, authorization=f"Bearer {token}"))


def nobody(counter: Any) -> str:
    return exchanged(counter, preferences(counter, authorization=""))


def disconnected(counter: Any) -> str:
    asked = preferences(counter)
    leave = partial(_disconnect, counter.realm_id)
    return exchanged(counter, asked, asked, between=leave, disconnected="120")


def _disconnect(realm_id: str, simulator: Simulator) -> None:
    simulator.oauth.revoke(realm_id)


def under(counter: Any, **settings: Any) -> Any:
    """The counter's companies behind an API with other settings."""
    counter.api = Api(SimulatorSettings(**settings), counter.api._fleet)
    return counter


def repeated(counter: Any) -> str:
    counter = under(counter, request_id_changed="refused")
    counter.post("customer", counter.sample("Customer"), requestid="r")
    return str(counter.fault("customer", counter.sample("Customer"), requestid="r")["code"])


def uploaded(*, kind: str = "multipart/form-data; boundary=b", metadata: bytes = b"{}", name: str = "a.txt") -> Any:
    parts = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="%b_01"; filename="%b"\r\n\r\n%b\r\n'
        % (part, name.encode(), held)
        for part, held in ((b"file_metadata", metadata), (b"file_content", b"x"))
    )

    def provoke(counter: Any, *, oversize: bool = False) -> str:
        headers = {"accept": "application/json", "content-type": kind}
        call = Call(counter.realm_id, "POST", "/upload", {}, headers, parts + b"--b--\r\n", oversize=oversize)
        counter.call("GET", "/query", query="SELECT COUNT(*) FROM Attachable")
        answer = json.loads(counter.api.handle(call).body)
        fault = answer.get("Fault") or answer["AttachableResponse"][0]["Fault"]
        return str(fault["Error"][0]["code"])

    return provoke


def unaddressed(counter: Any) -> str:
    made = counter.post("payment", counter.sample("Payment"))
    return str(counter.call("POST", f"/payment/{made['Id']}/send")[1]["Fault"]["Error"][0]["code"])


def charged(change: dict[str, Any], **params: str) -> Provoke:
    """Something done to a payment by card that QuickBooks processed."""

    def provoke(counter: Any) -> str:
        card = {"CreditChargeInfo": {"ProcessPayment": True}, "CreditChargeResponse": {"CCTransId": "AA1"}}
        made = counter.post("payment", {**counter.sample("Payment"), "CreditCardPayment": card})
        head = {"Id": made["Id"], "SyncToken": made["SyncToken"]}
        return str(counter.fault("payment", ({} if params else made) | head | change, **params)["code"])

    return provoke


def unbilled(counter: Any) -> str:
    customer = counter.post("customer", counter.sample("Customer"))
    charge = {"BillableStatus": "Billable", "CustomerRef": {"value": customer["Id"]}, "HourlyRate": 5}
    counter.post("timeactivity", {**counter.sample("TimeActivity"), **charge})
    return str(counter.fault("customer", {**customer, "Active": False})["code"])


DISCOUNT = {"DetailType": "DiscountLineDetail", "DiscountLineDetail": {"PercentBased": True}}
CARD = {"CreditChargeInfo": {"Number": "4111111111111111"}}

CASES: dict[str, Provoke] = {
    "120": disconnected,
    "500": sent("customer", operation="delete"),
    "600": repeated,
    "610": inactive,
    "620": sent("payment", put(Line=[{"Amount": 1, "LinkedTxn": [{"TxnId": "99999", "TxnType": "Invoice"}]}])),
    "700": sent("account", lambda c, b: b.update(ParentRef=c.ref("Account", AccountType="Income"))),
    "800": dependants,
    "900": circle,
    "1040": batch(*[{"bId": str(number), "Query": "x"} for number in range(31)]),
    "1050": uploaded(kind="application/json"),
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
    "3001": throttled,
    "3100": stranger,
    "3200": nobody,
    "4000": query("SELECT"),
    "4001": query("SELECT * FROM Custmoer"),
    "4002": query("SELECT COUNT(*) FROM CustomerType"),
    "5010": lambda c: c.fault("term", {**c.post("term", c.sample("Term")), "SyncToken": "1"})["code"],
    "5020": lambda c: c.call("GET", "/reports/Nonsense")[1]["Fault"]["Error"][0]["code"],
    "5030": of_one_currency,
    "6000": sent("journalentry", lambda c, b: b["Line"][0].update(
        c.journal_line("Debit", 50, AccountType="Accounts Receivable"))),
    "6010": sent("account", put(AccountType="Treasure")),
    "6030": lambda c: uploaded()(c, oversize=True),
    "6040": uploaded(metadata=b"[]"),
    "6041": uploaded(name="a.exe"),
    "6050": sent("attachable", put(AttachableRef=[{"EntityRef": {"type": "Treasure", "value": "1"}}])),
    "6080": lambda c: c.fault("vendor", {"CompanyName": "", "Notes": "x", "Title": "", "Suffix": ""})["code"],
    "6090": sent("invoice", lambda _c, b: b["Line"].append(DISCOUNT)),
    "6100": sent("invoice", lambda c, b: b["Line"][0]["SalesItemLineDetail"].update(
        TaxCodeRef=c.ref("TaxCode", TaxGroup=True))),
    "6110": charged({"TotalAmt": 41}),
    "6120": charged({}, operation="delete"),
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
    "6280": unbilled,
    "6290": sent("timeactivity", put(Hours=0, StartTime="2026-11-20T09:00:00Z", EndTime="2026-11-20T08:00:00Z")),
    "6310": sent("timeactivity", without("EmployeeRef")),
    "6320": sent("timeactivity", put(Hours=0, StartTime="2026-11-20T09:00:00Z")),
    "6330": sent("timeactivity", put(BillableStatus="Billable")),
    "6340": sent("timeactivity", put(Hours=9000)),
    "6370": sent("timeactivity", put(HourlyRate=-1)),
    "6390": sent("timeactivity", put(BreakHours=3)),
    "6420": unaddressed,
    "6430": sent("purchase", lambda c, b: b.update(AccountRef=c.ref("Account", AccountType="Expense"))),
    "6440": sent("invoice", put(Line=[{"Amount": 1, "DetailType": "SalesItemLineDetail"}])),
    "6450": charged({"sparse": True}, operation="void"),
    "6470": tax_service,
    "6490": sent("budget", put(EndDate="2025-12-31")),
    "6500": sent("budget", put(BudgetDetail=[{"BudgetDate": "2026-01-01", "Amount": 1}])),
    "6510": sent("budget", lambda c, b: b["BudgetDetail"][0].update(AccountRef=c.ref("Account", AccountType="Bank"))),
    "6520": sent("item", inventory(QtyOnHand=None)),
    "6530": sent("payment", put(CreditCardPayment=CARD)),
    "6540": deposited,
    "10000": bad_minorversion,
}  # fmt: skip
