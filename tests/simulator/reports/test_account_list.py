"""The chart of accounts as a report."""

from __future__ import annotations

from decimal import Decimal


def test_active_accounts_in_the_chart_s_order_with_their_balances(desk) -> None:
    auto = desk.account("Auto", "Expense", "Auto")
    desk.account("Fuel", "Expense", "Auto", ParentRef=auto, FullyQualifiedName="Auto:Fuel")
    desk.account("Gone", "Bank", "Checking", Active=False)
    desk.journal("2026-01-05", (desk.bank, 12), (desk.tax, -12))
    report = desk.ask("AccountList")
    rows = report.values()
    assert rows[0] == ["Checking", "Bank", "Checking", "", "12.00"]
    assert ["Sales Tax Payable", "Other Current Liability", "GlobalTaxPayable", "", "12.00"] in rows
    assert [row[0] for row in rows][-3:] == ["Auto", "Auto:Fuel", "Rent"]
    assert "Gone" not in {row[0] for row in rows}
    assert list(report.header) == ["Time", "ReportName", "Currency", "Option"]


def test_columns_and_types_as_asked(desk) -> None:
    report = desk.ask("AccountList", columns="account_name,create_date,nonsense", account_type="Bank")
    assert report.values() == [["Checking", "2026-11-20T10:00:00-08:00", ""]]


def test_balances_are_those_of_the_accounts(reporter_of) -> None:
    reporter = reporter_of(1, 600)
    shown = {row[0]: Decimal(row[-1] or 0) for row in reporter.ask("AccountList").values()}
    sheet = reporter.ask("BalanceSheet", date_macro="All")
    assert shown["Accounts Receivable (A/R)"] == sheet.group("AR")[0]
    assert shown["Accounts Payable (A/P)"] == sheet.group("AP")[0]
