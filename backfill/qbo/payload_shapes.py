"""What objects may have when they are written: the properties of each entity and of their parts, as tables.

From Intuit's reference and its published schema, and on purpose a second time, apart from the simulator's. A property
that is not here is refused before it costs a call: Intuit answers 2010. What the server sets by itself (TotalAmt,
Balance) may stand in a payload, as in one that was read before, and is ignored there.

A table has a line for each kind, `kind: Name Name`. Kinds: `text`, `text:31` (at most so many characters), `date`,
`time`, `number`, `count`, `flag`, `ref`, `any`, `one:A|B`, `part:Line`, `list:Line`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

Kinds = Mapping[str, str]
"""Property to kind."""

_HEAD = "text: Id SyncToken domain status\nflag: sparse\nany: MetaData\nlist:CustomField: CustomField"

_TRANSACTION = """
text:21: DocNumber
date: TxnDate
ref: DepartmentRef CurrencyRef RecurDataRef ProjectRef JournalCodeRef
number: ExchangeRate TotalAmt HomeTotalAmt
text:4000: PrivateNote
list:LinkedTxn: LinkedTxn
list:Line: Line
part:TxnTaxDetail: TxnTaxDetail
text: TxnSource TransactionLocationType TxnStatus
one:TaxExcluded|TaxInclusive|NotApplicable: GlobalTaxCalculation
list:AttachableRef: AttachableRef
any: RecurringInfo Tag TxnApprovalInfo
"""
_SALE = """
ref: CustomerRef SalesTermRef ClassRef ARAccountRef PaymentMethodRef DepositToAccountRef ShipMethodRef TemplateRef
ref: SalesRepRef RemitToRef TaxExemptionRef InvoiceRef
part:MemoRef: CustomerMemo
part:Address: BillAddr ShipAddr ShipFromAddr RemitToAddr
part:Email: BillEmail BillEmailCc BillEmailBcc
date: DueDate ShipDate
flag: ApplyTaxAfterDiscount FreeFormAddress FinanceCharge AutoDocNumber
text: TrackingNum FOB PONumber
one:NotSet|NeedToPrint|PrintComplete: PrintStatus
one:NotSet|NeedToSend|EmailSent: EmailStatus
text:21: PaymentRefNum
one:Cash|Check|CreditCard|Expense|Other: PaymentType
number: Balance HomeBalance RemainingCredit DiscountRate DiscountAmt
any: DeliveryInfo CheckPayment CreditCardPayment
"""
_BUY = """
ref: VendorRef APAccountRef SalesTermRef ClassRef
date: DueDate
part:Address: VendorAddr RemitToAddr ShipAddr
number: Balance HomeBalance
text: Memo
part:Email: BillEmail ReplyEmail
"""
_NAMED = "text:100: Name FullyQualifiedName\nflag: Active"
_PERSON = """
text:16: Title Suffix
text:100: GivenName MiddleName FamilyName
text:500: DisplayName FullyQualifiedName
text:110: PrintOnCheckName
text:255: CompanyName
text:4000: Notes
text: AcctNum BusinessNumber PrimaryTaxIdentifier TaxIdentifier GSTIN
flag: Active
ref: CurrencyRef DefaultTaxCodeRef
part:Phone: PrimaryPhone AlternatePhone Mobile Fax
part:Email: PrimaryEmailAddr
any: WebAddr OtherContactInfo source
part:Address: BillAddr ShipAddr PrimaryAddr OtherAddr
number: Balance CostRate BillRate
date: OpenBalanceDate
"""

_ENTITIES: Mapping[str, tuple[str, ...]] = {
    "Account": (
        _NAMED,
        (
            "text: AccountType AccountSubType AcctNum AccountAlias TxnLocationType Classification\n"
            "text:4000: Description\n"
            "ref: ParentRef CurrencyRef TaxCodeRef\nflag: SubAccount\n"
            "number: CurrentBalance CurrentBalanceWithSubAccounts OpeningBalance\ndate: OpeningBalanceDate"
        ),
    ),
    "Attachable": (
        (
            "text:1000: FileName\ntext:2000: Note\ntext: ContentType Category Lat Long PlaceName Tag FileAccessUri\n"
            "list:AttachableRef: AttachableRef\nnumber: Size\n"
            "any: TempDownloadUri ThumbnailFileAccessUri ThumbnailTempDownloadUri"
        ),
    ),
    "Bill": (_TRANSACTION, _BUY, "any: IncludeInAnnualTPAR"),
    "BillPayment": (
        _TRANSACTION,
        _BUY,
        (
            "one:Check|CreditCard: PayType\npart:CheckPayment: CheckPayment\npart:CardPayment: CreditCardPayment\n"
            "flag: ProcessBillPayment"
        ),
    ),
    "Budget": (
        _NAMED,
        (
            "date: StartDate EndDate\none:ProfitAndLoss: BudgetType\none:Monthly|Quarterly|Annually: BudgetEntryType\n"
            "list:BudgetDetail: BudgetDetail"
        ),
    ),
    "Class": (_NAMED, "ref: ParentRef\nflag: SubClass\ntext: Description"),
    "CompanyCurrency": (_NAMED, "text:3: Code"),
    "CreditCardPayment": (
        _TRANSACTION,
        (
            "number: Amount\nref: CreditCardAccountRef BankAccountRef VendorRef\ntext: Memo CheckNum\n"
            "one:NotSet|NeedToPrint|PrintComplete: PrintStatus"
        ),
    ),
    "CreditMemo": (_TRANSACTION, _SALE),
    "Customer": (
        _PERSON,
        (
            "flag: Taxable Job BillWithParent IsProject\ncount: Level\n"
            "ref: ParentRef SalesTermRef PaymentMethodRef CustomerTypeRef ARAccountRef TaxExemptionRef\n"
            "number: BalanceWithJobs CreditLimit\none:Print|Email|None: PreferredDeliveryMethod\n"
            "text: ResaleNum SecondaryTaxIdentifier TaxExemptionReasonId TaxRegistrationNumber\n"
            "any: ClientEntityId V4IDPseudonym RootCustomerRef"
        ),
    ),
    "Department": (
        _NAMED,
        "ref: ParentRef\nflag: SubDepartment\npart:Address: Address\ntext: Description",
    ),
    "Deposit": (_TRANSACTION, "ref: DepositToAccountRef\npart:CashBack: CashBack"),
    "Employee": (
        _PERSON,
        (
            "text: SSN EmployeeNumber Gender EmployeeType\nflag: Organization BillableTime\n"
            "date: BirthDate HiredDate ReleasedDate\nany: V4IDPseudonym"
        ),
    ),
    "Estimate": (_TRANSACTION, _SALE, "date: ExpirationDate AcceptedDate\ntext: AcceptedBy"),
    "InventoryAdjustment": (_TRANSACTION, "ref: AdjustAccountRef CustomerRef ClassRef"),
    "Invoice": (
        _TRANSACTION,
        _SALE,
        (
            "number: Deposit\nflag: AllowIPNPayment AllowOnlinePayment AllowOnlineCreditCardPayment\n"
            "flag: AllowOnlineACHPayment\nany: InvoiceLink EInvoiceStatus\n"
            # And what else Intuit itself says that it knows, in the fault for what it does not.
            "any: callToAction invoiceStatusLog ECloudStatusTimeStamp InvoiceEx TaxFormNum TaxFormType LessCIS\n"
            "any: ConvenienceFeeDetail PaymentDetailsMessage"
        ),
    ),
    "Item": (
        _NAMED,
        (
            "text:100: Sku\ntext:4000: Description PurchaseDesc\nflag: Taxable SubItem SalesTaxIncluded\n"
            "flag: PurchaseTaxIncluded TrackQtyOnHand PrintGroupedItems\ncount: Level\n"
            "one:Category|Group|Inventory|NonInventory|Service: Type\n"
            "number: UnitPrice RatePercent PurchaseCost QtyOnHand ReorderPoint\ndate: InvStartDate\n"
            "ref: ParentRef IncomeAccountRef ExpenseAccountRef AssetAccountRef COGSAccountRef PrefVendorRef ClassRef\n"
            "ref: SalesTaxCodeRef PurchaseTaxCodeRef TaxClassificationRef\npart:ItemGroup: ItemGroupDetail\n"
            "text: ItemCategoryType ServiceType UQCDisplayText UQCId\nany: Source"
        ),
    ),
    "JournalCode": (
        _NAMED,
        "one:Expenses|Sales|Bank|Nouveaux|Wages|Cash|Others: Type\ntext: Description",
    ),
    "JournalEntry": (_TRANSACTION, "flag: Adjustment\nref: TaxRateRef\nnumber: HomeAmt"),
    "Payment": (
        _TRANSACTION,
        (
            "ref: CustomerRef ARAccountRef DepositToAccountRef PaymentMethodRef TaxExemptionRef\n"
            "text:21: PaymentRefNum\n"
            "number: UnappliedAmt\nflag: ProcessPayment\nany: CreditCardPayment CheckPayment"
        ),
    ),
    "PaymentMethod": (_NAMED, "text:31: Name\none:CREDIT_CARD|NON_CREDIT_CARD: Type"),
    "Purchase": (
        _TRANSACTION,
        (
            "ref: AccountRef EntityRef PaymentMethodRef\none:Cash|Check|CreditCard: PaymentType\nflag: Credit\n"
            "part:Address: RemitToAddr\none:NotSet|NeedToPrint|PrintComplete: PrintStatus\ntext:21: PaymentRefNum\n"
            "text: Memo\nany: CheckPayment CreditCardPayment PurchaseEx IncludeInAnnualTPAR"
        ),
    ),
    "PurchaseOrder": (
        _TRANSACTION,
        _BUY,
        (
            "one:Open|Closed: POStatus\npart:Email: POEmail\nref: ShipTo ShipMethodRef TaxCodeRef TemplateRef\n"
            "one:NotSet|NeedToSend|EmailSent: EmailStatus\ndate: ExpectedDate"
        ),
    ),
    "RefundReceipt": (_TRANSACTION, _SALE),
    "SalesReceipt": (_TRANSACTION, _SALE),
    "TaxAgency": (
        (
            "text:100: DisplayName\nflag: TaxTrackedOnPurchases TaxTrackedOnSales\ntext: TaxRegistrationNumber\n"
            "date: LastFileDate\nany: TaxAgencyConfig"
        ),
    ),
    "Term": (
        _NAMED,
        (
            "text:31: Name\ntext: Type\ncount: DueDays DiscountDays DayOfMonthDue DueNextMonthDays DiscountDayOfMonth\n"
            "number: DiscountPercent"
        ),
    ),
    "TimeActivity": (
        _TRANSACTION,
        (
            "one:Employee|Vendor|Other: NameOf\n"
            "ref: EmployeeRef VendorRef CustomerRef ItemRef ClassRef PayrollItemRef\n"
            "one:Billable|NotBillable|HasBeenBilled: BillableStatus\nflag: Taxable\nnumber: HourlyRate CostRate\n"
            "count: Hours Minutes Seconds BreakHours BreakMinutes BreakSeconds\ntime: StartTime EndTime\n"
            "text:4000: Description"
        ),
    ),
    "Transfer": (_TRANSACTION, "ref: FromAccountRef ToAccountRef\nnumber: Amount"),
    "Vendor": (
        _PERSON,
        (
            "flag: Vendor1099 T4AEligible T5018Eligible HasTPAR\nref: TermRef APAccountRef\ntext: TaxReportingBasis\n"
            "any: VendorPaymentBankDetail"
        ),
    ),
    "VendorCredit": (_TRANSACTION, _BUY, "any: IncludeInAnnualTPAR"),
}

_ITEM_LINE = """
ref: ItemRef ClassRef TaxCodeRef PriceLevelRef ItemAccountRef
number: UnitPrice Qty TaxInclusiveAmt DiscountRate DiscountAmt RatePercent
part:Markup: MarkupInfo
"""
_EXPENSE_LINE = (
    "ref: CustomerRef\none:Billable|NotBillable|HasBeenBilled: BillableStatus\nnumber: TaxAmount TaxInclusiveAmt"
)
_DETAIL_TYPES = (
    "SalesItemLineDetail|GroupLineDetail|DescriptionOnly|DiscountLineDetail|SubTotalLineDetail|"
    "ItemBasedExpenseLineDetail|AccountBasedExpenseLineDetail|JournalEntryLineDetail|DepositLineDetail|TaxLineDetail|"
    "PaymentLineDetail|ReimburseLineDetail|ItemAdjustmentLineDetail|TDSLineDetail"
)

_PARTS: Mapping[str, tuple[str, ...]] = {
    "Line": (
        (
            "text: Id\nnumber: LineNum Amount Received\ntext:4000: Description\nlist:LinkedTxn: LinkedTxn\n"
            f"one:{_DETAIL_TYPES}: DetailType\nlist:CustomField: CustomField\n"
            "part:SalesItem: SalesItemLineDetail\npart:Group: GroupLineDetail\n"
            "part:DescriptionLine: DescriptionLineDetail\n"
            "part:Discount: DiscountLineDetail\nany: SubTotalLineDetail TDSLineDetail LineEx\n"
            "part:ItemExpense: ItemBasedExpenseLineDetail\npart:AccountExpense: AccountBasedExpenseLineDetail\n"
            "part:JournalLine: JournalEntryLineDetail\npart:DepositLine: DepositLineDetail\n"
            "part:TaxLine: TaxLineDetail\n"
            "part:PaymentLine: PaymentLineDetail\npart:ReimburseLine: ReimburseLineDetail\n"
            "part:AdjustmentLine: ItemAdjustmentLineDetail"
        ),
    ),
    "SalesItem": (_ITEM_LINE, "date: ServiceDate"),
    "Group": ("ref: GroupItemRef\nnumber: Quantity\ndate: ServiceDate\nlist:Line: Line",),
    "DescriptionLine": ("date: ServiceDate\nref: TaxCodeRef",),
    "Discount": (
        (
            "flag: PercentBased\nnumber: DiscountPercent\nref: DiscountAccountRef ClassRef TaxCodeRef DiscountRef\n"
            "date: ServiceDate"
        ),
    ),
    "ItemExpense": (_ITEM_LINE, _EXPENSE_LINE),
    "AccountExpense": ("ref: AccountRef ClassRef TaxCodeRef\npart:Markup: MarkupInfo", _EXPENSE_LINE),
    "JournalLine": (
        (
            "one:Debit|Credit: PostingType\n"
            "ref: AccountRef ClassRef DepartmentRef TaxCodeRef TaxRateRef JournalCodeRef\n"
            "part:Party: Entity\nnumber: TaxAmount TaxInclusiveAmt\none:Sales|Purchase: TaxApplicableOn\n"
            "one:Billable|NotBillable|HasBeenBilled: BillableStatus"
        ),
    ),
    "Party": ("one:Customer|Vendor|Employee: Type\nref: EntityRef",),
    "DepositLine": (
        (
            "ref: Entity ClassRef AccountRef PaymentMethodRef TaxCodeRef\ntext:21: CheckNum\ntext: TxnType\n"
            "one:Sales|Purchase: TaxApplicableOn"
        ),
    ),
    "TaxLine": (
        (
            "ref: TaxRateRef\nflag: PercentBased\nnumber: TaxPercent NetAmountTaxable TaxInclusiveAmount\n"
            "number: OverrideDeltaAmount\ndate: ServiceDate"
        ),
    ),
    "PaymentLine": ("ref: ItemRef ClassRef\ndate: ServiceDate\nnumber: Balance\nany: Discount",),
    "ReimburseLine": (_ITEM_LINE,),
    "AdjustmentLine": ("ref: ItemRef ClassRef\nnumber: QtyDiff CurrentQty NewQty ValueAdjustment",),
    "Markup": ("flag: PercentBased\nnumber: Value Percent\nref: PriceLevelRef MarkUpIncomeAccountRef",),
    "LinkedTxn": ("text: TxnId TxnType TxnLineId",),
    "TxnTaxDetail": (
        "ref: TxnTaxCodeRef DefaultTaxCodeRef\nnumber: TotalTax\nlist:Line: TaxLine\ntext: TaxReviewStatus",
    ),
    "CustomField": (
        (
            "text: DefinitionId Name\none:StringType|BooleanType|NumberType|DateType: Type\ntext: StringValue\n"
            "flag: BooleanValue\ndate: DateValue\nnumber: NumberValue"
        ),
    ),
    "Address": (
        (
            "text: Id Line1 Line2 Line3 Line4 Line5 City Country CountryCode CountrySubDivisionCode PostalCode\n"
            "text: Lat Long\n"
            "text: Note"
        ),
    ),
    "Email": ("text: Id\ntext:100: Address",),
    "Phone": ("text: Id\ntext:30: FreeFormNumber",),
    "MemoRef": ("text:1000: value\ntext: name",),
    "CheckPayment": ("ref: BankAccountRef\none:NotSet|NeedToPrint|PrintComplete: PrintStatus\ntext: CheckNum",),
    "CardPayment": ("ref: CCAccountRef\nany: CreditChargeInfo",),
    "CashBack": ("ref: AccountRef\nnumber: Amount\ntext: Memo",),
    "AttachableRef": ("ref: EntityRef\nflag: IncludeOnSend NoRefOnly Inactive\ntext: LineInfo\nany: CustomField",),
    "ItemGroup": ("list:ItemGroupLine: ItemGroupLine",),
    "ItemGroupLine": ("ref: ItemRef\nnumber: Qty",),
    "BudgetDetail": ("date: BudgetDate\nnumber: Amount\nref: AccountRef CustomerRef ClassRef DepartmentRef",),
}


def _kinds(*tables: str) -> Kinds:
    """Property to kind; a later line may say of a property something else than an earlier one."""
    found: dict[str, str] = {}
    for line in "\n".join(tables).splitlines():
        kind, _, names = line.strip().rpartition(": ")
        found |= dict.fromkeys(names.split(), kind)
    return MappingProxyType(found)


ENTITY_KINDS: Mapping[str, Kinds] = MappingProxyType(
    {name: _kinds(_HEAD, *tables) for name, tables in _ENTITIES.items()}
)
"""Entity to its properties."""

PART_KINDS: Mapping[str, Kinds] = MappingProxyType({name: _kinds(*tables) for name, tables in _PARTS.items()})
"""Part to its properties."""

REQUIRED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Account": ("Name", "AccountType|AccountSubType"),
        "Attachable": ("FileName|Note",),
        "Bill": ("VendorRef", "Line"),
        "BillPayment": ("VendorRef", "TotalAmt", "PayType", "CheckPayment|CreditCardPayment"),
        "Budget": ("Name", "StartDate", "EndDate", "BudgetType", "BudgetEntryType"),
        "Class": ("Name",),
        "CompanyCurrency": ("Code",),
        "CreditCardPayment": ("Amount", "BankAccountRef", "CreditCardAccountRef"),
        "CreditMemo": ("CustomerRef", "Line"),
        # DisplayName is more than Intuit requires (any part of a name will do); without it nobody could find the
        # object again after a lost reply.
        "Customer": ("DisplayName",),
        "Department": ("Name",),
        "Deposit": ("DepositToAccountRef", "Line"),
        "Employee": ("DisplayName",),
        "Estimate": ("CustomerRef", "Line"),
        "InventoryAdjustment": ("AdjustAccountRef", "Line"),
        "Invoice": ("CustomerRef", "Line"),
        "Item": ("Name",),
        "JournalCode": ("Name",),
        "JournalEntry": ("Line",),
        "Payment": ("CustomerRef", "TotalAmt"),
        "PaymentMethod": ("Name",),
        "Purchase": ("PaymentType", "AccountRef", "Line"),
        "PurchaseOrder": ("VendorRef", "Line"),
        "RefundReceipt": ("DepositToAccountRef", "Line"),
        "SalesReceipt": ("Line",),
        "TaxAgency": ("DisplayName",),
        "Term": ("Name",),
        "TimeActivity": ("NameOf",),
        "Transfer": ("FromAccountRef", "ToAccountRef", "Amount"),
        "Vendor": ("DisplayName",),
        "VendorCredit": ("VendorRef", "Line"),
    }
)
"""What a new object cannot be without; of `A|B` one."""
