"""GeneralLedger, its French form, and the transactions by account: what was there, what moved, what it came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from backfill.simulator.books.ordered import Posted
from backfill.simulator.reports.accounts import nested
from backfill.simulator.reports.detail import Table, with_balances
from backfill.simulator.reports.inquiry import Inquiry
from backfill.simulator.reports.keys import Entry
from backfill.simulator.reports.nodes import Cell, Draft, Node, Section, below, data, section
from backfill.simulator.reports.splits import Splits

COLUMNS = ("tx_date", "txn_type", "doc_num", "name", "memo", "split_acc", "subt_nat_amount", "rbal_nat_amount")
COLUMNS_FR = ("tx_date", "txn_type", "doc_num", "name", "memo", "debt_amt", "credit_amt", "rbal_nat_amount")


class _Ledger(NamedTuple):
    """What the sections are made from; `opening` has cents, debit positive."""

    inquiry: Inquiry
    table: Table
    splits: Splits
    opening: Mapping[str, int]
    moved: Mapping[str, Sequence[Posted]]
    tree: Mapping[str, list[str]]


def general_ledger(inquiry: Inquiry) -> Draft:
    """Every account that has a balance before the span or a posting in it.

    Income and expenses begin with what they came to in the fiscal year of the span's first day; what they came to
    in all years before is in the beginning balance of retained earnings, as recorded.
    """
    return _drafted(inquiry, COLUMNS)


def general_ledger_fr(inquiry: Inquiry) -> Draft:
    """The same with debit and credit apart."""
    return _drafted(inquiry, COLUMNS_FR)


def transaction_detail_by_account(inquiry: Inquiry) -> Draft:
    """The postings of the span alone, account by account; in the order of their days where `group_by` is `none`.

    Not in Intuit's reference. A public client's tests ask the sandbox for it.
    """
    if inquiry.asked.group_by != "none":
        return _drafted(inquiry, COLUMNS, {})
    table, splits = Table(inquiry, COLUMNS), Splits(inquiry.daybook)
    entries = table.sorted([_entry(inquiry, splits, posted) for posted in inquiry.postings()])
    return Draft(table.columns(), [data(table.row(entry)) for entry in entries], bool(entries))


def _drafted(inquiry: Inquiry, columns: Sequence[str], opening: Mapping[str, int] | None = None) -> Draft:
    span = inquiry.asked.span
    if opening is None:
        opening = inquiry.standing(span.start - timedelta(days=1), span.start) if span.start else {}
    moved: dict[str, list[Posted]] = {}
    # Account after account, each in order: no order of all is needed.
    for posted in inquiry.unsorted(start=inquiry.asked.start, end=inquiry.asked.end):
        moved.setdefault(posted.posting.account, []).append(posted)
    table = Table(inquiry, columns)
    tree = nested(inquiry, opening.keys() | moved.keys())
    ledger = _Ledger(inquiry, table, Splits(inquiry.daybook), opening, moved, tree)
    rows: list[Node] = [_account(ledger, key)[0] for key in tree.get("", ())]
    return Draft(table.columns(), rows, bool(rows))


def _account(ledger: _Ledger, key: str) -> tuple[Section, list[Entry]]:
    """The section of an account with all below it, and all their entries, for its total."""
    inquiry, table = ledger.inquiry, ledger.table
    account = inquiry.chart.account(key)
    opening = account.sign * ledger.opening.get(key, 0)
    entries = _entries(ledger, key, opening)
    rows: list[Node] = [data(table.row(entry)) for entry in entries]
    if opening:
        rows.insert(0, data(table.standing(Cell(inquiry.words("Beginning Balance")), opening)))
    own = bool(rows)
    for each in ledger.tree.get(key, ()):
        inner, more = _account(ledger, each)
        rows.append(inner)
        entries += more
    head = Cell(account.name, account.id) if account.id else Cell(account.name)
    total = table.total(Cell(inquiry.words("Total for {}", account.name)), entries)
    made = section(table.titled(head), rows, total)
    if not own and len(ledger.tree.get(key, ())) == 1 and inquiry.settings.lone_subaccount == "recorded":
        _lend_id(made)
    return made, entries


def _entries(ledger: _Ledger, key: str, opening: int) -> list[Entry]:
    found = [_entry(ledger.inquiry, ledger.splits, posted) for posted in ledger.moved.get(key, ())]
    return with_balances(ledger.table.sorted(found), opening)


def _entry(inquiry: Inquiry, splits: Splits, posted: Posted) -> Entry:
    cents = inquiry.chart.account(posted.posting.account).sign * posted.posting.cents
    return Entry(posted, inquiry.papers.paper(posted.entity, posted.id), cents, split=splits.of(posted))


def _lend_id(made: Section) -> None:
    """As recorded twice: an account that posts nothing itself bears the Id of the only one below it, which has none."""
    (only,) = below(made)
    assert isinstance(only, Section)
    assert made.header
    assert only.header
    outer, inner = made.header.cells[0], only.header.cells[0]
    outer.id, only.header.cells[0] = inner.id, Cell(inner.value)
