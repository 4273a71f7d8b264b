"""The balance sheet by hand: cumulative, with the running year's result apart and those before retained."""

from __future__ import annotations


def test_results_of_earlier_years_are_retained(desk) -> None:
    desk.journal("2024-05-01", (desk.bank, 10), (desk.income, -10))
    desk.journal("2025-05-01", (desk.bank, 20), (desk.income, -20))
    desk.journal("2026-05-01", (desk.bank, 40), (desk.income, -40))
    desk.journal("2026-07-01", (desk.bank, 80), (desk.income, -80))
    report = desk.ask("BalanceSheet", start_date="2026-06-01", end_date="2026-06-30")
    assert report.by_id() == {desk.bank["value"]: [70], desk.retained["value"]: [30]}
    assert report.group("NetIncome") == [40]
    assert report.group("TotalAssets") == report.group("TotalLiabilitiesAndEquity") == [70]
    report.check_sums()


def test_columns_of_time_are_as_of_their_ends_and_have_no_total(desk) -> None:
    desk.journal("2025-12-01", (desk.bank, 20), (desk.income, -20))
    desk.journal("2026-01-05", (desk.bank, 40), (desk.income, -40))
    span = {"start_date": "2025-11-01", "end_date": "2026-01-31"}
    report = desk.ask("BalanceSheet", **span, summarize_column_by="Month")
    assert [column["ColTitle"] for column in report.columns] == ["", "Nov 2025", "Dec 2025", "Jan 2026"]
    assert report.by_id() == {desk.bank["value"]: [0, 20, 60], desk.retained["value"]: [0, 0, 20]}
    assert report.group("NetIncome") == [0, 20, 40]


def test_a_fiscal_year_begins_when_the_company_says(desk) -> None:
    desk.changed("CompanyInfo", {"value": "1"}, FiscalYearStartMonth="April")
    desk.journal("2026-03-31", (desk.bank, 5), (desk.income, -5))
    desk.journal("2026-04-01", (desk.bank, 7), (desk.income, -7))
    report = desk.ask("BalanceSheet", start_date="2026-04-01", end_date="2026-04-30")
    assert (report.group("NetIncome"), report.by_id()[desk.retained["value"]]) == ([7], [5])
    assert desk.ask("ProfitAndLoss").header["StartPeriod"] == "2026-04-01"


def test_without_an_account_for_retained_earnings_they_are_shown_all_the_same(desk) -> None:
    desk.changed("Account", desk.retained, AccountSubType="OwnersEquity", Name="Owner")
    desk.journal("2025-05-01", (desk.bank, 20), (desk.income, -20))
    report = desk.ask("BalanceSheet", start_date="2026-01-01", end_date="2026-01-31")
    assert ["Retained Earnings", "20.00"] in report.values()
    assert report.group("TotalAssets") == report.group("TotalLiabilitiesAndEquity")


def test_the_groups(desk) -> None:
    truck = desk.account("Truck", "Fixed Asset", "Vehicles")
    card = desk.account("Card", "Credit Card", "CreditCard")
    note = desk.account("Note", "Long Term Liability", "OtherLongTermLiabilities")
    desk.journal("2026-01-05", (truck, 9), (card, -4), (note, -5))
    desk.invoice("2026-01-06", 10, tax=1)
    desk.bill("2026-01-07", 3)
    report = desk.ask("BalanceSheet", start_date="2026-01-01", end_date="2026-01-31")
    wanted = {"AR": 11, "CurrentAssets": 11, "FixedAssets": 9, "TotalAssets": 20, "AP": 3, "CreditCards": 4}
    wanted |= {"OtherCurrentLiabilities": 1, "CurrentLiabilities": 8, "LongTermLiabilities": 5, "Liabilities": 13}
    wanted |= {"Equity": 7, "NetIncome": 7, "TotalLiabilitiesAndEquity": 20}
    assert {group: report.group(group)[0] for group in wanted} == wanted
    assert not report.has_group("BankAccounts"), "what has nothing in it is left out"
