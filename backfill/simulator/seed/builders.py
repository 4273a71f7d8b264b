"""Which function writes the document of which entity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType

from backfill.simulator.documents import Doc
from backfill.simulator.seed import ledger, lists, purchases, sales, singletons, taxes
from backfill.simulator.seed.books import Books

Builder = Callable[[Books, Random, str], Doc]
"""From the books, chance and an ISO date to an object's content, without Id, SyncToken and MetaData."""

BUILDERS: Mapping[str, Builder] = MappingProxyType(
    {
        "Attachable": ledger.attachable,
        "Bill": purchases.bill,
        "Budget": lists.budget,
        "Class": lists.klass,
        "CompanyCurrency": ledger.company_currency,
        "CompanyInfo": singletons.company_info,
        "CreditCardPayment": purchases.credit_card_payment,
        "CreditMemo": sales.credit_memo,
        "Customer": lists.customer,
        "CustomerType": lists.customer_type,
        "Department": lists.department,
        "Employee": lists.employee,
        "Estimate": sales.estimate,
        "ExchangeRate": ledger.exchange_rate,
        "InventoryAdjustment": ledger.inventory_adjustment,
        "Invoice": sales.invoice,
        "Item": lists.item,
        "JournalCode": lists.journal_code,
        "JournalEntry": ledger.journal_entry,
        "PaymentMethod": lists.payment_method,
        "Preferences": singletons.preferences,
        "Purchase": purchases.purchase,
        "PurchaseOrder": purchases.purchase_order,
        "RecurringTransaction": ledger.recurring_transaction,
        "RefundReceipt": sales.refund_receipt,
        "SalesReceipt": sales.sales_receipt,
        "TaxAgency": taxes.agency,
        "TaxClassification": taxes.classification,
        "TaxCode": taxes.code,
        "TaxPayment": ledger.tax_payment,
        "TaxRate": taxes.rate,
        "Term": lists.term,
        "TimeActivity": ledger.time_activity,
        "Transfer": ledger.transfer,
        "Vendor": lists.vendor,
        "VendorCredit": purchases.vendor_credit,
    }
)
"""All but Account (the chart), and those that need to be told what they settle: Payment, BillPayment, Deposit,
ReimburseCharge."""
