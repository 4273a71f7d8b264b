"""Document numbers: the next one where the company lets QuickBooks count, and none twice where it minds."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from backfill.simulator.documents import Doc
from backfill.simulator.faults import Fault
from backfill.simulator.stored import StoredObject
from backfill.simulator.writing.desk import Desk
from backfill.simulator.writing.faults import duplicate_number

_SALES = ("Invoice", "SalesReceipt", "Estimate", "CreditMemo", "RefundReceipt")
_SEQUENCES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    dict.fromkeys(_SALES, _SALES)
    | {
        "InventoryAdjustment": ("InventoryAdjustment",),
        "JournalEntry": ("JournalEntry",),
        "PurchaseOrder": ("PurchaseOrder",),
    }
)
"""Entities whose numbers QuickBooks counts, to those they share the count with. A bill's number is the vendor's."""

_WARNINGS: Mapping[str, str] = MappingProxyType(
    {
        "Bill": "WarnDuplicateBillNumber",
        "BillPayment": "WarnDuplicateCheckNumber",
        "JournalEntry": "WarnDuplicateJournalNumber",
        "Purchase": "WarnDuplicateCheckNumber",
        "VendorCredit": "WarnDuplicateBillNumber",
    }
)
"""The setting by which a company minds a number used twice; sales forms mind where they have custom numbers."""

ALLOWED_TWICE = frozenset({"allowduplicatedocnum", "allowduplicatedocnumber"})
"""The option by which a request may use a number again: as in an address, and as in a batch's optionsData."""

_MOST_DIGITS = 9
"""A longer number is somebody's own, and not counted on from."""


class _Numbered(msgspec.Struct):
    DocNumber: str = ""


_decode = msgspec.json.Decoder(_Numbered).decode


def by_number(row: StoredObject) -> str:
    """Index key: the DocNumber."""
    return _decode(row.doc).DocNumber


def numbered(desk: Desk, doc: Doc) -> Doc:
    """The object with the next number, where it has none and the company does not number its forms itself."""
    sequence = _SEQUENCES.get(desk.entity)
    if desk.is_template or doc.get("DocNumber") or sequence is None:
        return doc
    if desk.preference("SalesFormsPrefs", "CustomTxnNumbers"):
        return doc
    number = desk.company.next_number(f"{sequence[0]} numbers", lambda: _last_used(desk, sequence))
    return {**doc, "DocNumber": str(number)}


def clash(desk: Desk, doc: Doc) -> Fault | None:
    """6140 where the number is used already, the company minds, and the request does not say otherwise."""
    number = str(doc.get("DocNumber") or "")
    if not number or desk.include & ALLOWED_TWICE or number == (desk.before or {}).get("DocNumber"):
        return None
    if desk.entity in _SALES:
        minds = bool(desk.preference("SalesFormsPrefs", "CustomTxnNumbers"))
    else:
        minds = desk.other_preference(_WARNINGS.get(desk.entity, "")).lower() == "true"
    if not minds:
        return None
    others = (other for other in desk.company.table(desk.entity).find(by_number, number) if other != desk.object_id)
    clashing = next(others, None)
    return None if clashing is None else duplicate_number(number, clashing, desk.entity)


def _last_used(desk: Desk, sequence: tuple[str, ...]) -> int:
    sown = max(desk.company.last_sown_number(entity) for entity in sequence)
    numbers = (by_number(row) for entity in sequence for row in desk.company.table(entity).changed())
    return max([sown, *(int(text) for text in numbers if text.isdecimal() and len(text) <= _MOST_DIGITS)])
