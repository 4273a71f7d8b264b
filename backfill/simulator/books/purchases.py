"""What the purchase side posts: Bill, VendorCredit, BillPayment, Purchase, CreditCardPayment."""

from __future__ import annotations

from backfill.simulator.books.entries import NOBODY, Effects, Party, micros
from backfill.simulator.books.links import SETTLES
from backfill.simulator.books.lists import Lists, reference
from backfill.simulator.books.roles import COST_OF_SALES, INVENTORY, OTHER_EXPENSE, PAYABLE, TAX
from backfill.simulator.books.sales import leaves, settle_lines
from backfill.simulator.books.sheet import Sheet, in_home
from backfill.simulator.documents import Doc, cents


def vendor_of(doc: Doc) -> Party:
    return Party("Vendor", reference(doc, "VendorRef"))


def bill(doc: Doc, lists: Lists) -> Effects:
    """What was bought against the payable."""
    sheet = Sheet(doc, lists, vendor_of(doc))
    sheet.post(_payable(sheet), -sheet.total())
    return _bought(sheet, 1)


def vendor_credit(doc: Doc, lists: Lists) -> Effects:
    """A bill the other way round."""
    sheet = Sheet(doc, lists, vendor_of(doc))
    sheet.post(_payable(sheet), sheet.total())
    return _bought(sheet, -1)


def bill_payment(doc: Doc, lists: Lists) -> Effects:
    """The payable against the bank or card it was paid from; what is settled leaves at the rate it came in at."""
    sheet = Sheet(doc, lists, vendor_of(doc))
    check = reference(doc.get("CheckPayment") or {}, "BankAccountRef")
    card = reference(doc.get("CreditCardPayment") or {}, "CCAccountRef")
    sheet.post((card if doc.get("PayType") == "CreditCard" else check) or check or card, -sheet.total())
    settle_lines(sheet, _payable(sheet), SETTLES["BillPayment"], 1)
    return sheet.close(OTHER_EXPENSE)


def purchase(doc: Doc, lists: Lists) -> Effects:
    """Cash, check or card against what was bought; `Credit`: a refund of a card, the other way round."""
    entity = doc.get("EntityRef") or {}
    party = Party(str(entity.get("type") or "Vendor"), reference(doc, "EntityRef")) if entity.get("value") else NOBODY
    sheet = Sheet(doc, lists, party)
    side = -1 if doc.get("Credit") else 1
    sheet.post(reference(doc, "AccountRef"), -side * sheet.total())
    return _bought(sheet, side)


def credit_card_payment(doc: Doc, lists: Lists) -> Effects:
    """The card's debt against the bank it was paid from."""
    sheet = Sheet(doc, lists)
    amount = sheet.total("Amount")
    sheet.post(reference(doc, "BankAccountRef"), -amount)
    sheet.post(reference(doc, "CreditCardAccountRef"), amount)
    return sheet.close(OTHER_EXPENSE)


def _payable(sheet: Sheet) -> str:
    return reference(sheet.doc, "APAccountRef") or sheet.lists.role(PAYABLE, sheet.currency)


def _bought(sheet: Sheet, side: int) -> Effects:
    """Expenses, stock and tax; `side` -1 for what is given back."""
    for number, line in leaves(sheet.doc):
        amount = cents(line.get("Amount") or 0)
        kind = line.get("DetailType", "")
        detail = line.get(kind) or {}
        match kind:
            case "ItemBasedExpenseLineDetail":
                _item(sheet, detail, side, amount, number)
            case "SubTotalLineDetail" | "DescriptionOnly" | "GroupLineDetail":
                pass
            case _:
                account = reference(detail, "AccountRef") or sheet.lists.role(OTHER_EXPENSE)
                sheet.post(account, side * amount, detail=detail, line=number)
    tax = (sheet.doc.get("TxnTaxDetail") or {}).get("TotalTax") or 0
    if tax:
        sheet.post(sheet.lists.role(TAX), side * cents(tax))
    return sheet.close(OTHER_EXPENSE)


def _item(sheet: Sheet, detail: Doc, side: int, amount: int, line: int) -> None:
    """An item that was bought: into stock at its price; given back, out of stock at its cost.

    What the vendor credits for it more or less than that cost stays in the cost of sales.
    """
    item = reference(detail, "ItemRef")
    facts = sheet.lists.item(item)
    count = micros(detail.get("Qty") or 0)
    if facts.kind != "Inventory" or not count:
        account = facts.expense or facts.income or sheet.lists.role(OTHER_EXPENSE)
        sheet.post(account, side * amount, detail=detail, line=line)
        return
    asset = facts.asset or sheet.lists.role(INVENTORY)
    counter = facts.expense or sheet.lists.role(COST_OF_SALES)
    comes_in = side * count > 0
    sheet.post(asset if comes_in else counter, side * amount, detail=detail, line=line)
    value = in_home(side * amount, sheet.rate) if comes_in else None
    sheet.move(item, side * count, counter, value, detail, line)
