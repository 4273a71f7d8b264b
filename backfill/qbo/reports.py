"""The client's table of reports: what each is about, how its period is said, and what its answers look like.

Names and parameters are those of Intuit's API reference ("Reports"), which tells names apart by case. Written a second
time, apart from the simulator's own table: shared beliefs would be shared mistakes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import partial
from types import MappingProxyType

from backfill.errors import UsageError, meant


class Kind(Enum):
    """What a report's numbers are, and so what may be done with two periods of it."""

    FLOW = "flow"
    """What happened within a period. Periods that follow one another add up."""
    AS_OF = "as-of"
    """What stood at a period's end. Never added up."""
    AGING = "aging"
    """What stood open at a date, by age. Never added up."""
    LIST = "list"
    """Rows to be read one by one: there is no sum to be wrong about. Periods that follow one another join up."""


class Dates(Enum):
    """Which parameters say the period."""

    RANGE = "range"
    """`start_date` and `end_date`."""
    REPORT_DATE = "report_date"
    """`report_date` alone."""
    NONE = "none"
    """The report is of today, whatever is asked."""


class Subject(StrEnum):
    """What the Id of a row's first cell is, and of a section's head: the rows in it have it from there."""

    ACCOUNT = "account"
    NAME = "name"
    """A customer, vendor or employee."""
    ITEM = "item"
    OTHER = "other"


class Basis(StrEnum):
    """When income and expense count: as invoiced, or as paid."""

    ACCRUAL = "accrual"
    CASH = "cash"

    @property
    def word(self) -> str:
        """As `accounting_method` wants it."""
        return self.value.capitalize()


SUMMARIES = (
    "Total",
    "Days",
    "Week",
    "Month",
    "Quarter",
    "Year",
    "FiscalQuarter",
    "FiscalYear",
    "Customers",
    "Vendors",
    "Employees",
    "Departments",
    "Classes",
    "ProductsAndServices",
)
"""What `summarize_column_by` knows."""

DAY_COLUMNS_MAX = 100
"""Of more days the newer service makes one column called "Others" ("Reports API changes", 2026-03-30)."""

IDENTITY_COLUMNS = ("tx_date", "txn_type", "doc_num", "name", "account_name")
"""Columns that say which row it is. Where a day has to be read in several sets of columns, each set has these."""

_ENTRY = ("tx_date", "txn_type", "doc_num", "name", "memo")
_LEDGER = (*_ENTRY, "split_acc", "subt_nat_amount", "rbal_nat_amount")
_TRANSACTIONS = ("tx_date", "txn_type", "doc_num", "is_no_post", "name", "memo", "account_name", "split_acc")
_OPEN_ITEMS = ("tx_date", "txn_type", "doc_num")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One row of the table."""

    name: str
    kind: Kind
    dates: Dates = Dates.RANGE
    subject: Subject = Subject.OTHER
    based: bool = False
    """It knows `accounting_method`."""
    by: bool = False
    """It knows `summarize_column_by`."""
    columns: tuple[str, ...] = ()
    """What is asked for with `columns`, so that a changed default changes nothing; empty: it has no such parameter."""
    told: tuple[tuple[str, str], ...] = ()
    """Names and values that are always said: where it is not documented what is meant otherwise."""
    shown: tuple[str, ...] = ()
    """The keys of its columns, in order, for answers that do not say them."""
    by_account: bool = False
    """It knows the filter `account`, so that even one day of it can be read in parts without a row cut apart."""
    totalled: bool = True
    """Each section ends with a Summary, and so do rows that stand in none: what does not was cut."""
    ends: tuple[str, str] | None = None
    """The groups of its first section and of the total that it ends with: what has only the first was cut. Of a company
    in France it has neither (Intuit's reference, "ProfitAndLoss")."""
    ledger: bool = False
    """Its running balances begin with what each account had before: one period's end is the next one's beginning."""
    ties_to: str = ""
    """The as-of report of the same books that it must lead up to, or agree with."""
    countries: frozenset[str] = frozenset()
    """Where it is offered, as two letters; empty: everywhere."""

    @property
    def adds_up(self) -> bool:
        """Whether the sum of consecutive periods is the period of them all."""
        return self.kind is Kind.FLOW

    def offered_in(self, country: str) -> bool:
        """Whether a company there has it. Of a country that is not known it is found out by asking."""
        return not (self.countries and country) or country[:2].upper() in self.countries


_flow = partial(Report, kind=Kind.FLOW)
_sales = partial(_flow, based=True, by=True)
_list = partial(Report, kind=Kind.LIST)
_as_of = partial(Report, kind=Kind.AS_OF)
_balance = partial(_as_of, subject=Subject.NAME, dates=Dates.REPORT_DATE, based=True)
_aging = partial(
    Report,
    kind=Kind.AGING,
    subject=Subject.NAME,
    dates=Dates.REPORT_DATE,
    told=(("aging_method", "Report_Date"),),  # of a day gone by, or each reading would find everything older
)

_FRANCE = frozenset({"FR"})
_AUSTRALIA = frozenset({"AU"})
_AGES = ("current", "1-30", "31-60", "61-90", "91+", "total")
"""Our own keys for the five ages that QuickBooks shows unless told otherwise, where the answer has none."""

_ROWS: tuple[Report, ...] = (
    _flow(
        name="ProfitAndLoss",
        subject=Subject.ACCOUNT,
        based=True,
        by=True,
        shown=("account", "total"),
        ends=("Income", "NetIncome"),
        ties_to="BalanceSheet",
    ),
    _flow(
        name="ProfitAndLossDetail",
        subject=Subject.ACCOUNT,
        based=True,
        columns=_LEDGER,
        by_account=True,
        ties_to="BalanceSheet",
    ),
    _as_of(name="BalanceSheet", subject=Subject.ACCOUNT, based=True, by=True, shown=("account", "total")),
    _flow(name="CashFlow", subject=Subject.ACCOUNT, by=True, shown=("account", "total")),
    _as_of(
        name="TrialBalance",
        subject=Subject.ACCOUNT,
        based=True,
        shown=("account", "debit", "credit"),
        ties_to="BalanceSheet",
    ),
    _flow(
        name="GeneralLedger",
        subject=Subject.ACCOUNT,
        based=True,
        columns=_LEDGER,
        by_account=True,
        ledger=True,
        ties_to="BalanceSheet",
    ),
    _list(name="JournalReport", columns=(*_ENTRY, "account_name", "debt_amt", "credit_amt"), totalled=False),
    _list(name="TransactionList", columns=(*_TRANSACTIONS, "subt_nat_amount"), totalled=False),
    _list(name="TransactionListByCustomer", subject=Subject.NAME, columns=(*_TRANSACTIONS, "subt_nat_amount")),
    _list(name="TransactionListByVendor", subject=Subject.NAME, columns=(*_TRANSACTIONS, "subt_nat_amount")),
    _list(name="TransactionListWithSplits", columns=(*_ENTRY, "account_name", "subt_nat_amount"), totalled=False),
    _list(name="AccountList", dates=Dates.NONE, subject=Subject.ACCOUNT, totalled=False),
    _aging(name="AgedReceivables", shown=("customer", *_AGES)),
    _aging(
        name="AgedReceivableDetail", columns=(*_OPEN_ITEMS, "cust_name", "due_date", "subt_amount", "subt_open_bal")
    ),
    _aging(name="AgedPayables", shown=("vendor", *_AGES)),
    _aging(
        name="AgedPayableDetail",
        columns=(*_OPEN_ITEMS, "vend_name", "due_date", "past_due", "subt_amount", "subt_open_bal"),
    ),
    _balance(name="CustomerBalance", shown=("customer", "total")),
    _balance(
        name="CustomerBalanceDetail",
        columns=(*_OPEN_ITEMS, "due_date", "subt_amount", "subt_open_bal", "rbal_open_bal"),
    ),
    _sales(name="CustomerIncome", subject=Subject.NAME),
    _sales(name="CustomerSales", subject=Subject.NAME),
    _balance(name="VendorBalance", shown=("vendor", "total")),
    _balance(
        name="VendorBalanceDetail",
        columns=(*_OPEN_ITEMS, "due_date", "subt_amount", "subt_open_bal", "rbal_open_bal"),
    ),
    _sales(name="VendorExpenses", subject=Subject.NAME),
    _sales(name="ItemSales", subject=Subject.ITEM),
    _sales(name="DepartmentSales"),
    _sales(name="ClassSales"),
    _as_of(name="InventoryValuationSummary", dates=Dates.REPORT_DATE, subject=Subject.ITEM),
    _list(name="InventoryValuationDetail", subject=Subject.ITEM, totalled=False),
    _flow(name="TaxSummary", based=True, totalled=False),
    _flow(
        name="GeneralLedgerFR",
        subject=Subject.ACCOUNT,
        based=True,
        columns=_LEDGER,
        by_account=True,
        ledger=True,
        countries=_FRANCE,
    ),
    _as_of(name="TrialBalanceFR", subject=Subject.ACCOUNT, based=True, countries=_FRANCE),
    _list(name="JournalReportFR", totalled=False, countries=_FRANCE),
    _list(name="FECReport", totalled=False, countries=_FRANCE),
    _flow(name="BAS", totalled=False, countries=_AUSTRALIA),
)

REPORTS: Mapping[str, Report] = MappingProxyType({row.name: row for row in _ROWS})
"""Name to report."""

_BY_LOWER_NAME: Mapping[str, Report] = MappingProxyType({name.lower(): row for name, row in REPORTS.items()})
_ALIASES: Mapping[str, str] = MappingProxyType({"accountlistdetail": "AccountList"})
"""Names of pages of the reference that are not the name that is asked for."""


def report(name: str) -> Report:
    """The report of that name, in any case. Raises `UsageError`, which names the nearest ones."""
    lower = name.lower()
    found = _BY_LOWER_NAME.get(_ALIASES.get(lower, name).lower())
    if found is None:
        raise UsageError(
            f"There is no report called {name!r} in QuickBooks Online.",
            action=meant(name, REPORTS, otherwise=f"Known reports: {', '.join(REPORTS)}."),
        )
    return found


def summary(name: str) -> str:
    """What `summarize_column_by` calls `name`: `month`, `class`, `Classes` are understood. Raises `UsageError`."""
    words: dict[str, str] = {}
    for word in SUMMARIES:
        lower = word.lower()
        singular = {"classes": "class", "productsandservices": "product", "days": "day"}.get(lower, lower.rstrip("s"))
        words |= {lower: word, singular: word}
    words["item"] = "ProductsAndServices"
    found = words.get(name.lower())
    if found is None:
        action = meant(name, words, otherwise=f"Known: {', '.join(SUMMARIES)}.")
        raise UsageError(f"Reports have no columns by {name!r}.", action=action)
    return found
