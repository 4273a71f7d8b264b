"""The simulator's table of abilities, against what Intuit documents."""

from __future__ import annotations

from backfill.entities import ENTITIES
from backfill.simulator.catalogue import TRAITS


def test_every_entity_is_there_once_and_in_order() -> None:
    assert tuple(TRAITS) == ENTITIES


def test_what_intuit_documents_as_left_out_of_change_data_capture_is_left_out() -> None:
    left_out = {"JournalCode", "TimeActivity", "TaxAgency", "TaxCode", "TaxRate"}
    assert not any(TRAITS[entity].in_cdc for entity in left_out)


def test_the_odd_ones() -> None:
    assert TRAITS["CreditCardPayment"].array_key == "CreditCardPaymentTxn"
    assert TRAITS["SalesReceipt"].path == "salesreceipt"
    assert [name for name, traits in TRAITS.items() if traits.wrapped] == ["RecurringTransaction"]
    assert [name for name, traits in TRAITS.items() if not traits.has_id] == ["ExchangeRate"]
    assert [name for name, traits in TRAITS.items() if traits.singleton] == ["CompanyInfo", "Preferences"]
    assert {name for name, traits in TRAITS.items() if traits.voidable} == {
        "BillPayment",
        "Invoice",
        "Payment",
        "SalesReceipt",
    }
    assert not TRAITS["TaxClassification"].queryable


def test_lists_are_made_inactive_and_transactions_deleted() -> None:
    both = {name for name, traits in TRAITS.items() if traits.is_list and traits.deletable}
    assert both == {"Budget"}, "a budget is the one list whose rows are deleted for good"
    assert not any(traits.is_list and traits.is_transaction for traits in TRAITS.values())
    read_only = {"ReimburseCharge", "TaxPayment"}
    undeletable = {name for name, traits in TRAITS.items() if traits.is_transaction and not traits.deletable}
    assert undeletable == read_only


def test_customers_vendors_and_employees_share_their_ids() -> None:
    assert len({TRAITS[entity].id_space for entity in ("Customer", "Vendor", "Employee")}) == 1
    assert TRAITS["Invoice"].id_space == TRAITS["Payment"].id_space != TRAITS["Customer"].id_space
