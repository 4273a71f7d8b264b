"""Intuit's table of entities and operations, transcribed from its reference, and every case the contract is walked by.

The table is written anew, and not taken from the simulator's own: where they differ, one of them is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from backfill.simulator.catalogue import TRAITS

# C create, R read, Q query, U update, D delete, V void, P pdf and send, X change data capture. An update of a
# RecurringTransaction is not in the reference; public clients make it.
ENTITIES: Mapping[str, str] = {
    "Account": "CRQUX", "Attachable": "CRQUDX", "Bill": "CRQUDX", "BillPayment": "CRQUDVX", "Budget": "CRQUDX",
    "Class": "CRQUX", "CompanyCurrency": "CRQUX", "CompanyInfo": "RQUX", "CreditCardPayment": "CRQUDX",
    "CreditMemo": "CRQUDPX", "Customer": "CRQUX", "CustomerType": "RQX", "Department": "CRQUX", "Deposit": "CRQUDX",
    "Employee": "CRQUX", "Estimate": "CRQUDPX", "ExchangeRate": "CQU", "InventoryAdjustment": "CRQUD",
    "Invoice": "CRQUDVPX", "Item": "CRQUX", "JournalCode": "CRQU", "JournalEntry": "CRQUDX", "Payment": "CRQUDVPX",
    "PaymentMethod": "CRQUX", "Preferences": "RQUX", "Purchase": "CRQUDX", "PurchaseOrder": "CRQUDPX",
    "RecurringTransaction": "CRQUD", "RefundReceipt": "CRQUDPX", "ReimburseCharge": "RQX", "SalesReceipt": "CRQUDVPX",
    "TaxAgency": "CRQ", "TaxClassification": "R", "TaxCode": "RQ", "TaxPayment": "RQ", "TaxRate": "RQ",
    "Term": "CRQUX", "TimeActivity": "CRQUD", "Transfer": "CRQUDX", "Vendor": "CRQUX", "VendorCredit": "CRQUDX",
}  # fmt: skip
LETTERS: Mapping[str, str] = {
    "create": "C", "read": "R", "query": "Q", "count": "Q", "update": "U", "sparse": "U", "delete": "D", "void": "V",
    "pdf": "P", "send": "P", "cdc": "X",
}  # fmt: skip
"""The operation to the letter that allows it."""
UNCOUNTED = ("CustomerType", "ExchangeRate")
"""They can be queried, and not counted: not in the reference; so a public client's tests found the sandbox."""
LEFT_OUT = ("ExchangeRate", "TaxCode", "TaxRate", "TimeActivity")
"""Not carried by change data capture, says the reference; the sandbox answered a public client's tests all the same."""
CREATABLE = [name for name, letters in ENTITIES.items() if "C" in letters]
UPDATABLE = [name for name in CREATABLE if "U" in ENTITIES[name] and name != "ExchangeRate"]
DELETABLE = [name for name in CREATABLE if "D" in ENTITIES[name]]
VOIDABLE = [name for name in CREATABLE if "V" in ENTITIES[name]]
NOBODY = "987654321"
"""An Id that nothing has."""


def path(entity: str) -> str:
    return entity.lower()


def key(entity: str) -> str:
    return "CreditCardPaymentTxn" if entity == "CreditCardPayment" else entity


def inner(doc: dict[str, Any]) -> dict[str, Any]:
    """The object, or what it wraps."""
    return doc if "Id" in doc or len(doc) != 1 else next(iter(doc.values()))


class Asked(NamedTuple):
    """One request, as a call of its own; `item` is the same in a batch, None where it has no such form."""

    method: str
    path: str
    params: dict[str, str]
    body: Any = None
    item: dict[str, Any] | None = None


def asked(operation: str, entity: str, doc: Mapping[str, Any]) -> Asked:
    """The request for an operation on an object, or on what would be one."""
    head = {"Id": doc.get("Id", "1"), "SyncToken": doc.get("SyncToken", "0")}
    below = f"/{path(entity)}"
    match operation:
        case "create":
            return Asked("POST", below, {}, doc, {"operation": "create", key(entity): doc})
        case "update":
            return Asked("POST", below, {}, {**head, **doc}, {"operation": "update", key(entity): {**head, **doc}})
        case "sparse":
            change = {**head, "sparse": True}
            return Asked("POST", below, {}, change, {"operation": "update", key(entity): change})
        case "delete" | "void":
            sent = {entity: head} if entity == "RecurringTransaction" and operation == "void" else head
            return Asked("POST", below, {"operation": operation}, sent, {"operation": operation, key(entity): sent})
        case "read":
            return Asked("GET", f"{below}/{head['Id']}", {})
        case "pdf":
            return Asked("GET", f"{below}/{head['Id']}/pdf", {})
        case "send":
            return Asked("POST", f"{below}/{head['Id']}/send", {"sendTo": "jo@example.com"})
        case "query" | "count":
            where = " WHERE SourceCurrencyCode = 'EUR'" if entity == "ExchangeRate" else ""
            text = f"SELECT {'*' if operation == 'query' else 'COUNT(*)'} FROM {entity}{where}"
            return Asked("GET", "/query", {"query": text}, item={"Query": text})
        case "cdc":
            since = "2026-11-01T00:00:00Z"
            item = {"CDCQuery": {"Entities": entity, "ChangedSince": since}}
            return Asked("GET", "/cdc", {"entities": entity, "changedSince": since}, item=item)
        case _:
            raise AssertionError(operation)


def has(entity: str, operation: str) -> bool:
    """Whether the entity has the operation."""
    match operation:
        case "count" if entity in UNCOUNTED:
            return False
        case "cdc" if entity in LEFT_OUT:
            return True
        case _:
            return LETTERS[operation] in ENTITIES[entity]


def operations() -> Iterator[tuple[str, str, bool]]:
    """Every entity with every operation, and whether it has it."""
    for entity in ENTITIES:
        for operation in LETTERS:
            yield entity, operation, has(entity, operation)


def prepared(counter: Any, entity: str) -> dict[str, Any]:
    """An object to do something with: a new one, or the first there is; nothing much where there can be none."""
    if entity in CREATABLE and entity != "ExchangeRate":
        return inner(counter.post(path(entity), counter.sample(entity)))
    row = next(iter(counter.company.table(entity).all()), None)
    return {} if row is None or not TRAITS[entity].has_id else {"SyncToken": "0", **json.loads(row.doc)}
