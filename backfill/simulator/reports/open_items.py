"""What each customer and vendor owes or is owed as of a day, document by document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import NamedTuple

from backfill.simulator.books.daybook import Origin
from backfill.simulator.books.entries import Party
from backfill.simulator.books.ordered import Posted
from backfill.simulator.reports.inquiry import Inquiry
from backfill.simulator.reports.papers import Paper


class Side(NamedTuple):
    """One of the two: whose debts, on accounts of which type, and the sign they are shown with."""

    party: str
    kind: str
    sign: int
    paying: str


RECEIVABLE = Side("Customer", "Accounts Receivable", 1, "Payment")
PAYABLE = Side("Vendor", "Accounts Payable", -1, "BillPayment")


class OpenItem(NamedTuple):
    """A document, or an unapplied part of a payment, that is not settled in full. Cents of home currency, as shown."""

    posted: Posted
    paper: Paper
    party: Party
    due: str
    cents: int
    open: int


def open_items(inquiry: Inquiry, side: Side, as_of: date) -> list[OpenItem]:
    """All that is open at the end of the day. What is open comes to the balance of the accounts, to the cent.

    A payment takes from what it settles; the rest of it, and what it settles of a later day, is open itself. In the
    order of their days.
    """
    accounts = inquiry.chart.of_kinds((side.kind,))
    found: dict[tuple[Origin, Party], OpenItem] = {}
    for posted in _postings(inquiry, accounts, as_of.isoformat()):
        origin = _settled(inquiry, posted, side, as_of.isoformat()) or Origin(posted.entity, posted.id)
        key = (origin, posted.posting.party)
        cents = side.sign * posted.posting.cents
        is_own = origin == (posted.entity, posted.id)
        item = found.get(key)
        if item is None:
            paper = inquiry.papers.paper(*origin)
            item = OpenItem(_named(posted, origin, paper), paper, posted.posting.party, paper.due, 0, 0)
        found[key] = item._replace(cents=item.cents + cents * is_own, open=item.open + cents)
    items = [item for item in found.values() if item.open and _is_asked(inquiry, item)]
    return sorted(items, key=lambda item: (item.posted.day, item.posted.number))


def _postings(inquiry: Inquiry, accounts: frozenset[str], end: str) -> Iterator[Posted]:
    for account in sorted(accounts):
        for posted in inquiry.daybook.postings(end=end, account=account):
            if _is_of(inquiry, posted):
                yield posted


def _is_of(inquiry: Inquiry, posted: Posted) -> bool:
    """Whether the filter by names admits it. Others are for whole documents: see `_is_asked`."""
    wanted = inquiry.asked.ids.get(posted.posting.party.kind.lower())
    return wanted is None or posted.posting.party.id in wanted


def _is_asked(inquiry: Inquiry, item: OpenItem) -> bool:
    asked = inquiry.asked
    due = item.due or item.posted.day
    if asked.past_due is not None and (asked.span.end - date.fromisoformat(due)).days < asked.past_due:
        return False
    return not asked.is_filtered or inquiry.admits(item.posted)


def _settled(inquiry: Inquiry, posted: Posted, side: Side, as_of: str) -> Origin | None:
    """What a payment's posting settles, if it is there by the day."""
    if posted.entity != side.paying or posted.posting.line < 0:
        return None
    for part in inquiry.papers.paper(posted.entity, posted.id).settles:
        if part.line == posted.posting.line:
            day = inquiry.papers.paper(part.entity, part.id).day
            return Origin(part.entity, part.id) if day and day <= as_of else None
    return None


def _named(posted: Posted, origin: Origin, paper: Paper) -> Posted:
    """The posting under the name of what it settles."""
    if origin == (posted.entity, posted.id):
        return posted
    return posted._replace(day=paper.day, number=int(origin.id), entity=origin.entity, id=origin.id)


def by_party(items: list[OpenItem], number: Callable[[OpenItem], int], width: int) -> dict[Party, list[int]]:
    """Party to what is open, in the column that `number` says, and the total in the last one."""
    sums: dict[Party, list[int]] = {}
    for item in items:
        row = sums.setdefault(item.party, [0] * width)
        if width > 1:
            row[number(item)] += item.open
        row[-1] += item.open
    return sums
