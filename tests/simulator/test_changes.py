"""The ordinary changes, as recorded from Intuit."""

from __future__ import annotations

from decimal import Decimal

from backfill.simulator.changes import deactivated, reactivated, voided


def test_a_deactivated_vendor_is_renamed_but_not_on_its_checks() -> None:
    vendor = {"DisplayName": "Treasury", "PrintOnCheckName": "Treasury", "Active": True}
    inactive = deactivated("Vendor", vendor)
    assert inactive == {"DisplayName": "Treasury (deleted)", "PrintOnCheckName": "Treasury", "Active": False}
    assert deactivated("Vendor", inactive) == inactive
    assert reactivated("Vendor", inactive) == vendor


def test_a_void_leaves_the_object_with_every_amount_at_zero() -> None:
    line = {"Amount": Decimal("5.00"), "SalesItemLineDetail": {"Qty": 2, "UnitPrice": Decimal("2.5")}}
    doc = {
        "TotalAmt": Decimal("5.00"),
        "Balance": 5,
        "DocNumber": "7",
        "PrivateNote": "paid",
        "Line": [line, {"Amount": 1, "LinkedTxn": [{"TxnId": "1", "TxnType": "Invoice"}]}],
        "LinkedTxn": [{"TxnId": "3", "TxnType": "Payment"}],
    }
    void = voided(doc)
    assert void == {
        "TotalAmt": 0,
        "Balance": 0,
        "DocNumber": "7",
        "PrivateNote": "Voided - paid",
        "Line": [{"Amount": 0, "SalesItemLineDetail": {"Qty": 0, "UnitPrice": 0}}],
        "LinkedTxn": [],
    }
    assert doc["Line"][0] is line, "the argument is left as it was"
    assert voided({"TotalAmt": 1})["PrivateNote"] == "Voided"
