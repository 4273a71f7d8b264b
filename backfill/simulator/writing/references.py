"""References: what they name must be there and active, and gets its name written beside its Id."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from backfill.simulator.documents import Doc, decode
from backfill.simulator.faults import OBJECT_NOT_FOUND, FaultedError, business
from backfill.simulator.seed.profile import CURRENCIES
from backfill.simulator.stored import StoredObject
from backfill.simulator.writing.desk import Desk
from backfill.simulator.writing.faults import bad_reference, bad_value
from backfill.simulator.writing.schema.notation import Property, Shape
from backfill.simulator.writing.schema.table import ENTITY_SHAPES, PART_SHAPES

_PEOPLE = "Customer|Vendor|Employee"
_TABLE_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "Account": "Accounts",
        "Class": "Klasses",
        "Customer": "Names",
        "Department": "Depts",
        "Employee": "Names",
        "Item": "Item",
        "PaymentMethod": "PaymentMethods",
        "TaxCode": "TaxCodes",
        "TaxRate": "TaxRates",
        "Term": "Terms",
        "Vendor": "Names",
    }
)
"""The table a 2500 names. Accounts, Klasses, Depts, Names and Item were recorded; the others are after them."""

_NAME_KEYS: Mapping[str, str] = MappingProxyType(
    {
        # Since April 2026 an account's name in a reference is the fully qualified one.
        "Account": "FullyQualifiedName",
        "Class": "FullyQualifiedName",
        "Customer": "DisplayName",
        "Department": "FullyQualifiedName",
        "Employee": "DisplayName",
        "Item": "Name",
        "JournalCode": "Name",
        "PaymentMethod": "Name",
        "Term": "Name",
        "Vendor": "DisplayName",
    }
)
"""What a reference's name is; of the others (tax codes, customer types) the recordings show the value alone."""

SPECIAL_ITEMS = frozenset({"SHIPPING_ITEM_ID", "GRATUITY_ITEM_ID"})
"""Items that are in no list: a shipping charge or tip stands on a sales line under these Ids."""


def resolved(desk: Desk, doc: Doc) -> Doc:
    """The object with every reference checked and named.

    Raises `FaultedError`: 2500 where there is nothing of that Id, 610 where it is inactive, 2220, 6000 for a currency.
    """
    return _resolved(desk, ENTITY_SHAPES[desk.entity], doc)


def _resolved(desk: Desk, shape: Shape, doc: Doc) -> Doc:
    found: Doc = {}
    for name, value in doc.items():
        known = shape.get(name)
        if known is None or value is None or known.is_readonly:
            found[name] = value
        elif known.kind == "ref":
            found[name] = _reference(desk, known, value)
        elif known.kind == "of":
            found[name] = _resolved(desk, PART_SHAPES[known.argument], value)
        elif known.kind == "list":
            found[name] = [_resolved(desk, PART_SHAPES[known.argument], part) for part in value]
        else:
            found[name] = value
    return found


def _reference(desk: Desk, known: Property, reference: Mapping[str, Any]) -> Doc:
    if not known.argument:
        return dict(reference)
    if known.argument == "CompanyCurrency":
        return currency(desk, str(reference["value"]))
    if reference["value"] in SPECIAL_ITEMS and known.name == "ItemRef":
        return {"value": reference["value"]}
    for entity in known.choices:
        row = desk.company.table(entity).get(str(reference["value"]))
        if row is not None:
            return _named(known, entity, row)
    words = _TABLE_WORDS.get(known.choices[0], f"{known.choices[0]}s")
    raise FaultedError(bad_reference(words, str(reference["value"])))


def _named(known: Property, entity: str, row: StoredObject) -> Doc:
    if not row.active:
        raise FaultedError(OBJECT_NOT_FOUND)
    found: Doc = {"value": row.id}
    if entity in _NAME_KEYS:
        found["name"] = decode(row.doc).get(_NAME_KEYS[entity], "")
    if known.argument == _PEOPLE:
        found["type"] = entity
    return found


def currency(desk: Desk, code: str) -> Doc:
    """A reference to a currency that the company uses, its home currency or another."""
    if len(code) != 3 or not code.isalpha():
        raise FaultedError(bad_value("2220", "CurrencyRef", f"Currency {code} is not a currency code"))
    if code.upper() != desk.company.home_currency and not desk.company.multicurrency:
        raise FaultedError(business(f"Multicurrency is not enabled in this company: {code}", "CurrencyRef"))
    return {"value": code.upper(), "name": currency_name(code.upper())}


def currency_name(code: str) -> str:
    """A currency in words, its code where this simulator has no words for it."""
    return CURRENCIES[code].name if code in CURRENCIES else code
