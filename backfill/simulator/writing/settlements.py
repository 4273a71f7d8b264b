"""What the service adds to transactions that are no forms: payments, deposits, transfers, entries."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from backfill.simulator.documents import Doc
from backfill.simulator.writing import accounts, lines, numbers
from backfill.simulator.writing.desk import Desk
from backfill.simulator.writing.forms import dated, lines_of, totalled
from backfill.simulator.writing.shaping import rounded


def payment(desk: Desk, doc: Doc) -> Doc:
    """A customer's payment: what it does not settle stays unapplied; it goes where undeposited money lies."""
    found = totalled(desk, dated(desk, doc), doc.get("TotalAmt") or 0)
    found["Line"] = list(lines_of(doc))
    applied = sum((_signed(line) for line in found["Line"]), start=0)
    undeposited = accounts.first_of(desk, "UndepositedFunds")
    defaults: Doc = {"ProcessPayment": False, "LinkedTxn": []}
    if undeposited is not None:
        defaults["DepositToAccountRef"] = undeposited
    return defaults | found | {"UnappliedAmt": rounded(Decimal(found["TotalAmt"]) - Decimal(applied))}


def _signed(line: Doc) -> Any:
    """What a line takes of the payment: a credit that is applied adds to it."""
    kinds = {link.get("TxnType") for link in line.get("LinkedTxn", ())}
    amount = line.get("Amount", 0)
    return -amount if kinds & {"CreditMemo"} else amount


def bill_payment(desk: Desk, doc: Doc) -> Doc:
    found = totalled(desk, dated(desk, doc), doc.get("TotalAmt") or 0)
    if found.get("PayType") == "Check" and found.get("CheckPayment"):
        found["CheckPayment"] = {"PrintStatus": "NotSet", **found["CheckPayment"]}
    payable = accounts.first_of(desk, "AccountsPayable") if desk.before is None else None
    return ({"APAccountRef": payable} if payable else {}) | found


def deposit(desk: Desk, doc: Doc) -> Doc:
    """A deposit: its lines' sum, less what is kept back in cash."""
    found = dated(desk, doc)
    found["Line"] = lines.numbered(desk, lines.priced(desk, lines.typed(lines_of(doc))))
    kept = (doc.get("CashBack") or {}).get("Amount", 0)
    return totalled(desk, found, lines.total(found["Line"]) - kept)


def journal_entry(desk: Desk, doc: Doc) -> Doc:
    """A journal entry; its total is that of either side."""
    found = numbers.numbered(desk, dated(desk, doc))
    found["Line"] = lines.numbered(desk, lines.priced(desk, lines.typed(lines_of(doc))))
    debits = [line for line in found["Line"] if _side(line) == "Debit"]
    return {"Adjustment": False, **totalled(desk, found, lines.total(debits))}


def _side(line: Doc) -> str:
    return str(line.get("JournalEntryLineDetail", {}).get("PostingType", ""))


def plain(desk: Desk, doc: Doc) -> Doc:
    """A transfer or a payment of a credit card: an amount between two accounts."""
    return {name: value for name, value in dated(desk, doc).items() if name not in {"Line", "LinkedTxn"}}


def adjustment(desk: Desk, doc: Doc) -> Doc:
    """An adjustment of stock: it has quantities, and no amounts of its own."""
    found = numbers.numbered(desk, {"TxnDate": desk.today, **doc})
    found["Line"] = lines.numbered(desk, lines.typed(lines_of(doc)))
    return found
