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


class _Settled(NamedTuple):
    """A part of a document that is settled, in cents of its currency."""

    day: str
    amount: int


class CashBook(Ordered[Origin]):
    """The postings on the cash basis, as they follow from one daybook. Of a company's accounts it wants the types."""

    def __init__(self, daybook: Daybook) -> None:
        super().__init__()
        self._daybook = daybook
        self._days: dict[Origin, str] = {}
        self._made_of: dict[Origin, tuple[object, ...]] = {}
        """What each origin's postings were made of, to make again only those that would come out otherwise."""

    def follow(self, chart: Chart, papers: Papers) -> None:
        """Take in what has changed in the daybook."""
        booked = self._daybook.booked
        self._days = {origin: entry.day for origin, entry in booked.items()}
        settled = self._settled(papers)
        seen: dict[Origin, tuple[object, ...]] = {}
        for origin, entry in booked.items():
            if origin.entity in _CONTROL:
                parts = settled.get(origin, ())
                seen[origin] = (entry, tuple(parts))
                if self._is_new(origin, seen):
                    self.put(origin, _placed(entry, self._deferred(entry, parts, chart)))
            elif origin.entity in _PAYING:
                settles, unapplied = papers.paper(*origin).settles, chart.key(_PAYING[origin.entity])
                days = tuple(self._days.get(Origin(part.entity, part.id), "") for part in settles)
                seen[origin] = (entry, settles, days, unapplied)
                if self._is_new(origin, seen):
                    self.put(origin, _placed(entry, self._paying(entry, settles, chart)))
            else:
                self._copy(origin, self._daybook.of_transaction(*origin), seen)
        for origin, rows in self._daybook.of_stock():
            self._copy(origin, rows, seen)
        for origin in self._made_of.keys() - seen.keys():
            self.put(origin, ())
        self._made_of = seen

    def _is_new(self, origin: Origin, seen: dict[Origin, tuple[object, ...]]) -> bool:
        return self._made_of.get(origin) != seen[origin]

    def _copy(self, origin: Origin, rows: Sequence[Posted], seen: dict[Origin, tuple[object, ...]]) -> None:
        """What is the same on both bases."""
        seen[origin] = (rows,)
        if self._is_new(origin, seen):
            self.put(origin, rows)

    def _settled(self, papers: Papers) -> dict[Origin, list[_Settled]]:
        found: dict[Origin, list[_Settled]] = defaultdict(list)
        for origin, booked in self._daybook.booked.items():
            if origin.entity in _PAYING:
                for part in papers.paper(*origin).settles:
                    target = Origin(part.entity, part.id)
                    if target.entity in _CONTROL and target in self._days:
                        found[target].append(_Settled(max(booked.day, self._days[target]), part.cents))
        return found

    def _deferred(self, booked: Booked, settled: Sequence[_Settled], chart: Chart) -> Iterator[tuple[str, Posting]]:
        """A document that waits to be paid, as (day, posting)."""
        controls, result, others = _parted(booked, chart)
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

    def _paying(self, booked: Booked, settles: Sequence[Settling], chart: Chart) -> Iterator[tuple[str, Posting]]:
        """A payment: what it settles later, or not at all, is income or expense of its own meanwhile."""
        kind = "Accounts Receivable" if booked.entity == "Payment" else "Accounts Payable"
        unapplied = chart.key(_PAYING[booked.entity])
        targets = {part.line: Origin(part.entity, part.id) for part in settles}
        for posting in booked.effects.postings:
            target = targets.get(posting.line)
            if chart.account(posting.account).kind != kind:
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


def _parted(booked: Booked, chart: Chart) -> tuple[list[Posting], list[Posting], list[Posting]]:
    """Its postings: what it is owed on, those of the profit and loss, the others of the balance sheet."""
    controls: list[Posting] = []
    result: list[Posting] = []
    others: list[Posting] = []
    for posting in booked.effects.postings:
        if posting.line < 0 and chart.account(posting.account).kind == _CONTROL[booked.entity]:
            controls.append(posting)
        elif chart.results[posting.account]:
            result.append(posting)
        else:
            others.append(posting)
    return controls, result, others


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
