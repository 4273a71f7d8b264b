"""The properties of name lists and of what supports them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from backfill.simulator.writing.schema.notation import Shape, shape
from backfill.simulator.writing.schema.transactions import COMMON

_NAMED = """
Name: +text 100
Active: +flag
FullyQualifiedName: -text
"""
_PERSON = """
Title: text 16
GivenName, MiddleName, FamilyName: text 100
Suffix: text 16
DisplayName: +text 500
CompanyName: text 100
FullyQualifiedName: -text
PrintOnCheckName: text 110
Active: +flag
Organization: flag
UserId, IntuitId, V4IDPseudonym, ClientEntityId, GSTIN, GSTRegistrationType: any
PrimaryPhone, AlternatePhone, Mobile, Fax: of TelephoneNumber
PrimaryEmailAddr: of EmailAddress
WebAddr: of WebSiteAddress
OtherContactInfo: list ContactInfo
DefaultTaxCodeRef: ref TaxCode
CurrencyRef: +ref CompanyCurrency
Balance: -money
OpenBalanceDate: date
Notes: text 4000
ARAccountRef, APAccountRef: ref Account
OtherAddr: any
ContactName, AltContactName: text
"""
_CUSTOMER = """
Taxable, Job, BillWithParent, IsProject: +flag
Job: -flag
BillAddr, ShipAddr: of PhysicalAddress
RootCustomerRef: -any
ParentRef: ref Customer
Level: -count
CustomerTypeRef: ref CustomerType
SalesTermRef: ref Term
SalesRepRef: ref
PaymentMethodRef: ref PaymentMethod
BalanceWithJobs, OverDueBalance, TotalRevenue, TotalExpense: -money
CreditLimit: money
AcctNum, ResaleNum, PrimaryTaxIdentifier, SecondaryTaxIdentifier, TaxRegime, BusinessNumber: text 30
TaxExemptionReasonId: text
PreferredDeliveryMethod: +one Print|Email|None
JobInfo, TaxGroupCodeRef, TDSEnabled, source, Source, CustomerEx, CCDetail: any
TaxRegistrationNumber: text 30
"""
_VENDOR = """
BillAddr, ShipAddr: of PhysicalAddress
TaxIdentifier, BusinessNumber, GSTIN: text 30
AcctNum: text 100
TermRef: ref Term
PrefillAccountRef: ref Account
Vendor1099, T4AEligible, T5018Eligible, HasTPAR: flag
BillRate, CostRate, CreditLimit: number
TaxReportingBasis: text
VendorTypeRef: ref
VendorPaymentBankDetail, TDSEntityTypeId, TDSDefaultPercent, TDSSectionTypeId: any
source, Source, VendorEx, CISRate: any
"""
_EMPLOYEE = """
EmployeeType, SSN, EmployeeNumber, Gender: text 100
PrimaryAddr, BillAddr, ShipAddr: of PhysicalAddress
BillableTime: flag
BillRate, CostRate, PayPeriod: number
BirthDate, HiredDate, ReleasedDate: date
UseTimeEntry: text
EmailAddress: any
EmployeeEx, source: any
"""
_ACCOUNT = """
SubAccount: -flag
ParentRef: ref Account
Description: text 4000
AccountAlias, TxnLocationType: text
Classification: +one Asset|Equity|Expense|Liability|Revenue
AccountType: +text
AccountSubType: +text
AccountPurposes: any
AcctNum, AcctNumExtn: text 20
BankNum: text
OpeningBalance: money
OpeningBalanceDate: date
CurrentBalance, CurrentBalanceWithSubAccounts: -money
CurrencyRef: +ref CompanyCurrency
TaxAccount, OnlineBankingEnabled, JournalCode, FIName, AccountEx: any
TaxCodeRef: ref TaxCode
"""
_ITEM = """
Sku: text 100
Description, PurchaseDesc: text 4000
SubItem: -flag
ParentRef: ref Item
Level: -count
Taxable, SalesTaxIncluded, PurchaseTaxIncluded, TrackQtyOnHand, PrintGroupedItems: +flag
PercentBased, SpecialItem, IsSalesTaxable: flag
UnitPrice, RatePercent, PurchaseCost, AvgCost, ReorderPoint, AbatementRate, ReverseChargeRate, ManPartNum: number
QtyOnHand: +quantity
QtyOnPurchaseOrder, QtyOnSalesOrder: -number
Type: +one Category|Group|Inventory|NonInventory|Service|Bundle
PaymentMethodRef: ref PaymentMethod
UOMSetRef, SpecialItemType, UQCDisplayText, UQCId, ServiceType, ItemCategoryType, Source, ItemEx: any
IncomeAccountRef, ExpenseAccountRef, COGSAccountRef, AssetAccountRef, DepositToAccountRef: ref Account
PrefVendorRef: ref Vendor
SalesTaxCodeRef, PurchaseTaxCodeRef: ref TaxCode
TaxClassificationRef: ref
ClassRef: ref Class
InvStartDate: date
ItemGroupDetail: of ItemGroupDetail
ItemAssemblyDetail, AssetSerialNumber, DeferredRevenue: any
"""
_ATTACHABLE = """
FileName: text 1000
FileAccessUri, TempDownloadUri, ThumbnailFileAccessUri, ThumbnailTempDownloadUri, Size: -any
ContentType: text 100
Category, PlaceName, Lat, Long, Tag: text 100
Note: text 2000
AttachableEx: any
"""
_BUDGET = """
Name: +text 100
Active: +flag
StartDate, EndDate: date
BudgetType: one ProfitAndLoss
BudgetEntryType: one Monthly|Quarterly|Annually
BudgetDetail: list BudgetDetail
"""
_TERM = """
Type: -text
DiscountPercent: percent
DueDays, DiscountDays, DayOfMonthDue, DueNextMonthDays, DiscountDayOfMonth: count
"""
_COMPANY_INFO = """
CompanyName, LegalName: +text 1024
CompanyAddr, CustomerCommunicationAddr, LegalAddr, CompanyEmailAddr: of PhysicalAddress
PrimaryPhone: of TelephoneNumber
Email, CustomerCommunicationEmailAddr, CompanyEmailAddr: of EmailAddress
WebAddr: of WebSiteAddress
CompanyStartDate: -date
EmployerId, FiscalYearStartMonth, TaxYearStartMonth, QBVersion, CompanyFileName, FlavorStratum: +any
SampleFile, CompanyUserId, CompanyUserAdminEmail, InvitedUserId, DefaultTimeZone, MultiByteCharsSupported: +any
Country, SupportedLanguages: +text
NameValue: +list NameValue
"""
_PREFERENCES = """
AccountingInfoPrefs, ProductAndServicesPrefs, SalesFormsPrefs, EmailMessagesPrefs, VendorAndPurchasesPrefs: +any
TimeTrackingPrefs, TaxPrefs, CurrencyPrefs, ReportPrefs, OtherPrefs, AdvancedInventoryPrefs: +any
PrintDocumentPrefs, ProjectPrefs, FinanceChargesPrefs: +any
"""
_TAX_AGENCY = """
DisplayName: +text 100
TaxTrackedOnPurchases, TaxTrackedOnSales, TaxOnTax: +flag
TaxRegistrationNumber: text 30
LastFileDate: +date
TaxAgencyConfig, Name: +text
"""

LISTS: Mapping[str, Shape] = MappingProxyType(
    {
        "Account": shape(COMMON, _NAMED, _ACCOUNT),
        "Attachable": shape(COMMON, _ATTACHABLE),
        "Budget": shape(COMMON, _BUDGET),
        "Class": shape(COMMON, _NAMED, "SubClass: -flag\nParentRef: ref Class\nDescription: text"),
        "CompanyCurrency": shape(COMMON, _NAMED, "Code: +text 3"),
        "CompanyInfo": shape(COMMON, _COMPANY_INFO),
        "Customer": shape(COMMON, _PERSON, _CUSTOMER),
        "Department": shape(
            COMMON,
            _NAMED,
            "SubDepartment: -flag\nParentRef: ref Department\nAddress: of PhysicalAddress\nDescription: text",
        ),
        "Employee": shape(COMMON, _PERSON, _EMPLOYEE),
        "ExchangeRate": shape(
            COMMON, "SourceCurrencyCode, TargetCurrencyCode: +text 3\nRate: +number\nAsOfDate: +date"
        ),
        "Item": shape(COMMON, _NAMED, _ITEM),
        "JournalCode": shape(
            COMMON, _NAMED, "Type: +one Expenses|Sales|Bank|Nouveaux|Wages|Cash|Others\nDescription: text"
        ),
        "PaymentMethod": shape(COMMON, _NAMED, "Name: +text 31\nType: +one CREDIT_CARD|NON_CREDIT_CARD"),
        "Preferences": shape(COMMON, _PREFERENCES),
        "TaxAgency": shape(COMMON, _PERSON, _VENDOR, _TAX_AGENCY),  # which in Intuit's schema is a kind of vendor
        "Term": shape(COMMON, _NAMED, "Name: +text 31", _TERM),
        "Vendor": shape(COMMON, _PERSON, _VENDOR),
    }
)
"""Every object that can be written and is no transaction. (TaxCode and TaxRate are made by the tax service.)"""
