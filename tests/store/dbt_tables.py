"""What the public dbt package for QuickBooks (fivetran/dbt_quickbooks) reads: its tables, their columns and types."""

from __future__ import annotations

from collections.abc import Mapping

HEADER = "id _fivetran_deleted:b created_at:ts transaction_date:d currency_id exchange_rate:n"
"""Of a transaction, as nearly all have it; the columns' letters are those of `TYPES`."""
EXPENSES = (
    "index:i amount:n description account_expense_account_id account_expense_class_id account_expense_customer_id"
    " account_expense_tax_code_id account_expense_billable_status item_expense_item_id item_expense_customer_id"
    " item_expense_billable_status item_expense_quantity:n item_expense_unit_price:n item_expense_class_id"
)
SALES = (
    "index:i amount:n description discount_account_id discount_class_id sales_item_account_id sales_item_class_id"
    " sales_item_item_id sales_item_quantity:n"
)
TAXES = (
    "index:i amount:n tax_rate_id tax_percent:n net_amount_taxable:n tax_inclusive_amount:n override_delta_amount:n"
    " percent_based:b"
)
TYPES = {
    "": "text",
    "n": "numeric",
    "d": "date",
    "ts": "timestamp with time zone",
    "b": "boolean",
    "i": "integer",
}
"""The index of the tax lines has to be a number, since the package adds to it."""

READ: Mapping[str, str] = {
    "account": "_fivetran_deleted:b account_number account_sub_type account_type active:b balance:n"
    " balance_with_sub_accounts:n classification created_at:ts currency_id description fully_qualified_name id name"
    " parent_account_id sub_account:b updated_at:ts",
    "address": "city country id line_1 line_2 postal_code",
    "bill": f"{HEADER} updated_at:ts total_amount:n doc_number department_id balance:n due_date:d payable_account_id"
    " private_note vendor_id",
    "bill_line": f"{EXPENSES} bill_id",
    "bill_linked_txn": "bill_id bill_payment_id index:i",
    "bill_payment": f"{HEADER} updated_at:ts total_amount:n department_id check_bank_account_id check_print_status"
    " credit_card_account_id pay_type vendor_id",
    "bill_payment_line": "amount:n bill_id bill_payment_id deposit_id expense_id index:i journal_entry_id"
    " linked_bill_payment_id vendor_credit_id",
    "bill_tax_line_detail": f"{TAXES} _fivetran_deleted:b bill_id",
    "bundle": "active:b created_at:ts fully_qualified_name id updated_at:ts _fivetran_deleted:b",
    "bundle_item": "bundle_id item_id item_quantity:n",
    "credit_card_payment_txn": f"{HEADER} updated_at:ts amount:n bank_account_id credit_card_account_id",
    "credit_memo": f"{HEADER} updated_at:ts total_amount:n doc_number department_id balance:n class_id customer_id",
    "credit_memo_line": f"{SALES} credit_memo_id sales_item_unit_price:n",
    "credit_memo_tax_line_detail": f"{TAXES} _fivetran_deleted:b credit_memo_id",
    "customer": "active:b balance:n balance_with_jobs:n bill_with_parent:b company_name currency_id customer_type_id"
    " display_name fully_qualified_name id taxable:b website _fivetran_deleted:b",
    "customer_type": "active:b created_at:ts id name updated_at:ts _fivetran_deleted:b",
    "department": "active:b created_at:ts fully_qualified_name id name parent_department_id sub_department:b"
    " updated_at:ts _fivetran_deleted:b",
    "deposit": f"{HEADER} updated_at:ts total_amount:n department_id account_id home_total_amount:n transaction_status",
    "deposit_line": "amount:n deposit_account_id deposit_class_id deposit_customer_id deposit_id description index:i",
    "deposit_tax_line_detail": f"{TAXES} _fivetran_deleted:b deposit_id",
    "estimate": f"{HEADER} total_amount:n department_id class_id customer_id due_date:d transaction_status",
    "estimate_line": f"{SALES} account_id estimate_id item_id quantity:n",
    "estimate_tax_line": f"{TAXES} _fivetran_deleted:b estimate_id",
    "exchange_rate": "as_of_date:d source_currency_code target_currency_code rate:n created_at:ts updated_at:ts"
    " _fivetran_deleted:b",
    "invoice": f"{HEADER} updated_at:ts total_amount:n doc_number department_id balance:n billing_address_id class_id"
    " customer_id delivery_type deposit_to_account_id due_date:d shipping_address_id",
    "invoice_line": f"{SALES} account_id bundle_id bundle_quantity:n detail_type invoice_id item_id quantity:n"
    " sales_item_unit_price:n",
    "invoice_line_bundle": "account_id amount:n class_id description index:i invoice_id invoice_line_index:i item_id"
    " quantity:n sales_item_item_id sales_item_quantity:n unit_price:n",
    "invoice_linked_txn": "estimate_id index:i invoice_id payment_id",
    "invoice_tax_line": f"{TAXES} _fivetran_deleted:b invoice_id",
    "item": "active:b asset_account_id created_at:ts description expense_account_id fully_qualified_name id"
    " income_account_id inventory_start_date:d name parent_item_id purchase_cost:n quantity_on_hand:n"
    " stock_keeping_unit taxable:b track_quantity_on_hand:b type unit_price:n _fivetran_deleted:b",
    "journal_entry": f"{HEADER} updated_at:ts total_amount:n doc_number adjustment:b private_note",
    "journal_entry_line": "account_id amount:n billable_status class_id customer_id department_id description index:i"
    " journal_entry_id posting_type vendor_id",
    "journal_entry_tax_line": f"{TAXES} journal_entry_id",
    "payment": f"{HEADER} updated_at:ts total_amount:n customer_id deposit_to_account_id receivable_account_id"
    " unapplied_amount:n",
    "payment_line": "amount:n credit_memo_id deposit_id index:i invoice_id journal_entry_id payment_id",
    "purchase": f"{HEADER} updated_at:ts total_amount:n doc_number department_id account_id credit:b customer_id"
    " payment_type vendor_id",
    "purchase_line": f"{EXPENSES} purchase_id",
    "purchase_order": f"{HEADER} total_amount:n doc_number due_date:d payable_account_id status vendor_id",
    "purchase_order_line": f"{EXPENSES} purchase_order_id",
    "purchase_order_linked_txn": "bill_id index:i purchase_id purchase_order_id vendor_credit_id",
    "purchase_tax_line": f"{TAXES} _fivetran_deleted:b purchase_id",
    "refund_receipt": f"{HEADER} updated_at:ts total_amount:n doc_number department_id balance:n class_id customer_id"
    " deposit_to_account_id",
    "refund_receipt_line": f"{SALES} refund_id sales_item_tax_code_id sales_item_unit_price:n",
    "refund_receipt_tax_line": f"{TAXES} refund_receipt_id",
    "sales_receipt": f"{HEADER} updated_at:ts total_amount:n doc_number department_id balance:n class_id customer_id"
    " deposit_to_account_id",
    "sales_receipt_line": f"{SALES} sales_item_tax_code_id sales_item_unit_price:n sales_receipt_id",
    "sales_receipt_tax_line": f"{TAXES} _fivetran_deleted:b sales_receipt_id",
    "tax_agency": "created_at:ts display_name id sync_token tax_registration_number tax_tracked_on_purchases:b"
    " tax_tracked_on_sales:b updated_at:ts",
    "tax_rate": "active:b created_at:ts description display_type effective_tax_rate id name rate_value:n"
    " special_tax_type sync_token tax_agency_id",
    "transfer": f"{HEADER} updated_at:ts amount:n from_account_id to_account_id",
    "vendor": "account_number active:b balance:n billing_address_id company_name created_at:ts currency_id display_name"
    " id vendor_1099:b web_url _fivetran_deleted:b",
    "vendor_credit": f"{HEADER} updated_at:ts total_amount:n doc_number department_id balance:n payable_account_id"
    " private_note vendor_id",
    "vendor_credit_line": f"{EXPENSES} vendor_credit_id",
}
"""View to the columns that the package, in its version 1.9, reads of it. No document has its `custom_po_number`,
and the package fills in what lacks."""
