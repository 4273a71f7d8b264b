"""InventoryValuationSummary and InventoryValuationDetail: what is in stock, and what it is worth."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from backfill.simulator.books.daybook import START
from backfill.simulator.books.entries import UNIT, Party
from backfill.simulator.books.stock import Stock
from backfill.simulator.reports.inquiry import Inquiry, amount
from backfill.simulator.reports.nodes import EMPTY, Cell, Draft, Node, column, data, section, total
from backfill.simulator.reports.papers import counted


class _Move(NamedTuple):
    """What one transaction did to one item: millionths of a unit, and cents of its value."""

    day: str
    entity: str
    id: str
    party: Party
    micros: int
    cents: int


def inventory_valuation_summary(inquiry: Inquiry) -> Draft:
    """Each item in stock at the end of the span: how many, and their value, first in, first out."""
    words = inquiry.words
    columns = [
        column("", "ProductsAndService", ColKey="item"),
        column(words("SKU"), "String", ColKey="sku"),
        column(words("Qty"), "Rate", ColKey="qty"),
        column(words("Asset Value"), "Money", ColKey="asset_value"),
        column(words("Calc. Avg"), "Money", ColKey="calc_avg"),
    ]
    rows: list[Node] = []
    everything = 0
    for item in _items(inquiry):
        moves = list(_moves(inquiry, item))
        count, cents = sum(move.micros for move in moves), sum(move.cents for move in moves)
        everything += cents
        if count or cents:
            named = inquiry.papers.name("Item", item)
            cells = [
                Cell(named.full_name, item),
                Cell(named.sku),
                Cell(counted(count)),
                inquiry.cell(cents, shown=True),
            ]
            rows.append(data([*cells, _average(cents, count)], typed=inquiry.modern))
    if rows:
        rows.append(
            total([Cell(words("TOTAL")), EMPTY, EMPTY, inquiry.cell(everything, shown=True), EMPTY], "GrandTotal")
        )
    return Draft(columns, rows, bool(rows))


def inventory_valuation_detail(inquiry: Inquiry) -> Draft:
    """Each item's movements in the span, with what was on hand and what it was worth after each."""
    words = inquiry.words
    titles = (
        ("Date", "tx_date"),
        ("Transaction Type", "txn_type"),
        ("Num", "doc_num"),
        ("Name", "name"),
        ("Qty", "quantity"),
        ("Rate", "rate"),
        ("FIFO Cost", "home_amount"),
        ("Qty On Hand", "qty_on_hand"),
        ("Asset Value", "home_asset_value"),
    )
    rows = [node for item in _items(inquiry) if (node := _item(inquiry, item)) is not None]
    columns = [column(words(title), key, **({"ColKey": key} if inquiry.modern else {})) for title, key in titles]
    return Draft(columns, rows, bool(rows))


def _items(inquiry: Inquiry) -> list[str]:
    wanted = inquiry.asked.ids.get("item")
    found = [item for item in _stocks(inquiry) if wanted is None or item in wanted]
    return sorted(found, key=lambda item: (inquiry.papers.name("Item", item).full_name.casefold(), item))


def _stocks(inquiry: Inquiry) -> dict[str, Stock]:
    return dict(inquiry.company.ledger.stocks) if inquiry.company.ledger else {}


def _item(inquiry: Inquiry, item: str) -> Node | None:
    named = inquiry.papers.name("Item", item)
    shown: list[Node] = []
    count = cents = moved = worth = 0
    for move in _moves(inquiry, item):
        count, cents = count + move.micros, cents + move.cents
        if move.day >= inquiry.asked.start:
            moved, worth = moved + move.micros, worth + move.cents
            shown.append(_row(inquiry, move, count, cents))
    if not shown:
        return None
    summary = [
        Cell(inquiry.words("Total for {}", named.name)),
        *[EMPTY] * 3,
        Cell(counted(moved)),
        EMPTY,
        inquiry.cell(worth, shown=True),
        Cell(counted(count)),
        inquiry.cell(cents, shown=True),
    ]
    return section([Cell(named.name, item), *[EMPTY] * 8], shown, summary)


def _row(inquiry: Inquiry, move: _Move, count: int, cents: int) -> Node:
    paper = inquiry.papers.paper(move.entity, move.id)
    return data(
        [
            Cell(move.day),
            Cell(inquiry.words(paper.kind), paper.shown_id),
            Cell(paper.number),
            inquiry.party(move.party),
            Cell(counted(move.micros)),
            _average(move.cents, move.micros),
            inquiry.cell(move.cents, shown=True),
            Cell(counted(count)),
            inquiry.cell(cents, shown=True),
        ]
    )


def _moves(inquiry: Inquiry, item: str) -> Iterator[_Move]:
    """All that moved the item until the end of the span, what it was set up with first."""
    stock, end = _stocks(inquiry)[item], inquiry.asked.end
    start = stock.start
    if start.micros and start.day <= end:
        yield _Move(start.day, START, item, Party("", ""), start.micros, start.micros * start.unit_cents // UNIT)
    costs = {(cost.moved.entity, cost.moved.id, cost.moved.line): cost for cost in stock.costs()}
    for moved in stock.moved:
        if moved.day > end:
            continue
        cost = costs.get((moved.entity, moved.id, moved.line))
        cents = moved.movement.cents
        if cents is None:
            cents = cost.postings[0].cents if cost and cost.postings else 0
        yield _Move(moved.day, moved.entity, moved.id, moved.movement.party, moved.movement.micros, cents)


def _average(cents: int, micros: int) -> Cell:
    return Cell(amount(round(Decimal(cents) * UNIT / micros))) if micros else EMPTY
