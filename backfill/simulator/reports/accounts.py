"""Rows of accounts, those below another one in a section of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from backfill.simulator.reports.chart import KINDS
from backfill.simulator.reports.inquiry import Inquiry
from backfill.simulator.reports.nodes import Cell, Node, Section, data, section

Sums = Mapping[str, Sequence[int]]


def figures(inquiry: Inquiry, cents: Iterable[int], *, shown: bool = False) -> list[Cell]:
    """The cells of a row of amounts."""
    return [inquiry.cell(amount, shown=shown) for amount in cents]


def added(rows: Iterable[Sequence[int]], width: int) -> list[int]:
    """The sums, column by column."""
    found = [0] * width
    for row in rows:
        for number, cents in enumerate(row):
            found[number] += cents
    return found


def account_rows(inquiry: Inquiry, sums: Sums, kinds: Sequence[str], *, sign: int = 0) -> list[Node]:
    """The accounts of these types that come to anything, in the chart's order.

    `sums`: account to cents, debit positive. They are shown with `sign`, or each with that of its own type. The
    header of an account that has others below it holds what is its own; the summary holds all.
    """
    own = {
        key: [cents * (sign or inquiry.chart.account(key).sign) for cents in row]
        for key, row in sums.items()
        if any(row)
    }
    below = nested(inquiry, own, kinds)
    width = len(next(iter(sums.values()), ()))
    return [_row(inquiry, key, own, below, width) for key in below.get("", ())]


def nested(inquiry: Inquiry, keys: Iterable[str], kinds: Sequence[str] = KINDS) -> Mapping[str, list[str]]:
    """Account to those right below it; `""` to the topmost. An account above another is there though not of `keys`.

    In the chart's order; the modernised service promises none.
    """
    below: dict[str, list[str]] = {}
    shown: set[str] = set()
    for key in inquiry.chart.ordered(keys, kinds):
        path = inquiry.chart.path(key)
        for above, each in zip(("", *path), path, strict=False):
            if each not in shown:
                shown.add(each)
                below.setdefault(above, []).append(each)
    if inquiry.modern:
        for siblings in below.values():
            inquiry.rng.shuffle(siblings)
    return below


def _row(inquiry: Inquiry, key: str, own: Sums, below: Mapping[str, list[str]], width: int) -> Node:
    account = inquiry.chart.account(key)
    name = Cell(account.name, account.id) if account.id else Cell(account.name)
    cells = [name, *figures(inquiry, own.get(key, [0] * width))]
    if key not in below:
        return data(cells)
    rows = [_row(inquiry, each, own, below, width) for each in below[key]]
    total = added([own[each] for each in _all_below(key, below) if each in own], width)
    return section(cells, rows, [Cell(inquiry.words("Total {}", account.name)), *figures(inquiry, total, shown=True)])


def _all_below(key: str, below: Mapping[str, list[str]]) -> list[str]:
    return [key, *(deep for each in below.get(key, ()) for deep in _all_below(each, below))]


def block(
    inquiry: Inquiry, title: str, rows: list[Node], cents: Sequence[int], group: str, *, total: str = "Total {}"
) -> Section:
    """A section with a title, and its total, which is empty where it has no rows."""
    words = inquiry.words
    blank = [Cell("")] * len(cents)
    said = words(title)
    summed = figures(inquiry, cents, shown=True) if rows else blank
    return section([Cell(said), *blank], rows, [Cell(words(total, said)), *summed], group)
