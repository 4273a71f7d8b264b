"""What may be written, entity by entity: the operations, and the form that each takes.

From Intuit's reference of each entity and from recordings of clients. Entities that are not here (RecurringTransaction,
ExchangeRate, Preferences, CompanyInfo, files, what is only read) are not written in bulk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from types import MappingProxyType

from backfill.errors import UsageError
from backfill.qbo.catalogue import CATALOGUE, Entity
from backfill.qbo.catalogue import entity as find_entity


class Operation(StrEnum):
    """What to do with one object."""

    CREATE = "create"
    UPDATE = "update"
    """Sparse: only what the payload has is changed. An array in it still replaces the whole array."""
    FULL_UPDATE = "full_update"
    """What the payload does not have is cleared."""
    DELETE = "delete"
    """Of a name list, which has no deletion: made inactive."""
    VOID = "void"


class Removal(Enum):
    """How an object is taken away."""

    NONE = "none"
    HARD = "hard"
    """`operation=delete` with Id and SyncToken."""
    INACTIVE = "inactive"
    """A sparse update to `Active: false`."""
    INACTIVE_WITH_NAME = "inactive with name"
    """The same, which is ignored unless the body repeats the name (recorded for Account and Class)."""


class VoidForm(Enum):
    """How a transaction is voided."""

    NONE = "none"
    OPERATION = "operation"
    """`?operation=void`."""
    INCLUDE = "include"
    """`?operation=update&include=void`, the body sparse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """One row of the table."""

    entity: Entity
    creates: bool = True
    updates: bool = True
    removal: Removal = Removal.HARD
    void: VoidForm = VoidForm.NONE
    natural_key: str = ""
    """The attribute by which a person knows an object, and by which a new one is found again; "" for none."""
    also_known_by: tuple[str, ...] = ()
    """Further attributes that a reference may name."""
    stamp_field: str = ""
    """The free text that takes a stamp where there is no natural key."""
    rank: int = 2
    """Chronology: payments (3) come after what they pay, deposits (4) after what they collect. Lists are 0 and 1,
    those that others of them name first; undoing goes the other way."""

    @property
    def is_list(self) -> bool:
        return self.removal in {Removal.INACTIVE, Removal.INACTIVE_WITH_NAME}

    def allows(self, operation: Operation) -> bool:
        match operation:
            case Operation.CREATE:
                return self.creates
            case Operation.UPDATE | Operation.FULL_UPDATE:
                return self.updates
            case Operation.DELETE:
                return self.removal is not Removal.NONE
            case Operation.VOID:
                return self.void is not VoidForm.NONE


def _list(name: str, key: str = "Name", *also: str, rank: int = 0, removal: Removal = Removal.INACTIVE) -> Writing:
    return Writing(entity=CATALOGUE[name], natural_key=key, also_known_by=also, removal=removal, rank=rank)


def _transaction(name: str, *, numbered: bool = True, void: VoidForm = VoidForm.NONE, rank: int = 2) -> Writing:
    return Writing(
        entity=CATALOGUE[name],
        natural_key="DocNumber" if numbered else "",
        stamp_field="Description" if name == "TimeActivity" else "PrivateNote",
        void=void,
        rank=rank,
    )


_WITH_NAME = Removal.INACTIVE_WITH_NAME

_ROWS = (
    _list("Account", "Name", "AcctNum", "FullyQualifiedName", removal=_WITH_NAME),
    Writing(entity=CATALOGUE["Attachable"], stamp_field="Note", rank=4),
    _transaction("Bill"),
    _transaction("BillPayment", void=VoidForm.INCLUDE, rank=3),
    Writing(entity=CATALOGUE["Budget"], natural_key="Name", rank=1),
    _list("Class", "Name", "FullyQualifiedName", removal=_WITH_NAME),
    _list("CompanyCurrency", "Code"),
    _transaction("CreditCardPayment", numbered=False, rank=3),
    _transaction("CreditMemo"),
    _list("Customer", "DisplayName", "FullyQualifiedName", rank=1),
    _list("Department", "Name", "FullyQualifiedName"),
    _transaction("Deposit", numbered=False, rank=4),
    _list("Employee", "DisplayName", rank=1),
    _transaction("Estimate"),
    _transaction("InventoryAdjustment"),
    _transaction("Invoice", void=VoidForm.OPERATION),
    _list("Item", "Name", "Sku", "FullyQualifiedName", rank=1),
    _list("JournalCode", "Name", removal=Removal.NONE),
    _transaction("JournalEntry"),
    _transaction("Payment", numbered=False, void=VoidForm.INCLUDE, rank=3),
    _list("PaymentMethod"),
    _transaction("Purchase"),
    _transaction("PurchaseOrder"),
    _transaction("RefundReceipt"),
    _transaction("SalesReceipt", void=VoidForm.INCLUDE),
    Writing(entity=CATALOGUE["TaxAgency"], updates=False, removal=Removal.NONE, natural_key="DisplayName", rank=0),
    _list("Term"),
    _transaction("TimeActivity", numbered=False),
    _transaction("Transfer", numbered=False),
    _list("Vendor", "DisplayName", rank=1),
    _transaction("VendorCredit"),
)

WRITINGS: Mapping[str, Writing] = MappingProxyType({row.entity.name: row for row in _ROWS})
"""Canonical name to what may be written of it."""

SALES_FORMS = frozenset({"Invoice", "SalesReceipt", "Estimate", "CreditMemo", "RefundReceipt"})
"""What `Preferences.SalesFormsPrefs.CustomTxnNumbers` is about."""

ALLOW_DUPLICATE_NUMBER = "allowduplicatedocnum"
"""`include=` of a single write that may use a document number again. The spelling inside a batch is not certain, so
such writes go singly."""

IDENTIFIERS = frozenset({"Id", "SyncToken", "sparse"})
"""What says which object a change is about; the rest is its content."""


def writing(name: str) -> Writing:
    """What may be written of an entity, named in any case. Raises `UsageError` for one that cannot be written."""
    found = WRITINGS.get(find_entity(name).name)
    if found is None:
        raise UsageError(
            f"{find_entity(name).name} cannot be written in bulk.", action=f"Known: {', '.join(WRITINGS)}."
        )
    return found


def operation(name: str, table: Writing) -> Operation:
    """The operation of that name, if the entity has it. Raises `UsageError`."""
    allowed = [each.value for each in Operation if table.allows(each)]
    if name.lower() not in allowed:
        raise UsageError(f"{table.entity.name} has no operation {name!r}.", action=f"It has {', '.join(allowed)}.")
    return Operation(name.lower())
