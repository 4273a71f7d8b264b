"""What the sales side posts: Invoice, SalesReceipt, CreditMemo, RefundReceipt, Payment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from backfill.simulator.books.entries import NOBODY, Effects, Party, micros
from backfill.simulator.books.links import SETTLES, target_of
from backfill.simulator.books.lists import Lists, reference
from backfill.simulator.books.roles import (
    COST_OF_SALES,
    DISCOUNTS,
    EXCHANGE,
    OTHER_INCOME,
    RECEIVABLE,
    SHIPPING,
    TAX,
    UNDEPOSITED,
)
from backfill.simulator.books.sheet import Sheet
from backfill.simulator.documents import Doc, cents

SHIPPING_ITEM = "SHIPPING_ITEM_ID"
"""What a line cites that is the shipping charge, in place of an item's Id."""


def customer_of(doc: Doc) -> Party:
    return Party("Customer", reference(doc, "CustomerRef")) if reference(doc, "CustomerRef") else NOBODY


def leaves(doc: Doc) -> Iterator[tuple[int, Doc]]:
    """The lines that carry amounts, with their index in `Line`: a bundle's own lines stand for the bundle."""
    for number, line in enumerate(doc.get("Line") or ()):
        inner = (line.get("GroupLineDetail") or {}).get("Line")
        if inner is None:
            yield number, line
        else:
            yield from ((number, part) for part in inner)


def invoice(doc: Doc, lists: Lists) -> Effects:
    """The receivable, less what was paid down at once, against what was sold."""
    sheet = Sheet(doc, lists, customer_of(doc))
    total, paid = sheet.total(), sheet.total("Deposit")
    sheet.post(_receivable(sheet), total - paid)
    sheet.post(_deposited_to(sheet), paid)
    return _sold(sheet, 1)


def sales_receipt(doc: Doc, lists: Lists) -> Effects:
    """Money against what was sold."""
    sheet = Sheet(doc, lists, customer_of(doc))
    sheet.post(_deposited_to(sheet), sheet.total())
    return _sold(sheet, 1)


def credit_memo(doc: Doc, lists: Lists) -> Effects:
    """An invoice the other way round."""
    sheet = Sheet(doc, lists, customer_of(doc))
    sheet.post(_receivable(sheet), -sheet.total())
    return _sold(sheet, -1)


def refund_receipt(doc: Doc, lists: Lists) -> Effects:
    """A sales receipt the other way round."""
    sheet = Sheet(doc, lists, customer_of(doc))
    sheet.post(_deposited_to(sheet), -sheet.total())
    return _sold(sheet, -1)


def payment(doc: Doc, lists: Lists) -> Effects:
    """Money against the receivable: what is settled leaves it at the rate it came in at, the rest at today's."""
    sheet = Sheet(doc, lists, customer_of(doc))
    receivable = _receivable(sheet)
    sheet.post(_deposited_to(sheet), sheet.total())
    settle_lines(sheet, receivable, SETTLES["Payment"], -1)
    return sheet.close(OTHER_INCOME)


def settle_lines(sheet: Sheet, control: str, signs: Mapping[str, int], side: int) -> None:
    """Post what each line settles to the receivable or payable account, then the gain or loss by exchange."""
    left = sheet.total()
    for number, line in enumerate(sheet.doc.get("Line") or ()):
        for link in line.get("LinkedTxn") or ():
            target = target_of(link)
            sign = signs.get(target.entity, 0)
            amount = sign * cents(line.get("Amount") or 0)
            left -= amount
            rate = sheet.lists.rate(*target) if sign else None
            sheet.post(control, side * amount, line=number, rate=rate)
    sheet.post(control, side * left)
    sheet.exchange(EXCHANGE)


def _receivable(sheet: Sheet) -> str:
    return reference(sheet.doc, "ARAccountRef") or sheet.lists.role(RECEIVABLE, sheet.currency)


def _deposited_to(sheet: Sheet) -> str:
    return reference(sheet.doc, "DepositToAccountRef") or sheet.lists.role(UNDEPOSITED)


def _sold(sheet: Sheet, side: int) -> Effects:
    """Income, discount, shipping and tax; `side` -1 for what is given back."""
    for number, line in leaves(sheet.doc):
        amount = cents(line.get("Amount") or 0)
        kind = line.get("DetailType", "")
        detail = line.get(kind) or {}
        match kind:
            case "SalesItemLineDetail":
                sheet.post(_income(sheet, detail), -side * amount, detail=detail, line=number)
                _move(sheet, detail, side, number)
            case "DiscountLineDetail":
                account = reference(detail, "DiscountAccountRef") or sheet.lists.role(DISCOUNTS)
                sheet.post(account, side * amount, detail=detail, line=number)
            case "SubTotalLineDetail" | "DescriptionOnly" | "GroupLineDetail":
                pass
            case _:
                account = reference(detail, "ItemAccountRef") or sheet.lists.role(OTHER_INCOME)
                sheet.post(account, -side * amount, detail=detail, line=number)
    tax = (sheet.doc.get("TxnTaxDetail") or {}).get("TotalTax") or 0
    if tax:
        sheet.post(sheet.lists.role(TAX), -side * cents(tax))
    return sheet.close(OTHER_INCOME)


def _income(sheet: Sheet, detail: Doc) -> str:
    item = reference(detail, "ItemRef")
    if item == SHIPPING_ITEM:
        return sheet.lists.role(SHIPPING)
    found = sheet.lists.item(item).income or reference(detail, "ItemAccountRef")
    return found or sheet.lists.role(OTHER_INCOME)


def _move(sheet: Sheet, detail: Doc, side: int, line: int) -> None:
    """What was sold of an item in stock leaves it, and what is given back returns."""
    item = reference(detail, "ItemRef")
    facts = sheet.lists.item(item)
    count = micros(detail.get("Qty") or 0)
    if facts.kind == "Inventory" and count:
        sheet.move(item, -side * count, facts.expense or sheet.lists.role(COST_OF_SALES), None, detail, line)
