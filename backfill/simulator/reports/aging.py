"""The agings, and the balances of customers and vendors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial

from backfill.simulator.reports.detail import Table
from backfill.simulator.reports.inquiry import Inquiry
from backfill.simulator.reports.keys import Entry
from backfill.simulator.reports.nodes import Cell, Column, Draft, Node, column, data, section, total
from backfill.simulator.reports.open_items import PAYABLE, RECEIVABLE, OpenItem, Side, by_party, open_items
from backfill.simulator.reports.parties import party_rows

Build = Callable[[Inquiry], Draft]

_AGED = {
    RECEIVABLE: ("tx_date", "txn_type", "doc_num", "cust_name", "due_date", "subt_amount", "subt_open_bal"),
    PAYABLE: (
        "tx_date", "txn_type", "doc_num", "vend_name", "due_date", "past_due", "subt_neg_amount", "subt_neg_open_bal",
    ),
}  # fmt: skip
_BALANCES = {
    RECEIVABLE: ("tx_date", "txn_type", "doc_num", "due_date", "subt_amount", "subt_open_bal", "rbal_open_bal"),
    PAYABLE: (
        "tx_date", "txn_type", "doc_num", "due_date", "subt_neg_amount", "subt_neg_open_bal", "rbal_neg_open_bal",
    ),
}  # fmt: skip


def _aged(side: Side, inquiry: Inquiry) -> Draft:
    """What is open by how long it has been due: not yet, and by periods of days."""
    asked = inquiry.asked
    items = open_items(inquiry, side, asked.span.end)
    width = asked.aging_periods + 2
    sums = by_party(items, partial(_period, inquiry), width)
    rows = party_rows(inquiry, sums)
    return Draft([column("", side.party), *_columns(inquiry)], rows, bool(rows), options=_as_of(inquiry))


def _columns(inquiry: Inquiry) -> list[Column]:
    words = inquiry.words
    titles = [words("Current"), *(_days(inquiry, number) for number in range(inquiry.asked.aging_periods))]
    keys = ["current", *map(str, range(inquiry.asked.aging_periods)), "total"]
    return [column(title, "Money", ColKey=key) for title, key in zip([*titles, words("Total")], keys, strict=True)]


def _days(inquiry: Inquiry, number: int) -> str:
    """`1 - 30`, and for the last period `91 and over`."""
    first = number * inquiry.asked.aging_days + 1
    if number == inquiry.asked.aging_periods - 1:
        return inquiry.words("{} and over", str(first))
    return f"{first} - {first + inquiry.asked.aging_days - 1}"


def _period(inquiry: Inquiry, item: OpenItem) -> int:
    """The column: 0 where it is not yet due, then by periods."""
    asked = inquiry.asked
    day = asked.today if asked.choices.get("aging_method") == "Current" else asked.span.end
    late = (day - date.fromisoformat(item.due or item.posted.day)).days
    return 0 if late <= 0 else min(asked.aging_periods, (late - 1) // asked.aging_days + 1)


def _aged_detail(side: Side, inquiry: Inquiry) -> Draft:
    """The open documents, the longest overdue first."""
    table, words = Table(inquiry, _AGED[side]), inquiry.words
    items = open_items(inquiry, side, inquiry.asked.span.end)
    groups: dict[int, list[Entry]] = {}
    for item in items:
        groups.setdefault(_period(inquiry, item), []).append(_entry(item))
    rows: list[Node] = []
    for number in sorted(groups, reverse=True):
        title = words("Current") if number == 0 else words("{} days past due", _days(inquiry, number - 1))
        rows.append(_group(inquiry, table, Cell(title), groups[number]))
    if items:
        entries = [entry for group in groups.values() for entry in group]
        rows.append(total(table.total(Cell(words("TOTAL")), entries), "GrandTotal"))
    return Draft(table.columns(), rows, bool(rows), {"EndPeriod": inquiry.asked.end}, _as_of(inquiry))


def _balance(side: Side, inquiry: Inquiry) -> Draft:
    """What each owes or is owed."""
    items = open_items(inquiry, side, inquiry.asked.span.end)
    rows = party_rows(inquiry, by_party(items, lambda _: 0, 1))
    columns = [column("", side.party), column(inquiry.words("Total"), "Money")]
    return Draft(columns, rows, bool(rows), options=_as_of(inquiry))


def _balance_detail(side: Side, inquiry: Inquiry) -> Draft:
    """The documents that make up what each owes or is owed."""
    table, words = Table(inquiry, _BALANCES[side]), inquiry.words
    groups: dict[tuple[str, str], list[Entry]] = {}
    for item in open_items(inquiry, side, inquiry.asked.span.end):
        cell = inquiry.party(item.party)
        groups.setdefault((cell.value.casefold(), item.party.id), []).append(_entry(item))
    rows: list[Node] = []
    for key in sorted(groups):
        party = inquiry.party(groups[key][0].posted.posting.party)
        head = party if party.id else Cell(words("Not Specified"))
        rows.append(_group(inquiry, table, head, _counted(table.sorted(groups[key]))))
    if groups:
        entries = [entry for group in groups.values() for entry in group]
        rows.append(total(table.total(Cell(words("TOTAL")), entries), "GrandTotal"))
    return Draft(table.columns(), rows, bool(rows), options=_as_of(inquiry))


def _group(inquiry: Inquiry, table: Table, head: Cell, entries: Sequence[Entry]) -> Node:
    summary = table.total(Cell(inquiry.words("Total for {}", head.value)), entries)
    return section(table.titled(head), [data(table.row(entry)) for entry in entries], summary)


def _entry(item: OpenItem) -> Entry:
    return Entry(item.posted, item.paper._replace(due=item.due), item.cents, open=item.open)


def _counted(entries: Sequence[Entry]) -> list[Entry]:
    """Each with what is open so far."""
    balance, found = 0, []
    for entry in entries:
        balance += entry.open
        found.append(entry._replace(balance=balance))
    return found


def _as_of(inquiry: Inquiry) -> tuple[tuple[str, str], ...]:
    return (("report_date", inquiry.asked.end),)


aged_receivables: Build = partial(_aged, RECEIVABLE)
aged_payables: Build = partial(_aged, PAYABLE)
aged_receivable_detail: Build = partial(_aged_detail, RECEIVABLE)
aged_payable_detail: Build = partial(_aged_detail, PAYABLE)
customer_balance: Build = partial(_balance, RECEIVABLE)
vendor_balance: Build = partial(_balance, PAYABLE)
customer_balance_detail: Build = partial(_balance_detail, RECEIVABLE)
vendor_balance_detail: Build = partial(_balance_detail, PAYABLE)
