"""What the client believes of each entity."""

from __future__ import annotations

import pytest

from backfill.entities import ENTITIES
from backfill.errors import UsageError
from backfill.qbo.catalogue import CATALOGUE, Reading, entity, entity_of_array_key


def test_every_entity_has_a_row_and_no_other_has() -> None:
    assert tuple(CATALOGUE) == ENTITIES


def test_cdc_is_relied_on_only_where_the_reference_clearly_includes_the_entity() -> None:
    carried = {name for name, row in CATALOGUE.items() if row.carried_by_cdc}
    assert carried == {
        *("Account", "Bill", "BillPayment", "Budget", "Class", "CreditMemo", "Customer", "Department", "Deposit"),
        *("Employee", "Estimate", "Invoice", "Item", "JournalEntry", "Payment", "PaymentMethod", "Purchase"),
        *("PurchaseOrder", "RefundReceipt", "SalesReceipt", "Transfer", "Vendor", "VendorCredit"),
    }


def test_name_lists_hide_inactive_rows_and_transactions_do_not() -> None:
    hiding = {name for name, row in CATALOGUE.items() if row.hides_inactive}
    assert hiding == {
        *("Account", "Budget", "Class", "CompanyCurrency", "Customer", "CustomerType", "Department", "Employee"),
        *("Item", "PaymentMethod", "TaxCode", "TaxRate", "Term", "Vendor"),
    }


@pytest.mark.parametrize(
    ("name", "reading", "countable", "queryable"),
    [
        ("Invoice", Reading.SCAN, True, True),
        ("CompanyInfo", Reading.SINGLETON, False, True),
        ("Preferences", Reading.SINGLETON, False, True),
        ("ExchangeRate", Reading.RATES, False, True),
        ("RecurringTransaction", Reading.WRAPPED, True, True),
        ("TaxClassification", Reading.LISTING, False, False),
    ],
)
def test_entities_that_are_read_in_their_own_way_say_so(
    name: str, reading: Reading, countable: bool, queryable: bool
) -> None:
    row = CATALOGUE[name]
    assert (row.reading, row.countable, row.queryable) == (reading, countable, queryable)


def test_names_in_paths_and_answers() -> None:
    payment = CATALOGUE["CreditCardPayment"]
    assert payment.path == "/creditcardpayment"
    assert payment.array_key == "CreditCardPaymentTxn"
    assert entity_of_array_key("CreditCardPaymentTxn") is payment
    assert entity_of_array_key("CreditCardPayment") is None
    assert all(row.array_key == name for name, row in CATALOGUE.items() if name != "CreditCardPayment")


def test_a_name_is_found_in_any_case() -> None:
    assert entity("salesreceipt") is CATALOGUE["SalesReceipt"]


def test_an_unknown_name_is_a_usage_error_that_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="Custmoer") as caught:
        entity("Custmoer")
    assert "Customer" in caught.value.action


def test_a_name_like_nothing_lists_what_there_is() -> None:
    with pytest.raises(UsageError) as caught:
        entity("xyzzy")
    assert "VendorCredit" in caught.value.action
