"""Account types: which detail types each has, and what an account is made of when it says only one of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from backfill.simulator.documents import Doc
from backfill.simulator.faults import Fault
from backfill.simulator.stored import StoredObject
from backfill.simulator.writing.desk import Desk
from backfill.simulator.writing.faults import SYSTEM_ACCOUNT, bad_value

_TYPES = """
Bank | Asset | Checking CashOnHand MoneyMarket RentsHeldInTrust Savings TrustAccounts CashAndCashEquivalents
    OtherEarMarkedBankAccounts
Other Current Asset | Asset | OtherCurrentAssets AllowanceForBadDebts DevelopmentCosts EmployeeCashAdvances
    Inventory Investment_MortgageRealEstateLoans Investment_Other Investment_TaxExemptSecurities
    Investment_USGovernmentObligations LoansToOfficers LoansToOthers LoansToStockholders PrepaidExpenses Retainage
    UndepositedFunds GlobalTaxRefund GlobalTaxDeferred
Fixed Asset | Asset | FurnitureAndFixtures AccumulatedDepletion AccumulatedDepreciation DepletableAssets
    FixedAssetComputers FixedAssetCopiers FixedAssetFurniture FixedAssetPhone FixedAssetPhotoVideo
    FixedAssetSoftware FixedAssetOtherToolsEquipment Land LeaseholdImprovements OtherFixedAssets
    AccumulatedAmortization Buildings IntangibleAssets MachineryAndEquipment Vehicles
Other Asset | Asset | OtherLongTermAssets LeaseBuyout SecurityDeposits AccumulatedAmortizationOfOtherAssets Goodwill
    Licenses OrganizationalCosts
Accounts Receivable | Asset | AccountsReceivable
Accounts Payable | Liability | AccountsPayable
Credit Card | Liability | CreditCard
Long Term Liability | Liability | OtherLongTermLiabilities NotesPayable ShareholderNotesPayable
Other Current Liability | Liability | OtherCurrentLiabilities DirectDepositPayable LineOfCredit LoanPayable
    GlobalTaxPayable GlobalTaxSuspense PayrollClearing PayrollTaxPayable PrepaidExpensesPayable
    RentsInTrustLiability TrustAccountsLiabilities FederalIncomeTaxPayable InsurancePayable SalesTaxPayable
    StateLocalIncomeTaxPayable
Equity | Equity | OpeningBalanceEquity PartnersEquity RetainedEarnings AccumulatedAdjustment OwnersEquity
    PaidInCapitalOrSurplus PartnerContributions PartnerDistributions PreferredStock CommonStock TreasuryStock
    EstimatedTaxes Healthcare PersonalIncome PersonalExpense
Income | Revenue | SalesOfProductIncome NonProfitIncome OtherPrimaryIncome ServiceFeeIncome DiscountsRefundsGiven
    UnappliedCashPaymentIncome
Other Income | Revenue | OtherMiscellaneousIncome DividendIncome InterestEarned OtherInvestmentIncome
    TaxExemptInterest
Cost of Goods Sold | Expense | SuppliesMaterialsCogs EquipmentRentalCos OtherCostsOfServiceCos
    ShippingFreightDeliveryCos CostOfLaborCos
Expense | Expense | OtherMiscellaneousServiceCost AdvertisingPromotional BadDebts BankCharges
    CharitableContributions CommissionsAndFees Entertainment EntertainmentMeals EquipmentRental FinanceCosts
    GlobalTaxExpense Insurance InterestPaid LegalProfessionalFees OfficeExpenses OfficeGeneralAdministrativeExpenses
    OtherBusinessExpenses PromotionalMeals RentOrLeaseOfBuildings RepairMaintenance ShippingFreightDelivery
    SuppliesMaterials Travel TravelMeals Utilities Auto CostOfLabor DuesSubscriptions PayrollExpenses TaxesPaid
    UnappliedCashBillPaymentExpense
Other Expense | Expense | OtherMiscellaneousExpense Depreciation ExchangeGainOrLoss PenaltiesSettlements
    Amortization GasAndFuel HomeOffice HomeOwnerRentalInsurance OtherHomeOfficeExpenses MortgageInterest
    RentAndLease RepairsAndMaintenance ParkingAndTolls Vehicle VehicleInsurance VehicleLease VehicleLoanInterest
    VehicleLoan VehicleRegistration VehicleRepairs OtherVehicleExpenses WashAndRoadServices
"""
"""Account type | classification | its detail types, the default first; a row goes on in the lines set in."""


def _rows() -> list[tuple[str, str, tuple[str, ...]]]:
    parts = [[part.strip() for part in row.split("|")] for row in _TYPES.replace("\n    ", " ").strip().splitlines()]
    return [(kind, group, tuple(names.split())) for kind, group, names in parts]


_DETAILS: Mapping[str, tuple[str, ...]] = MappingProxyType({kind: names for kind, _, names in _rows()})
_CLASSES: Mapping[str, str] = MappingProxyType({kind: group for kind, group, _ in _rows()})
_TYPE_OF: Mapping[str, str] = MappingProxyType({name: kind for kind, names in _DETAILS.items() for name in names})

_SYSTEM_DETAILS = frozenset({"AccountsReceivable", "AccountsPayable", "UndepositedFunds", "RetainedEarnings"})
"""Of accounts that QuickBooks makes for itself; the first of each cannot be made inactive."""


class _Typed(msgspec.Struct):
    AccountSubType: str = ""
    FullyQualifiedName: str = ""


_decode = msgspec.json.Decoder(_Typed).decode


def _by_detail(row: StoredObject) -> str:
    """Index key: the detail type."""
    return _decode(row.doc).AccountSubType


def classified(doc: Doc) -> Doc:
    """An account with type, detail type and classification, of which it may say only the first or the second."""
    detail = str(doc.get("AccountSubType") or "")
    kind = str(doc.get("AccountType") or _TYPE_OF.get(detail, ""))
    detail = detail or _DETAILS.get(kind, ("",))[0]
    return {**doc, "AccountType": kind, "AccountSubType": detail, "Classification": _CLASSES.get(kind, "")}


def misclassified(desk: Desk, doc: Doc) -> Fault | None:
    """6010 for a type there is not, or a detail type of another one."""
    kind, detail = str(doc["AccountType"]), str(doc["AccountSubType"])
    if kind not in _DETAILS:
        return bad_value("6010", "AccountType", f"Account type is invalid: {kind or detail}")
    if _TYPE_OF.get(detail, kind) != kind:
        # Detail types that no table here has belong to other countries, and go with any type.
        return bad_value("6010", "AccountSubType", f"Account detail type {detail} is not of type {kind}")
    if desk.before and doc.get("Active") is False and desk.before.get("AccountSubType") in _SYSTEM_DETAILS:
        return SYSTEM_ACCOUNT
    return None


def first_of(desk: Desk, detail: str) -> Doc | None:
    """A reference to the company's oldest active account of a detail type, where it has one."""
    for object_id in desk.company.table("Account").find(_by_detail, detail):
        row = desk.company.table("Account").get(object_id)
        if row is not None and row.active:
            return {"value": row.id, "name": _decode(row.doc).FullyQualifiedName}
    return None
