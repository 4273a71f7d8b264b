"""The column keys of reports that list postings: what each shows of one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

from backfill.simulator.books.ordered import Posted
from backfill.simulator.reports.filters import memo_of
from backfill.simulator.reports.inquiry import Inquiry
from backfill.simulator.reports.nodes import EMPTY, Cell
from backfill.simulator.reports.papers import Paper, counted

NO_SPLIT = ""


class Entry(NamedTuple):
    """One row to be shown."""

    posted: Posted
    paper: Paper
    cents: int
    """Home currency, with the sign it is shown with."""
    balance: int = 0
    """What the rows so far have come to."""
    open: int = 0
    """What is left to pay, with the sign it is shown with."""
    split: str = NO_SPLIT
    """The account on the other side: its key, or `SPLIT` where there are several."""


SPLIT = "-Split-"

Show = Callable[[Inquiry, Entry], Cell]
Figure = Callable[[Entry], int]


class Key(NamedTuple):
    """One column key: its title and what it shows; `figure`: the cents of it that are added up in totals."""

    title: str
    show: Show
    figure: Figure | None = None


def _text(value: Callable[[Entry], str]) -> Show:
    return lambda _, entry: Cell(text) if (text := value(entry)) else EMPTY


def _named(entity: str, object_id: Callable[[Entry], str]) -> Show:
    def show(inquiry: Inquiry, entry: Entry) -> Cell:
        found = object_id(entry)
        return Cell(inquiry.papers.name(entity, found).full_name, found) if found else EMPTY

    return show


def _party(kind: str) -> Show:
    def show(inquiry: Inquiry, entry: Entry) -> Cell:
        party = entry.posted.posting.party
        return inquiry.party(party) if party.kind == kind else Cell("", "")

    return show


def _account(inquiry: Inquiry, key: str) -> Cell:
    if key == SPLIT:
        return Cell(inquiry.words(SPLIT))
    if not key:
        return EMPTY
    account = inquiry.chart.account(key)
    return Cell(account.full_name, account.id) if account.id else Cell(account.full_name)


def _number_of_account(inquiry: Inquiry, entry: Entry) -> Cell:
    return Cell(inquiry.chart.account(entry.posted.posting.account).number)


def _kind(inquiry: Inquiry, entry: Entry) -> Cell:
    cell = Cell(inquiry.words(entry.paper.kind), entry.paper.shown_id)
    if inquiry.asked.drill_down and not inquiry.modern:
        cell.href = f"https://qbo.intuit.com/app/{entry.posted.entity.lower()}?txnId={entry.paper.shown_id}"
    return cell


def _figure(title: str, figure: Figure) -> Key:
    return Key(title, lambda inquiry, entry: inquiry.cell(figure(entry), shown=False), figure)


def _balance(title: str, figure: Figure) -> Key:
    """What is no part of a total: a total of balances is none."""
    return Key(title, lambda inquiry, entry: inquiry.cell(figure(entry), shown=True))


def _overdue(inquiry: Inquiry, entry: Entry) -> Cell:
    due = entry.paper.due or entry.posted.day
    days = (inquiry.asked.span.end - date.fromisoformat(due)).days if due else 0
    return Cell(str(days))


def _quantity(entry: Entry) -> str:
    line = entry.posted.posting.line
    if 0 <= line < len(entry.paper.lines) and entry.paper.lines[line].micros:
        return counted(entry.paper.lines[line].micros)
    return ""


def _rate(entry: Entry) -> str:
    line = entry.posted.posting.line
    return entry.paper.lines[line].rate if 0 <= line < len(entry.paper.lines) else ""


def _cents(entry: Entry) -> int:
    return entry.cents


def _open(entry: Entry) -> int:
    return entry.open


def _running(entry: Entry) -> int:
    return entry.balance


def _debit(entry: Entry) -> int:
    return max(0, entry.posted.posting.cents)


def _credit(entry: Entry) -> int:
    return max(0, -entry.posted.posting.cents)


def _side(entry: Entry) -> int:
    return -1 if entry.cents < 0 else 1


def _paid(inquiry: Inquiry, entry: Entry, entity: str) -> Cell:
    if entry.posted.entity != entity:
        return EMPTY
    return Cell(inquiry.words("Unpaid" if entry.paper.open else "Paid"))


def _when(inquiry: Inquiry, epoch_s: int) -> Cell:
    return Cell(inquiry.company.offset_text(epoch_s)) if epoch_s else EMPTY


_KEYS: dict[str, Key] = {
    "tx_date": Key("Date", _text(lambda entry: entry.posted.day)),
    "txn_type": Key("Transaction Type", _kind),
    "doc_num": Key("Num", _text(lambda entry: entry.paper.number)),
    "name": Key("Name", lambda inquiry, entry: inquiry.party(entry.posted.posting.party)),
    "cust_name": Key("Customer", _party("Customer")),
    "vend_name": Key("Vendor", _party("Vendor")),
    "emp_name": Key("Employee", _party("Employee")),
    "memo": Key("Memo/Description", _text(lambda entry: memo_of(entry.posted, entry.paper))),
    "account_name": Key("Account", lambda inquiry, entry: _account(inquiry, entry.posted.posting.account)),
    "account_num": Key("Account #", _number_of_account),
    "acct_num_with_extn": Key("Account #", _number_of_account),
    "split_acc": Key("Split", lambda inquiry, entry: _account(inquiry, entry.split)),
    "other_account": Key("Split", lambda inquiry, entry: _account(inquiry, entry.split)),
    "klass_name": Key("Class", _named("Class", lambda entry: entry.posted.posting.klass)),
    "dept_name": Key("Location", _named("Department", lambda entry: entry.posted.posting.department)),
    "item_name": Key("Product/Service", _named("Item", lambda entry: entry.posted.posting.item)),
    "quantity": Key("Qty", _text(_quantity)),
    "rate": Key("Rate", _text(_rate)),
    "subt_nat_amount": _figure("Amount", _cents),
    "subt_nat_amount_nt": _figure("Amount", _cents),
    "nat_amount": _figure("Amount", _cents),
    "subt_amount": _figure("Amount", _cents),
    "subt_neg_amount": _figure("Amount", _cents),
    "rbal_nat_amount": _balance("Balance", _running),
    "rbal_open_bal": _balance("Balance", _running),
    "rbal_neg_open_bal": _balance("Balance", _running),
    "subt_open_bal": _figure("Open Balance", _open),
    "subt_neg_open_bal": _figure("Open Balance", _open),
    "nat_open_bal": _figure("Open Balance", _open),
    "debt_amt": _figure("Debit", _debit),
    "credit_amt": _figure("Credit", _credit),
    "due_date": Key("Due Date", _text(lambda entry: entry.paper.due)),
    "past_due": Key("Past Due", _overdue),
    "is_cleared": Key("Clr", lambda _inquiry, _entry: EMPTY),
    "is_no_post": Key(
        "Posting", lambda inquiry, entry: Cell(inquiry.words("Yes" if entry.posted.posting.account else "No"))
    ),
    "is_ar_paid": Key("A/R Paid", lambda inquiry, entry: _paid(inquiry, entry, "Invoice")),
    "is_ap_paid": Key("A/P Paid", lambda inquiry, entry: _paid(inquiry, entry, "Bill")),
    "create_by": Key("Create By", lambda _inquiry, _entry: EMPTY),
    "create_date": Key("Create Date", lambda inquiry, entry: _when(inquiry, entry.paper.created)),
    "last_mod_by": Key("Last Modified By", lambda _inquiry, _entry: EMPTY),
    "last_mod_date": Key("Last Modified", lambda inquiry, entry: _when(inquiry, entry.paper.updated)),
    "pmt_mthd": Key("Payment Method", _named("PaymentMethod", lambda entry: entry.paper.method)),
    "term_name": Key("Terms", _named("Term", lambda entry: entry.paper.term)),
    "ship_via": Key("Ship Via", _text(lambda entry: entry.paper.ship_via)),
    "ship_date": Key("Ship Date", _text(lambda entry: entry.paper.ship_day)),
    "tracking_num": Key("Tracking #", _text(lambda entry: entry.paper.tracking)),
    "currency": Key("Currency", _text(lambda entry: entry.paper.currency)),
    "exch_rate": Key("Exchange Rate", _text(lambda entry: entry.paper.rate)),
    "nat_foreign_amount": _balance("Foreign Amount", lambda entry: abs(entry.posted.posting.amount) * _side(entry)),
    "foreign_amount": _balance("Foreign Amount", lambda entry: abs(entry.posted.posting.amount) * _side(entry)),
}

_TWINS = {
    "subt_nat_home_amount": "subt_nat_amount",
    "subt_nat_amount_home_nt": "subt_nat_amount_nt",
    "rbal_nat_home_amount": "rbal_nat_amount",
    "nat_home_amount": "nat_amount",
    "nat_home_open_bal": "nat_open_bal",
    "subt_home_amount": "subt_amount",
    "subt_neg_home_amount": "subt_neg_amount",
    "subt_home_open_bal": "subt_open_bal",
    "subt_neg_home_open_bal": "subt_neg_open_bal",
    "rbal_home_open_bal": "rbal_open_bal",
    "rbal_neg_home_open_bal": "rbal_neg_open_bal",
    "debt_home_amt": "debt_amt",
    "credit_home_amt": "credit_amt",
}
"""Keys that a company of several currencies has in place of others: its own currency is what reports are in."""

KEYS: Mapping[str, Key] = MappingProxyType({**_KEYS, **{home: _KEYS[key] for home, key in _TWINS.items()}})

HOME: Mapping[str, str] = MappingProxyType({key: home for home, key in _TWINS.items()})
"""A key to that which takes its place in a company of several currencies."""

NO_KEY = Key("", lambda _inquiry, _entry: EMPTY)
"""What a key shows that is none: an empty column, and no fault."""

BALANCES = (_KEYS["rbal_nat_amount"], _KEYS["rbal_open_bal"], _KEYS["rbal_neg_open_bal"])
"""What runs from row to row."""
