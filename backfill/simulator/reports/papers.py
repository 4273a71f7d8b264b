"""What reports show of documents and names beside their postings, read once for each version."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Generic, NamedTuple, TypeVar

from backfill.simulator.books.daybook import START
from backfill.simulator.books.entries import NOBODY, UNIT, Party, micros
from backfill.simulator.books.links import SETTLES, target_of
from backfill.simulator.books.lists import reference
from backfill.simulator.books.postings import date_of
from backfill.simulator.company import Company
from backfill.simulator.documents import Doc, cents, decode
from backfill.simulator.stored import StoredObject

REMEMBERED = 50_000
"""Documents and names of one company that are kept read, some tens of MB; beyond that all are read anew."""

_START_IDS = 1_455_000_000
"""Ids of what items were set up with, which the API does not know, lie there in Intuit's sample."""


class Line(NamedTuple):
    """One line of a document. `micros` is its quantity in millionths, with the sign of a sale."""

    description: str
    micros: int
    rate: str
    cents: int


class Settling(NamedTuple):
    """What a line of a payment settles: cents of its currency, unsigned."""

    line: int
    entity: str
    id: str
    cents: int


class TaxPart(NamedTuple):
    """One rate's part in a document's tax, in cents."""

    rate: str
    taxable: int
    cents: int


class Paper(NamedTuple):
    """A document as reports show it; amounts are cents of its own currency."""

    kind: str = ""
    """The words for its type, in English."""
    shown_id: str = ""
    day: str = ""
    number: str = ""
    memo: str = ""
    due: str = ""
    total: int = 0
    open: int = 0
    party: Party = NOBODY
    department: str = ""
    method: str = ""
    term: str = ""
    created: int = 0
    updated: int = 0
    currency: str = ""
    rate: str = "1"
    ship_via: str = ""
    tracking: str = ""
    ship_day: str = ""
    to_print: bool = False
    lines: tuple[Line, ...] = ()
    settles: tuple[Settling, ...] = ()
    tax: tuple[TaxPart, ...] = ()


NO_PAPER = Paper()

_WORDS = {
    "BillPayment": "Bill Payment (Check)",
    "CreditCardPayment": "Credit Card Payment",
    "CreditMemo": "Credit Memo",
    "InventoryAdjustment": "Inventory Qty Adjust",
    "JournalEntry": "Journal Entry",
    "PurchaseOrder": "Purchase Order",
    "RefundReceipt": "Refund",
    "ReimburseCharge": "Billable Expense Charge",
    "SalesReceipt": "Sales Receipt",
    "TaxPayment": "Sales Tax Payment",
    "TimeActivity": "Time Charge",
    "VendorCredit": "Vendor Credit",
}

Value = TypeVar("Value")


class Named(NamedTuple):
    """A customer, vendor, employee, item, class, department, term or payment method."""

    name: str
    full_name: str
    parent: str
    kind: str = ""
    sku: str = ""
    extra: str = ""
    """A tax rate's agency."""
    percent: str = ""


NAMELESS = Named("", "", "")


class _Read(Generic[Value]):
    """Values made of stored objects, each as long as the object is the same version."""

    def __init__(self, company: Company, make: Callable[[str, StoredObject], Value], absent: Value) -> None:
        self._company = company
        self._make = make
        self._absent = absent
        self._known: dict[tuple[str, str], tuple[StoredObject, Value]] = {}

    def get(self, entity: str, object_id: str) -> Value:
        row = self._company.table(entity).get(object_id)
        if row is None:
            return self._absent
        known = self._known.get((entity, object_id))
        if known is not None and known[0] is row:
            return known[1]
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        value = self._make(entity, row)
        self._known[entity, object_id] = (row, value)
        return value


class Papers:
    """The documents and names of one company."""

    def __init__(self, company: Company) -> None:
        self._papers: _Read[Paper] = _Read(company, _paper, NO_PAPER)
        self._names: _Read[Named] = _Read(company, _named, NAMELESS)

    def paper(self, entity: str, object_id: str) -> Paper:
        """A transaction's; an empty one where it is not there."""
        if entity == START:
            return Paper("Inventory Starting Value", str(_START_IDS + int(object_id)), number="START")
        return self._papers.get(entity, object_id)

    def name(self, entity: str, object_id: str) -> Named:
        """An entry's of a list; empty where it is not there."""
        return self._names.get(entity, object_id) if object_id else NAMELESS


def _named(entity: str, row: StoredObject) -> Named:
    doc = decode(row.doc)
    name = str(doc.get("DisplayName") or doc.get("Name") or "")
    return Named(
        name,
        str(doc.get("FullyQualifiedName") or name),
        reference(doc, "ParentRef"),
        str(doc.get("Type") or "") if entity == "Item" else "",
        str(doc.get("Sku") or ""),
        reference(doc, "AgencyRef"),
        str(doc.get("RateValue", "")),
    )


def _paper(entity: str, row: StoredObject) -> Paper:
    doc = decode(row.doc)
    memo = doc.get("PrivateNote") or doc.get("Description") or ""
    return Paper(
        _kind(entity, doc),
        row.id,
        date_of(doc),
        str(doc.get("DocNumber") or doc.get("PaymentRefNum") or ""),
        str(memo),
        str(doc.get("DueDate") or ""),
        cents(doc.get("TotalAmt") or doc.get("Amount") or doc.get("PaymentAmount") or 0),
        cents(doc.get("Balance") or 0),
        _party(doc),
        reference(doc, "DepartmentRef"),
        reference(doc, "PaymentMethodRef"),
        reference(doc, "SalesTermRef"),
        row.created,
        row.updated,
        reference(doc, "CurrencyRef"),
        str(doc.get("ExchangeRate") or 1),
        reference(doc, "ShipMethodRef"),
        str(doc.get("TrackingNum") or ""),
        str(doc.get("ShipDate") or ""),
        doc.get("PrintStatus") == "NeedToPrint",
        tuple(map(_line, doc.get("Line") or ())),
        tuple(_settlings(entity, doc)),
        tuple(_taxes(doc)),
    )


def _kind(entity: str, doc: Doc) -> str:
    if entity == "Purchase":
        if doc.get("PaymentType") == "Check":
            return "Check"
        return "Credit Card Credit" if doc.get("Credit") else "Expense"
    if entity == "BillPayment" and doc.get("PayType") == "CreditCard":
        return "Bill Payment (Credit Card)"
    return _WORDS.get(entity, entity)


def _party(doc: Doc) -> Party:
    for key, kind in (("CustomerRef", "Customer"), ("VendorRef", "Vendor"), ("EmployeeRef", "Employee")):
        if reference(doc, key):
            return Party(kind, reference(doc, key))
    entity = doc.get("EntityRef") or {}
    return Party(str(entity.get("type") or "Vendor"), str(entity["value"])) if entity.get("value") else NOBODY


def _line(line: Doc) -> Line:
    detail = line.get(str(line.get("DetailType") or "")) or {}
    rate = detail.get("UnitPrice")
    return Line(
        str(line.get("Description") or ""),
        micros(detail.get("Qty") or detail.get("QtyDiff") or 0),
        "" if rate is None else places(Decimal(rate)),
        cents(line.get("Amount") or 0),
    )


def places(number: Decimal) -> str:
    """A quantity or a rate as reports show it: two places, or as many more as it has."""
    text = f"{number:.7f}".rstrip("0")
    return f"{number:.2f}" if len(text.partition(".")[2]) < 2 else text


def counted(millionths: int) -> str:
    """Millionths of a unit as reports show a quantity."""
    return places(Decimal(millionths) / UNIT)


def _settlings(entity: str, doc: Doc) -> Iterator[Settling]:
    if entity not in {"Payment", "BillPayment"}:
        return
    for number, line in enumerate(doc.get("Line") or ()):
        for link in line.get("LinkedTxn") or ():
            target = target_of(link)
            if target.entity in SETTLES[entity]:
                yield Settling(number, target.entity, target.id, cents(line.get("Amount") or 0))


def _taxes(doc: Doc) -> Iterator[TaxPart]:
    for line in (doc.get("TxnTaxDetail") or {}).get("TaxLine") or ():
        detail = line.get("TaxLineDetail") or {}
        yield TaxPart(
            reference(detail, "TaxRateRef"), cents(detail.get("NetAmountTaxable") or 0), cents(line.get("Amount") or 0)
        )
