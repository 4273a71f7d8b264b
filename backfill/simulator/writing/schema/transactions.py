"""The properties of transactions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from backfill.simulator.writing.schema.notation import Shape, shape

COMMON = """
Id, SyncToken: +text
domain, status: -any
sparse: -any
MetaData: -any
CustomField: list CustomField
AttachableRef: list AttachableRef
"""
"""What every object has."""

_TRANSACTION = """
DocNumber: +text 21
TxnDate: date
DepartmentRef: ref Department
CurrencyRef: +ref CompanyCurrency
ExchangeRate: +number
PrivateNote: text 4000
LinkedTxn: list LinkedTxn
Line: list Line
TxnTaxDetail: of TxnTaxDetail
TxnSource, TaxFormType, TaxFormNum, TransactionLocationType, TxnStatus: text
Tag: any
TxnApprovalInfo: any
RecurDataRef: ref
RecurringInfo: of RecurringInfo
ProjectRef: ref Customer
JournalCodeRef: ref JournalCode
TotalAmt, HomeTotalAmt: -money
GlobalTaxCalculation: one TaxExcluded|TaxInclusive|NotApplicable
"""
_SALE = """
AutoDocNumber: flag
CustomerRef: ref Customer
CustomerMemo: of MemoRef
BillAddr, ShipAddr, ShipFromAddr, RemitToAddr: of PhysicalAddress
FreeFormAddress: flag
RemitToRef, SalesRepRef, TemplateRef, TaxExemptionRef: ref
ShipMethodRef: ref
ClassRef: ref Class
SalesTermRef: ref Term
DueDate, ShipDate: date
PONumber, FOB, TrackingNum, GovtTxnRefIdentifier: text 4000
ApplyTaxAfterDiscount: flag
PrintStatus: +one NotSet|NeedToPrint|PrintComplete
EmailStatus: +one NotSet|NeedToSend|EmailSent
BillEmail, BillEmailCc, BillEmailBcc: of EmailAddress
ARAccountRef: ref Account
Balance, HomeBalance: -money
FinanceCharge: flag
PaymentMethodRef: ref PaymentMethod
PaymentRefNum: text 21
PaymentType: one Cash|Check|CreditCard|Expense|Other
CheckPayment: of CheckPayment
CreditCardPayment: of CreditCardPayment
DepositToAccountRef: +ref Account
DeliveryInfo: -any
DiscountRate: number
DiscountAmt: money
"""
_INVOICE = """
Deposit: money
AllowIPNPayment, AllowOnlinePayment, AllowOnlineCreditCardPayment, AllowOnlineACHPayment: flag
EInvoiceStatus, ECloudStatusTimeStamp, invoiceStatus, callToAction, invoiceStatusLog: -any
InvoiceLink, InvoiceLinkSecurityCode, PaymentDetailsMessage: -any
InvoiceEx, LessCIS, ConvenienceFeeDetail, TxnRetainageDetail: any
"""
_BUY = """
VendorRef: ref Vendor
APAccountRef: +ref Account
VendorAddr, RemitToAddr: of PhysicalAddress
PayerRef: ref
"""
_SALES_RECEIPT = "SalesReceiptEx: any\nLinkedTxn: list LinkedTxn"
_ESTIMATE = """
TxnStatus: +one Pending|Accepted|Closed|Rejected|Converted
ExpirationDate, AcceptedDate: date
AcceptedBy: text
EstimateEx: any
"""
_PAYMENT = """
CustomerRef: ref Customer
RemitToRef: ref
ARAccountRef: ref Account
DepositToAccountRef: +ref Account
PaymentMethodRef: ref PaymentMethod
PaymentRefNum: text 21
PaymentType: text
CheckPayment: of CheckPayment
CreditCardPayment: of CreditCardPayment
TotalAmt: money
UnappliedAmt, OverPayment: -money
ProcessPayment: flag
PaymentEx: any
TaxExemptionRef: ref
Memo: text
"""
_PURCHASE = """
AccountRef: ref Account
PaymentMethodRef: ref PaymentMethod
PaymentRefNum: text 21
EntityRef: ref Customer|Vendor|Employee
RemitToAddr: of PhysicalAddress
PrintStatus: +one NotSet|NeedToPrint|PrintComplete
PaymentType: one Cash|Check|CreditCard
CheckPayment: of CheckPayment
CreditCardPayment: of CreditCardPayment
Credit: flag
Memo: text
PurchaseEx: any
IncludeInAnnualTPAR: flag
"""
_PURCHASE_ORDER = """
TaxCodeRef: ref TaxCode
ReimbursableInfoRef, SalesRepRef, InventorySiteRef, TemplateRef, ShipMethodRef: ref
ShipAddr: of PhysicalAddress
ShipTo: ref Customer|Vendor|Employee
ClassRef: ref Class
SalesTermRef: ref Term
DueDate, ExpectedDate: date
POEmail: of EmailAddress
EmailStatus: +one NotSet|NeedToSend|EmailSent
POStatus: +one Open|Closed
Memo, VendorMemo, FOB, Message: text 4000
PrintStatus: +one NotSet|NeedToPrint|PrintComplete
ShipToAddr: of PhysicalAddress
PurchaseOrderEx: any
"""
_BILL_PAYMENT = """
PayType: one Check|CreditCard
TotalAmt: money
CheckPayment: of CheckPayment
CreditCardPayment: of CreditCardPayment
ProcessBillPayment: flag
BillPaymentEx: any
"""
_JOURNAL = """
Adjustment, HomeCurrencyAdjustment, EnteredInHomeCurrency: flag
HomeAmt: -money
TaxRateRef: ref TaxRate
JournalEntryEx: any
"""
_CREDIT_CARD_PAYMENT = """
Amount: money
CreditCardAccountRef, BankAccountRef: ref Account
VendorRef: ref Vendor
Memo, CheckNum: text
PrintStatus: one NotSet|NeedToPrint|PrintComplete
CreditCardPaymentEx: any
"""
_TIME = """
NameOf: one Employee|Vendor|Other
EmployeeRef: ref Employee
VendorRef: ref Vendor
OtherNameRef, PayrollItemRef, PayrollItem, TimeChargeId: any
CustomerRef: ref Customer
ItemRef: ref Item
ClassRef: ref Class
BillableStatus: +one Billable|NotBillable|HasBeenBilled
Taxable: flag
HourlyRate, CostRate: number
Hours, Minutes, Seconds, BreakHours, BreakMinutes, BreakSeconds: count
StartTime, EndTime: time
Description: text 4000
TimeActivityEx: any
"""

TRANSACTIONS: Mapping[str, Shape] = MappingProxyType(
    {
        "Bill": shape(
            COMMON,
            _TRANSACTION,
            _BUY,
            "SalesTermRef: ref Term\nDueDate: date\nBalance, HomeBalance: -money\n"
            "BillEmail, ReplyEmail: of EmailAddress\n"
            "Memo: text\nLessCIS, BillEx, IncludeInAnnualTPAR: any",
        ),
        "BillPayment": shape(COMMON, _TRANSACTION, _BUY, _BILL_PAYMENT),
        "CreditCardPayment": shape(COMMON, _TRANSACTION, _CREDIT_CARD_PAYMENT),
        "CreditMemo": shape(COMMON, _TRANSACTION, _SALE, "RemainingCredit: -money\nCreditMemoEx, InvoiceRef: any"),
        "Deposit": shape(
            COMMON, _TRANSACTION, "DepositToAccountRef: +ref Account\nCashBack: of CashBackInfo\nDepositEx: any"
        ),
        "Estimate": shape(COMMON, _TRANSACTION, _SALE, _ESTIMATE),
        "InventoryAdjustment": shape(
            COMMON, _TRANSACTION, "AdjustAccountRef: ref Account\nCustomerRef: ref Customer\nClassRef: ref Class"
        ),
        "Invoice": shape(COMMON, _TRANSACTION, _SALE, _INVOICE),
        "JournalEntry": shape(COMMON, _TRANSACTION, _JOURNAL),
        "Payment": shape(COMMON, _TRANSACTION, _PAYMENT),
        "Purchase": shape(COMMON, _TRANSACTION, _PURCHASE),
        "PurchaseOrder": shape(COMMON, _TRANSACTION, _BUY, _PURCHASE_ORDER),
        "RefundReceipt": shape(COMMON, _TRANSACTION, _SALE, "RemainingCredit: -money\nRefundReceiptEx: any"),
        "SalesReceipt": shape(COMMON, _TRANSACTION, _SALE, _SALES_RECEIPT),
        "TimeActivity": shape(COMMON, _TRANSACTION, _TIME),
        "Transfer": shape(
            COMMON, _TRANSACTION, "FromAccountRef, ToAccountRef: ref Account\nAmount: money\nTransferEx: any"
        ),
        "VendorCredit": shape(
            COMMON,
            _TRANSACTION,
            _BUY,
            "Balance: -money\nLinkedTxn: list LinkedTxn\nVendorCreditEx, IncludeInAnnualTPAR: any\n"
            "FromAccountRef, ToAccountRef: any\nMemo: text",
        ),
    }
)
"""Every transaction that can be written, but RecurringTransaction, whose contents are one of these."""
