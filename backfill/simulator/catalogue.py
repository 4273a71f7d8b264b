"""What each entity can do at the simulated QuickBooks, after Intuit's reference.

This is the simulator's own table. The client has another, so that one cannot inherit the other's mistakes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityTraits:
    """One entity's abilities and peculiarities."""

    name: str
    """As in `backfill.entities.ENTITIES` and in a query's FROM."""
    array_key: str
    """The JSON key its objects come under."""
    path: str
    """The last part of its URL, lower case."""
    is_list: bool
    """Has `Active`; inactive rows are hidden from queries that do not ask for them."""
    is_transaction: bool
    """An event on a date (`TxnDate`, or `PaymentDate` of a TaxPayment); deleted for good, never made inactive."""
    queryable: bool
    in_cdc: bool
    """Carried by change data capture."""
    singleton: bool
    """One object a company, Id `1`."""
    creatable: bool
    updatable: bool
    deletable: bool
    voidable: bool
    wrapped: bool
    """Rows are `{"Invoice": {...}}`: the object is the value of the only key."""
    has_id: bool
    """False: no Id, CreateTime or SyncToken counter of its own; keyed by other attributes."""
    has_doc_number: bool
    name_key: str
    """The attribute that gains " (deleted)" when the row is made inactive; empty where there is none."""
    id_space: str
    """Entities with the same space share one sequence of Ids."""


_LIST, _TRANSACTION, _OTHER = "list", "transaction", "other"
_PEOPLE = "names"
_ODD_KEYS = {"CreditCardPayment": "CreditCardPaymentTxn"}


def _traits(
    name: str,
    kind: str,
    operations: str,
    *,
    cdc: bool = False,
    number: bool = False,
    singleton: bool = False,
    wrapped: bool = False,
    has_id: bool = True,
    name_key: str = "",
    id_space: str = "",
) -> EntityTraits:
    """`operations`: c create, r read, q query, u update, d delete for good, v void."""
    return EntityTraits(
        name=name,
        array_key=_ODD_KEYS.get(name, name),
        path=name.lower(),
        is_list=kind == _LIST,
        is_transaction=kind == _TRANSACTION,
        queryable="q" in operations,
        in_cdc=cdc,
        singleton=singleton,
        creatable="c" in operations,
        updatable="u" in operations,
        deletable="d" in operations,
        voidable="v" in operations,
        wrapped=wrapped,
        has_id=has_id,
        has_doc_number=number,
        name_key=name_key or ("Name" if kind == _LIST else ""),
        id_space=id_space or (_TRANSACTION if kind == _TRANSACTION else name),
    )


# Change data capture refuses what Intuit documents as left out (and RecurringTransaction, ExchangeRate and the like,
# which it was never seen to carry); a public client's tests ask it for all others.
_ROWS = (
    _traits("Account", _LIST, "crqu", cdc=True),
    _traits("Attachable", _OTHER, "crqud", cdc=True),
    _traits("Bill", _TRANSACTION, "crqud", cdc=True, number=True),
    _traits("BillPayment", _TRANSACTION, "crqudv", cdc=True, number=True),
    _traits("Budget", _LIST, "crqud", cdc=True),
    _traits("Class", _LIST, "crqu", cdc=True),
    _traits("CompanyCurrency", _LIST, "crqu", cdc=True),
    _traits("CompanyInfo", _OTHER, "rqu", singleton=True, cdc=True),
    _traits("CreditCardPayment", _TRANSACTION, "crqud", cdc=True),
    _traits("CreditMemo", _TRANSACTION, "crqud", cdc=True, number=True),
    _traits("Customer", _LIST, "crqu", cdc=True, name_key="DisplayName", id_space=_PEOPLE),
    _traits("CustomerType", _LIST, "rq", cdc=True),
    _traits("Department", _LIST, "crqu", cdc=True),
    _traits("Deposit", _TRANSACTION, "crqud", cdc=True),
    _traits("Employee", _LIST, "crqu", cdc=True, name_key="DisplayName", id_space=_PEOPLE),
    _traits("Estimate", _TRANSACTION, "crqud", cdc=True, number=True),
    _traits("ExchangeRate", _OTHER, "crqu", has_id=False),
    _traits("InventoryAdjustment", _TRANSACTION, "crqud", number=True),
    _traits("Invoice", _TRANSACTION, "crqudv", cdc=True, number=True),
    _traits("Item", _LIST, "crqu", cdc=True),
    _traits("JournalCode", _LIST, "crqu"),
    _traits("JournalEntry", _TRANSACTION, "crqud", cdc=True, number=True),
    _traits("Payment", _TRANSACTION, "crqudv", cdc=True),
    _traits("PaymentMethod", _LIST, "crqu", cdc=True),
    _traits("Preferences", _OTHER, "rqu", singleton=True, cdc=True),
    _traits("Purchase", _TRANSACTION, "crqud", cdc=True, number=True),
    _traits("PurchaseOrder", _TRANSACTION, "crqud", cdc=True, number=True),
    _traits("RecurringTransaction", _TRANSACTION, "crqd", wrapped=True),
    _traits("RefundReceipt", _TRANSACTION, "crqud", cdc=True, number=True),
    _traits("ReimburseCharge", _TRANSACTION, "rq", cdc=True),
    _traits("SalesReceipt", _TRANSACTION, "crqudv", cdc=True, number=True),
    _traits("TaxAgency", _OTHER, "crq"),
    _traits("TaxClassification", _OTHER, "r"),
    _traits("TaxCode", _LIST, "rq"),
    _traits("TaxPayment", _TRANSACTION, "rq"),
    _traits("TaxRate", _LIST, "rq"),
    _traits("Term", _LIST, "crqu", cdc=True),
    _traits("TimeActivity", _TRANSACTION, "crqud"),
    _traits("Transfer", _TRANSACTION, "crqud", cdc=True),
    _traits("Vendor", _LIST, "crqu", cdc=True, name_key="DisplayName", id_space=_PEOPLE),
    _traits("VendorCredit", _TRANSACTION, "crqud", cdc=True, number=True),
)

TRAITS: Mapping[str, EntityTraits] = MappingProxyType({row.name: row for row in _ROWS})
"""Every name of `backfill.entities.ENTITIES`, in that order."""
