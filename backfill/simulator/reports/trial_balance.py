"""TrialBalance, and its French form: every account's balance, on the side where it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from backfill.simulator.reports.accounts import nested
from backfill.simulator.reports.inquiry import Inquiry
from backfill.simulator.reports.nodes import Cell, Draft, Node, column, data, section, total


def trial_balance(inquiry: Inquiry) -> Draft:
    """Balances at the end of the span. Income and expenses are those of the fiscal year of that day."""
    end = inquiry.asked.span.end
    standing = inquiry.standing(end, end)
    words = inquiry.words
    columns = [
        column("", "Account", ColKey="account"),
        column(words("Debit"), "Money", ColKey="debit"),
        column(words("Credit"), "Money", ColKey="credit"),
    ]
    rows = list(_nested(inquiry, standing) if inquiry.modern else _flat(inquiry, standing))
    if standing:
        rows.append(total([Cell(words("TOTAL")), *_grand(inquiry, standing)], "GrandTotal"))
    return Draft(columns, rows, bool(standing))


def _grand(inquiry: Inquiry, standing: dict[str, int]) -> list[Cell]:
    debit = sum(max(0, cents) for cents in standing.values())
    credit = sum(max(0, -cents) for cents in standing.values())
    return [inquiry.cell(debit, shown=True), inquiry.cell(credit, shown=True)]


def _flat(inquiry: Inquiry, standing: dict[str, int]) -> Iterator[Node]:
    """One account after the other, under their full names."""
    for key in inquiry.chart.ordered(standing):
        account = inquiry.chart.account(key)
        yield data([_named(account.full_name, account.id), *_sides(inquiry, standing[key])], typed=False)


def _nested(inquiry: Inquiry, standing: dict[str, int]) -> Iterator[Node]:
    """Accounts below others in sections, as the modernised service has them everywhere."""
    below = nested(inquiry, standing)
    yield from (_row(inquiry, key, standing, below) for key in below.get("", ()))


def _row(inquiry: Inquiry, key: str, standing: dict[str, int], below: Mapping[str, list[str]]) -> Node:
    account = inquiry.chart.account(key)
    cells = [_named(account.name, account.id), *_sides(inquiry, standing.get(key, 0))]
    if key not in below:
        return data(cells)
    rows = [_row(inquiry, each, standing, below) for each in below[key]]
    debit, credit = _both(key, standing, below)
    summary = [Cell(inquiry.words("Total {}", account.name)), inquiry.cell(debit), inquiry.cell(credit)]
    return section(cells, rows, summary)


def _both(key: str, standing: dict[str, int], below: Mapping[str, list[str]]) -> tuple[int, int]:
    """What is on either side, of the account and all below it."""
    own = standing.get(key, 0)
    debit, credit = max(0, own), max(0, -own)
    for each in below.get(key, ()):
        more = _both(each, standing, below)
        debit, credit = debit + more[0], credit + more[1]
    return debit, credit


def _sides(inquiry: Inquiry, cents: int) -> list[Cell]:
    return [inquiry.cell(max(0, cents)), inquiry.cell(max(0, -cents))]


def _named(name: str, object_id: str) -> Cell:
    return Cell(name, object_id) if object_id else Cell(name)


def trial_balance_fr(inquiry: Inquiry) -> Draft:
    """The French balance: what was there before the span, what moved in it, and what there is at its end."""
    words, span, chart = inquiry.words, inquiry.asked.span, inquiry.chart
    before = inquiry.standing(span.start - timedelta(days=1), span.start) if span.start else {}
    moved: dict[str, tuple[int, int]] = {}
    for posted in inquiry.postings():
        cents = posted.posting.cents
        debit, credit = moved.get(posted.posting.account, (0, 0))
        moved[posted.posting.account] = (debit + max(0, cents), credit + max(0, -cents))
    columns = [
        column(words("Account number"), "account_num", ColKey="account_num"),
        column(words("Account"), "Account", ColKey="account"),
        *(
            column(words(f"{which} {side.lower()}"), "Money", ColKey=f"{which.lower()}_{side.lower()}")
            for which in ("Opening", "Period", "Closing")
            for side in ("Debit", "Credit")
        ),
    ]
    sums = [0] * 6
    rows: list[Node] = []
    for key in chart.ordered(before.keys() | moved.keys()):
        account = chart.account(key)
        opening, (debit, credit) = before.get(key, 0), moved.get(key, (0, 0))
        closing = opening + debit - credit
        figures = [max(0, opening), max(0, -opening), debit, credit, max(0, closing), max(0, -closing)]
        sums = [left + right for left, right in zip(sums, figures, strict=True)]
        rows.append(data([Cell(account.number), _named(account.full_name, account.id), *map(inquiry.cell, figures)]))
    if rows:
        rows.append(total([Cell(words("TOTAL")), Cell(""), *map(inquiry.cell, sums)], "GrandTotal"))
    return Draft(columns, rows, bool(rows))
