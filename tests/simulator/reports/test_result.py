"""The profit and loss by hand: its sections, its totals, its columns."""

from __future__ import annotations

from decimal import Decimal

import pytest

YEAR = {"start_date": "2026-01-01", "end_date": "2026-12-31"}


def groups(report) -> list[str]:
    return [node.get("group", "") for node in report.rows]


def test_sections_and_totals(desk) -> None:
    cost = desk.account("Parts", "Cost of Goods Sold", "SuppliesMaterialsCogs")
    interest = desk.account("Interest", "Other Income", "InterestEarned")
    fines = desk.account("Fines", "Other Expense", "PenaltiesSettlements")
    desk.journal("2026-03-01", (desk.income, -100), (cost, 30), (desk.rent, 20), (desk.bank, 50))
    desk.journal("2026-03-02", (interest, -5), (fines, 2), (desk.bank, 3))
    report = desk.ask("ProfitAndLoss", **YEAR)
    assert groups(report) == [
        "Income", "COGS", "GrossProfit", "Expenses", "NetOperatingIncome", "OtherIncome", "OtherExpenses",
        "NetOtherIncome", "NetIncome",
    ]  # fmt: skip
    wanted = {"Income": 100, "COGS": 30, "GrossProfit": 70, "Expenses": 20, "NetOperatingIncome": 50}
    wanted |= {"OtherIncome": 5, "OtherExpenses": 2, "NetOtherIncome": 3, "NetIncome": 53}
    assert {group: report.group(group)[0] for group in wanted} == wanted
    assert report.by_id()[desk.rent["value"]] == [20]
    assert report.has_data


def test_what_is_not_there_is_left_out_but_income_and_expenses(desk) -> None:
    assert groups(desk.ask("ProfitAndLoss", **YEAR)) == [
        "Income", "GrossProfit", "Expenses", "NetOperatingIncome", "NetIncome",
    ]  # fmt: skip


def test_an_account_above_others_has_its_own_amount_in_its_heading(desk) -> None:
    auto = desk.account("Auto", "Expense", "Auto")
    fuel = desk.account("Fuel", "Expense", "Auto", ParentRef=auto, FullyQualifiedName="Auto:Fuel")
    desk.journal("2026-01-05", (auto, 5), (fuel, 7), (desk.bank, -12))
    report = desk.ask("ProfitAndLoss", **YEAR)
    assert report.by_id() == {auto["value"]: [5], fuel["value"]: [7]}
    (upper,) = (node for node in report.walk() if node.get("Header", {}).get("ColData", [{}])[0].get("id"))
    assert [cell["value"] for cell in upper["Summary"]["ColData"]] == ["Total Auto", "12.00"]
    report.check_sums()


@pytest.mark.parametrize(
    ("by", "titles"),
    [
        ("Month", ["Jan 2026", "Feb 2026", "Mar 1 - 15, 2026", "TOTAL"]),
        ("Quarter", ["Jan 1 - Mar 15, 2026", "TOTAL"]),
        ("Year", ["Jan 1 - Mar 15, 2026", "TOTAL"]),
        ("Total", ["Total"]),
    ],
)
def test_columns_of_time(desk, by: str, titles: list[str]) -> None:
    for day, amount in (("2026-01-31", 10), ("2026-02-01", 20), ("2026-03-15", 30), ("2026-03-16", 99)):
        desk.invoice(day, amount)
    report = desk.ask("ProfitAndLoss", start_date="2026-01-01", end_date="2026-03-15", summarize_column_by=by)
    assert [column["ColTitle"] for column in report.columns] == ["", *titles]
    wanted = [10, 20, 30, 60] if by == "Month" else [60] * len(titles)
    assert report.group("NetIncome") == wanted
    assert report.header["SummarizeColumnsBy"] == by
    if by == "Month":
        assert report.columns[1]["MetaData"] == [
            {"Name": "StartDate", "Value": "2026-01-01"},
            {"Name": "EndDate", "Value": "2026-01-31"},
            {"Name": "ColKey", "Value": "Jan 2026"},
        ]


def test_columns_of_customers_and_of_nobody(desk) -> None:
    bob = desk.made("Customer", {"DisplayName": "Bob", "Balance": 0, "BalanceWithJobs": 0})
    desk.invoice("2026-01-05", 10)
    desk.invoice("2026-01-06", 20, CustomerRef=bob)
    desk.bill("2026-01-07", 4)
    report = desk.ask("ProfitAndLoss", **YEAR, summarize_column_by="Customers")
    assert [column["ColTitle"] for column in report.columns] == ["", "Amy", "Bob", "Not Specified", "TOTAL"]
    assert report.columns[2]["MetaData"] == [{"Name": "ColKey", "Value": bob["value"]}]
    assert report.group("NetIncome") == [10, 20, -4, 26]


@pytest.mark.parametrize("by", ["Vendors", "Employees", "Departments", "Classes", "ProductsAndServices", "FiscalYear"])
@pytest.mark.parametrize("number", [0, 1])
def test_whatever_the_columns_they_come_to_the_total(reporter_of, by: str, number: int) -> None:
    reporter = reporter_of(number, 600)
    for basis in ("Accrual", "Cash"):
        asked = {"date_macro": "All", "accounting_method": basis}
        whole = reporter.ask("ProfitAndLoss", **asked).group("NetIncome")
        for name in ("ProfitAndLoss", "CashFlow"):
            report = reporter.ask(name, **asked, summarize_column_by=by)
            report.check_sums()
            amounts = report.group("NetIncome")
            assert len(amounts) >= 2
            assert [sum(amounts[:-1])] == amounts[-1:] == whole
        sheet = reporter.ask("BalanceSheet", **asked, summarize_column_by=by)
        sheet.check_sums()
        # One side of a transaction may be of a class, or of a department, that the other is not of.
        assert sheet.group("TotalAssets")[-1] == sheet.group("TotalLiabilitiesAndEquity")[-1]


def test_the_modern_service_shows_the_same_in_another_order(reporter_of) -> None:
    reporter = reporter_of(1, 600)
    asked = {"date_macro": "All", "summarize_column_by": "Year"}
    old = reporter.ask("ProfitAndLoss", **asked)
    orders = set()
    for _ in range(5):
        modern = reporter.ask("ProfitAndLoss", **asked, testing_migration="true")
        assert modern.by_id() == old.by_id()
        assert [node.get("group") for node in modern.rows] == [node.get("group") for node in old.rows]
        modern.check_sums()
        orders.add(tuple(modern.by_id()))
    assert len(orders) > 1, "no order is promised"


def test_cents_are_exact(desk) -> None:
    for number in range(10):
        desk.invoice(f"2026-01-{number + 1:02}", Decimal("0.1"))
    assert desk.ask("ProfitAndLoss", **YEAR).group("NetIncome") == [Decimal("1.00")]
