"""Sales, income and expenses by customer, vendor, item, class and department."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import partial

from backfill.simulator.books.entries import NOBODY, UNIT, Party, Posting
from backfill.simulator.books.ordered import Posted
from backfill.simulator.reports.inquiry import Inquiry, amount
from backfill.simulator.reports.layout import Layout
from backfill.simulator.reports.nodes import EMPTY, Cell, Draft, Node, column, data, total
from backfill.simulator.reports.papers import counted, places
from backfill.simulator.reports.parties import party_rows

SALES = frozenset({"Invoice", "SalesReceipt", "CreditMemo", "RefundReceipt"})
_INCOME = frozenset({"Income", "Other Income"})
_SPENT = frozenset({"Cost of Goods Sold", "Expense", "Other Expense"})
_GIVEN_BACK = frozenset({"CreditMemo", "RefundReceipt"})

Owner = Callable[[Posting], Party]


def _customer(posting: Posting) -> Party:
    if posting.customer:
        return Party("Customer", posting.customer)
    return posting.party if posting.party.kind == "Customer" else NOBODY


def _vendor(posting: Posting) -> Party:
    return posting.party if posting.party.kind == "Vendor" else NOBODY


def _class(posting: Posting) -> Party:
    return Party("Class", posting.klass) if posting.klass else NOBODY


def _department(posting: Posting) -> Party:
    return Party("Department", posting.department) if posting.department else NOBODY


def _item(posting: Posting) -> Party:
    return Party("Item", posting.item) if posting.item else NOBODY


def _of_kinds(inquiry: Inquiry, kinds: frozenset[str]) -> Iterator[Posted]:
    for posted in inquiry.unsorted(start=inquiry.asked.start, end=inquiry.asked.end):
        if inquiry.chart.account(posted.posting.account).kind in kinds:
            yield posted


def _sold(inquiry: Inquiry) -> list[Posted]:
    return [posted for posted in _of_kinds(inquiry, _INCOME) if posted.entity in SALES]


def customer_income(inquiry: Inquiry) -> Draft:
    """What each customer brought in, what was spent for it (below 0), and what is left."""
    sums: dict[Party, list[int]] = {}
    for posted in _of_kinds(inquiry, _INCOME | _SPENT):
        earned = -posted.posting.cents
        row = sums.setdefault(_customer(posted.posting), [0, 0, 0])
        row[inquiry.chart.account(posted.posting.account).kind in _SPENT] += earned
        row[2] += earned
    rows = party_rows(inquiry, sums, shown=True)
    words = inquiry.words
    columns = [
        column("", "Customer"),
        column(words("Income"), "Money", ColKey="income"),
        column(words("Expenses"), "Money", ColKey="expenses"),
        column(words("Net Income"), "Money", ColKey="net_income"),
    ]
    return Draft(columns, rows, bool(rows))


def vendor_expenses(inquiry: Inquiry) -> Draft:
    """What was spent with each vendor."""
    return _summed(inquiry, list(_of_kinds(inquiry, _SPENT)), _vendor, "Vendor", 1)


def _summed(inquiry: Inquiry, postings: Sequence[Posted], owner: Owner, kind: str, sign: int) -> Draft:
    layout = Layout(inquiry, postings)
    by_key = layout.sums(postings, lambda posted: "\n".join(owner(posted.posting)))
    sums = {Party(*key.split("\n")): [sign * cents for cents in row] for key, row in by_key.items()}
    rows = party_rows(inquiry, sums)
    return Draft(layout.columns(kind, kind.lower()), rows, bool(rows))


def _sales(owner: Owner, kind: str, inquiry: Inquiry) -> Draft:
    return _summed(inquiry, _sold(inquiry), owner, kind, -1)


customer_sales = partial(_sales, _customer, "Customer")
class_sales = partial(_sales, _class, "Class")
department_sales = partial(_sales, _department, "Department")


def item_sales(inquiry: Inquiry) -> Draft:
    """What was sold of each item: how many, for how much, at which cost; by columns, for how much alone."""
    if inquiry.asked.by != "Total":
        return _sales(_item, "ProductsAndService", inquiry)
    words = inquiry.words
    titles = (
        ("Quantity", "Rate", "qty"),
        ("Amount", "Money", "amount"),
        ("% of Sales", "Rate", "percent_of_sales"),
        ("Avg Price", "Money", "avg_price"),
        ("COGS", "Money", "cogs"),
        ("Gross Margin", "Money", "gross_margin"),
        ("Gross Margin %", "Rate", "gross_margin_percent"),
    )
    columns = [column("", "ProductsAndService", ColKey="item")]
    columns += [column(words(title), kind, ColKey=key) for title, kind, key in titles]
    sold, counts, costs = _by_item(inquiry)
    everything = sum(sold.values())
    names = {key: inquiry.papers.name("Item", key).full_name or words("Not Specified") for key in sold}
    rows: list[Node] = [
        data(
            [
                Cell(names[key], key) if key else Cell(names[key]),
                *_figures(counts.get(key, 0), sold[key], costs.get(key, 0), everything),
            ],
            typed=inquiry.modern,
        )
        for key in sorted(sold, key=lambda key: (not key, names[key].casefold()))
    ]
    if rows:
        figures = _figures(sum(counts.values()), everything, sum(costs.values()), everything)
        rows.append(total([Cell(words("TOTAL")), *figures], "GrandTotal"))
    return Draft(columns, rows, bool(rows))


def _by_item(inquiry: Inquiry) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """Item to what it brought in (cents), how many were sold (millionths), and what they had cost (cents)."""
    sold: dict[str, int] = {}
    counts: dict[str, int] = {}
    costs: dict[str, int] = {}
    seen: set[tuple[str, str, int]] = set()
    for posted in _sold(inquiry):
        posting = posted.posting
        sold[posting.item] = sold.get(posting.item, 0) - posting.cents
        line = (posted.entity, posted.id, posting.line)
        lines = inquiry.papers.paper(posted.entity, posted.id).lines
        if posting.item and 0 <= posting.line < len(lines) and line not in seen:
            seen.add(line)  # on the cash basis a line may count in parts, and is sold once
            sign = -1 if posted.entity in _GIVEN_BACK else 1
            counts[posting.item] = counts.get(posting.item, 0) + sign * lines[posting.line].micros
    for posted in _of_kinds(inquiry, frozenset({"Cost of Goods Sold"})):
        if posted.entity in SALES:
            costs[posted.posting.item] = costs.get(posted.posting.item, 0) + posted.posting.cents
    return {key: sold.get(key, 0) for key in sold | costs}, counts, costs


def _figures(micros: int, cents: int, cost: int, everything: int) -> list[Cell]:
    price = Cell(amount(round(Decimal(cents) * UNIT / micros))) if micros else EMPTY
    margin = cents - cost
    return [
        Cell(counted(micros)),
        Cell(amount(cents)),
        Cell(_percent(cents, everything)),
        price,
        Cell(amount(cost)) if cost else EMPTY,
        Cell(amount(margin)),
        Cell(_percent(margin, cents)),
    ]


def _percent(part: int, whole: int) -> str:
    return places(round(Decimal(100 * part) / whole, 2)) if whole else ""
