"""CashFlow by the indirect method: from what was earned to what it did to cash."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from operator import neg

from backfill.simulator.books.roles import UNDEPOSITED
from backfill.simulator.reports.accounts import Sums, account_rows, added, block, figures
from backfill.simulator.reports.inquiry import Inquiry
from backfill.simulator.reports.layout import Layout
from backfill.simulator.reports.nodes import Cell, Draft, Node, data, total

_OPERATING = (
    "Accounts Receivable", "Other Current Asset", "Accounts Payable", "Credit Card", "Other Current Liability",
)  # fmt: skip
_INVESTING = ("Fixed Asset", "Other Asset")
_FINANCING = ("Long Term Liability", "Equity")
_ADJUSTMENTS = "Adjustments to reconcile Net Income to Net Cash provided by operations:"


def cash_flow(inquiry: Inquiry) -> Draft:
    """Cash is what is in the banks, and what waits undeposited, as in QuickBooks' sample company."""
    asked, chart = inquiry.asked, inquiry.chart
    cash = chart.of_kinds(("Bank",)) | chart.of_detail(UNDEPOSITED)
    postings = list(inquiry.unsorted(start=asked.start, end=asked.end))
    layout = Layout(inquiry, postings)
    moved = layout.sums(postings, lambda posted: posted.posting.account)
    others = {key: row for key, row in moved.items() if key not in cash}
    change = added([row for key, row in moved.items() if key in cash], layout.width)
    opening = _opening(inquiry, layout, cash, change)
    body = list(_body(inquiry, others, change, opening))
    return Draft(layout.columns(), body, bool(postings))


def _opening(inquiry: Inquiry, layout: Layout, cash: frozenset[str], change: Sequence[int]) -> list[int]:
    """The cash that each column begins with."""
    start = inquiry.asked.span.start
    found = [0] * layout.width
    if start is not None:
        until = (start - timedelta(days=1)).isoformat()
        for posted in inquiry.unsorted(end=until):
            if posted.posting.account in cash:
                found[-1] += posted.posting.cents
                if not layout.is_of_time and (place := layout.place(posted)) >= 0:
                    found[place] += posted.posting.cents
    if layout.is_of_time:
        found[0] = found[-1]
        for number in range(1, layout.width - 1):
            found[number] = found[number - 1] + change[number - 1]
    return found


def _body(inquiry: Inquiry, others: Sums, change: Sequence[int], opening: Sequence[int]) -> Iterator[Node]:
    words, width, chart = inquiry.words, len(change), inquiry.chart
    earned = [-cents for cents in added([row for key, row in others.items() if chart.results[key]], width)]
    income = data([Cell(words("Net Income")), *figures(inquiry, earned, shown=True)], "NetIncome")
    adjusted, adjustments = _moved(inquiry, others, _OPERATING, width)
    operating: list[Node] = [income]
    if adjustments:
        operating.append(block(inquiry, _ADJUSTMENTS, adjustments, adjusted, "OperatingAdjustments"))
    yield block(
        inquiry,
        "OPERATING ACTIVITIES",
        operating,
        added([earned, adjusted], width),
        "OperatingActivities",
        total="Net cash provided by operating activities",
    )
    for title, kinds, group, name in (
        ("INVESTING ACTIVITIES", _INVESTING, "InvestingActivities", "Net cash provided by investing activities"),
        ("FINANCING ACTIVITIES", _FINANCING, "FinancingActivities", "Net cash provided by financing activities"),
    ):
        cents, rows = _moved(inquiry, others, kinds, width)
        if rows:
            yield block(inquiry, title, rows, cents, group, total=name)
    yield total([Cell(words("Net cash increase for period")), *figures(inquiry, change, shown=True)], "CashIncrease")
    yield data([Cell(words("Cash at beginning of period")), *figures(inquiry, opening, shown=True)], "BeginningCash")
    closing = added([opening, change], width)
    yield total([Cell(words("Cash at end of period")), *figures(inquiry, closing, shown=True)], "EndingCash")


def _moved(inquiry: Inquiry, others: Sums, kinds: Sequence[str], width: int) -> tuple[list[int], list[Node]]:
    """What the accounts of these types did to cash: a debit took it."""
    sums = {key: row for key, row in others.items() if inquiry.chart.account(key).kind in kinds}
    return list(map(neg, added(sums.values(), width))), account_rows(inquiry, sums, kinds, sign=-1)
