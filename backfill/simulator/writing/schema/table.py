"""All shapes by name, and what a new object must have."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from backfill.simulator.writing.schema.lists import LISTS
from backfill.simulator.writing.schema.notation import Shape
from backfill.simulator.writing.schema.parts import PARTS
from backfill.simulator.writing.schema.transactions import TRANSACTIONS

ENTITY_SHAPES: Mapping[str, Shape] = MappingProxyType(dict(TRANSACTIONS) | dict(LISTS))
"""Entity to its properties; a RecurringTransaction's contents are one of these."""

# A CreditCardPayment is an entity and, in Intuit's schema under the same name, a part of payments; parts come last.
PART_SHAPES: Mapping[str, Shape] = PARTS

CLASS_NAMES: Mapping[str, str] = MappingProxyType({"CreditCardPayment": "CreditCardPaymentTxn"})
"""Entities whose class in Intuit's schema has another name."""

RECURRING_KINDS = (
    "Bill", "CreditMemo", "Deposit", "Estimate", "Invoice", "JournalEntry", "Purchase", "PurchaseOrder",
    "RefundReceipt", "SalesReceipt", "Transfer", "VendorCredit",
)  # fmt: skip
"""What a RecurringTransaction may be a template of."""

REQUIRED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Account": ("Name", "AccountType|AccountSubType"),
        "Attachable": ("FileName|Note",),
        "Bill": ("Line", "VendorRef"),
        "BillPayment": ("VendorRef", "TotalAmt", "PayType"),
        "Budget": ("Name", "StartDate", "EndDate", "BudgetType", "BudgetEntryType"),
        "Class": ("Name",),
        "CompanyCurrency": ("Code",),
        "CreditCardPayment": ("Amount", "BankAccountRef", "CreditCardAccountRef"),
        "CreditMemo": ("Line", "CustomerRef"),
        "Department": ("Name",),
        "Deposit": ("Line", "DepositToAccountRef"),
        "Estimate": ("Line", "CustomerRef"),
        "ExchangeRate": ("SourceCurrencyCode", "Rate"),
        "InventoryAdjustment": ("Line", "AdjustAccountRef"),
        "Invoice": ("Line", "CustomerRef"),
        "Item": ("Name",),
        "JournalCode": ("Name",),
        "Payment": ("TotalAmt", "CustomerRef"),
        "PaymentMethod": ("Name",),
        "Purchase": ("PaymentType", "AccountRef", "Line"),
        "PurchaseOrder": ("Line", "VendorRef"),
        "RefundReceipt": ("Line", "DepositToAccountRef"),
        "SalesReceipt": ("Line",),
        "TaxAgency": ("DisplayName",),
        "Term": ("Name",),
        "TimeActivity": ("NameOf",),
        "Transfer": ("Amount", "FromAccountRef", "ToAccountRef"),
        "VendorCredit": ("Line", "VendorRef"),
    }
)
"""What an object cannot be without; of `A|B` one. Names of people and lines of a journal entry have other faults."""
