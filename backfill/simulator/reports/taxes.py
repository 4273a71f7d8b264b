"""TaxSummary, and Australia's BAS: tax on what was sold and what was bought, by rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from backfill.simulator.books.sheet import in_home
from backfill.simulator.reports.inquiry import Inquiry
from backfill.simulator.reports.nodes import Cell, Draft, Node, column, data, section, total

_SOLD = {"Invoice": 1, "SalesReceipt": 1, "CreditMemo": -1, "RefundReceipt": -1}
_BOUGHT = {"Bill": 1, "Purchase": 1, "VendorCredit": -1}


class _Sums(NamedTuple):
    """Cents of home currency: net and tax of sales, net and tax of purchases."""

    sold: int = 0
    on_sales: int = 0
    bought: int = 0
    on_purchases: int = 0

    def plus(self, other: _Sums) -> _Sums:
        return _Sums(*(left + right for left, right in zip(self, other, strict=True)))

    @property
    def owed(self) -> int:
        return self.on_sales - self.on_purchases


def tax_summary(inquiry: Inquiry) -> Draft:
    """Agency by agency, rate by rate: what was taxed, the tax, and what is owed of it."""
    words = inquiry.words
    titles = (
        ("Net sales", "net_sales"),
        ("Tax on sales", "tax_on_sales"),
        ("Net purchases", "net_purchases"),
        ("Tax on purchases", "tax_on_purchases"),
        ("Tax owed", "tax_owed"),
    )
    columns = [column("", "String", ColKey="tax")]
    columns += [column(words(title), "Money", ColKey=key) for title, key in titles]
    rates = _by_rate(inquiry)
    agencies: dict[str, list[str]] = {}
    for rate in sorted(rates):
        agencies.setdefault(inquiry.papers.name("TaxRate", rate).extra, []).append(rate)
    rows = [_agency(inquiry, agency, agencies[agency], rates) for agency in sorted(agencies)]
    if rows:
        rows.append(total([Cell(words("TOTAL")), *_cells(inquiry, _added(rates.values()))], "GrandTotal"))
    return Draft(columns, rows, bool(rows))


def _agency(inquiry: Inquiry, agency: str, members: list[str], rates: dict[str, _Sums]) -> Node:
    name = inquiry.papers.name("TaxAgency", agency).name or inquiry.words("Not Specified")
    rows: list[Node] = []
    for rate in members:
        named = inquiry.papers.name("TaxRate", rate)
        shown = f"{named.name} ({named.percent}%)" if named.percent else named.name
        rows.append(data([Cell(shown, rate), *_cells(inquiry, rates[rate])]))
    head = [Cell(name, agency) if agency else Cell(name), *[Cell("")] * 5]
    summary = [Cell(inquiry.words("Total for {}", name)), *_cells(inquiry, _added(rates[rate] for rate in members))]
    return section(head, rows, summary)


def _cells(inquiry: Inquiry, sums: _Sums) -> list[Cell]:
    return [inquiry.cell(cents, shown=True) for cents in (*sums, sums.owed)]


def _added(parts: Iterable[_Sums]) -> _Sums:
    found = _Sums()
    for part in parts:
        found = found.plus(part)
    return found


def _by_rate(inquiry: Inquiry) -> dict[str, _Sums]:
    found: dict[str, _Sums] = {}
    for rate, sums in _parts(inquiry):
        found[rate] = found.get(rate, _Sums()).plus(sums)
    return found


def _parts(inquiry: Inquiry) -> Iterator[tuple[str, _Sums]]:
    """What each document of the span has of each rate. Tax counts on the document's day, on both bases."""
    for entity, sign in (_SOLD | _BOUGHT).items():
        for row in inquiry.company.table(entity).all():
            paper = inquiry.papers.paper(entity, row.id)
            if not inquiry.asked.start <= paper.day <= inquiry.asked.end:
                continue
            for part in paper.tax:
                rate = Decimal(paper.rate)
                net, tax = sign * in_home(part.taxable, rate), sign * in_home(part.cents, rate)
                yield part.rate, _Sums(net, tax) if entity in _SOLD else _Sums(0, 0, net, tax)


def bas(inquiry: Inquiry) -> Draft:
    """The labels of the activity statement that concern goods and services tax."""
    words = inquiry.words
    sums = _added(_by_rate(inquiry).values())
    lines = (
        ("G1", "Total sales", sums.sold + sums.on_sales),
        ("1A", "GST on sales", sums.on_sales),
        ("G11", "Non-capital purchases", sums.bought + sums.on_purchases),
        ("1B", "GST on purchases", sums.on_purchases),
    )
    rows: list[Node] = [
        data([Cell(f"{label} {words(title)}", label), inquiry.cell(cents, shown=True)], label)
        for label, title, cents in lines
    ]
    rows.append(total([Cell(words("TOTAL")), inquiry.cell(sums.owed, shown=True)], "GrandTotal"))
    columns = [column("", "String", ColKey="label"), column(words("Amount"), "Money", ColKey="amount")]
    return Draft(columns, rows, bool(any(sums)))
