"""ProfitAndLossDetail: the postings behind the profit and loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from backfill.simulator.books.ordered import Posted
from backfill.simulator.reports.accounts import nested
from backfill.simulator.reports.detail import Table, with_balances
from backfill.simulator.reports.inquiry import Inquiry
from backfill.simulator.reports.keys import Entry
from backfill.simulator.reports.nodes import Cell, Draft, Node, data, section, total
from backfill.simulator.reports.result import ALWAYS, NET_INCOME, SECTIONS, TOTALS
from backfill.simulator.reports.splits import Splits

COLUMNS = ("tx_date", "txn_type", "doc_num", "name", "memo", "split_acc", "subt_nat_amount", "rbal_nat_amount")


def profit_and_loss_detail(inquiry: Inquiry) -> Draft:
    """The sections of the profit and loss, with every posting under its account."""
    table, splits = Table(inquiry, COLUMNS), Splits(inquiry.daybook)
    moved: dict[str, list[Entry]] = {}
    for posted in inquiry.postings():
        key = posted.posting.account
        if inquiry.chart.results[key]:
            moved.setdefault(key, []).append(_entry(inquiry, splits, posted, inquiry.chart.account(key).sign))
    rows = list(_body(inquiry, table, moved))
    return Draft(table.columns(), rows, bool(moved))


def _entry(inquiry: Inquiry, splits: Splits, posted: Posted, sign: int) -> Entry:
    paper = inquiry.papers.paper(posted.entity, posted.id)
    return Entry(posted, paper, sign * posted.posting.cents, split=splits.of(posted))


def _body(inquiry: Inquiry, table: Table, moved: Mapping[str, list[Entry]]) -> Iterator[Node]:
    words, by_kind = inquiry.words, {}
    for kind, title, group in SECTIONS:
        below = nested(inquiry, moved, (kind,))
        parts = [_account(inquiry, table, key, moved, below) for key in below.get("", ())]
        entries = [entry for _, more in parts for entry in more]
        by_kind[kind] = entries
        if parts or group in ALWAYS:
            said = words(title)
            yield section(
                table.titled(Cell(said)),
                [node for node, _ in parts],
                table.total(Cell(words("Total {}", said)), entries),
                group,
            )
        if group in TOTALS and (group != "OtherExpenses" or any(by_kind[each] for each in TOTALS[group][2])):
            name, key, kinds = TOTALS[group]
            yield _result(inquiry, table, name, key, [entry for each in kinds for entry in by_kind[each]])
    yield _result(inquiry, table, *NET_INCOME, [entry for entries in by_kind.values() for entry in entries])


def _account(
    inquiry: Inquiry, table: Table, key: str, moved: Mapping[str, list[Entry]], below: Mapping[str, list[str]]
) -> tuple[Node, list[Entry]]:
    account = inquiry.chart.account(key)
    entries = with_balances(table.sorted(moved.get(key, [])))
    rows: list[Node] = [data(table.row(entry)) for entry in entries]
    for each in below.get(key, ()):
        inner, more = _account(inquiry, table, each, moved, below)
        rows.append(inner)
        entries += more
    head = Cell(account.name, account.id) if account.id else Cell(account.name)
    total_cells = table.total(Cell(inquiry.words("Total for {}", account.name)), entries)
    return section(table.titled(head), rows, total_cells), entries


def _result(inquiry: Inquiry, table: Table, name: str, group: str, entries: list[Entry]) -> Node:
    """A total of what was earned less what was spent."""
    earned = [entry._replace(cents=-entry.posted.posting.cents) for entry in entries]
    return total(table.total(Cell(inquiry.words(name)), earned), group)
