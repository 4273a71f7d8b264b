"""The books on the cash basis: income and expenses count when they are paid.

Made from what is posted on the accrual basis, transaction by transaction, as QuickBooks' help describes its own cash
basis:

- An invoice, bill or credit of either side counts when and as far as it is settled: each of its lines on accounts of
  the profit and loss by the same part. A settlement has the day of the payment, or of what it settles if that is
  later; what was paid down on an invoice counts on the invoice's own day.
- Its lines on accounts of the balance sheet (stock bought, sales tax) stay on its own day, against the receivable or
  payable: so those two need not be empty on the cash basis either.
- A payment that settles nothing yet is income, or an expense, by itself: "Unapplied Cash Payment Income", "Unapplied
  Cash Bill Payment Expense", until it does.
- All else, and the cost of what leaves the stock, is as on the accrual basis.

So every transaction stays balanced, and once all is settled both bases are the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from backfill.simulator.books.daybook import Daybook, Origin
from backfill.simulator.books.entries import Booked, Posting
from backfill.simulator.books.ordered import Ordered, Posted
from backfill.simulator.reports.chart import UNAPPLIED_EXPENSE, UNAPPLIED_INCOME, Chart
from backfill.simulator.reports.papers import Papers, Settling

_CONTROL = {
    "Invoice": "Accounts Receivable",
    "CreditMemo": "Accounts Receivable",
    "Bill": "Accounts Payable",
    "VendorCredit": "Accounts Payable",
}
"""What counts when it is settled, and the type of account that its total is owed on."""

_PAYING = {"Payment": UNAPPLIED_INCOME, "BillPayment": UNAPPLIED_EXPENSE}

_BY_STOCK = Origin("stock", "")


class _Settled(NamedTuple):
    """A part of a document that is settled, in cents of its currency."""

    day: str
    amount: int


class CashBook(Ordered[Origin]):
    """The postings on the cash basis, as they follow from the daybook as it is now."""

    def __init__(self, daybook: Daybook, chart: Chart, papers: Papers) -> None:
        super().__init__()
        self._chart = chart
        self._days = {Origin(booked.entity, booked.id): booked.day for booked in daybook.booked}
        settled = self._settled(daybook, papers)
        for booked in daybook.booked:
            origin = Origin(booked.entity, booked.id)
            rows: Sequence[Posted]
            if booked.entity in _CONTROL:
                rows = _placed(booked, self._deferred(booked, settled.get(origin, ())))
            elif booked.entity in _PAYING:
                rows = _placed(booked, self._paying(booked, papers.paper(booked.entity, booked.id).settles))
            else:
                rows = daybook.of_transaction(booked.entity, booked.id)
            self.put(origin, rows)
        self.put(_BY_STOCK, tuple(daybook.stock_postings()))

    def _settled(self, daybook: Daybook, papers: Papers) -> dict[Origin, list[_Settled]]:
        found: dict[Origin, list[_Settled]] = defaultdict(list)
        for booked in daybook.booked:
            if booked.entity in _PAYING:
                for part in papers.paper(booked.entity, booked.id).settles:
                    target = Origin(part.entity, part.id)
                    if target.entity in _CONTROL and target in self._days:
                        found[target].append(_Settled(max(booked.day, self._days[target]), part.cents))
        return found

    def _deferred(self, booked: Booked, settled: Sequence[_Settled]) -> Iterator[tuple[str, Posting]]:
        """A document that waits to be paid, as (day, posting)."""
        controls, result, others = self._parted(booked)
        down = sum(posting.amount for posting in others if booked.entity == "Invoice" and _paid_down(posting))
        total = abs(sum(posting.amount for posting in controls)) + down
        if not controls or not total:  # owed to nobody: paid in full at once, or worth nothing
            yield from ((booked.day, posting) for posting in booked.effects.postings)
            return
        control = controls[0]
        yield from ((booked.day, posting) for posting in others)
        yield from _against(booked.day, control, others)
        so_far = 0
        for day, amount in sorted([_Settled(booked.day, down), *settled]):
            until = min(total, so_far + amount)
            parts = [part for posting in result if (part := _part(posting, so_far, until, total))]
            yield from ((day, part) for part in parts)
            yield from _against(day, control, parts)
            so_far = until

    def _parted(self, booked: Booked) -> tuple[list[Posting], list[Posting], list[Posting]]:
        """Its postings: what it is owed on, those of the profit and loss, the others of the balance sheet."""
        controls: list[Posting] = []
        result: list[Posting] = []
        others: list[Posting] = []
        for posting in booked.effects.postings:
            if posting.line < 0 and self._chart.account(posting.account).kind == _CONTROL[booked.entity]:
                controls.append(posting)
            elif self._chart.results[posting.account]:
                result.append(posting)
            else:
                others.append(posting)
        return controls, result, others

    def _paying(self, booked: Booked, settles: Sequence[Settling]) -> Iterator[tuple[str, Posting]]:
        """A payment: what it settles later, or not at all, is income or expense of its own meanwhile."""
        kind = "Accounts Receivable" if booked.entity == "Payment" else "Accounts Payable"
        unapplied = self._chart.key(_PAYING[booked.entity])
        targets = {part.line: Origin(part.entity, part.id) for part in settles}
        for posting in booked.effects.postings:
            target = targets.get(posting.line)
            if self._chart.account(posting.account).kind != kind:
                yield booked.day, posting
            elif target is None:
                yield booked.day, msgspec.structs.replace(posting, account=unapplied)
            elif self._days.get(target, "") <= booked.day:
                yield booked.day, posting
            else:
                early = msgspec.structs.replace(posting, account=unapplied)
                yield booked.day, early
                yield self._days[target], msgspec.structs.replace(early, cents=-early.cents, amount=-early.amount)
                yield self._days[target], posting


def _paid_down(posting: Posting) -> bool:
    return posting.line < 0 and posting.amount > 0


def _part(posting: Posting, before: int, until: int, total: int) -> Posting | None:
    """What of the posting counts between two sums settled. Rounded as a whole, so that parts add up to it exactly."""
    cents = _share(posting.cents, until, total) - _share(posting.cents, before, total)
    amount = _share(posting.amount, until, total) - _share(posting.amount, before, total)
    return msgspec.structs.replace(posting, cents=cents, amount=amount) if cents or amount else None


def _share(amount: int, part: int, whole: int) -> int:
    return (2 * amount * part + whole) // (2 * whole)


def _against(day: str, control: Posting, postings: Sequence[Posting]) -> Iterator[tuple[str, Posting]]:
    """The other side of the postings, on the account that the document is owed on."""
    cents, amount = sum(posting.cents for posting in postings), sum(posting.amount for posting in postings)
    if cents or amount:
        yield day, msgspec.structs.replace(control, cents=-cents, amount=-amount)


def _placed(booked: Booked, postings: Iterator[tuple[str, Posting]]) -> tuple[Posted, ...]:
    number = int(booked.id)
    return tuple(
        Posted(day, number, booked.entity, place, booked.id, posting) for place, (day, posting) in enumerate(postings)
    )
