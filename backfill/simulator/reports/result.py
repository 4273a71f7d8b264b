"""ProfitAndLoss: what was earned and spent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import neg

from backfill.simulator.reports.accounts import Sums, account_rows, added, block, figures
from backfill.simulator.reports.inquiry import Inquiry
from backfill.simulator.reports.layout import Layout
from backfill.simulator.reports.nodes import Cell, Draft, Node, total

_INCOME, _COST = "Income", "Cost of Goods Sold"
_SPENT = "Expense"
_OTHER_INCOME, _OTHER_SPENT = "Other Income", "Other Expense"

SECTIONS = (
    (_INCOME, "Income", "Income"),
    (_COST, "Cost of Goods Sold", "COGS"),
    (_SPENT, "Expenses", "Expenses"),
    (_OTHER_INCOME, "Other Income", "OtherIncome"),
    (_OTHER_SPENT, "Other Expenses", "OtherExpenses"),
)
"""Account type, title, and group."""

ALWAYS = frozenset({"Income", "Expenses"})
"""Groups that are there even where nothing is in them."""

TOTALS = {
    "COGS": ("Gross Profit", "GrossProfit", (_INCOME, _COST)),
    "Expenses": ("Net Operating Income", "NetOperatingIncome", (_INCOME, _COST, _SPENT)),
    "OtherExpenses": ("Net Other Income", "NetOtherIncome", (_OTHER_INCOME, _OTHER_SPENT)),
}
"""After which group comes which total, and of which types of account it is."""

NET_INCOME = ("Net Income", "NetIncome")


def profit_and_loss(inquiry: Inquiry) -> Draft:
    """Income, cost of sales and expenses of the span, and what is left."""
    asked, results = inquiry.asked, inquiry.chart.results
    rows = [posted for posted in inquiry.unsorted(start=asked.start, end=asked.end) if results[posted.posting.account]]
    layout = Layout(inquiry, rows)
    sums = layout.sums(rows, lambda posted: posted.posting.account)
    body = list(_body(inquiry, sums, layout.width))
    return Draft(layout.columns(), body, bool(rows), options=(("AccountingStandard", "GAAP"),))


def _body(inquiry: Inquiry, sums: Sums, width: int) -> Iterator[Node]:
    by_kind = {
        kind: added([row for key, row in sums.items() if inquiry.chart.account(key).kind == kind], width)
        for kind, _, _ in SECTIONS
    }
    seen_other = False
    for kind, title, group in SECTIONS:
        rows = account_rows(inquiry, sums, (kind,)) if sums else []
        sign = 1 if kind in {_COST, _SPENT, _OTHER_SPENT} else -1
        if rows or group in ALWAYS:
            yield block(inquiry, title, rows, [cents * sign for cents in by_kind[kind]], group)
            seen_other |= group.startswith("Other")
        if group in TOTALS and (group != "OtherExpenses" or seen_other):
            name, key, kinds = TOTALS[group]
            yield result_line(inquiry, name, key, [by_kind[each] for each in kinds], width)
    yield result_line(inquiry, *NET_INCOME, list(by_kind.values()), width)


def result_line(inquiry: Inquiry, name: str, group: str, sums: Sequence[Sequence[int]], width: int) -> Node:
    """A total of what was earned less what was spent; `sums` are debit positive."""
    return total([Cell(inquiry.words(name)), *figures(inquiry, map(neg, added(sums, width)), shown=True)], group)
