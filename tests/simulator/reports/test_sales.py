"""Sales, income and expenses, by whom and by what."""

from __future__ import annotations

import pytest

JANUARY = {"start_date": "2026-01-01", "end_date": "2026-01-31"}


@pytest.fixture
def kept(desk):
    asset = desk.account("Inventory Asset", "Other Current Asset", "Inventory")
    cost = desk.account("Cost of Goods Sold", "Cost of Goods Sold", "SuppliesMaterialsCogs")
    pump = {"Name": "Pump", "Type": "Inventory", "IncomeAccountRef": desk.income, "ExpenseAccountRef": cost}
    pump |= {"AssetAccountRef": asset, "QtyOnHand": 10, "InvStartDate": "2025-12-01", "PurchaseCost": 10}
    desk.pump = desk.made("Item", pump)
    desk.bob = desk.made("Customer", {"DisplayName": "Bob", "Balance": 0, "BalanceWithJobs": 0})
    desk.east = desk.made("Class", {"Name": "East", "FullyQualifiedName": "East"})
    desk.shop = desk.made("Department", {"Name": "Shop", "FullyQualifiedName": "Shop"})
    desk.invoice("2026-01-05", 75, item=desk.pump, detail={"Qty": 3, "UnitPrice": 25, "ClassRef": desk.east})
    desk.invoice("2026-01-06", 40, CustomerRef=desk.bob, DepartmentRef=desk.shop, detail={"Qty": 4, "UnitPrice": 10})
    line = {"Amount": 25, "DetailType": "SalesItemLineDetail"}
    line["SalesItemLineDetail"] = {"ItemRef": desk.pump, "Qty": 1, "UnitPrice": 25}
    credit = {"CustomerRef": desk.amy, "TxnDate": "2026-01-07", "TotalAmt": 25, "Line": [line]}
    desk.made("CreditMemo", credit)
    desk.bill("2026-01-08", 7)
    return desk


def test_by_item_with_what_it_had_cost(kept) -> None:
    report = kept.ask("ItemSales", **JANUARY)
    assert report.values() == [
        ["Hours", "4.00", "40.00", "44.44", "10.00", "", "40.00", "100.00"],
        ["Pump", "2.00", "50.00", "55.56", "25.00", "20.00", "30.00", "60.00"],
    ]
    assert report.group("GrandTotal")[:2] == [6, 90]
    by_month = kept.ask("ItemSales", **JANUARY, summarize_column_by="Month")
    assert by_month.by_id() == {kept.hours["value"]: [40, 40], kept.pump["value"]: [50, 50]}


def test_by_customer(kept) -> None:
    assert kept.ask("CustomerSales", **JANUARY).by_id() == {kept.amy["value"]: [50], kept.bob["value"]: [40]}
    report = kept.ask("CustomerIncome", **JANUARY)
    assert report.by_id() == {kept.amy["value"]: [50, -20, 30], kept.bob["value"]: [40, 0, 40]}
    assert report.values()[-1] == ["Not Specified", "0.00", "-7.00", "-7.00"]
    assert report.group("GrandTotal") == [90, -27, 63]
    assert "type" not in report.rows[0]


def test_a_cost_that_is_billable_is_its_customer_s(desk) -> None:
    kind = "AccountBasedExpenseLineDetail"
    line = {"Amount": 9, "DetailType": kind, kind: {"AccountRef": desk.rent, "CustomerRef": desk.amy}}
    desk.made("Bill", {"VendorRef": desk.cal, "TxnDate": "2026-01-05", "TotalAmt": 9, "Line": [line]})
    assert desk.ask("CustomerIncome", **JANUARY).by_id() == {desk.amy["value"]: [0, -9, -9]}
    assert desk.ask("VendorExpenses", **JANUARY).by_id() == {desk.cal["value"]: [9]}


def test_by_class_and_by_department(kept) -> None:
    classes, departments = kept.ask("ClassSales", **JANUARY), kept.ask("DepartmentSales", **JANUARY)
    assert classes.by_id() == {kept.east["value"]: [75]}
    assert classes.values()[-1] == ["Not Specified", "15.00"]
    assert departments.by_id() == {kept.shop["value"]: [40]}
    assert classes.group("GrandTotal") == departments.group("GrandTotal") == [90]


def test_on_the_cash_basis_what_is_paid_is_sold(kept) -> None:
    assert not kept.ask("ClassSales", **JANUARY, accounting_method="Cash").has_data
