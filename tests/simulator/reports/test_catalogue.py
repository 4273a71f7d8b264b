"""The table of reports is that of Intuit's reference, by name, and each row is used as it says."""

from __future__ import annotations

import pytest

from backfill.simulator.reports.catalogue import REPORTS

NAMES = tuple(
    """
ProfitAndLoss ProfitAndLossDetail BalanceSheet CashFlow TrialBalance GeneralLedger TransactionDetailByAccount
JournalReport TransactionList
TransactionListByCustomer TransactionListByVendor TransactionListWithSplits AccountList AgedReceivables
AgedReceivableDetail AgedPayables AgedPayableDetail CustomerBalance CustomerBalanceDetail CustomerIncome CustomerSales
VendorBalance VendorBalanceDetail VendorExpenses ItemSales DepartmentSales ClassSales InventoryValuationSummary
InventoryValuationDetail TaxSummary GeneralLedgerFR TrialBalanceFR JournalReportFR FECReport BAS
""".split()  # noqa: SIM905 -- as the reference lists them: a table of one column
)


TYPES = {
    "Account", "Money", "Rate", "Customer", "Vendor", "Employee", "ProductsAndService", "Department", "Class", "String",
}  # fmt: skip


def test_every_name() -> None:
    assert tuple(REPORTS) == NAMES
    assert all(report.name == name for name, report in REPORTS.items())


@pytest.mark.parametrize("name", [name for name, report in REPORTS.items() if not report.countries])
def test_every_report_has_its_rows_as_wide_as_its_columns(reporter_of, name: str) -> None:
    reporter = reporter_of(1, 600)
    for more in ({}, {"testing_migration": "1"}, {"summarize_column_by": "Quarter"}, {"accounting_method": "Cash"}):
        report = reporter.ask(name, start_date="2024-01-01", end_date="2025-12-31", **more)
        assert report.has_data
        kinds = {column["ColType"] for column in report.columns}
        assert kinds <= TYPES or not kinds & TYPES, "a summary's types are those of Intuit's schema; else they are keys"
        for node in report.walk():
            for part in (node, node.get("Header", {}), node.get("Summary", {})):
                assert len(part.get("ColData", report.columns)) == len(report.columns)
