"""What the ordinary changes do to a document: made inactive, active again, voided. The argument is left as it was."""

from __future__ import annotations

from typing import Any

from backfill.simulator.catalogue import TRAITS
from backfill.simulator.documents import Doc

DELETED_SUFFIX = " (deleted)"
"""What the name of an inactive row ends in."""

_VOIDED_AMOUNTS = frozenset(
    {"Amount", "Balance", "HomeBalance", "HomeTotalAmt", "Qty", "TotalAmt", "TotalTax", "UnappliedAmt", "UnitPrice"}
    | {"NetAmountTaxable"}
)


def deactivated(entity: str, doc: Doc) -> Doc:
    """The list object made inactive: its name, and its fully qualified one, gain " (deleted)"."""
    names = (TRAITS[entity].name_key, "FullyQualifiedName")
    renamed = {name: f"{doc[name].removesuffix(DELETED_SUFFIX)}{DELETED_SUFFIX}" for name in names if name in doc}
    return {**doc, **renamed, "Active": False}


def reactivated(entity: str, doc: Doc) -> Doc:
    """The list object made active again, under its old name."""
    names = (TRAITS[entity].name_key, "FullyQualifiedName")
    renamed = {name: doc[name].removesuffix(DELETED_SUFFIX) for name in names if name in doc}
    return {**doc, **renamed, "Active": True}


def voided(doc: Doc) -> Doc:
    """The transaction voided: it stays, all its amounts 0, nothing linked, and its note says so first."""
    note = doc.get("PrivateNote", "")
    emptied: Doc = _emptied(doc)
    emptied["PrivateNote"] = f"Voided - {note}" if note else "Voided"
    if "LinkedTxn" in emptied:
        emptied["LinkedTxn"] = []
    if "Line" in emptied:
        emptied["Line"] = [line for line in emptied["Line"] if "LinkedTxn" not in line]
    return emptied


def _emptied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: 0 if key in _VOIDED_AMOUNTS else _emptied(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_emptied(part) for part in value]
    return value
