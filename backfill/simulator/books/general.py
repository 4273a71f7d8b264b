"""What is posted between accounts: Deposit, Transfer, JournalEntry, InventoryAdjustment, TaxPayment."""

from __future__ import annotations

from backfill.simulator.books.entries import NO_EFFECTS, NOBODY, Effects, Movement, Party, micros
from backfill.simulator.books.lists import Lists, reference
from backfill.simulator.books.roles import COST_OF_SALES, INVENTORY, OTHER_EXPENSE, OTHER_INCOME, TAX, UNDEPOSITED
from backfill.simulator.books.sheet import Sheet
from backfill.simulator.documents import Doc, cents


def deposit(doc: Doc, lists: Lists) -> Effects:
    """The bank, and what was kept in cash, against what was waiting undeposited and what came from elsewhere."""
    sheet = Sheet(doc, lists)
    sheet.post(reference(doc, "DepositToAccountRef"), sheet.total())
    kept = doc.get("CashBack") or {}
    sheet.post(reference(kept, "AccountRef"), cents(kept.get("Amount") or 0))
    for number, line in enumerate(doc.get("Line") or ()):
        detail = line.get("DepositLineDetail") or {}
        if line.get("LinkedTxn"):
            account = lists.role(UNDEPOSITED)
        else:
            account = reference(detail, "AccountRef") or lists.role(OTHER_INCOME)
        party = _party(detail.get("Entity") or {})
        sheet.post(account, -cents(line.get("Amount") or 0), detail=detail, line=number, party=party)
    return sheet.close(OTHER_INCOME)


def transfer(doc: Doc, lists: Lists) -> Effects:
    """From one account of the balance sheet to another."""
    sheet = Sheet(doc, lists)
    amount = sheet.total("Amount")
    sheet.post(reference(doc, "FromAccountRef"), -amount)
    sheet.post(reference(doc, "ToAccountRef"), amount)
    return sheet.close(OTHER_EXPENSE)


def journal_entry(doc: Doc, lists: Lists) -> Effects:
    """Its own lines, each with its own name."""
    sheet = Sheet(doc, lists)
    for number, line in enumerate(doc.get("Line") or ()):
        detail = line.get("JournalEntryLineDetail") or {}
        amount = cents(line.get("Amount") or 0)
        side = -1 if detail.get("PostingType") == "Credit" else 1
        entity = detail.get("Entity") or {}
        party = _party({**(entity.get("EntityRef") or {}), "type": entity.get("Type")})
        sheet.post(reference(detail, "AccountRef"), side * amount, detail=detail, line=number, party=party)
    return sheet.close(OTHER_EXPENSE)


def inventory_adjustment(doc: Doc, lists: Lists) -> Effects:
    """Stock found or lost, at its cost, against the account that the adjustment names."""
    movements = []
    counter = reference(doc, "AdjustAccountRef") or lists.role(COST_OF_SALES)
    for number, line in enumerate(doc.get("Line") or ()):
        detail = line.get("ItemAdjustmentLineDetail") or {}
        item = reference(detail, "ItemRef")
        count = micros(detail.get("QtyDiff") or 0)
        facts = lists.item(item)
        if facts.kind == "Inventory" and count:
            asset = facts.asset or lists.role(INVENTORY)
            movements.append(Movement(item, count, asset, counter, line=number))
    return Effects((), tuple(movements))


def tax_payment(doc: Doc, lists: Lists) -> Effects:
    """Sales tax paid to the agency, or refunded by it."""
    sheet = Sheet(doc, lists)
    amount = -sheet.total("PaymentAmount") if doc.get("Refund") else sheet.total("PaymentAmount")
    sheet.post(reference(doc, "PaymentAccountRef"), -amount)
    sheet.post(lists.role(TAX), amount)
    return sheet.close(OTHER_EXPENSE)


def nothing(_doc: Doc, _lists: Lists) -> Effects:
    """Orders, quotes, hours and templates are no part of the books."""
    return NO_EFFECTS


def _party(entity: Doc) -> Party:
    kind = str(entity.get("type") or "").capitalize()
    return Party(kind, str(entity["value"])) if kind and entity.get("value") else NOBODY
