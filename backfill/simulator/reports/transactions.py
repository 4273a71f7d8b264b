"""TransactionList and its variants: one row for each transaction, of the books or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial

from backfill.simulator.books.daybook import START
from backfill.simulator.books.entries import Posting
from backfill.simulator.books.ordered import Posted
from backfill.simulator.reports.dates import UNITS, Span, title
from backfill.simulator.reports.detail import Table
from backfill.simulator.reports.inquiry import Inquiry
from backfill.simulator.reports.keys import Entry
from backfill.simulator.reports.nodes import Cell, Draft, Node, data, section, total
from backfill.simulator.reports.splits import Splits

COLUMNS = (
    "tx_date", "txn_type", "doc_num", "is_no_post", "name", "memo", "account_name", "other_account", "subt_nat_amount",
)  # fmt: skip
COLUMNS_OF_PARTY = (
    "tx_date", "txn_type", "doc_num", "is_no_post", "memo", "account_name", "subt_nat_amount",
)  # fmt: skip
COLUMNS_OF_SPLITS = ("tx_date", "txn_type", "doc_num", "is_no_post", "name", "memo", "account_name", "subt_nat_amount")

_NOT_OF_THE_BOOKS = ("Estimate", "PurchaseOrder", "ReimburseCharge", "TimeActivity")

_STRETCHES = {"day": "Day", "week": "Week", "month": "Month", "quarter": "Calendar Quarter", "year": "Calendar Year"}


def transaction_list(inquiry: Inquiry) -> Draft:
    """All transactions of the span in the order of their days, or in groups as `group_by` says."""
    table = Table(inquiry, COLUMNS)
    entries = list(transactions(inquiry))
    key_of = _grouping(inquiry)
    rows = _rows(table, entries) if key_of is None else list(_groups(inquiry, table, entries, key_of))
    return Draft(table.columns(), rows, bool(rows))


def transaction_list_by_customer(inquiry: Inquiry) -> Draft:
    """Customer by customer."""
    return _by_party(inquiry, "Customer")


def transaction_list_by_vendor(inquiry: Inquiry) -> Draft:
    """Vendor by vendor."""
    return _by_party(inquiry, "Vendor")


def transaction_list_with_splits(inquiry: Inquiry) -> Draft:
    """Each transaction with all that it posts, the cost of what left the stock included."""
    asked, table = inquiry.asked, Table(inquiry, COLUMNS_OF_SPLITS)
    lines: dict[tuple[str, str], list[Posted]] = {}
    for posted in inquiry.daybook.postings(start=asked.start, end=asked.end):
        lines.setdefault((posted.entity, posted.id), []).append(posted)
    rows: list[Node] = []
    for entry in transactions(inquiry):
        parts = [
            entry._replace(posted=line, cents=_sign(inquiry, line.posting) * line.posting.cents)
            for line in lines.get((entry.posted.entity, entry.posted.id), ())
        ]
        head = Cell(entry.posted.day, entry.paper.shown_id)
        rows.append(section(table.titled(head), _rows(table, parts or [entry]), None))
    return Draft(table.columns(), rows, bool(rows))


def transactions(inquiry: Inquiry) -> Iterator[Entry]:
    """One entry for each transaction of the span that has a posting which the filters admit, by its first one.

    On both bases alike: a list of transactions has each on its own day, whenever it counts.
    """
    inquiry = replace(inquiry, book=inquiry.daybook)
    splits = Splits(inquiry.daybook)
    found: dict[tuple[str, str], Posted] = {}
    for posted in (*inquiry.postings(), *_outside(inquiry)):
        found.setdefault((posted.entity, posted.id), posted)
    for posted in sorted(found.values(), key=lambda posted: (posted.day, posted.number, posted.entity)):
        whole = inquiry.daybook.of_transaction(posted.entity, posted.id) if posted.entity != START else ()
        first = whole[0] if whole else posted
        paper = inquiry.papers.paper(posted.entity, posted.id)
        if first.posting.account:
            cents = _sign(inquiry, first.posting) * first.posting.cents
            yield Entry(first, paper, cents, open=paper.open, split=splits.of(first))
        else:
            yield Entry(first, paper, paper.total)


def _outside(inquiry: Inquiry) -> Iterator[Posted]:
    """Orders, quotes and hours, which post nothing: one posting of nothing on no account each."""
    for entity in _NOT_OF_THE_BOOKS:
        for row in inquiry.company.table(entity).all():
            paper = inquiry.papers.paper(entity, row.id)
            if inquiry.asked.start <= paper.day <= inquiry.asked.end:
                posting = Posting("", 0, 0, paper.party, department=paper.department)
                posted = Posted(paper.day, int(row.id), entity, 0, row.id, posting)
                if not inquiry.asked.is_filtered or inquiry.admits(posted):
                    yield posted


def _sign(inquiry: Inquiry, posting: Posting) -> int:
    return inquiry.chart.account(posting.account).sign if posting.account else 1


def _rows(table: Table, entries: Sequence[Entry]) -> list[Node]:
    return [data(table.row(entry)) for entry in table.sorted(list(entries))]


def _by_party(inquiry: Inquiry, kind: str) -> Draft:
    table = Table(inquiry, COLUMNS_OF_PARTY)
    entries = [entry for entry in transactions(inquiry) if entry.posted.posting.party.kind == kind]
    rows = list(_groups(inquiry, table, entries, partial(_party, inquiry)))
    return Draft(table.columns(), rows, bool(rows))


def _grouping(inquiry: Inquiry) -> Callable[[Entry], Cell] | None:
    """Under which heading `group_by` puts a transaction; None: there are no groups."""
    wanted = inquiry.asked.group_by
    if wanted in _STRETCHES:
        unit = _STRETCHES[wanted]
        return lambda entry: Cell(_stretch(inquiry, unit, entry.posted.day))
    show = _GROUPS.get(wanted)
    return None if show is None else partial(show, inquiry)


def _stretch(inquiry: Inquiry, unit: str, day: str) -> str:
    made = UNITS[unit]
    start = made.begin(date.fromisoformat(day), inquiry.asked.first_month)
    return title(Span(start, made.after(start) - timedelta(days=1)), unit, inquiry.words.months)


def _party(inquiry: Inquiry, entry: Entry) -> Cell:
    return inquiry.party(entry.posted.posting.party)


def _account(inquiry: Inquiry, key: str) -> Cell:
    account = inquiry.chart.account(key)
    return Cell(account.full_name, account.id)


def _named(inquiry: Inquiry, entity: str, object_id: str) -> Cell:
    return Cell(inquiry.papers.name(entity, object_id).full_name, object_id)


_GROUPS: Mapping[str, Callable[[Inquiry, Entry], Cell]] = {
    **dict.fromkeys(("name", "customer", "vendor", "employee"), _party),
    "account": lambda inquiry, entry: _account(inquiry, entry.posted.posting.account),
    "transactiontype": lambda inquiry, entry: Cell(inquiry.words(entry.paper.kind)),
    "location": lambda inquiry, entry: _named(inquiry, "Department", entry.posted.posting.department),
    "paymentmethod": lambda inquiry, entry: _named(inquiry, "PaymentMethod", entry.paper.method),
}
"""`group_by` to the heading of a transaction, beside stretches of time."""


def _groups(
    inquiry: Inquiry, table: Table, entries: Sequence[Entry], key_of: Callable[[Entry], Cell]
) -> Iterator[Node]:
    """A section for each heading, in the order of their names, and the total of all."""
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        cell = key_of(entry)
        groups.setdefault((cell.value, cell.id or ""), []).append(entry)
    words = inquiry.words
    for name, object_id in sorted(groups, key=lambda key: (key[0].casefold(), key[1])):
        members = groups[name, object_id]
        said = name or words("Not Specified")
        head = Cell(said, object_id) if object_id else Cell(said)
        yield section(
            table.titled(head), _rows(table, members), table.total(Cell(words("Total for {}", said)), members)
        )
    if entries:
        yield total(table.total(Cell(words("TOTAL")), entries), "GrandTotal")
