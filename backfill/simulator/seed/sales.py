"""Documents of the sales side: what customers are charged, what they pay and what is given back."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import NamedTuple

from backfill.simulator.documents import Doc, money
from backfill.simulator.seed import taxes
from backfill.simulator.seed.books import Books, Party, later
from backfill.simulator.seed.draw import between, chance, pick
from backfill.simulator.seed.words import DESCRIPTIONS, MEMO, NOTES

_MEMO: Doc = {"value": MEMO}
_CREW: Doc = {"DefinitionId": "1", "Name": "Crew #", "Type": "StringType"}
_TAXABLE = 0.2  # of sales lines; elsewhere than in the US all are


class OpenItem(NamedTuple):
    """Something a payment can be applied to, and what is left open of it in cents."""

    id: str
    kind: str
    """TxnType: `Invoice`, `Bill`."""
    open: int


def quantity(hundredths: int) -> Decimal | int:
    return hundredths // 100 if hundredths % 100 == 0 else money(hundredths)


def sales_line(books: Books, rng: Random, number: int) -> tuple[Doc, int, int]:
    """One SalesItemLineDetail line, its amount and the taxable part of it, both in cents."""
    product = books.product(rng)
    hundredths = between(rng, 1, 12) * 100 if chance(rng, 0.75) else between(rng, 1, 60) * 25
    amount = (hundredths * product.price + 50) // 100
    taxable = books.profile.country != "US" or chance(rng, _TAXABLE)
    detail: Doc = {
        "ItemRef": product.reference,
        "UnitPrice": money(product.price),
        "Qty": quantity(hundredths),
        "TaxCodeRef": taxes.line_code(books, taxable=taxable),
    }
    klass = books.name(rng, "Class")
    if klass and chance(rng, 0.3):
        detail["ClassRef"] = klass
    line: Doc = {
        "Id": str(number),
        "LineNum": number,
        "Description": pick(rng, DESCRIPTIONS),
        "Amount": money(amount),
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": detail,
    }
    return line, amount, amount if taxable else 0


def sales_lines(books: Books, rng: Random, count: int) -> tuple[list[Doc], int, int]:
    """Lines with the SubTotal after them, the subtotal and the taxable part of it, in cents."""
    lines: list[Doc] = []
    subtotal = taxable = 0
    for number in range(1, count + 1):
        line, amount, taxed = sales_line(books, rng, number)
        lines.append(line)
        subtotal += amount
        taxable += taxed
    if chance(rng, 0.04):
        note = {"Id": str(count + 1), "LineNum": count + 1, "Description": pick(rng, NOTES)}
        lines.append({**note, "DetailType": "DescriptionOnly", "DescriptionLineDetail": {}})
    lines.append({"Amount": money(subtotal), "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}})
    return lines, subtotal, taxable


def _form(books: Books, rng: Random, entity: str, day: str, party: Party) -> tuple[Doc, int]:
    """What all sales forms have in common, and the total in cents."""
    lines, subtotal, taxable = sales_lines(books, rng, 1 + int(rng.random() * rng.random() * 6))
    tax_detail, tax = taxes.detail(books, taxable)
    total = subtotal + tax
    crew = {**_CREW, "StringValue": str(between(rng, 1, 9))} if chance(rng, 0.3) else _CREW
    doc: Doc = {
        "CustomField": [crew],
        "DocNumber": books.number(entity),
        "TxnDate": day,
        "Line": lines,
        "TxnTaxDetail": tax_detail,
        "CustomerRef": party.reference,
        "CustomerMemo": _MEMO,
        "TotalAmt": money(total),
        "ApplyTaxAfterDiscount": False,
        "PrintStatus": "NeedToPrint" if chance(rng, 0.6) else "NotSet",
        "EmailStatus": "NotSet",
    }
    doc |= in_currency(books, party, total)
    if books.profile.country != "US":
        doc["GlobalTaxCalculation"] = "TaxExcluded"
    if party.address:
        doc["BillAddr"] = party.address
        if chance(rng, 0.7):
            doc["ShipAddr"] = party.address
    if party.email:
        doc["BillEmail"] = party.email
    department = books.name(rng, "Department")
    if department and chance(rng, 0.5):
        doc["DepartmentRef"] = department
    if chance(rng, 0.25):
        doc["PrivateNote"] = pick(rng, NOTES)
    return doc, total


def in_currency(books: Books, party: Party, total: int) -> Doc:
    """CurrencyRef, and in a multi-currency company the rate and the total in home currency."""
    if not books.profile.multicurrency:
        return {"CurrencyRef": party.currency.reference}
    rate = books.rate(party.currency)
    home = money(int((total * rate).to_integral_value()) if isinstance(rate, Decimal) else total)
    return {"CurrencyRef": party.currency.reference, "ExchangeRate": rate, "HomeTotalAmt": home}


def invoice(books: Books, rng: Random, day: str) -> Doc:
    party = pick(rng, books.customers)
    doc, _ = _form(books, rng, "Invoice", day, party)
    doc |= {
        "AllowIPNPayment": False,
        "AllowOnlinePayment": False,
        "AllowOnlineCreditCardPayment": False,
        "AllowOnlineACHPayment": False,
        "LinkedTxn": [],
        "DueDate": later(day, 30),
        "Balance": doc["TotalAmt"],
    }
    term = books.name(rng, "Term")
    if term:
        doc["SalesTermRef"] = term
    return doc


def sales_receipt(books: Books, rng: Random, day: str) -> Doc:
    doc, _ = _form(books, rng, "SalesReceipt", day, pick(rng, books.customers))
    if chance(rng, 0.05):
        del doc["CustomerRef"]  # a sale over the counter
    doc |= {"Balance": 0, "DepositToAccountRef": books.account(rng, "Bank")}
    if chance(rng, 0.7):
        doc |= {"PaymentMethodRef": books.name(rng, "PaymentMethod"), "PaymentRefNum": str(between(rng, 1000, 99999))}
    return doc


def credit_memo(books: Books, rng: Random, day: str) -> Doc:
    doc, _ = _form(books, rng, "CreditMemo", day, pick(rng, books.customers))
    return doc | {"Balance": doc["TotalAmt"], "RemainingCredit": doc["TotalAmt"]}


def refund_receipt(books: Books, rng: Random, day: str) -> Doc:
    doc, _ = _form(books, rng, "RefundReceipt", day, pick(rng, books.customers))
    return doc | {"Balance": 0, "DepositToAccountRef": books.account(rng, "Bank")}


def estimate(books: Books, rng: Random, day: str) -> Doc:
    doc, _ = _form(books, rng, "Estimate", day, pick(rng, books.customers))
    status = pick(rng, ("Pending", "Accepted", "Closed", "Rejected"))
    return doc | {"TxnStatus": status, "ExpirationDate": later(day, 30)}


def payment(books: Books, rng: Random, day: str, party: Party, applied: Sequence[OpenItem]) -> Doc:
    """A Payment that settles the whole or a part (`open`) of the items; of nothing, it stays unapplied."""
    total = sum(item.open for item in applied)
    unapplied = 0 if applied else between(rng, 10, 500) * 100
    doc: Doc = {
        "TxnDate": day,
        "CustomerRef": party.reference,
        "DepositToAccountRef": pick(rng, books.accounts["UndepositedFunds"]),
        "PaymentMethodRef": books.name(rng, "PaymentMethod"),
        "PaymentRefNum": str(between(rng, 1000, 99999)),
        "TotalAmt": money(total + unapplied),
        "UnappliedAmt": money(unapplied),
        "ProcessPayment": False,
        "LinkedTxn": [],
        "Line": settled(applied),
    }
    if chance(rng, 0.2):
        doc["PrivateNote"] = pick(rng, NOTES)
    return doc | in_currency(books, party, total + unapplied)


def settled(applied: Sequence[OpenItem]) -> list[Doc]:
    """The lines by which a payment says what it settles."""
    return [{"Amount": money(item.open), "LinkedTxn": [{"TxnId": item.id, "TxnType": item.kind}]} for item in applied]
