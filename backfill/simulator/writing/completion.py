"""What the service adds to an object: defaults, totals, what it knows from the objects it refers to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from backfill.simulator.documents import MASKED_SSN, Doc
from backfill.simulator.writing import accounts, forms, lines, names, settlements
from backfill.simulator.writing.desk import Desk
from backfill.simulator.writing.references import currency, currency_name

Completion = Callable[[Desk, Doc], Doc]
"""From an object with checked references to the same with what the service adds; neither argument is changed."""


def completed(desk: Desk, doc: Doc) -> Doc:
    """The object as it will be stored."""
    for complete in COMPLETIONS.get(desk.entity, ()):
        doc = complete(desk, doc)
    return {name: value for name, value in doc.items() if value is not None}


def _person(desk: Desk, doc: Doc) -> Doc:
    reference = doc.get("CurrencyRef") or currency(desk, desk.company.home_currency)
    return {"Active": True, "Balance": 0, **names.called(doc), "CurrencyRef": reference}


def _customer(desk: Desk, doc: Doc) -> Doc:
    defaults: Doc = {
        "Taxable": True,
        "BillWithParent": False,
        "BalanceWithJobs": 0,
        "PreferredDeliveryMethod": "Print",
    }
    code = next((row.id for row in desk.company.table("TaxCode").all() if row.id.isdecimal() and row.active), None)
    if desk.is_american and desk.before is None and code is not None:
        defaults["DefaultTaxCodeRef"] = {"value": code}  # as recorded of a company with sales tax
    return _addressed(desk, {**defaults, **doc}, "BillAddr", "ShipAddr")


def _vendor(desk: Desk, doc: Doc) -> Doc:
    return _addressed(desk, {"Vendor1099": False, **doc}, "BillAddr")


def _employee(desk: Desk, doc: Doc) -> Doc:
    """An employee: no balance and no currency; what is not to be seen of the SSN is not."""
    shown = {name: value for name, value in doc.items() if name not in {"Balance", "CurrencyRef", "EmailAddress"}}
    if shown.get("SSN"):
        shown["SSN"] = MASKED_SSN
    return _addressed(desk, {"BillableTime": False, **shown}, "PrimaryAddr")


def _addressed(desk: Desk, doc: Doc, *attributes: str) -> Doc:
    """The object with Ids in its addresses, as the service gives them."""
    found = dict(doc)
    for attribute in attributes:
        address = found.get(attribute)
        if address and not address.get("Id"):
            found[attribute] = {"Id": str(desk.company.next_number("addresses", lambda: 10_000)), **address}
    return found


def _account(desk: Desk, doc: Doc) -> Doc:
    reference = doc.get("CurrencyRef") or currency(desk, desk.company.home_currency)
    zero = {"CurrentBalance": 0, "CurrentBalanceWithSubAccounts": 0}
    return {"Active": True, **zero, **accounts.classified(doc), "CurrencyRef": reference}


def _item(_desk: Desk, doc: Doc) -> Doc:
    kind = "Group" if doc.get("Type") == "Bundle" else doc.get("Type") or "NonInventory"
    if kind == "Category":
        return {"Active": True, **doc, "Type": kind}
    priced = {"Taxable": False, "UnitPrice": 0, "PurchaseCost": 0} if kind != "Group" else {"Taxable": False}
    return {"Active": True, **priced, **doc, "Type": kind, "TrackQtyOnHand": kind == "Inventory"}


def _active(_desk: Desk, doc: Doc) -> Doc:
    return {"Active": True, **doc}


def _term(_desk: Desk, doc: Doc) -> Doc:
    kind = "DATE_DRIVEN" if doc.get("DayOfMonthDue") else "STANDARD"
    standard = {"DueDays": 0, "DiscountDays": 0} if kind == "STANDARD" else {}
    return {"Active": True, "DiscountPercent": 0, **standard, **doc, "Type": kind}


def _payment_method(_desk: Desk, doc: Doc) -> Doc:
    return {"Active": True, "Type": "NON_CREDIT_CARD", **doc}


def _journal_code(_desk: Desk, doc: Doc) -> Doc:
    return {"Active": True, "Type": "Others", **doc}


def _company_currency(_desk: Desk, doc: Doc) -> Doc:
    code = str(doc.get("Code") or "").upper()
    return {"Active": True, **doc, "Code": code, "Name": doc.get("Name") or currency_name(code)}


def _tax_agency(_desk: Desk, doc: Doc) -> Doc:
    return {"TaxTrackedOnPurchases": False, "TaxTrackedOnSales": True, "TaxAgencyConfig": "USER_DEFINED", **doc}


def _attachable(_desk: Desk, doc: Doc) -> Doc:
    references = [{"IncludeOnSend": False, **reference} for reference in doc.get("AttachableRef") or ()]
    return {**doc, "AttachableRef": references} if references else doc


def _exchange_rate(desk: Desk, doc: Doc) -> Doc:
    return {
        **doc,
        "SourceCurrencyCode": str(doc.get("SourceCurrencyCode", "")).upper(),
        "TargetCurrencyCode": str(doc.get("TargetCurrencyCode") or desk.company.home_currency).upper(),
        "AsOfDate": doc.get("AsOfDate") or desk.today,
    }


def _time_activity(desk: Desk, doc: Doc) -> Doc:
    started = str(doc.get("StartTime") or "")[:10]
    defaults: Doc = {"TxnDate": started or desk.today, "BillableStatus": "NotBillable", "Taxable": False}
    given = {name: value for name, value in doc.items() if value is not None}
    timed = {"Hours": 0, "Minutes": 0} if not started else {}
    return {**defaults, **timed, "HourlyRate": 0, **given}


def _budget(_desk: Desk, doc: Doc) -> Doc:
    return {"Active": True, "BudgetDetail": [], **doc}


_PLACED = (_active, names.placed)

COMPLETIONS: Mapping[str, tuple[Completion, ...]] = MappingProxyType(
    {
        "Account": (_account, names.placed),
        "Attachable": (_attachable,),
        "Budget": (_budget,),
        "Class": _PLACED,
        "CompanyCurrency": (_company_currency,),
        "Customer": (_person, _customer, names.placed),
        "Department": _PLACED,
        "Employee": (_person, _employee),
        "ExchangeRate": (_exchange_rate,),
        "Item": (_item, names.placed),
        "JournalCode": (_journal_code,),
        "PaymentMethod": (_payment_method,),
        "TaxAgency": (_tax_agency,),
        "Term": (_term,),
        "TimeActivity": (_time_activity,),
        "Vendor": (_person, _vendor),
        **dict.fromkeys(lines.SALES_FORMS, (forms.sale,)),
        **dict.fromkeys(lines.PURCHASE_FORMS, (forms.purchase,)),
        "BillPayment": (settlements.bill_payment,),
        "CreditCardPayment": (settlements.plain,),
        "Deposit": (settlements.deposit,),
        "InventoryAdjustment": (settlements.adjustment,),
        "JournalEntry": (settlements.journal_entry,),
        "Payment": (settlements.payment,),
        "Transfer": (settlements.plain,),
    }
)
"""What is added to an object of each entity, in turn."""
