"""AccountList: the chart of accounts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from backfill.simulator.books.stored_lists import StoredLists
from backfill.simulator.documents import cents, decode
from backfill.simulator.reports.asked import plain
from backfill.simulator.reports.chart import Account
from backfill.simulator.reports.inquiry import Inquiry, amount
from backfill.simulator.reports.nodes import EMPTY, Cell, Draft, Node, column, data

COLUMNS = ("account_name", "account_type", "detail_acc_type", "account_desc", "account_bal")


def _balance(inquiry: Inquiry, account: Account) -> Cell:
    row = inquiry.company.table("Account").get(account.id)
    facts = StoredLists(inquiry.company).account(account.id)
    if row is None or facts is None or not facts.has_balance:
        return EMPTY
    return Cell(amount(account.sign * cents(decode(row.doc).get("CurrentBalance") or 0)))


def _when(inquiry: Inquiry, account: Account, *, changed: bool) -> Cell:
    row = inquiry.company.table("Account").get(account.id)
    assert row is not None
    return Cell(inquiry.company.offset_text(row.updated if changed else row.created))


_SHOWS: Mapping[str, tuple[str, Callable[[Inquiry, Account], Cell]]] = {
    "account_name": ("Account", lambda _, account: Cell(account.full_name)),
    "account_type": ("Type", lambda inquiry, account: Cell(inquiry.words(account.kind))),
    "detail_acc_type": ("Detail type", lambda _, account: Cell(account.detail)),
    "account_desc": ("Description", lambda _, account: Cell(account.description)),
    "account_num": ("Account #", lambda _, account: Cell(account.number)),
    "account_bal": ("Balance", _balance),
    "create_date": ("Create Date", lambda inquiry, account: _when(inquiry, account, changed=False)),
    "last_mod_date": ("Last Modified", lambda inquiry, account: _when(inquiry, account, changed=True)),
}


def account_list(inquiry: Inquiry) -> Draft:
    """Every active account, in the chart's order, with its balance as the account itself shows it."""
    keys = inquiry.asked.columns or COLUMNS
    shown = [_SHOWS.get(key, ("", lambda _inquiry, _account: EMPTY)) for key in keys]
    columns = [
        column(inquiry.words(title) if title else "", key, **({"ColKey": key} if inquiry.modern else {}))
        for key, (title, _) in zip(keys, shown, strict=True)
    ]
    wanted = inquiry.asked.words.get("account_type")
    rows: list[Node] = []
    for account in inquiry.chart:
        row = inquiry.company.table("Account").get(account.id)
        if row is not None and row.active and (wanted is None or plain(account.kind) in wanted):
            rows.append(data([show(inquiry, account) for _, show in shown]))
    return Draft(columns, rows, bool(rows))
