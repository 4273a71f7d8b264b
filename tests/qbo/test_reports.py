"""The client's table of reports."""

from __future__ import annotations

import pytest

from backfill.errors import UsageError
from backfill.qbo.reports import IDENTITY_COLUMNS, REPORTS, Dates, Kind, report, summary

NAMES = """
ProfitAndLoss ProfitAndLossDetail BalanceSheet CashFlow TrialBalance GeneralLedger JournalReport TransactionList
TransactionListByCustomer TransactionListByVendor TransactionListWithSplits AccountList AgedReceivables
AgedReceivableDetail AgedPayables AgedPayableDetail CustomerBalance CustomerBalanceDetail CustomerIncome CustomerSales
VendorBalance VendorBalanceDetail VendorExpenses ItemSales DepartmentSales ClassSales InventoryValuationSummary
InventoryValuationDetail TaxSummary GeneralLedgerFR TrialBalanceFR JournalReportFR FECReport BAS
"""


def test_every_report_of_intuits_reference_is_there() -> None:
    assert sorted(REPORTS) == sorted(NAMES.split())


def test_names_are_found_in_any_case_and_by_the_references_page() -> None:
    assert report("profitandloss") is REPORTS["ProfitAndLoss"]
    assert report("AccountListDetail") is REPORTS["AccountList"]


def test_an_unknown_name_is_an_error_with_near_matches() -> None:
    with pytest.raises(UsageError, match="no report called 'ProfitLoss'") as caught:
        report("ProfitLoss")
    assert "Did you mean ProfitAndLoss" in caught.value.action
    with pytest.raises(UsageError) as caught:
        report("xyzzy")
    assert "Known reports: ProfitAndLoss," in caught.value.action


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("month", "Month"),
        ("class", "Classes"),
        ("Classes", "Classes"),
        ("customer", "Customers"),
        ("department", "Departments"),
        ("item", "ProductsAndServices"),
        ("day", "Days"),
        ("fiscalquarter", "FiscalQuarter"),
    ],
)
def test_columns_are_understood_as_people_say_them(said: str, meant: str) -> None:
    assert summary(said) == meant


def test_unknown_columns_are_an_error() -> None:
    with pytest.raises(UsageError, match="no columns by 'moth'") as caught:
        summary("moth")
    assert "month" in caught.value.action


def test_what_ties_to_another_ties_to_a_balance_of_the_same_books() -> None:
    tied = [row for row in REPORTS.values() if row.ties_to]
    assert {row.name for row in tied} == {"ProfitAndLoss", "ProfitAndLossDetail", "GeneralLedger", "TrialBalance"}
    for row in tied:
        assert REPORTS[row.ties_to].kind is Kind.AS_OF
        assert REPORTS[row.ties_to].based == row.based
        assert not REPORTS[row.ties_to].ties_to


def test_balances_and_agings_never_add_up() -> None:
    assert {row.kind for row in REPORTS.values() if row.adds_up} == {Kind.FLOW}
    assert {row.dates for row in REPORTS.values() if row.kind is Kind.AGING} == {Dates.REPORT_DATE}


def test_countries() -> None:
    french = REPORTS["FECReport"]
    assert french.offered_in("FR")
    assert french.offered_in("FRA")
    assert french.offered_in(""), "where it is not known, it is asked"
    assert not french.offered_in("US")
    assert REPORTS["ProfitAndLoss"].offered_in("US")
    assert {row.name for row in REPORTS.values() if row.countries} == {
        "GeneralLedgerFR", "TrialBalanceFR", "JournalReportFR", "FECReport", "BAS",
    }  # fmt: skip


def test_what_can_be_read_by_columns_says_which_row_it_is() -> None:
    for row in REPORTS.values():
        assert len(set(row.columns)) == len(row.columns)
        assert not row.columns or set(row.columns) & set(IDENTITY_COLUMNS), row.name
