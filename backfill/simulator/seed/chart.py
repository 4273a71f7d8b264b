"""The chart of accounts a company begins with."""

from __future__ import annotations

from typing import NamedTuple

from backfill.simulator.documents import Doc


class AccountRow(NamedTuple):
    """One account: QuickBooks' classification, type and detail type; `parent` is the name of the account above."""

    name: str
    classification: str
    kind: str
    detail: str
    parent: str = ""


_ASSET, _LIABILITY, _EQUITY, _REVENUE, _EXPENSE = "Asset", "Liability", "Equity", "Revenue", "Expense"
_EXPENSES = "Expense"

# The first ESSENTIAL rows are those that transactions post to; a small company has only these.
CHART: tuple[AccountRow, ...] = (
    AccountRow("Accounts Receivable (A/R)", _ASSET, "Accounts Receivable", "AccountsReceivable"),
    AccountRow("Accounts Payable (A/P)", _LIABILITY, "Accounts Payable", "AccountsPayable"),
    AccountRow("Undeposited Funds", _ASSET, "Other Current Asset", "UndepositedFunds"),
    AccountRow("Checking", _ASSET, "Bank", "Checking"),
    AccountRow("Savings", _ASSET, "Bank", "Savings"),
    AccountRow("Mastercard", _LIABILITY, "Credit Card", "CreditCard"),
    AccountRow("Visa", _LIABILITY, "Credit Card", "CreditCard"),
    AccountRow("Sales of Product Income", _REVENUE, "Income", "SalesOfProductIncome"),
    AccountRow("Services", _REVENUE, "Income", "ServiceFeeIncome"),
    AccountRow("Cost of Goods Sold", _EXPENSE, "Cost of Goods Sold", "SuppliesMaterialsCogs"),
    AccountRow("Inventory Asset", _ASSET, "Other Current Asset", "Inventory"),
    AccountRow("Inventory Shrinkage", _EXPENSE, "Cost of Goods Sold", "OtherCostsOfServiceCos"),
    AccountRow("Advertising", _EXPENSE, _EXPENSES, "AdvertisingPromotional"),
    AccountRow("Office Expenses", _EXPENSE, _EXPENSES, "OfficeGeneralAdministrativeExpenses"),
    AccountRow("Rent or Lease", _EXPENSE, _EXPENSES, "RentOrLeaseOfBuildings"),
    AccountRow("Utilities", _EXPENSE, _EXPENSES, "Utilities"),
    AccountRow("Opening Balance Equity", _EQUITY, "Equity", "OpeningBalanceEquity"),
    AccountRow("Retained Earnings", _EQUITY, "Equity", "RetainedEarnings"),
    AccountRow("Sales Tax Payable", _LIABILITY, "Other Current Liability", "GlobalTaxPayable"),
    AccountRow("Exchange Gain or Loss", _EXPENSE, "Other Expense", "ExchangeGainOrLoss"),
    AccountRow("Loan Payable", _LIABILITY, "Other Current Liability", "OtherCurrentLiabilities"),
    AccountRow("Automobile", _EXPENSE, _EXPENSES, "Auto"),
    AccountRow("Fuel", _EXPENSE, _EXPENSES, "Auto", "Automobile"),
    AccountRow("Parking & Tolls", _EXPENSE, _EXPENSES, "Auto", "Automobile"),
    AccountRow("Bank Charges", _EXPENSE, _EXPENSES, "BankCharges"),
    AccountRow("Commissions & fees", _EXPENSE, _EXPENSES, "OtherMiscellaneousServiceCost"),
    AccountRow("Disposal Fees", _EXPENSE, _EXPENSES, "OtherMiscellaneousServiceCost"),
    AccountRow("Dues & Subscriptions", _EXPENSE, _EXPENSES, "DuesSubscriptions"),
    AccountRow("Equipment Rental", _EXPENSE, _EXPENSES, "EquipmentRental"),
    AccountRow("Gas and Electric", _EXPENSE, _EXPENSES, "Utilities", "Utilities"),
    AccountRow("Telephone", _EXPENSE, _EXPENSES, "Utilities", "Utilities"),
    AccountRow("Insurance", _EXPENSE, _EXPENSES, "Insurance"),
    AccountRow("Workers' Compensation", _EXPENSE, _EXPENSES, "Insurance", "Insurance"),
    AccountRow("Job Expenses", _EXPENSE, _EXPENSES, "OtherMiscellaneousServiceCost"),
    AccountRow("Cost of Labor", _EXPENSE, _EXPENSES, "CostOfLabor", "Job Expenses"),
    AccountRow("Job Materials", _EXPENSE, _EXPENSES, "SuppliesMaterials", "Job Expenses"),
    AccountRow("Plants & Soil", _EXPENSE, _EXPENSES, "SuppliesMaterials", "Job Materials"),
    AccountRow("Legal & Professional Fees", _EXPENSE, _EXPENSES, "LegalProfessionalFees"),
    AccountRow("Accounting", _EXPENSE, _EXPENSES, "LegalProfessionalFees", "Legal & Professional Fees"),
    AccountRow("Bookkeeper", _EXPENSE, _EXPENSES, "LegalProfessionalFees", "Legal & Professional Fees"),
    AccountRow("Maintenance and Repair", _EXPENSE, _EXPENSES, "RepairMaintenance"),
    AccountRow("Building Repairs", _EXPENSE, _EXPENSES, "RepairMaintenance", "Maintenance and Repair"),
    AccountRow("Meals & Entertainment", _EXPENSE, _EXPENSES, "EntertainmentMeals"),
    AccountRow("Payroll Expenses", _EXPENSE, _EXPENSES, "PayrollExpenses"),
    AccountRow("Promotional", _EXPENSE, _EXPENSES, "AdvertisingPromotional"),
    AccountRow("Stationery & Printing", _EXPENSE, _EXPENSES, "OfficeGeneralAdministrativeExpenses"),
    AccountRow("Supplies", _EXPENSE, _EXPENSES, "SuppliesMaterials"),
    AccountRow("Taxes & Licenses", _EXPENSE, _EXPENSES, "TaxesPaid"),
    AccountRow("Travel", _EXPENSE, _EXPENSES, "Travel"),
    AccountRow("Travel Meals", _EXPENSE, _EXPENSES, "TravelMeals"),
    AccountRow("Uncategorized Expense", _EXPENSE, _EXPENSES, "OtherMiscellaneousServiceCost"),
    AccountRow("Design income", _REVENUE, "Income", "OtherPrimaryIncome"),
    AccountRow("Landscaping Services", _REVENUE, "Income", "OtherPrimaryIncome"),
    AccountRow("Discounts given", _REVENUE, "Income", "DiscountsRefundsGiven"),
    AccountRow("Uncategorized Income", _REVENUE, "Income", "ServiceFeeIncome"),
    AccountRow("Fees Billed", _REVENUE, "Income", "ServiceFeeIncome"),
    AccountRow("Interest Earned", _REVENUE, "Other Income", "InterestEarned"),
    AccountRow("Depreciation", _EXPENSE, "Other Expense", "Depreciation"),
    AccountRow("Penalties & Settlements", _EXPENSE, "Other Expense", "PenaltiesSettlements"),
    AccountRow("Truck", _ASSET, "Fixed Asset", "Vehicles"),
    AccountRow("Original Cost", _ASSET, "Fixed Asset", "Vehicles", "Truck"),
    AccountRow("Prepaid Expenses", _ASSET, "Other Current Asset", "PrepaidExpenses"),
    AccountRow("Notes Payable", _LIABILITY, "Long Term Liability", "OtherLongTermLiabilities"),
    AccountRow("Owner's Équité", _EQUITY, "Equity", "OwnersEquity"),
)

ESSENTIAL = 21
"""Rows of the chart that every company has."""


def account(row: AccountRow, number: int, parent: tuple[Doc, str] | None, currency: Doc) -> Doc:
    """An Account's document. `parent` is the reference to the account above and its fully qualified name."""
    doc: Doc = {
        "Name": row.name,
        "SubAccount": parent is not None,
        "FullyQualifiedName": f"{parent[1]}:{row.name}" if parent else row.name,
        "Active": True,
        "Classification": row.classification,
        "AccountType": row.kind,
        "AccountSubType": row.detail,
        "AcctNum": str(number),
        "CurrentBalance": 0,
        "CurrentBalanceWithSubAccounts": 0,
        "CurrencyRef": currency,
    }
    if parent:
        doc["ParentRef"] = parent[0]
    return doc
