"""What is in stock, and what it is worth, first in, first out."""

from __future__ import annotations

from decimal import Decimal

import pytest

from backfill.simulator.documents import cents, decode


@pytest.fixture
def kept(desk):
    asset = desk.account("Inventory Asset", "Other Current Asset", "Inventory")
    cost = desk.account("Cost of Goods Sold", "Cost of Goods Sold", "SuppliesMaterialsCogs")
    pump = {"Name": "Pump", "Sku": "P-1", "Type": "Inventory", "IncomeAccountRef": desk.income}
    pump |= {"ExpenseAccountRef": cost, "AssetAccountRef": asset, "QtyOnHand": 2, "InvStartDate": "2026-01-01"}
    desk.pump = desk.made("Item", pump | {"PurchaseCost": 10})
    kind = "ItemBasedExpenseLineDetail"
    line = {"Amount": 60, "DetailType": kind, kind: {"ItemRef": desk.pump, "Qty": 4, "UnitPrice": 15}}
    bill = {"VendorRef": desk.cal, "TxnDate": "2026-02-01", "TotalAmt": 60, "Line": [line], "DocNumber": "B-9"}
    desk.made("Bill", bill)
    desk.invoice("2026-03-01", 75, item=desk.pump, detail={"Qty": 3, "UnitPrice": 25}, DocNumber="I-9")
    return desk


def test_as_of_a_day(kept) -> None:
    for end, quantity, value, average in (
        ("2026-01-31", "2.00", "20.00", "10.00"),
        ("2026-02-28", "6.00", "80.00", "13.33"),
        ("2026-03-31", "3.00", "45.00", "15.00"),
    ):
        report = kept.ask("InventoryValuationSummary", end_date=end)
        assert report.values() == [["Pump", "P-1", quantity, value, average]]
        assert report.group("GrandTotal")[2] == Decimal(value)
    assert not kept.ask("InventoryValuationSummary", end_date="2025-12-31").has_data


def test_movement_by_movement(kept) -> None:
    report = kept.ask("InventoryValuationDetail", start_date="2026-01-01", end_date="2026-12-31")
    assert report.values() == [
        ["2026-01-01", "Inventory Starting Value", "START", "", "2.00", "10.00", "20.00", "2.00", "20.00"],
        ["2026-02-01", "Bill", "B-9", "Cal", "4.00", "15.00", "60.00", "6.00", "80.00"],
        ["2026-03-01", "Invoice", "I-9", "Amy", "-3.00", "11.67", "-35.00", "3.00", "45.00"],
    ]
    (section,) = report.rows
    assert [cell["value"] for cell in section["Summary"]["ColData"]][4:] == ["3.00", "", "45.00", "3.00", "45.00"]
    march = kept.ask("InventoryValuationDetail", start_date="2026-03-01", end_date="2026-03-31")
    assert [row[-2:] for row in march.values()] == [["3.00", "45.00"]]


@pytest.mark.parametrize("number", [0, 1, 3])
def test_what_is_in_stock_is_what_the_items_say(reporter_of, number: int) -> None:
    reporter = reporter_of(number, 900)
    report = reporter.ask("InventoryValuationSummary", date_macro="All")
    shown = {cells[0]["id"]: (cells[2]["value"], cells[3]["value"]) for _, cells in report.entries()}
    assert shown
    for item, stock in reporter.company.ledger.stocks.items():
        row = reporter.company.table("Item").get(item)
        on_hand = decode(row.doc)["QtyOnHand"]
        quantity, value = shown.get(item, ("0", "0"))
        assert Decimal(quantity) == on_hand
        assert cents(Decimal(value)) == stock.value
