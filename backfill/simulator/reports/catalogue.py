"""Every report there is: how it is made, what days it is about if nothing is said, and where it exists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from backfill.simulator.reports import aging, general_ledger, inventory, journal, sales, transactions
from backfill.simulator.reports.account_list import account_list
from backfill.simulator.reports.balance_sheet import balance_sheet
from backfill.simulator.reports.cash_flow import cash_flow
from backfill.simulator.reports.inquiry import Inquiry
from backfill.simulator.reports.nodes import Draft
from backfill.simulator.reports.result import profit_and_loss
from backfill.simulator.reports.result_detail import profit_and_loss_detail
from backfill.simulator.reports.taxes import bas, tax_summary
from backfill.simulator.reports.trial_balance import trial_balance, trial_balance_fr

Kind = Literal["flow", "as_of", "aging", "detail", "list"]
"""What a report's amounts are: of the span; as they stand at its end; what is open on its last day; the postings of
the span one by one; or no matter of days at all."""

YEAR_TO_DATE = "This Fiscal Year-to-date"
MONTH_TO_DATE = "This Month-to-date"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report."""

    name: str
    kind: Kind
    make: Callable[[Inquiry], Draft]
    macro: str = YEAR_TO_DATE
    countries: frozenset[str] = frozenset()
    """Of companies that have it; empty: all."""
    has_basis: bool = True
    """Whether it differs between cash and accrual, and says which it is."""
    by_columns: bool = False
    """Whether `summarize_column_by` makes columns of it."""


_FRANCE = frozenset({"FR"})
_AUSTRALIA = frozenset({"AU"})


def _flow(name: str, make: Callable[[Inquiry], Draft], *, by_columns: bool = True) -> Report:
    return Report(name=name, kind="flow", make=make, by_columns=by_columns)


def _as_of(name: str, make: Callable[[Inquiry], Draft], *, countries: frozenset[str] = frozenset()) -> Report:
    return Report(name=name, kind="as_of", make=make, by_columns=name == "BalanceSheet", countries=countries)


def _aging(name: str, make: Callable[[Inquiry], Draft], macro: str) -> Report:
    return Report(name=name, kind="aging", make=make, macro=macro, has_basis=False)


def _detail(
    name: str,
    make: Callable[[Inquiry], Draft],
    *,
    macro: str = MONTH_TO_DATE,
    countries: frozenset[str] = frozenset(),
    has_basis: bool = True,
) -> Report:
    return Report(name=name, kind="detail", make=make, macro=macro, countries=countries, has_basis=has_basis)


_ROWS = (
    _flow("ProfitAndLoss", profit_and_loss),
    _detail("ProfitAndLossDetail", profit_and_loss_detail, macro=YEAR_TO_DATE),
    _as_of("BalanceSheet", balance_sheet),
    _flow("CashFlow", cash_flow),
    _as_of("TrialBalance", trial_balance),
    _detail("GeneralLedger", general_ledger.general_ledger),
    _detail("TransactionDetailByAccount", general_ledger.transaction_detail_by_account),
    _detail("JournalReport", journal.journal_report),
    _detail("TransactionList", transactions.transaction_list),
    _detail("TransactionListByCustomer", transactions.transaction_list_by_customer),
    _detail("TransactionListByVendor", transactions.transaction_list_by_vendor),
    _detail("TransactionListWithSplits", transactions.transaction_list_with_splits),
    Report(name="AccountList", kind="list", make=account_list, has_basis=False),
    _aging("AgedReceivables", aging.aged_receivables, "Today"),
    _aging("AgedReceivableDetail", aging.aged_receivable_detail, "Today"),
    _aging("AgedPayables", aging.aged_payables, "Today"),
    _aging("AgedPayableDetail", aging.aged_payable_detail, "Today"),
    _aging("CustomerBalance", aging.customer_balance, "All"),
    _aging("CustomerBalanceDetail", aging.customer_balance_detail, "All"),
    _flow("CustomerIncome", sales.customer_income, by_columns=False),
    _flow("CustomerSales", sales.customer_sales),
    _aging("VendorBalance", aging.vendor_balance, "All"),
    _aging("VendorBalanceDetail", aging.vendor_balance_detail, "All"),
    _flow("VendorExpenses", sales.vendor_expenses),
    _flow("ItemSales", sales.item_sales),
    _flow("DepartmentSales", sales.department_sales),
    _flow("ClassSales", sales.class_sales),
    Report(
        name="InventoryValuationSummary",
        kind="as_of",
        make=inventory.inventory_valuation_summary,
        macro="Today",
        has_basis=False,
    ),
    _detail("InventoryValuationDetail", inventory.inventory_valuation_detail, has_basis=False),
    Report(name="TaxSummary", kind="flow", make=tax_summary, macro="Last Month", has_basis=False),
    _detail("GeneralLedgerFR", general_ledger.general_ledger_fr, countries=_FRANCE),
    _as_of("TrialBalanceFR", trial_balance_fr, countries=_FRANCE),
    _detail("JournalReportFR", journal.journal_report_fr, countries=_FRANCE),
    _detail("FECReport", journal.fec_report, macro="Last Fiscal Year", countries=_FRANCE, has_basis=False),
    Report(name="BAS", kind="flow", make=bas, macro="Last Month", countries=_AUSTRALIA, has_basis=False),
)

REPORTS: Mapping[str, Report] = MappingProxyType({row.name: row for row in _ROWS})
"""By its name, whose case matters."""
