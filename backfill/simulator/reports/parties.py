"""Rows of customers and vendors: those below another one in a section of their own, and the total of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backfill.simulator.books.entries import Party
from backfill.simulator.reports.accounts import added, figures
from backfill.simulator.reports.inquiry import Inquiry
from backfill.simulator.reports.nodes import Cell, Node, data, section, total

_MAX_LEVELS = 5  # of customers below one another, as QuickBooks allows


def party_rows(inquiry: Inquiry, sums: Mapping[Party, Sequence[int]], *, shown: bool = False) -> list[Node]:
    """A row for each that comes to anything, by name, and the grand total. Cents as they are shown.

    What is nobody's is under "Not Specified". The header of a customer with jobs holds its own amounts, the summary
    those of the jobs as well.
    """
    own = {party: row for party, row in sums.items() if any(row)}
    if not own:
        return []
    width = len(next(iter(own.values())))
    below: dict[Party, list[Party]] = {}
    known: set[Party] = set()
    for party in own:
        path = _path(inquiry, party)
        for above, each in zip((_TOP, *path), path, strict=False):
            if each not in known:
                known.add(each)
                below.setdefault(above, []).append(each)
    for siblings in below.values():
        siblings.sort(key=lambda party: (not party.id, _name(inquiry, party).casefold(), party.id))
        if inquiry.modern:
            inquiry.rng.shuffle(siblings)
    rows = [_row(inquiry, party, own, below, width, shown=shown) for party in below[_TOP]]
    grand = figures(inquiry, added(own.values(), width), shown=True)
    return [*rows, total([Cell(inquiry.words("TOTAL")), *grand], "GrandTotal")]


_TOP = Party("", "top")


def _path(inquiry: Inquiry, party: Party) -> list[Party]:
    found = [party]
    while len(found) < _MAX_LEVELS:
        above = inquiry.papers.name(party.kind, found[0].id).parent
        if not above or any(above == each.id for each in found):
            break
        found.insert(0, Party(party.kind, above))
    return found


def _name(inquiry: Inquiry, party: Party) -> str:
    return inquiry.papers.name(party.kind, party.id).name if party.id else inquiry.words("Not Specified")


def _row(
    inquiry: Inquiry,
    party: Party,
    own: Mapping[Party, Sequence[int]],
    below: Mapping[Party, list[Party]],
    width: int,
    *,
    shown: bool,
) -> Node:
    name = _name(inquiry, party)
    head = Cell(name, party.id) if party.id else Cell(name)
    cells = [head, *figures(inquiry, own.get(party, [0] * width), shown=shown)]
    if party not in below:
        return data(cells, typed=inquiry.modern)
    rows = [_row(inquiry, each, own, below, width, shown=shown) for each in below[party]]
    whole = added([own[each] for each in _all_below(party, below) if each in own], width)
    return section(cells, rows, [Cell(inquiry.words("Total {}", name)), *figures(inquiry, whole, shown=True)])


def _all_below(party: Party, below: Mapping[Party, list[Party]]) -> list[Party]:
    return [party, *(deep for each in below.get(party, ()) for deep in _all_below(each, below))]
