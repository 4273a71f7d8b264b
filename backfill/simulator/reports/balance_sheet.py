"""BalanceSheet: what there is, what is owed, and what is the owners', at the end of each column's days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from backfill.simulator.books.ordered import Posted
from backfill.simulator.reports.accounts import Sums, account_rows, added, block, figures
from backfill.simulator.reports.chart import RETAINED
from backfill.simulator.reports.dates import year_begin
from backfill.simulator.reports.inquiry import Inquiry
from backfill.simulator.reports.layout import Layout
from backfill.simulator.reports.nodes import Cell, Draft, Node, data
from backfill.simulator.reports.running import Running


class _Part(NamedTuple):
    """A section: its title and group, and the account types or the sections in it; `sign` as its amounts are shown."""

    title: str
    group: str
    sign: int
    kinds: tuple[str, ...] = ()
    parts: tuple[_Part, ...] = ()
    total: str = "Total {}"


_ASSETS = _Part(
    "ASSETS",
    "TotalAssets",
    1,
    parts=(
        _Part(
            "Current Assets",
            "CurrentAssets",
            1,
            parts=(
                _Part("Bank Accounts", "BankAccounts", 1, ("Bank",)),
                _Part("Accounts Receivable", "AR", 1, ("Accounts Receivable",)),
                _Part("Other current assets", "OtherCurrentAssets", 1, ("Other Current Asset",)),
            ),
        ),
        _Part("Fixed Assets", "FixedAssets", 1, ("Fixed Asset",)),
        _Part("Other Assets", "OtherAssets", 1, ("Other Asset",)),
    ),
    total="TOTAL {}",
)
_CLAIMS = _Part(
    "LIABILITIES AND EQUITY",
    "TotalLiabilitiesAndEquity",
    -1,
    parts=(
        _Part(
            "Liabilities",
            "Liabilities",
            -1,
            parts=(
                _Part(
                    "Current Liabilities",
                    "CurrentLiabilities",
                    -1,
                    parts=(
                        _Part("Accounts Payable", "AP", -1, ("Accounts Payable",)),
                        _Part("Credit Cards", "CreditCards", -1, ("Credit Card",)),
                        _Part("Other Current Liabilities", "OtherCurrentLiabilities", -1, ("Other Current Liability",)),
                    ),
                ),
                _Part("Long-Term Liabilities", "LongTermLiabilities", -1, ("Long Term Liability",)),
            ),
        ),
        _Part("Equity", "Equity", -1, ("Equity",)),
    ),
    total="TOTAL {}",
)


def balance_sheet(inquiry: Inquiry) -> Draft:
    """All balances at the end of the span, or of each of its parts: cumulative, whatever the span's beginning.

    Results of earlier fiscal years are in retained earnings, that of the running year is in a row of its own.
    """
    postings = list(inquiry.unsorted(end=inquiry.asked.end))
    layout = Layout(inquiry, postings, as_of=True)
    chart = inquiry.chart
    standing = [posted for posted in postings if not chart.results[posted.posting.account]]
    results = [posted for posted in postings if chart.results[posted.posting.account]]
    sums = layout.sums(standing, lambda posted: posted.posting.account)
    retained, running = _results(inquiry, layout, results)
    key = chart.key(RETAINED)
    sums[key] = added([sums.get(key, []), retained], layout.width)
    body = [node for part in (_ASSETS, _CLAIMS) for node in _part(inquiry, part, sums, running)]
    return Draft(layout.columns(), body, bool(postings), options=(("AccountingStandard", "GAAP"),))


def _results(inquiry: Inquiry, layout: Layout, results: Sequence[Posted]) -> tuple[list[int], list[int]]:
    """For each column, the results of all fiscal years before that of its end, and of that year until its end."""
    by_column: dict[int, list[tuple[str, int]]] = defaultdict(list)
    everything = -1
    for posted in results:
        entry = (posted.day, posted.posting.cents)
        by_column[everything].append(entry)
        if not layout.is_of_time and (place := layout.place(posted)) != everything:
            by_column[place].append(entry)
    whole = {place: Running(entries) for place, entries in by_column.items()}
    retained, running = [], []
    for number, end in enumerate(layout.ends):
        is_whole = layout.is_of_time or (layout.has_total and number == layout.width - 1)
        sums = whole.get(everything if is_whole else number, Running([]))
        begin = year_begin(end, inquiry.asked.first_month)
        before = sums.until((begin - timedelta(days=1)).isoformat())
        retained.append(before)
        running.append(sums.until(end.isoformat()) - before)
    return retained, running


def _part(inquiry: Inquiry, part: _Part, sums: Sums, running: Sequence[int]) -> list[Node]:
    """The section, or nothing where nothing is in it."""
    rows: list[Node] = [node for inner in part.parts for node in _part(inquiry, inner, sums, running)]
    if part.kinds:
        rows = account_rows(inquiry, sums, part.kinds, sign=part.sign)
    if part.group == "Equity":
        shown = [cents * part.sign for cents in running]
        rows.append(data([Cell(inquiry.words("Net Income")), *figures(inquiry, shown, shown=True)], "NetIncome"))
    if not rows:
        return []
    cents = [amount * part.sign for amount in _total(inquiry, part, sums, running)]
    return [block(inquiry, part.title, rows, cents, part.group, total=part.total)]


def _total(inquiry: Inquiry, part: _Part, sums: Mapping[str, Sequence[int]], running: Sequence[int]) -> list[int]:
    rows = [row for key, row in sums.items() if inquiry.chart.account(key).kind in part.kinds]
    rows += [_total(inquiry, inner, sums, running) for inner in part.parts]
    if part.group == "Equity":
        rows.append(running)
    return added(rows, len(running))
