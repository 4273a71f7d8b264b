"""The client's table of entities: how each is read, and what its answers look like.

Written from Intuit's reference and from recordings, and on purpose a second time, apart from the
simulator's own table: shared beliefs would be shared mistakes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from backfill.errors import UsageError, meant


class Reading(Enum):
    """How all objects of an entity are read."""

    SCAN = "scan"
    """By `/query`, ordered by MetaData.CreateTime, which never changes: a keyset."""
    SINGLETON = "singleton"
    """One object a realm, and no COUNT of it."""
    RATES = "rates"
    """ExchangeRate: no Id and no COUNT; queried by currency and date."""
    WRAPPED = "wrapped"
    """RecurringTransaction: rows are wrappers `{"Invoice": {...}}` without MetaData, so they are paged by offset."""
    LISTING = "listing"
    """TaxClassification: cannot be queried; one GET lists all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One row of the catalogue."""

    name: str
    """Canonical case: the name in statements, in CDC and in paths."""
    array_key: str
    """The key of the rows in an answer: the name, with one exception."""
    path: str
    """Below `/v3/company/{realm_id}`, with its slash: one lower-case word."""
    reading: Reading
    hides_inactive: bool
    """Queries leave inactive rows out unless `Active IN (true, false)` is asked for."""
    carried_by_cdc: bool
    """True only where Intuit's reference clearly says so: elsewhere a change could go unseen."""

    @property
    def countable(self) -> bool:
        """`SELECT COUNT(*)` answers for it."""
        return self.reading in {Reading.SCAN, Reading.WRAPPED}

    @property
    def queryable(self) -> bool:
        """`/query` answers for it."""
        return self.reading is not Reading.LISTING


@dataclass(frozen=True, slots=True)
class _Row:
    """What is not derived from the name."""

    reading: Reading = Reading.SCAN
    hides_inactive: bool = False
    carried_by_cdc: bool = False
    array_key: str = ""


_LIST = _Row(hides_inactive=True, carried_by_cdc=True)
"""A name list: rows are made inactive, not deleted, and CDC carries them."""
_LIST_WITHOUT_CDC = _Row(hides_inactive=True)
_TRANSACTION = _Row(carried_by_cdc=True)
_UNTRACKED = _Row()
"""Queryable, never hidden, and outside CDC: excluded by the reference, or not clearly included."""

_ROWS: Mapping[str, _Row] = {
    "Account": _LIST,
    "Attachable": _UNTRACKED,
    "Bill": _TRANSACTION,
    "BillPayment": _TRANSACTION,
    "Budget": _LIST,
    "Class": _LIST,
    "CompanyCurrency": _LIST_WITHOUT_CDC,
    "CompanyInfo": _Row(reading=Reading.SINGLETON),
    "CreditCardPayment": _Row(array_key="CreditCardPaymentTxn"),
    "CreditMemo": _TRANSACTION,
    "Customer": _LIST,
    "CustomerType": _LIST_WITHOUT_CDC,
    "Department": _LIST,
    "Deposit": _TRANSACTION,
    "Employee": _LIST,
    "Estimate": _TRANSACTION,
    "ExchangeRate": _Row(reading=Reading.RATES),
    "InventoryAdjustment": _UNTRACKED,
    "Invoice": _TRANSACTION,
    "Item": _LIST,
    # JournalCode and TaxAgency have no documented Active property: to name it would be refused (4001).
    "JournalCode": _UNTRACKED,
    "JournalEntry": _TRANSACTION,
    "Payment": _TRANSACTION,
    "PaymentMethod": _LIST,
    "Preferences": _Row(reading=Reading.SINGLETON),
    "Purchase": _TRANSACTION,
    "PurchaseOrder": _TRANSACTION,
    "RecurringTransaction": _Row(reading=Reading.WRAPPED),
    "RefundReceipt": _TRANSACTION,
    "ReimburseCharge": _UNTRACKED,
    "SalesReceipt": _TRANSACTION,
    "TaxAgency": _UNTRACKED,
    "TaxClassification": _Row(reading=Reading.LISTING),
    "TaxCode": _LIST_WITHOUT_CDC,
    "TaxPayment": _UNTRACKED,
    "TaxRate": _LIST_WITHOUT_CDC,
    # The reference does not exclude Term from CDC; a public client's table does, and what CDC does not carry it answers
    # with silence.
    "Term": _LIST_WITHOUT_CDC,
    # The reference excludes TimeActivity from CDC; a release note of 2021 says otherwise. Nobody relies on it.
    "TimeActivity": _UNTRACKED,
    "Transfer": _TRANSACTION,
    "Vendor": _LIST,
    "VendorCredit": _TRANSACTION,
}


def _entity(name: str, row: _Row) -> Entity:
    return Entity(
        name=name,
        array_key=row.array_key or name,
        path=f"/{name.lower()}",
        reading=row.reading,
        hides_inactive=row.hides_inactive,
        carried_by_cdc=row.carried_by_cdc,
    )


CATALOGUE: Mapping[str, Entity] = MappingProxyType({name: _entity(name, row) for name, row in _ROWS.items()})
"""Canonical name to entity, in alphabetical order."""

_BY_LOWER_NAME: Mapping[str, Entity] = MappingProxyType({name.lower(): row for name, row in CATALOGUE.items()})
_BY_ARRAY_KEY: Mapping[str, Entity] = MappingProxyType({row.array_key: row for row in CATALOGUE.values()})


def entity(name: str) -> Entity:
    """The entity of that name, in any case. Raises `UsageError`, which names the nearest ones."""
    found = _BY_LOWER_NAME.get(name.lower())
    if found is None:
        raise UsageError(
            f"There is no entity called {name!r} in QuickBooks Online.",
            action=meant(name, CATALOGUE, otherwise=f"Known entities: {', '.join(CATALOGUE)}."),
        )
    return found


def entity_of_array_key(array_key: str) -> Entity | None:
    """The entity whose rows stand under that key in an answer, or None for a key that is no entity's."""
    return _BY_ARRAY_KEY.get(array_key)
