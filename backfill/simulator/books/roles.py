"""Accounts that QuickBooks finds, or makes, by itself: a transaction posts to them without naming them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from backfill.simulator.changes import DELETED_SUFFIX
from backfill.simulator.documents import Doc


class Role(NamedTuple):
    """What such an account is called and which type it has. `by_name`: others may have the same detail type."""

    key: str
    name: str
    classification: str
    kind: str
    detail: str
    by_name: bool = False


RECEIVABLE = "AccountsReceivable"
PAYABLE = "AccountsPayable"
UNDEPOSITED = "UndepositedFunds"
TAX = "GlobalTaxPayable"
DISCOUNTS = "DiscountsRefundsGiven"
SHIPPING = "ShippingIncome"
INVENTORY = "Inventory"
COST_OF_SALES = "SuppliesMaterialsCogs"
OPENING = "OpeningBalanceEquity"
EXCHANGE = "ExchangeGainOrLoss"
OTHER_INCOME = "UncategorizedIncome"
OTHER_EXPENSE = "UncategorizedExpense"

_ASSET, _LIABILITY, _EQUITY, _REVENUE, _EXPENSE = "Asset", "Liability", "Equity", "Revenue", "Expense"
_ROWS = (
    Role(RECEIVABLE, "Accounts Receivable (A/R)", _ASSET, "Accounts Receivable", "AccountsReceivable"),
    Role(PAYABLE, "Accounts Payable (A/P)", _LIABILITY, "Accounts Payable", "AccountsPayable"),
    Role(UNDEPOSITED, "Undeposited Funds", _ASSET, "Other Current Asset", "UndepositedFunds"),
    Role(TAX, "Sales Tax Payable", _LIABILITY, "Other Current Liability", "GlobalTaxPayable"),
    Role(DISCOUNTS, "Discounts given", _REVENUE, "Income", "DiscountsRefundsGiven"),
    Role(SHIPPING, "Shipping Income", _REVENUE, "Income", "SalesOfProductIncome", by_name=True),
    Role(INVENTORY, "Inventory Asset", _ASSET, "Other Current Asset", "Inventory"),
    Role(COST_OF_SALES, "Cost of Goods Sold", _EXPENSE, "Cost of Goods Sold", "SuppliesMaterialsCogs"),
    Role(OPENING, "Opening Balance Equity", _EQUITY, "Equity", "OpeningBalanceEquity"),
    Role(EXCHANGE, "Exchange Gain or Loss", _EXPENSE, "Other Expense", "ExchangeGainOrLoss"),
    Role(OTHER_INCOME, "Uncategorized Income", _REVENUE, "Income", "ServiceFeeIncome", by_name=True),
    Role(OTHER_EXPENSE, "Uncategorized Expense", _EXPENSE, "Expense", "OtherMiscellaneousServiceCost", by_name=True),
)

ROLES: Mapping[str, Role] = MappingProxyType({row.key: row for row in _ROWS})
_BY_DETAIL = MappingProxyType({row.detail: row.key for row in _ROWS if not row.by_name})
_BY_NAME = MappingProxyType({row.name: row.key for row in _ROWS if row.by_name})


def role_of(name: str, detail: str) -> str:
    """The key of the role an account can play, inactive or not; empty for most."""
    return _BY_NAME.get(name.removesuffix(DELETED_SUFFIX)) or _BY_DETAIL.get(detail, "")


def new_account(role: Role, home: Doc) -> Doc:
    """The Account that QuickBooks adds to the chart when it is first posted to. `home` refers to the currency."""
    return {
        "Name": role.name,
        "SubAccount": False,
        "FullyQualifiedName": role.name,
        "Active": True,
        "Classification": role.classification,
        "AccountType": role.kind,
        "AccountSubType": role.detail,
        "CurrentBalance": 0,
        "CurrentBalanceWithSubAccounts": 0,
        "CurrencyRef": home,
    }
