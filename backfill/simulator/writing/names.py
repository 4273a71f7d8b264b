"""Names: what an object of a list is called, under what it stands, and that nobody else is called so."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import msgspec

from backfill.simulator.changes import DELETED_SUFFIX
from backfill.simulator.company import Company
from backfill.simulator.documents import Doc, decode
from backfill.simulator.faults import Fault
from backfill.simulator.stored import KeyOf, StoredObject
from backfill.simulator.writing.desk import Desk, headless
from backfill.simulator.writing.faults import bad_value, duplicate_name

PEOPLE = ("Customer", "Vendor", "Employee")
"""The three lists that share their names."""

MOST_LEVELS = 5
_FORBIDDEN = re.compile("[:\t\n]")
_PARTS = ("Title", "GivenName", "MiddleName", "FamilyName", "Suffix")
_SUB_FLAGS = {
    "Account": "SubAccount",
    "Class": "SubClass",
    "Customer": "Job",
    "Department": "SubDepartment",
    "Item": "SubItem",
}
NESTED = frozenset(_SUB_FLAGS)
"""Lists whose objects may stand below one another."""

_HAS_LEVEL = frozenset({"Customer", "Item"})


class _Names(msgspec.Struct):
    """What of an object its index keys are made of; the rest is not decoded."""

    DisplayName: str = ""
    Name: str = ""
    FullyQualifiedName: str = ""
    Code: str = ""
    ParentRef: Mapping[str, str] = MappingProxyType({})


_decode_names = msgspec.json.Decoder(_Names).decode


def folded(name: str) -> str:
    """A name as it is compared: in any case, active or not."""
    return name.removesuffix(DELETED_SUFFIX).strip().casefold()


def as_active(name: str) -> str:
    """A name as it is when its object is active."""
    return name.removesuffix(DELETED_SUFFIX)


def _by(attribute: str, row: StoredObject) -> str:
    return folded(getattr(_decode_names(row.doc), attribute))


def by_parent(row: StoredObject) -> str:
    """Index key: the Id of the object above."""
    return _decode_names(row.doc).ParentRef.get("value", "")


_BY_NAME: Mapping[str, KeyOf] = MappingProxyType(
    {name: partial(_by, name) for name in ("DisplayName", "Name", "FullyQualifiedName", "Code")}
)
_UNIQUE: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(PEOPLE, "DisplayName")
    | dict.fromkeys(("Account", "Class", "Department", "Item"), "FullyQualifiedName")
    | dict.fromkeys(("Budget", "JournalCode", "PaymentMethod", "Term", "TaxCode", "TaxRate"), "Name")
    | {"CompanyCurrency": "Code", "TaxAgency": "DisplayName"}
)
"""The attribute that no two objects of a list share."""


def holders(company: Company, entity: str, name: str) -> Collection[str]:
    """The Ids of the entity's objects of that name."""
    return company.table(entity).find(_BY_NAME[_UNIQUE[entity]], folded(name))


def clash(desk: Desk, doc: Doc) -> Fault | None:
    """6240 where another object of the list (for people: of the three lists) has the name."""
    attribute = _UNIQUE.get(desk.entity)
    if attribute is None or not doc.get(attribute):
        return None
    for entity in PEOPLE if desk.entity in PEOPLE else (desk.entity,):
        for object_id in holders(desk.company, entity, str(doc[attribute])):
            if (entity, object_id) != (desk.entity, desk.object_id):
                return duplicate_name(object_id, person=desk.entity in PEOPLE)
    return None


def called(doc: Doc) -> Doc:
    """A person with DisplayName and PrintOnCheckName, made of the other names where they are not given."""
    full = " ".join(str(doc[part]) for part in _PARTS if doc.get(part))
    display = doc.get("DisplayName") or full or doc.get("CompanyName") or ""
    return doc | {"DisplayName": display, "PrintOnCheckName": doc.get("PrintOnCheckName") or display}


def misnamed(desk: Desk, doc: Doc) -> Fault | None:
    """6080 for a person without any name, 2040 for a character that new names may not have."""
    attribute = "DisplayName" if desk.entity in PEOPLE else "Name"
    name = str(doc.get(attribute) or "")
    if desk.entity in PEOPLE and not name:
        detail = "DisplayName, or at least one of Title, GivenName, MiddleName, FamilyName, Suffix should be given"
        return bad_value("6080", "DisplayName", detail)
    is_new = name != as_active(str((desk.before or {}).get(attribute) or ""))
    if desk.entity in NESTED | set(PEOPLE) and is_new and _FORBIDDEN.search(name):
        return bad_value("2040", attribute, f"{attribute} may not have a colon, tab or line break: {name}")
    return None


def placed(desk: Desk, doc: Doc) -> Doc:
    """An object of a nested list with its place: FullyQualifiedName, Level, the flag that it stands below another."""
    name = str(doc.get("DisplayName" if desk.entity == "Customer" else "Name") or "")
    if desk.entity not in NESTED:
        return doc
    parent = desk.lookup(desk.entity, doc.get("ParentRef"))
    placed_doc = {**doc, _SUB_FLAGS[desk.entity]: parent is not None}
    placed_doc["FullyQualifiedName"] = f"{parent['FullyQualifiedName']}:{name}" if parent else name
    placed_doc.pop("Level", None)
    if parent and desk.entity in _HAS_LEVEL:
        placed_doc["Level"] = int(parent.get("Level", 0)) + 1
    return placed_doc


def misplaced(desk: Desk, doc: Doc) -> Fault | None:
    """6180 for an object too deep, 900 for one below itself, 6150 and 6130 for claims about a parent it has not."""
    table, seen = desk.company.table(desk.entity), 1
    above: Any = doc.get("ParentRef")
    while above:
        if above["value"] == desk.object_id:
            return bad_value("900", "ParentRef", f"Object {desk.object_id} cannot stand below itself")
        seen += 1
        row = table.get(above["value"])
        above = decode(row.doc).get("ParentRef") if row and seen <= MOST_LEVELS else None
    if seen > MOST_LEVELS:
        return bad_value("6180", "ParentRef", f"Only {MOST_LEVELS} levels are allowed")
    if doc.get("BillWithParent") and not doc.get("ParentRef"):
        return bad_value("6130", "BillWithParent", "BillWithParent needs a ParentRef")
    return None


def rename_below(company: Company, entity: str, object_id: str) -> None:
    """Let the names of what stands below an object follow its own; their SyncTokens stay."""
    parent = company.table(entity).get(object_id)
    if entity not in NESTED or parent is None:
        return
    above = decode(parent.doc)["FullyQualifiedName"]
    for child_id in tuple(company.table(entity).find(by_parent, object_id)):
        child = company.table(entity).get(child_id)
        assert child is not None
        doc = decode(child.doc)
        whole = f"{above}:{doc['DisplayName' if entity == 'Customer' else 'Name']}"
        if doc.get("FullyQualifiedName") != whole:
            company.replace(entity, child_id, headless(doc) | {"FullyQualifiedName": whole}, counted=False)
            rename_below(company, entity, child_id)
