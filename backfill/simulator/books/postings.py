"""Entity to pure function: what each transaction posts, exactly as QuickBooks posts it.

A voided transaction posts nothing without being told so, for its amounts and quantities are 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from backfill.simulator.books import general, purchases, sales
from backfill.simulator.books.entries import NO_EFFECTS, Effects
from backfill.simulator.books.lists import Lists
from backfill.simulator.documents import Doc

PostingRule = Callable[[Doc, Lists], Effects]

POSTINGS: Mapping[str, PostingRule] = MappingProxyType(
    {
        "Bill": purchases.bill,
        "BillPayment": purchases.bill_payment,
        "CreditCardPayment": purchases.credit_card_payment,
        "CreditMemo": sales.credit_memo,
        "Deposit": general.deposit,
        "Estimate": general.nothing,
        "InventoryAdjustment": general.inventory_adjustment,
        "Invoice": sales.invoice,
        "JournalEntry": general.journal_entry,
        "Payment": sales.payment,
        "Purchase": purchases.purchase,
        "PurchaseOrder": general.nothing,
        "RecurringTransaction": general.nothing,
        "RefundReceipt": sales.refund_receipt,
        "ReimburseCharge": general.nothing,
        "SalesReceipt": sales.sales_receipt,
        "TaxPayment": general.tax_payment,
        "TimeActivity": general.nothing,
        "Transfer": general.transfer,
        "VendorCredit": purchases.vendor_credit,
    }
)
"""Every transaction of the simulator's catalogue."""


def effects_of(entity: str, doc: Doc | None, lists: Lists) -> Effects:
    """What a stored object does to the books; nothing where it is none (`doc` None) or no transaction."""
    rule = POSTINGS.get(entity)
    return NO_EFFECTS if doc is None or rule is None else rule(doc, lists)


def date_of(doc: Doc) -> str:
    """The day a transaction is posted on, as an ISO date."""
    return str(doc.get("TxnDate") or doc.get("PaymentDate") or "")
