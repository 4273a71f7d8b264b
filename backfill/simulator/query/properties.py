"""The attributes each entity has, for statements: what may be named, in which spelling.

Intuit marks attributes filterable and sortable one by one; here every plain attribute is both, except what
is known not to be.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from types import MappingProxyType

from backfill.simulator.catalogue import TRAITS
from backfill.simulator.faults import FaultedError, unknown_property, validation_fault

_COMMON = "Id SyncToken MetaData domain sparse"
_LIST = "Name Active FullyQualifiedName Description"
_TRANSACTION = (
    "DocNumber TxnDate PrivateNote CurrencyRef ExchangeRate TotalAmt HomeTotalAmt DepartmentRef ClassRef Line "
    "LinkedTxn CustomField TxnTaxDetail GlobalTaxCalculation TxnSource TransactionLocationType Tag RecurDataRef "
    "TaxExemptionRef"
)
_SALE = (
    "CustomerRef CustomerMemo BillAddr ShipAddr ShipFromAddr ShipDate ShipMethodRef TrackingNum Balance HomeBalance "
    "BillEmail BillEmailCc BillEmailBcc EmailStatus PrintStatus ApplyTaxAfterDiscount DueDate SalesTermRef "
    "PaymentMethodRef PaymentRefNum DepositToAccountRef DeliveryInfo FreeFormAddress RemainingCredit Deposit "
    "InvoiceLink EInvoiceStatus CreditCardPayment TxnStatus ExpirationDate AcceptedBy AcceptedDate PaymentType "
    "AllowIPNPayment AllowOnlinePayment AllowOnlineCreditCardPayment AllowOnlineACHPayment CheckPayment ProjectRef"
)
_BUY = (
    "VendorRef APAccountRef DueDate SalesTermRef Balance VendorAddr ShipAddr ShipTo EmailStatus POEmail POStatus Memo "
    "AccountRef EntityRef PaymentType PayType CheckPayment CreditCardPayment Credit PrintStatus RemitToAddr RemitToRef "
    "PaymentMethodRef PaymentRefNum ShipMethodRef ReceivedDate"
)
_PERSON = (
    "Title GivenName MiddleName FamilyName Suffix DisplayName CompanyName PrintOnCheckName PrimaryPhone AlternatePhone "
    "Mobile Fax PrimaryEmailAddr WebAddr BillAddr ShipAddr PrimaryAddr Notes Balance BalanceWithJobs OpenBalanceDate "
    "CurrencyRef Taxable Job BillWithParent ParentRef Level IsProject ResaleNum PreferredDeliveryMethod "
    "DefaultTaxCodeRef CustomerTypeRef SalesTermRef TermRef PaymentMethodRef AcctNum AccountNumber Vendor1099 "
    "TaxIdentifier PrimaryTaxIdentifier BusinessNumber CostRate BillRate SSN EmployeeNumber EmployeeType Gender "
    "HiredDate ReleasedDate BirthDate BillableTime Organization HomeAddr APAccountRef ARAccountRef "
    "TaxExemptionReasonId ClientEntityId V4IDPseudonym source"
)

_OWN: Mapping[str, str] = {
    "Account": "SubAccount ParentRef Classification AccountType AccountSubType AcctNum CurrentBalance "
    "CurrentBalanceWithSubAccounts CurrencyRef TaxCodeRef AccountAlias TxnLocationType",
    "Attachable": "FileName FileAccessUri TempDownloadUri Size ContentType Category Lat Long PlaceName Note Tag "
    "AttachableRef ThumbnailFileAccessUri ThumbnailTempDownloadUri",
    "Bill": _BUY,
    "BillPayment": _BUY,
    "Budget": "StartDate EndDate BudgetType BudgetEntryType BudgetDetail",
    "Class": "SubClass ParentRef",
    "CompanyCurrency": "Code CustomField",
    "CompanyInfo": "CompanyName LegalName CompanyAddr CustomerCommunicationAddr LegalAddr PrimaryPhone "
    "CompanyStartDate EmployerId FiscalYearStartMonth TaxYearStartMonth Country Email WebAddr SupportedLanguages "
    "NameValue "
    "DefaultTimeZone QBVersion CompanyFileName FlavorStratum SampleFile CompanyUserId CompanyUserAdminEmail "
    "InvitedUserId CustomerCommunicationEmailAddr",
    "CreditCardPayment": "TxnDate Amount PrivateNote CreditCardAccountRef BankAccountRef VendorRef Memo PrintStatus "
    "CheckNum CheckPayment",
    "CreditMemo": _SALE,
    "Customer": _PERSON,
    "CustomerType": "",
    "Department": "SubDepartment ParentRef Address",
    "Deposit": "DepositToAccountRef CashBack",
    "Employee": _PERSON,
    "Estimate": _SALE,
    "ExchangeRate": "SourceCurrencyCode TargetCurrencyCode Rate AsOfDate CustomField",
    "InventoryAdjustment": "AdjustAccountRef CustomerRef",
    "Invoice": _SALE,
    "Item": "Sku Type SubItem ParentRef Level Taxable SalesTaxIncluded PurchaseTaxIncluded UnitPrice RatePercent "
    "IncomeAccountRef ExpenseAccountRef AssetAccountRef COGSAccountRef PurchaseDesc PurchaseCost PrefVendorRef "
    "TrackQtyOnHand QtyOnHand ReorderPoint InvStartDate SalesTaxCodeRef PurchaseTaxCodeRef ClassRef Source "
    "TaxClassificationRef ItemCategoryType ItemGroupDetail PrintGroupedItems UQCDisplayText UQCId ServiceType",
    "JournalCode": "Type",
    "JournalEntry": "Adjustment HomeAmt TaxRateRef",
    "Payment": "CustomerRef UnappliedAmt ProcessPayment DepositToAccountRef ARAccountRef PaymentMethodRef "
    "PaymentRefNum CreditCardPayment",
    "PaymentMethod": "Type",
    "Preferences": "AccountingInfoPrefs ProductAndServicesPrefs SalesFormsPrefs EmailMessagesPrefs "
    "VendorAndPurchasesPrefs TimeTrackingPrefs TaxPrefs CurrencyPrefs ReportPrefs OtherPrefs",
    "Purchase": _BUY,
    "PurchaseOrder": _BUY,
    "RecurringTransaction": f"{_SALE} {_BUY} Type RecurringInfo FromAccountRef ToAccountRef Amount Adjustment HomeAmt",
    "RefundReceipt": _SALE,
    "ReimburseCharge": "CustomerRef Amount HasBeenInvoiced",
    "SalesReceipt": _SALE,
    "TaxAgency": "DisplayName Name TaxTrackedOnPurchases TaxTrackedOnSales TaxRegistrationNumber LastFileDate "
    "TaxAgencyConfig",
    "TaxClassification": "Code Name Description Level ParentRef ApplicableTo",
    "TaxCode": "Taxable TaxGroup Hidden TaxCodeConfigType SalesTaxRateList PurchaseTaxRateList",
    "TaxPayment": "PaymentDate PaymentAccountRef PaymentAmount Refund Description",
    "TaxRate": "RateValue AgencyRef TaxReturnLineRef SpecialTaxType DisplayType OriginalTaxRate EffectiveTaxRate",
    "Term": "Type DiscountPercent DiscountDays DueDays DayOfMonthDue DueNextMonthDays DiscountDayOfMonth",
    "TimeActivity": "TxnDate NameOf EmployeeRef VendorRef CustomerRef ItemRef ClassRef DepartmentRef PayrollItemRef "
    "BillableStatus Taxable HourlyRate CostRate Hours Minutes Seconds BreakHours BreakMinutes StartTime EndTime "
    "Description CustomField ProjectRef TimeChargeId TransactionLocationType",
    "Transfer": "FromAccountRef ToAccountRef Amount",
    "Vendor": _PERSON,
    "VendorCredit": _BUY,
}

_DETAILS = {"Line", "LinkedTxn", "CustomField", "TxnTaxDetail", "BudgetDetail"}
_UNFILTERABLE = frozenset(_DETAILS | {"POStatus", "CustomerTypeRef", "PrivateNote", "domain", "sparse"})
"""Known not to be usable in WHERE and ORDERBY, of any entity."""

_UNFILTERABLE_OF: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        entity: frozenset(names.split())
        for entity, names in {
            # Intuit's staff on QuickBooks-V3-DotNET-SDK #163: a valid property of both, and not filterable.
            "Account": "AcctNum",
            # The list of quickbooks-ruby #403, whose wording is recorded there.
            "Vendor": "AcctNum SyncToken Title PrimaryPhone AlternatePhone Mobile Fax PrimaryEmailAddr WebAddr "
            "BillAddr TaxIdentifier TermRef Balance Vendor1099 CurrencyRef APAccountRef",
            "Customer": "AcctNum",
            "Item": "IncomeAccountRef ExpenseAccountRef",  # QuickBooks-V3-DotNET-SDK #119
            "Deposit": "DepositToAccountRef",  # quickbooks-ruby #405
            "Purchase": "AccountRef DepartmentRef",
            "Bill": "DepartmentRef",
        }.items()
    }
)
"""And of one entity, as was met by public clients."""

_ADDRESS = "Id Line1 Line2 Line3 Line4 Line5 City Country CountryCode CountrySubDivisionCode PostalCode Lat Long Note"
_PARTS_BY_ENDING: tuple[tuple[str, str], ...] = (
    ("AttachableRef", "EntityRef IncludeOnSend LineInfo NoRefOnly CustomField Inactive"),
    ("Ref", "value name type"),
    ("EmailAddr", "Address"),
    ("BillEmail", "Address"),
    ("POEmail", "Address"),
    ("WebAddr", "URI"),
    ("Addr", _ADDRESS),
    ("ShipTo", "value name type"),
    ("Phone", "FreeFormNumber"),
    ("Mobile", "FreeFormNumber"),
    ("Fax", "FreeFormNumber"),
    ("MetaData", "CreateTime LastUpdatedTime CreatedByRef LastModifiedByRef"),
    ("CustomerMemo", "value"),
)


def _names(entity: str) -> Mapping[str, str]:
    traits = TRAITS[entity]
    shared = (_COMMON, _LIST if traits.is_list else "", _TRANSACTION if traits.is_transaction else "", _OWN[entity])
    return {name.lower(): name for part in shared for name in part.split()}


PROPERTIES: Mapping[str, Mapping[str, str]] = MappingProxyType({entity: _names(entity) for entity in TRAITS})
"""Entity to its attributes: lower-case name to the name as QuickBooks spells it."""


def resolved(entity: str, path: str, *, filtering: bool = True, unfilterable: Container[str] = ()) -> tuple[str, ...]:
    """The attribute's path as QuickBooks spells it. Raises `FaultedError` (4001) for one the entity does not have.

    `filtering`: it is to be compared or sorted by, which not every attribute can be; nor those `unfilterable` names,
    each as `Entity.Attribute`.
    """
    first, *rest = path.split(".")
    name = PROPERTIES[entity].get(first.lower())
    if name is None:
        raise FaultedError(unknown_property(path, entity))
    known = _UNFILTERABLE | _UNFILTERABLE_OF.get(entity, frozenset())
    if filtering and (name in known or f"{entity}.{name}" in unfilterable):
        raise FaultedError(validation_fault(f"property '{path}' is not queryable"))
    spelled = [name]
    for part in rest:
        parts = {known_part.lower(): known_part for known_part in _parts_of(spelled[-1])}
        if parts and part.lower() not in parts:
            raise FaultedError(unknown_property(path, entity))
        spelled.append(parts.get(part.lower(), part))
    return tuple(spelled)


def _parts_of(name: str) -> tuple[str, ...]:
    """The attributes below a complex one; empty where any is taken."""
    for ending, parts in _PARTS_BY_ENDING:
        if name.endswith(ending):
            return tuple(parts.split())
    return ()
