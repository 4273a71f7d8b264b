"""How much of a report one answer holds: learned from what came and from what did not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from backfill.qbo.report_answers import CELLS_MAX
from backfill.report_model import HeldReport

_FILL = 0.8
"""How full an answer is meant to be: days differ, and one that runs over costs a call for nothing."""

_FIRST_GUESS_BYTES = 1024 * 1024
"""Of a report that nothing is known of. One of half the cap's cells takes ten times as much."""

_WHOLE_BEFORE_MORE = 8
"""Answers in a row that came whole before more is asked for again than has failed: it may have had bad luck."""

_LONGEST_DAYS = 366
"""Planned periods are no longer, so that a bound above it is none."""

_COPIES = 8
"""Measured at its peak: a ledger of 12.6 MB and 48,000 rows takes 92 MB, as bytes, as typed objects, and as rows."""


@dataclass(slots=True)
class Size:
    """What one report of one company takes, as far as it is known."""

    cells_a_day: float = 0.0
    fixed_cells: float = 0.0
    """What an answer has however short its period is: heads, totals, and what each account had before."""
    bytes_a_day: float = 0.0
    cells_max: int = CELLS_MAX
    """What one answer holds: less than is documented, if an answer was cut earlier."""
    days_max: int | None = None
    """The longest period that did not fail for its length, whatever its cells; None: none did."""
    largest: int = 0
    """Cells of the answers that came whole, until one was cut at fewer."""
    longest_days: int = 0
    """Of the answers that came whole, until one of no more days did not."""
    whole: int = 0
    """Answers that came whole since a bound was learned, or since more was dared."""
    whole_before_more: int = _WHOLE_BEFORE_MORE
    dared_from: tuple[int, int] | None = None
    """The bounds on cells and days that there were before more was asked for; None: no more is."""

    def days(self) -> int | None:
        """The most days to ask for at once; None: as many as are wanted."""
        by_cells = max(1, int(self._room_cells / self.cells_a_day)) if self.cells_a_day else None
        return min((days for days in (by_cells, self.days_max) if days is not None), default=None)

    @property
    def _room_cells(self) -> float:
        """What of an answer is for what happens within its period."""
        return max(1.0, (self.cells_max - self.fixed_cells) * _FILL)

    def room_bytes(self, days: int) -> int:
        """Memory to take before so many days are asked for."""
        return int(self.bytes_a_day * days or _FIRST_GUESS_BYTES) * _COPIES

    def came(self, days: int, *, cells: int, fixed_cells: int, body_bytes: int) -> None:
        """An answer came whole. The latest says most of the next: books grow; but a day of rest is not the end."""
        self.cells_a_day = max((cells - fixed_cells) / days, self.cells_a_day / 2)
        self.fixed_cells = fixed_cells
        self.bytes_a_day = body_bytes / days
        if self.dared_from is not None and (cells > self.dared_from[0] or days > self.dared_from[1]):
            self.dared_from, self.whole_before_more = None, _WHOLE_BEFORE_MORE  # what had failed was bad luck
        self.longest_days = max(self.longest_days, days)
        self.largest = max(self.largest, min(cells, CELLS_MAX))
        self.cells_max = max(self.cells_max, self.largest)
        self.whole += 1
        if self.whole >= self.whole_before_more and (self.cells_max < CELLS_MAX or self.days_max is not None):
            self._dare()

    def _dare(self) -> None:
        """Ask for twice as much as a bound allows."""
        longest = self.days_max or _LONGEST_DAYS
        self.whole, self.dared_from = 0, (self.cells_max, longest)
        self.cells_max = min(2 * self.cells_max, CELLS_MAX)
        self.days_max = 2 * longest if 2 * longest <= _LONGEST_DAYS else None

    def _learned(self) -> None:
        """Who dares and fails waits twice as long with the next try: a bound that is real costs few calls."""
        self.whole_before_more *= 2 if self.dared_from is not None else 1
        self.whole, self.dared_from = 0, None

    def was_cut(self, days: int, *, cells: int) -> None:
        """Intuit cut an answer after so many cells: the next is asked for half the days, whatever was thought.

        Where more cells came before it may be bad luck: then no cap is learned until the next such cut.
        """
        if cells < self.largest:
            self.largest = cells
            return
        self._learned()
        self.cells_max = max(1, min(self.cells_max, cells))
        self.cells_a_day = self._room_cells / max(1, days // 2)

    def failed(self, days: int) -> None:
        """The server gave up, or sent nothing of use: cells do not tell how much it can do.

        Where as many days came before it may be bad luck: then no bound is learned until the next such failure.
        """
        if days <= self.longest_days:
            self.longest_days = days // 2
        else:
            self._learned()
            self.days_max = max(1, days // 2)


def remembered(held: Iterable[HeldReport]) -> Size:
    """The size that the newest whole period which is held had.

    Where it is in parts, their length is what worked last time; else nothing but cells bounds its length.
    """
    parts = [one for one in held if not one.part.cut]
    if not parts:
        return Size()
    newest = max(one.part.period for one in parts)
    parts = [one for one in parts if one.part.period == newest]
    days = sum(one.part.dates.days for one in parts)
    size = Size(
        cells_a_day=sum(one.cells for one in parts) / days, bytes_a_day=sum(one.body_bytes for one in parts) / days
    )
    longest = max(one.part.dates.days for one in parts)
    allowed = size.days()
    if len(parts) > 1 and (allowed is None or allowed > 2 * longest):
        size.days_max = longest  # cells are not what it was cut for
    return size
