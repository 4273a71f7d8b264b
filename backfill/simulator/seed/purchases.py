"""Documents of the purchase side: what vendors charge, and how it is paid."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from backfill.simulator.documents import Doc, money
from backfill.simulator.seed.books import Books, later
from backfill.simulator.seed.books import Party as Vendor
from backfill.simulator.seed.draw import between, chance, pick
from backfill.simulator.seed.sales import OpenItem, in_currency, quantity, settled
from backfill.simulator.seed.words import DESCRIPTIONS, NOTES


def _expense_lines(books: Books, rng: Random) -> tuple[list[Doc], int]:
    """Lines by account or by item, and their sum in cents. Purchases have no SubTotal line."""
    lines: list[Doc] = []
    total = 0
    for number in range(1, 2 + int(rng.random() * rng.random() * 5)):
        if chance(rng, 0.75):
            amount = between(rng, 100, 90_000)
            detail: Doc = {"AccountRef": books.account(rng, "Expense")}
            kind = "AccountBasedExpenseLineDetail"
        else:
            product, count = books.restock(rng)
            amount = product.cost * count
            detail = {"ItemRef": product.reference, "UnitPrice": money(product.cost), "Qty": quantity(count * 100)}
            kind = "ItemBasedExpenseLineDetail"
        detail |= {"BillableStatus": "NotBillable", "TaxCodeRef": _tax_code(books)}
        klass = books.name(rng, "Class")
        if klass and chance(rng, 0.3):
            detail["ClassRef"] = klass
        if chance(rng, 0.1):
            detail |= {"CustomerRef": pick(rng, books.customers).reference, "BillableStatus": "Billable"}
        head = {"Id": str(number), "LineNum": number, "Description": pick(rng, DESCRIPTIONS)}
        lines.append({**head, "Amount": money(amount), "DetailType": kind, kind: detail})
        total += amount
    return lines, total


def _tax_code(books: Books) -> Doc:
    return {"value": "NON"} if books.profile.country == "US" else books.names["TaxCode"][0]


def _form(books: Books, rng: Random, entity: str, day: str, vendor: Vendor) -> tuple[Doc, int]:
    lines, total = _expense_lines(books, rng)
    doc: Doc = {"DocNumber": books.number(entity), "TxnDate": day, "Line": lines, "TotalAmt": money(total)}
    doc |= in_currency(books, vendor, total)
    if books.profile.country != "US":
        doc["GlobalTaxCalculation"] = "NotApplicable"
    department = books.name(rng, "Department")
    if department and chance(rng, 0.4):
        doc["DepartmentRef"] = department
    if chance(rng, 0.3):
        doc["PrivateNote"] = pick(rng, NOTES)
    return doc, total


def bill(books: Books, rng: Random, day: str) -> Doc:
    vendor = pick(rng, books.vendors)
    doc, total = _form(books, rng, "Bill", day, vendor)
    doc |= {
        "VendorRef": vendor.reference,
        "APAccountRef": books.account(rng, "AccountsPayable"),
        "DueDate": later(day, 30),
        "Balance": money(total),
        "LinkedTxn": [],
    }
    if vendor.address:
        doc["VendorAddr"] = vendor.address
    term = books.name(rng, "Term")
    if term:
        doc["SalesTermRef"] = term
    return doc


def bill_payment(books: Books, rng: Random, day: str, vendor: Vendor, applied: Sequence[OpenItem]) -> Doc:
    """A BillPayment that settles the whole or a part (`open`) of the bills."""
    total = sum(item.open for item in applied)
    doc: Doc = {
        "DocNumber": books.number("BillPayment"),
        "TxnDate": day,
        "VendorRef": vendor.reference,
        "TotalAmt": money(total),
        "Line": settled(applied),
        **in_currency(books, vendor, total),
    }
    if chance(rng, 0.8):
        check = {"BankAccountRef": books.account(rng, "Bank"), "PrintStatus": "NeedToPrint"}
        return doc | {"PayType": "Check", "CheckPayment": check}
    return doc | {"PayType": "CreditCard", "CreditCardPayment": {"CCAccountRef": books.account(rng, "Credit Card")}}


def purchase(books: Books, rng: Random, day: str) -> Doc:
    vendor = pick(rng, books.vendors)
    doc, _ = _form(books, rng, "Purchase", day, vendor)
    how = pick(rng, ("Cash", "Check", "CreditCard", "CreditCard"))
    doc |= {
        "PaymentType": how,
        "AccountRef": books.account(rng, "Credit Card" if how == "CreditCard" else "Bank"),
        "EntityRef": {**vendor.reference, "type": "Vendor"},
        "PrintStatus": "NotSet",
    }
    if how == "CreditCard":
        doc["Credit"] = chance(rng, 0.05)
    return doc


def vendor_credit(books: Books, rng: Random, day: str) -> Doc:
    vendor = pick(rng, books.vendors)
    doc, total = _form(books, rng, "VendorCredit", day, vendor)
    payable = books.account(rng, "AccountsPayable")
    return doc | {"VendorRef": vendor.reference, "APAccountRef": payable, "Balance": money(total)}


def purchase_order(books: Books, rng: Random, day: str) -> Doc:
    vendor = pick(rng, books.vendors)
    doc, _ = _form(books, rng, "PurchaseOrder", day, vendor)
    return doc | {
        "VendorRef": vendor.reference,
        "APAccountRef": books.account(rng, "AccountsPayable"),
        "POStatus": pick(rng, ("Open", "Closed")),
        "DueDate": later(day, 14),
    }


def credit_card_payment(books: Books, rng: Random, day: str) -> Doc:
    """Money from a bank account to a credit card; home currency only."""
    return {
        "TxnDate": day,
        "Amount": money(between(rng, 1_000, 900_000)),
        "BankAccountRef": books.account(rng, "Bank"),
        "CreditCardAccountRef": books.account(rng, "Credit Card"),
        "CurrencyRef": books.profile.home.reference,
        "PrivateNote": pick(rng, NOTES),
    }
