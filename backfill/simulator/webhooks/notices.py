"""Which changes are told, and as what. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from backfill.simulator.catalogue import TRAITS
from backfill.simulator.documents import Doc, decode
from backfill.simulator.journal import Changed

# Intuit's list of webhook entities, in the words of the API: its Currency is CompanyCurrency there.
_ENTITIES = frozenset({
    "Account", "Bill", "BillPayment", "Budget", "Class", "CompanyCurrency", "CreditMemo", "Customer", "Department",
    "Deposit", "Employee", "Estimate", "Invoice", "Item", "JournalCode", "JournalEntry", "Payment", "PaymentMethod",
    "Preferences", "Purchase", "PurchaseOrder", "RefundReceipt", "SalesReceipt", "TaxAgency", "Term", "TimeActivity",
    "Transfer", "Vendor", "VendorCredit",
})  # fmt: skip

_NAMES = {"CompanyCurrency": "Currency"}

_VOIDED = "Voided"
"""What the note of a voided transaction begins with."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One change of one company as the webhooks tell it."""

    realm_id: str
    entity: str
    object_id: str
    operation: str
    """Create, Update, Delete, Void, Emailed"""
    at: datetime


def notice_of(realm_id: str, change: Changed) -> Notice | None:
    """What is told of a change, or None for an entity that webhooks do not have."""
    if change.entity not in _ENTITIES:
        return None
    name = _NAMES.get(change.entity, change.entity)
    return Notice(realm_id, name, change.object_id, _operation(change), change.at)


def _operation(change: Changed) -> str:
    if change.before is None:
        return "Create"
    if change.after is None:
        return "Delete"
    before, after = decode(change.before), decode(change.after)
    if TRAITS[change.entity].voidable and _is_voided(after) and not _is_voided(before):
        return "Void"
    if after.get("EmailStatus") == "EmailSent" and before.get("EmailStatus") != "EmailSent":
        return "Emailed"
    return "Update"


def _is_voided(doc: Doc) -> bool:
    return str(doc.get("PrivateNote", "")).startswith(_VOIDED) and not doc.get("TotalAmt")
