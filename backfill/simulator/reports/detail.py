"""The table of a report that lists postings: its columns, its rows, its totals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from backfill.simulator.reports.inquiry import Inquiry
from backfill.simulator.reports.keys import BALANCES, HOME, KEYS, NO_KEY, Entry, Key
from backfill.simulator.reports.nodes import EMPTY, Cell, Column, column

_NUMBERS = frozenset({"account_num", "acct_num_with_extn"})


class Table:
    """The columns of one report of postings: those asked for, or its own."""

    def __init__(self, inquiry: Inquiry, default: Sequence[str]) -> None:
        self._inquiry = inquiry
        keys = inquiry.asked.columns
        if not keys:
            keys = tuple(HOME.get(key, key) if inquiry.company.multicurrency else key for key in default)
        self.keys: tuple[str, ...] = keys
        # A number of an account comes with its name alone; a key that is none is an empty column and no fault.
        named = "account_name" in keys
        self._shown = [KEYS.get(key, NO_KEY) if named or key not in _NUMBERS else NO_KEY for key in keys]
        self._shows = [key.show for key in self._shown]
        self._blank = [EMPTY] * self.width
        self._left = inquiry.settings.cells // self.width
        """Rows that may be shown at all: the report is cut after them, and what is cut need not be made."""

    @property
    def width(self) -> int:
        """How many cells a row has."""
        return len(self._shown)

    def columns(self) -> list[Column]:
        """Their heads: the key is the type; the modernised service names it a second time."""
        return [
            column(
                self._inquiry.words(shown.title) if shown.title else "",
                key,
                **({"ColKey": key} if self._inquiry.modern else {}),
            )
            for key, shown in zip(self.keys, self._shown, strict=True)
        ]

    def row(self, entry: Entry) -> list[Cell]:
        """The cells of one row."""
        self._left -= 1
        if self._left < 0:
            return self._blank
        inquiry = self._inquiry
        return [show(inquiry, entry) for show in self._shows]

    def titled(self, first: Cell) -> list[Cell]:
        """The cells of a heading."""
        return [first, *[EMPTY] * (self.width - 1)]

    def standing(self, first: Cell, cents: int) -> list[Cell]:
        """The cells of a row that says what has been before: in the column of the balance."""
        shown = self._inquiry.cell(cents, shown=True)
        return self._filled(first, lambda key: shown if key in BALANCES else EMPTY)

    def total(self, first: Cell, entries: Sequence[Entry]) -> list[Cell]:
        """The cells of a total: what can be added up is; all are empty where there are no entries."""

        def summed(key: Key) -> Cell:
            if key.figure is None or not entries:
                return EMPTY
            return self._inquiry.cell(sum(map(key.figure, entries)), shown=True)

        return self._filled(first, summed)

    def sorted(self, entries: list[Entry]) -> list[Entry]:
        """As `sort_by` and `sort_order` say; as they come, where nothing is said."""
        asked = self._inquiry.asked
        key = KEYS.get(asked.sort_by)
        if key is not None:
            entries = sorted(entries, key=lambda entry: _value(key, self._inquiry, entry))
        return entries[::-1] if asked.descending else entries

    def _filled(self, first: Cell, cell_of: Callable[[Key], Cell]) -> list[Cell]:
        cells = [cell_of(key) for key in self._shown]
        if not cells[0].value:
            cells[0] = first
        return cells


def with_balances(entries: Sequence[Entry], opening: int = 0) -> list[Entry]:
    """The entries, each with what they have come to by then."""
    balance, found = opening, []
    for entry in entries:
        balance += entry.cents
        found.append(entry._replace(balance=balance))
    return found


def _value(key: Key, inquiry: Inquiry, entry: Entry) -> tuple[int, str]:
    """What a row is sorted by: cents where the key has them, else its text."""
    return (key.figure(entry), "") if key.figure else (0, key.show(inquiry, entry).value.casefold())
