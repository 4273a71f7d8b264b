"""Which transaction settles, deposits or bills which other, and what is left open of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from backfill.simulator.documents import Doc, cents, money


class Target(NamedTuple):
    """A transaction that another one links to."""

    entity: str
    id: str


ENTITY_OF: Mapping[str, str] = MappingProxyType(
    {
        "BillPaymentCheck": "BillPayment",
        "BillPaymentCreditCard": "BillPayment",
        "CashPurchase": "Purchase",
        "Check": "Purchase",
        "CreditCardCharge": "Purchase",
        "CreditCardCredit": "Purchase",
        "Expense": "Purchase",
    }
)
"""TxnType to entity, where the two are spelt differently: a TxnType is a word for display."""

SHOWN_AS: Mapping[str, str] = MappingProxyType({"BillPayment": "BillPaymentCheck"})
"""Entity to TxnType. QuickBooks says check even where a bill was paid by card."""

SETTLES: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "Payment": {"Invoice": 1, "JournalEntry": 1, "CreditMemo": -1},
        "BillPayment": {"Bill": 1, "JournalEntry": 1, "VendorCredit": -1},
        "Deposit": {"Payment": 1, "SalesReceipt": 1, "RefundReceipt": -1, "JournalEntry": 1},
        "Invoice": {"Estimate": 0, "TimeActivity": 0, "ReimburseCharge": 0},
        "SalesReceipt": {"Estimate": 0, "TimeActivity": 0, "ReimburseCharge": 0},
        "Bill": {"PurchaseOrder": 0},
        "Purchase": {"PurchaseOrder": 0},
        "ReimburseCharge": {"Purchase": 0},
    }
)
"""Who links to whom of its own will (the other end is QuickBooks' doing), and how a line's amount counts in the
settling document's total: 0 where nothing is settled."""

CLOSED_BY_LINK: Mapping[str, tuple[str, object, object]] = MappingProxyType(
    {
        "Estimate": ("TxnStatus", "Closed", "Pending"),
        "PurchaseOrder": ("POStatus", "Closed", "Open"),
        "ReimburseCharge": ("HasBeenInvoiced", True, False),
        "TimeActivity": ("BillableStatus", "HasBeenBilled", "Billable"),
    }
)
"""What becomes of a document that is billed, and what when it is so no more: attribute, then the two values."""

_PAID = ("Payment", "BillPayment")
_OWN_BALANCE = ("Invoice", "Bill", "CreditMemo", "VendorCredit")


def settled_by(entity: str, doc: Doc | None) -> dict[Target, int]:
    """What the document links to by itself, with the cents it settles of each (unsigned)."""
    found: dict[Target, int] = defaultdict(int)
    signs = SETTLES.get(entity)
    if doc is None or signs is None:
        return found
    for link in doc.get("LinkedTxn") or ():
        target = target_of(link)
        if target.entity in signs:
            found[target] += 0
    for line in doc.get("Line") or ():
        for link in line.get("LinkedTxn") or ():
            target = target_of(link)
            if target.entity in signs:
                found[target] += cents(line.get("Amount") or 0) if signs[target.entity] else 0
    return found


def target_of(link: Doc) -> Target:
    kind = str(link.get("TxnType") or "")
    return Target(ENTITY_OF.get(kind, kind), str(link.get("TxnId") or ""))


def linked_from(entity: str, doc: Doc) -> Iterator[Target]:
    """The other ends of the links that others made to this document."""
    signs = SETTLES.get(entity, {})
    for link in doc.get("LinkedTxn") or ():
        target = target_of(link)
        if target.entity not in signs and entity in SETTLES.get(target.entity, {}):
            yield target


def with_link(doc: Doc, by: Target, *, present: bool) -> Doc:
    """The document with a link to `by` in its `LinkedTxn`, or without one."""
    others = [link for link in doc.get("LinkedTxn") or () if target_of(link) != by]
    if present:
        others.append({"TxnId": by.id, "TxnType": SHOWN_AS.get(by.entity, by.entity)})
    if others == (doc.get("LinkedTxn") or []):
        return doc
    return {**doc, "LinkedTxn": others}


def without_settling(entity: str, doc: Doc, target: Target) -> Doc:
    """The document without the lines by which it settles `target`; a Deposit has that much less to put in."""
    kept = [line for line in doc["Line"] if target not in map(target_of, line.get("LinkedTxn") or ())]
    left = {**doc, "Line": kept}
    if entity == "Deposit":
        left["TotalAmt"] = money(cents(doc["TotalAmt"]) - settled_by(entity, doc)[target])
    return left


def marked(entity: str, doc: Doc, *, linked: bool) -> Doc:
    """The document with the status that being linked, or linked no more, gives it."""
    if entity not in CLOSED_BY_LINK:
        return doc
    attribute, closed, reopened = CLOSED_BY_LINK[entity]
    return {**doc, attribute: closed if linked else reopened}


def with_figures(entity: str, doc: Doc, paid: int) -> Doc:
    """The document with what follows from `paid`, the cents that others settle of it, and from its own lines."""
    figures: Doc = {}
    if entity in _OWN_BALANCE:
        figures["Balance"] = cents(doc.get("TotalAmt") or 0) - cents(doc.get("Deposit") or 0) - paid
        if entity == "CreditMemo":
            figures["RemainingCredit"] = figures["Balance"]
    elif entity in _PAID:
        total = cents(doc.get("TotalAmt") or 0)
        signs = SETTLES[entity]
        applied = sum(signs[target.entity] * amount for target, amount in settled_by(entity, doc).items())
        if entity == "Payment":
            figures["UnappliedAmt"] = total - applied
    changed = {key: money(value) for key, value in figures.items() if key not in doc or cents(doc[key]) != value}
    return {**doc, **changed} if changed else doc
