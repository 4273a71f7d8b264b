"""The shapes that objects are made of: references, addresses, lines and their details."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from backfill.simulator.writing.schema.notation import Shape, shape

_ADDRESS = """
Id, Line1, Line2, Line3, Line4, Line5: text 500
City, Country, CountryCode, County, CountrySubDivisionCode: text 255
PostalCode, PostalCodeSuffix: text 30
Lat, Long, Tag, Note: text
"""
_MARKUP = """
PercentBased: flag
Value, Percent: number
PriceLevelRef: ref
MarkUpIncomeAccountRef: ref Account
"""
_ITEM_LINE = """
ItemRef: ref Item
ClassRef: ref Class
ItemAccountRef: ref Account
InventorySiteRef, UOMRef, PriceLevelRef: ref
UnitPrice, RatePercent: number
Qty: quantity
MarkupInfo: of MarkupInfo
TaxCodeRef: ref TaxCode
TaxClassificationRef: ref
TaxInclusiveAmt: money
DiscountRate: number
DiscountAmt: money
ProjectRef: ref Customer
"""
_EXPENSE_LINE = """
CustomerRef: ref Customer
BillableStatus: one Billable|NotBillable|HasBeenBilled
TaxAmount, TaxInclusiveAmt: money
ProjectRef: ref Customer
"""
_LINE_DETAILS = """
SalesItemLineDetail: of SalesItemLineDetail
GroupLineDetail: of GroupLineDetail
DescriptionLineDetail: of DescriptionLineDetail
DiscountLineDetail: of DiscountLineDetail
SubTotalLineDetail, SubtotalLineDetail: -any
ItemBasedExpenseLineDetail: of ItemBasedExpenseLineDetail
AccountBasedExpenseLineDetail: of AccountBasedExpenseLineDetail
JournalEntryLineDetail: of JournalEntryLineDetail
DepositLineDetail: of DepositLineDetail
TaxLineDetail: of TaxLineDetail
PaymentLineDetail: of PaymentLineDetail
ReimburseLineDetail: of ReimburseLineDetail
ItemAdjustmentLineDetail: of ItemAdjustmentLineDetail
TDSLineDetail: any
"""
DETAIL_TYPES = (
    "PaymentLineDetail|DiscountLineDetail|TaxLineDetail|SalesItemLineDetail|ItemBasedExpenseLineDetail|"
    "AccountBasedExpenseLineDetail|DepositLineDetail|PurchaseOrderItemLineDetail|SalesOrderItemLineDetail|"
    "ItemReceiptLineDetail|JournalEntryLineDetail|GroupLineDetail|DescriptionOnly|SubTotalLineDetail|"
    "ReimburseLineDetail|ItemAdjustmentLineDetail|TDSLineDetail"
)
"""What DetailType may say."""

_LINKED = (
    "Bill|BillPayment|BillPaymentCheck|BillPaymentCreditCard|CashPurchase|Check|CreditCardCharge|CreditCardCredit|"
    "CreditMemo|Deposit|Estimate|Expense|Invoice|JournalEntry|Payment|Purchase|PurchaseOrder|RefundReceipt|"
    "ReimburseCharge|SalesReceipt|StatementCharge|TimeActivity|Transfer|VendorCredit"
)

PARTS: Mapping[str, Shape] = MappingProxyType(
    {
        "PhysicalAddress": shape(_ADDRESS),
        "EmailAddress": shape("Id, Tag: text\nDefault: flag\nAddress: email"),
        "TelephoneNumber": shape(
            "Id, DeviceType, CountryCode, AreaCode, ExchangeCode, Extension, Tag: text\nFreeFormNumber: text 30\n"
            "Default: flag"
        ),
        "WebSiteAddress": shape("Id, Tag: text\nDefault: flag\nURI: uri"),
        "MemoRef": shape("id, type, name: text\nvalue: text 1000"),
        "CustomField": shape(
            "DefinitionId, Name: text\nType: one StringType|BooleanType|NumberType|DateType|ListType\n"
            "StringValue: text 31\nBooleanValue: flag\nDateValue: date\nNumberValue: number"
        ),
        "LinkedTxn": shape(f"TxnId, TxnLineId: text\nTxnType: word {_LINKED}"),
        "NameValue": shape("Name, Value: text"),
        "MarkupInfo": shape(_MARKUP),
        "Line": shape(
            "Id: text\nLineNum: count\nDescription: text 4000\nAmount: money\nReceived: number\n"
            f"LinkedTxn: list LinkedTxn\nCustomField: list CustomField\nDetailType: one {DETAIL_TYPES}",
            _LINE_DETAILS,
            "LineEx: any",
        ),
        "SalesItemLineDetail": shape(_ITEM_LINE, "ServiceDate: date\nDeferredRevenue: flag"),
        "GroupLineDetail": shape(
            "GroupItemRef: ref Item\nQuantity: quantity\nUOMRef: ref\nServiceDate: date\nLine: list Line"
        ),
        "DescriptionLineDetail": shape("ServiceDate: date\nTaxCodeRef: ref TaxCode"),
        "DiscountLineDetail": shape(
            "DiscountRef: ref\nPercentBased: flag\nDiscountPercent: percent\nDiscountAccountRef: ref Account\n"
            "ServiceDate: date\nClassRef: ref Class\nTaxCodeRef: ref TaxCode\nDiscount: any"
        ),
        "ItemBasedExpenseLineDetail": shape(_ITEM_LINE, _EXPENSE_LINE),
        "AccountBasedExpenseLineDetail": shape(
            "AccountRef: ref Account\nClassRef: ref Class\nTaxCodeRef: ref TaxCode\nMarkupInfo: of MarkupInfo",
            _EXPENSE_LINE,
        ),
        "JournalEntryLineDetail": shape(
            "PostingType: one Credit|Debit\nAccountRef: ref Account\nClassRef: ref Class\n"
            "DepartmentRef: ref Department\nEntity: of EntityTypeRef\nTaxCodeRef: ref TaxCode\n"
            "TaxRateRef: ref TaxRate\nTaxAmount: money\n"
            "TaxApplicableOn: one Sales|Purchase\nBillableStatus: one Billable|NotBillable|HasBeenBilled\n"
            "JournalCodeRef: ref JournalCode\nInventorySiteRef: ref\nTaxInclusiveAmt: money\nProjectRef: ref Customer"
        ),
        "EntityTypeRef": shape("Type: one Customer|Vendor|Employee\nEntityRef: ref Customer|Vendor|Employee"),
        "DepositLineDetail": shape(
            "Entity: ref Customer|Vendor|Employee\nClassRef: ref Class\nAccountRef: ref Account\n"
            "PaymentMethodRef: ref PaymentMethod\nCheckNum: text 21\nTxnType: text\nTaxCodeRef: ref TaxCode\n"
            "TaxApplicableOn: one Sales|Purchase\nTxnId, TxnLineId: text"
        ),
        "TaxLineDetail": shape(
            "TaxRateRef: ref TaxRate\nPercentBased: flag\nTaxPercent, NetAmountTaxable, TaxInclusiveAmount, "
            "OverrideDeltaAmount: number\nServiceDate: date"
        ),
        "PaymentLineDetail": shape(
            "ItemRef: ref Item\nServiceDate: date\nClassRef: ref Class\nBalance: -money\nDiscount: any"
        ),
        "ReimburseLineDetail": shape(_ITEM_LINE),
        "ItemAdjustmentLineDetail": shape(
            "ItemRef: ref Item\nClassRef: ref Class\nQtyDiff, CurrentQty, NewQty: quantity\nValueAdjustment: money"
        ),
        "TxnTaxDetail": shape(
            "DefaultTaxCodeRef: ref TaxCode\nTxnTaxCodeRef: ref TaxCode\nTotalTax: money\nTaxLine: list Line\n"
            "TaxReviewStatus: text\nUseAutomatedSalesTax: flag"
        ),
        "CheckPayment": shape(
            "CheckNum, Status, NameOnAcct, AcctNum, BankName: text\nBankAccountRef: ref Account\n"
            "PrintStatus: one NotSet|NeedToPrint|PrintComplete"
        ),
        "CreditCardPayment": shape(
            "CreditChargeInfo: of CreditChargeInfo\nCreditChargeResponse: any\nCCAccountRef: ref Account"
        ),
        "CreditChargeInfo": shape(
            "Number, Type, NameOnAcct, BillAddrStreet, PostalCode, CommercialCardCode, CCTxnMode, CCTxnType, "
            "PrevCCTransId: text\nCcExpiryMonth, CcExpiryYear: count\nAmount: money\nProcessPayment: flag\n"
            "CreditCardChargeInfoEx: any"
        ),
        "DeliveryInfo": shape("DeliveryType: one Email|Tradeshift\nDeliveryTime: time\nDeliveryErrorType: text"),
        "CashBackInfo": shape("AccountRef: ref Account\nAmount: money\nMemo: text"),
        "AttachableRef": shape(
            "EntityRef: ref\nLineInfo: text\nIncludeOnSend, Inactive, NoRefOnly: flag\nCustomField: list CustomField\n"
            "Id: text\nAttachableRefEx: any"
        ),
        "ContactInfo": shape("Type: text\nTelephone: of TelephoneNumber"),
        "ItemGroupDetail": shape("ItemGroupLine: list ItemComponentLine"),
        "ItemComponentLine": shape("ItemRef: ref Item\nQty: quantity\nUOMRef: ref\nName: text"),
        "BudgetDetail": shape(
            "BudgetDate: date\nAmount: money\nAccountRef: ref Account\nCustomerRef: ref Customer\nClassRef: ref Class\n"
            "DepartmentRef: ref Department"
        ),
        "RecurringInfo": shape(
            "Name: text 100\nType, RecurType: one Automated|Reminded|UnScheduled|Unscheduled|Scheduled\nActive: flag\n"
            "ScheduleInfo: of RecurringScheduleInfo"
        ),
        "RecurringScheduleInfo": shape(
            "IntervalType: one Yearly|Monthly|Weekly|Daily\nNumInterval, DayOfMonth, WeekOfMonth, DaysBefore, "
            "MaxOccurrences, RemindDays: count\nDayOfWeek, MonthOfYear: text\n"
            "StartDate, EndDate, NextDate, PreviousDate: date"
        ),
    }
)
"""Every shape that is a part of others, by the name of its class in Intuit's schema."""
