"""What the service adds to forms: to what is sold, and to what is bought."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from backfill.simulator.documents import Doc, decode
from backfill.simulator.writing import accounts, lines, numbers, taxes
from backfill.simulator.writing.desk import Desk
from backfill.simulator.writing.references import currency
from backfill.simulator.writing.shaping import rounded
from backfill.simulator.writing.terms import due

_INVOICE_DAYS = 30
"""In how many days an invoice is due that has no term: recorded."""

_CUSTOM_NAME = re.compile(r"SalesFormsPrefs\.SalesCustomName(\d+)")
_ONLINE = ("AllowIPNPayment", "AllowOnlinePayment", "AllowOnlineCreditCardPayment", "AllowOnlineACHPayment")


def dated(desk: Desk, doc: Doc) -> Doc:
    """The transaction with its day, its currency and, in a company with several, its rate."""
    party = desk.lookup("Customer", doc.get("CustomerRef")) or desk.lookup("Vendor", doc.get("VendorRef")) or {}
    reference = doc.get("CurrencyRef") or party.get("CurrencyRef")
    code = str((reference or {}).get("value") or desk.company.home_currency)
    found = {"TxnDate": desk.today, **_given(doc), "CurrencyRef": currency(desk, code)}
    if not desk.company.multicurrency:
        return {name: value for name, value in found.items() if name != "ExchangeRate"}
    if code == desk.company.home_currency:
        return found | {"ExchangeRate": 1}
    if not found.get("ExchangeRate") or (found["ExchangeRate"] == 1 and not (desk.before or {}).get("ExchangeRate")):
        # A client that knows of no rates sends 0 or 1, which no other currency is worth.
        found["ExchangeRate"] = rate_of(desk, code, str(found["TxnDate"]))
    return found


def rate_of(desk: Desk, code: str, day: str) -> Any:
    """The last rate that was published by a day; 1 where none was."""
    rows = desk.company.table("ExchangeRate").all()
    known = [row for row in rows if row.id.startswith(f"{code}:") and row.id <= f"{code}:{day}"]
    return decode(max(known, key=lambda row: row.id).doc)["Rate"] if known else 1


def totalled(desk: Desk, doc: Doc, total: Decimal | int) -> Doc:
    """The transaction with its total, in home currency too where the company has several."""
    found = {**doc, "TotalAmt": rounded(total)}
    if desk.company.multicurrency:
        found["HomeTotalAmt"] = rounded(Decimal(total) * Decimal(doc.get("ExchangeRate") or 1))
    return found


def sale(desk: Desk, doc: Doc) -> Doc:
    """An invoice, estimate, receipt or memo: addresses and terms of the customer, lines, SubTotal, tax, totals."""
    customer = desk.lookup("Customer", doc.get("CustomerRef")) or {}
    found = numbers.numbered(desk, dated(desk, _from_customer(doc, customer) if desk.before is None else doc))
    coded = [_coded(desk, line) for line in lines.priced(desk, lines.typed(found.get("Line") or ()))]
    shown, subtotal, discount = lines.subtotalled(coded)
    found["Line"] = lines.numbered(desk, shown)
    found["TxnTaxDetail"], tax = taxes.taxed(desk, found, discount)
    charges = lines.total([line for line in shown if lines.is_charge(line)])
    found = totalled(desk, found, subtotal + charges - discount + tax)
    found = {"ApplyTaxAfterDiscount": False, "PrintStatus": "NeedToPrint", "EmailStatus": "NotSet", **found}
    return _sale_of_kind(desk, _with_fields(desk, found))


def _coded(desk: Desk, line: Doc) -> Doc:
    if line.get("DetailType") != "SalesItemLineDetail":
        return line
    detail = taxes.default_code(desk, line["SalesItemLineDetail"])
    return {**line, "SalesItemLineDetail": detail}


def _from_customer(doc: Doc, customer: Mapping[str, Any]) -> Doc:
    known = {
        "BillAddr": customer.get("BillAddr"),
        "ShipAddr": customer.get("ShipAddr"),
        "SalesTermRef": customer.get("SalesTermRef"),
    }
    return _given(known) | _given(doc)


def _given(doc: Mapping[str, Any]) -> Doc:
    return {name: value for name, value in doc.items() if value is not None}


def _sale_of_kind(desk: Desk, doc: Doc) -> Doc:
    """What only some of the sales forms have."""
    match desk.entity:
        case "Invoice":
            term = desk.lookup("Term", doc.get("SalesTermRef")) or {"DueDays": _INVOICE_DAYS}
            paid = doc.get("Deposit") or 0
            defaults: Doc = {"DueDate": due(doc["TxnDate"], term), "LinkedTxn": []}
            return dict.fromkeys(_ONLINE, False) | defaults | doc | {"Balance": open_balance(desk, doc, paid)}
        case "CreditMemo":
            balance = open_balance(desk, doc)
            return doc | {"Balance": balance, "RemainingCredit": balance}
        case "Estimate":
            return {"TxnStatus": "Pending", **doc}
        case "SalesReceipt":
            undeposited = accounts.first_of(desk, "UndepositedFunds")
            return _given({"DepositToAccountRef": undeposited}) | doc | {"Balance": 0}
        case _:
            return doc | {"Balance": 0}


def open_balance(desk: Desk, doc: Doc, paid: Decimal | int = 0) -> Decimal | int:
    """What is left to settle of a form: what is settled of it stays settled when its total changes."""
    before = desk.before or {}
    settled = before.get("TotalAmt", 0) - before.get("Balance", 0) if "Balance" in before else paid
    return rounded(doc["TotalAmt"] - settled)


def _with_fields(desk: Desk, doc: Doc) -> Doc:
    """The form with the company's custom fields, filled as the client filled them."""
    defined = _custom_fields(desk)
    if not defined:
        return doc
    sent = {str(field.get("DefinitionId", "")): field for field in doc.get("CustomField") or ()}
    extra = [field for number, field in sent.items() if number not in defined]
    fields = [
        {"DefinitionId": number, "Name": name, "Type": "StringType", **_value(sent.get(number, {}))}
        for number, name in defined.items()
    ]
    return {**doc, "CustomField": fields + extra}


def _value(field: Mapping[str, Any]) -> Doc:
    return {"StringValue": field["StringValue"]} if field.get("StringValue") else {}


def _custom_fields(desk: Desk) -> dict[str, str]:
    """Number to name of the fields that the company added to its sales forms."""
    groups = desk.preference("SalesFormsPrefs", "CustomField") or ()
    found: dict[str, str] = {}
    for field in (field for group in groups for field in group.get("CustomField", ())):
        match = _CUSTOM_NAME.fullmatch(str(field.get("Name", "")))
        if match and field.get("StringValue"):
            found[match.group(1)] = str(field["StringValue"])
    return found


def purchase(desk: Desk, doc: Doc) -> Doc:
    """A bill, order, expense or vendor's credit: lines, tax where there is one on purchases, totals."""
    found = numbers.numbered(desk, dated(desk, doc))
    found["Line"] = lines.numbered(
        desk, [_expense(desk, line) for line in lines.priced(desk, lines.typed(found.get("Line") or ()))]
    )
    total: Decimal | int = lines.total(found["Line"])
    if not desk.is_american:
        found = {"GlobalTaxCalculation": "NotApplicable", **found}
        detail, tax = taxes.taxed(desk, found, 0)
        total += tax
        if found["GlobalTaxCalculation"] != "NotApplicable" or "TxnTaxDetail" in found:
            found["TxnTaxDetail"] = detail
    return _purchase_of_kind(desk, totalled(desk, found, total))


def _expense(desk: Desk, line: Doc) -> Doc:
    kind = str(line.get("DetailType", ""))
    if kind not in {"AccountBasedExpenseLineDetail", "ItemBasedExpenseLineDetail"}:
        return line
    return {**line, kind: {"BillableStatus": "NotBillable", **taxes.default_code(desk, line[kind])}}


def _purchase_of_kind(desk: Desk, doc: Doc) -> Doc:
    payable = accounts.first_of(desk, "AccountsPayable")
    vendor = desk.lookup("Vendor", doc.get("VendorRef")) or {}
    match desk.entity:
        case "Bill":
            term_ref = doc.get("SalesTermRef") or (vendor.get("TermRef") if desk.before is None else None)
            term = desk.lookup("Term", term_ref) or {}
            known = {"VendorAddr": vendor.get("BillAddr"), "SalesTermRef": term_ref, "APAccountRef": payable}
            defaults: Doc = {"DueDate": due(doc["TxnDate"], term), "LinkedTxn": []}
            return _given(known) | defaults | doc | {"Balance": open_balance(desk, doc)}
        case "VendorCredit":
            return _given({"APAccountRef": payable}) | doc | {"Balance": open_balance(desk, doc)}
        case "PurchaseOrder":
            known = {"VendorAddr": vendor.get("BillAddr"), "APAccountRef": payable}
            return _given(known) | {"POStatus": "Open", "EmailStatus": "NotSet"} | doc
        case _:
            credit: Doc = {"Credit": False} if doc.get("PaymentType") == "CreditCard" else {}
            return {"PrintStatus": "NotSet", **credit, **doc}


def lines_of(doc: Mapping[str, Any]) -> Sequence[Doc]:
    """The lines of a transaction, none where it has no attribute for them."""
    return doc.get("Line") or ()
