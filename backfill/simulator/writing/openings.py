"""Opening balances: what a new account, customer or vendor begins with is a transaction of its own.

QuickBooks enters it by itself against Opening Balance Equity: an invoice for a customer, a bill for a vendor (their
credits where the balance is negative), and a journal entry for an account of the balance sheet. So it can be paid,
edited and deleted like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from backfill.simulator.books.lists import account_facts
from backfill.simulator.books.opening import make_missing
from backfill.simulator.books.roles import OPENING, PAYABLE, RECEIVABLE
from backfill.simulator.documents import Doc
from backfill.simulator.writing import accounts
from backfill.simulator.writing.desk import Desk
from backfill.simulator.writing.schema.notation import Property
from backfill.simulator.writing.shaping import number, rounded

NOTE = "Opening Balance"
_AMOUNTS = {
    "Account": ("OpeningBalance", "OpeningBalanceDate"),
    "Customer": ("Balance", "OpenBalanceDate"),
    "Vendor": ("Balance", "OpenBalanceDate"),
}
"""Where a body says how much, and as of which day (today where it does not)."""

_NAMELESS = frozenset({RECEIVABLE, PAYABLE, OPENING})
"""Accounts that have none: of the first two each customer and vendor has its own, the third is where all come from."""


class Opening(NamedTuple):
    """What is to be entered once the object is there."""

    amount: Decimal
    day: str


def opening_of(desk: Desk, body: Mapping[str, Any], doc: Doc) -> Opening | None:
    """The opening balance that a new object's body asks for. Raises `FaultedError` for what is no amount."""
    if desk.entity not in _AMOUNTS or desk.before is not None:
        return None
    key, day_key = _AMOUNTS[desk.entity]
    if body.get(key) in (None, "", 0, "0"):
        return None
    amount = rounded(number(Property(key, "money", "", is_readonly=False, is_kept=False), body[key]))
    if desk.entity == "Account":
        facts = account_facts("", doc, desk.company.home_currency)
        if not facts.has_balance or facts.role in _NAMELESS:
            return None
    return Opening(Decimal(amount), str(doc.get(day_key) or desk.today)) if amount else None


def transaction(desk: Desk, object_id: str, doc: Doc, opening: Opening) -> tuple[str, Doc]:
    """The entity and the body of what enters it."""
    make_missing(desk.company, set() if accounts.first_of(desk, OPENING) else {OPENING})
    equity = accounts.first_of(desk, OPENING) or {}
    head: Doc = {"TxnDate": opening.day, "PrivateNote": NOTE}
    if "CurrencyRef" in doc:
        head["CurrencyRef"] = doc["CurrencyRef"]
    if not desk.is_american:
        head["GlobalTaxCalculation"] = "NotApplicable"
    match desk.entity:
        case "Account":
            return "JournalEntry", head | {"Line": _entry(object_id, equity, doc, opening.amount)}
        case "Customer":
            kind = "SalesItemLineDetail"
            line = _line(kind, {"ItemAccountRef": equity}, abs(opening.amount))
            party = {"CustomerRef": {"value": object_id}}
            return ("Invoice" if opening.amount > 0 else "CreditMemo"), {**head, **party, "Line": [line]}
        case _:
            kind = "AccountBasedExpenseLineDetail"
            line = _line(kind, {"AccountRef": equity}, abs(opening.amount))
            party = {"VendorRef": {"value": object_id}}
            return ("Bill" if opening.amount > 0 else "VendorCredit"), {**head, **party, "Line": [line]}


def _entry(object_id: str, equity: Doc, doc: Doc, amount: Decimal) -> list[Doc]:
    """Two sides: what an asset is worth is debited, what a liability or equity is worth is credited."""
    is_debit = (doc.get("Classification") == "Asset") == (amount > 0)
    sides = [(object_id, "Debit" if is_debit else "Credit"), (equity["value"], "Credit" if is_debit else "Debit")]
    return [
        _line("JournalEntryLineDetail", {"PostingType": side, "AccountRef": {"value": account}}, abs(amount))
        for account, side in sides
    ]


def _line(kind: str, detail: Doc, amount: Decimal) -> Doc:
    return {"Description": NOTE, "Amount": amount, "DetailType": kind, kind: detail}
