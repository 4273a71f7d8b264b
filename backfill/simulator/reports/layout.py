"""The columns of a summary: stretches of time, or whoever or whatever the amounts belong to, and the total."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from itertools import islice
from typing import NamedTuple

from backfill.simulator.books.entries import Posting
from backfill.simulator.books.ordered import Posted
from backfill.simulator.reports.asked import SUMMARIES
from backfill.simulator.reports.dates import Span, cut, title
from backfill.simulator.reports.inquiry import Inquiry
from backfill.simulator.reports.nodes import Column, column

COLUMNS_MOST = 5_000
"""More than the days of ten years: nobody gets so many before the time is up."""

DAYS_MOST = 100
"""Columns of days that the modernised service shows; the rest are one column, "Others"."""

_OWNERS: dict[str, tuple[str, str, Callable[[Posting], str]]] = {
    "Customers": ("Customer", "Customer", lambda posting: _party(posting, "Customer") or posting.customer),
    "Vendors": ("Vendor", "Vendor", lambda posting: _party(posting, "Vendor")),
    "Employees": ("Employee", "Employee", lambda posting: _party(posting, "Employee")),
    "Departments": ("Department", "Department", lambda posting: posting.department),
    "Classes": ("Class", "Class", lambda posting: posting.klass),
    "ProductsAndServices": ("Item", "ProductsAndService", lambda posting: posting.item),
}
"""`summarize_column_by` to the entity that its columns are, to its ColType, and to whom a posting belongs."""


class TooWideError(Exception):
    """The report would have too many columns to be made at all."""


class _Slot(NamedTuple):
    """One column of amounts: its title, its key, and the days it is about."""

    title: str
    key: str
    span: Span


class Layout:
    """The amount columns of one summary. Sums have one number for each, the total last where there is one.

    `as_of`: amounts are those that stand at a column's end, so that stretches of time have no total.
    """

    def __init__(self, inquiry: Inquiry, postings: Iterable[Posted], *, as_of: bool = False) -> None:
        self._inquiry = inquiry
        self._as_of = as_of
        asked = inquiry.asked
        self._owner = _OWNERS.get(asked.by)
        self._unit = SUMMARIES[asked.by]
        self._slots: list[_Slot] = []
        self._places: dict[str, int] = {}
        self._begins: list[str] = []
        if self._owner:
            self._lay_owners({self._owner[2](posted.posting) for posted in postings})
        elif self._unit:
            self._lay_time()
        self.has_total = not (as_of and self._unit)

    @property
    def is_of_time(self) -> bool:
        """Whether the columns are stretches of time."""
        return bool(self._unit)

    @property
    def width(self) -> int:
        """How many amounts a row has."""
        return len(self._slots) + self.has_total

    @property
    def ends(self) -> list[date]:
        """The last day of each column."""
        whole = self._inquiry.asked.span.end
        return [slot.span.end for slot in self._slots] + [whole] * self.has_total

    def place(self, posted: Posted) -> int:
        """The column of a posting; of the first one, where it is older than all. -1: none but the total."""
        if self._owner:
            return self._places.get(self._owner[2](posted.posting), -1)
        return max(0, bisect_right(self._begins, posted.day) - 1) if self._begins else -1

    def sums(self, postings: Iterable[Posted], key: Callable[[Posted], str]) -> dict[str, list[int]]:
        """Key to one sum for each column, in cents, debit positive; where `as_of`, of all up to its end."""
        width = self.width
        found: dict[str, list[int]] = defaultdict(lambda: [0] * width)
        slots = bool(self._slots)
        for posted in postings:
            row = found[key(posted)]
            cents = posted.posting.cents
            if slots:
                row[self.place(posted)] += cents
            if self.has_total:
                row[-1] += cents
        if self._as_of and self._unit:
            for row in found.values():
                for number in range(1, width):
                    row[number] += row[number - 1]
        return dict(found)

    def columns(self, kind: str = "Account", key: str = "account") -> list[Column]:
        """All columns: that of the names, which has `kind`, and those of the amounts."""
        return [column("", kind, ColKey=key), *self.amounts()]

    def amounts(self) -> Iterator[Column]:
        words = self._inquiry.words
        for slot in self._slots:
            days = {"StartDate": _day(slot.span.start), "EndDate": _day(slot.span.end)} if self._unit else {}
            yield column(slot.title, "Money", **days, ColKey=slot.key)
        if self.has_total:
            yield column(words("TOTAL") if self._slots else words("Total"), "Money", ColKey="total")

    def _lay_owners(self, keys: set[str]) -> None:
        assert self._owner
        entity = self._owner[0]
        named = sorted((self._inquiry.papers.name(entity, key).full_name.casefold(), key) for key in keys if key)
        for _, key in named:
            self._places[key] = len(self._slots)
            name = self._inquiry.papers.name(entity, key).full_name
            self._slots.append(_Slot(name or key, key, self._inquiry.asked.span))
        if "" in keys:
            self._places[""] = len(self._slots)
            self._slots.append(_Slot(self._inquiry.words("Not Specified"), "0", self._inquiry.asked.span))

    def _lay_time(self) -> None:
        asked, words = self._inquiry.asked, self._inquiry.words
        start = asked.span.start or self._inquiry.first_day()
        spans = list(islice(cut(Span(start, asked.span.end), self._unit, asked.first_month), COLUMNS_MOST + 1))
        shown = spans
        if self._unit == "Day" and self._inquiry.modern and len(spans) > DAYS_MOST:
            shown = spans[:DAYS_MOST]
        if len(shown) > COLUMNS_MOST:
            raise TooWideError
        for span in shown:
            text = title(span, self._unit, words.months)
            self._slots.append(_Slot(text, text, span))
        if len(shown) < len(spans):
            rest = Span(spans[len(shown)].start, asked.span.end)
            self._slots.append(_Slot(words("Others"), "others", rest))
        self._begins = [_day(slot.span.start) for slot in self._slots]


def _party(posting: Posting, kind: str) -> str:
    return posting.party.id if posting.party.kind == kind else ""


def _day(day: date | None) -> str:
    assert day is not None
    return day.isoformat()
