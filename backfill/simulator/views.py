"""Rows in an order, of which each is made when it is looked at."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, Protocol, overload

from backfill.simulator.stored import StoredObject

Sorting = Literal["stored", "created", "updated", "named"]
"""By insertion, where an edit does not move a row; ascending by CreateTime, by LastUpdatedTime, by the list's name."""


class Listing(NamedTuple):
    """Which rows of a table, in which order."""

    by: Sorting
    active: bool | None = None
    """Only those that are, or are not; None: both."""

    def has(self, row: StoredObject) -> bool:
        """Whether the row is one of those."""
        return self.active is None or row.active is self.active


class Rows(Protocol):
    """A source of rows in one order."""

    def __len__(self) -> int: ...

    def at(self, index: int) -> StoredObject: ...

    def run(self, start: int, stop: int) -> Iterator[StoredObject]:
        """The rows from `start` to before `stop`: cheaper than one by one."""
        ...


class View(Sequence[StoredObject]):
    """A stretch of a source as a sequence; a slice of it is another one, and makes no row."""

    __slots__ = ("_rows", "_span")

    def __init__(self, rows: Rows, span: range | None = None) -> None:
        self._rows = rows
        self._span = range(len(rows)) if span is None else span

    def __len__(self) -> int:
        return len(self._span)

    @overload
    def __getitem__(self, index: int) -> StoredObject: ...

    @overload
    def __getitem__(self, index: slice) -> View: ...

    def __getitem__(self, index: int | slice) -> StoredObject | View:
        if isinstance(index, slice):
            return View(self._rows, self._span[index])
        return self._rows.at(self._span[index])

    def __iter__(self) -> Iterator[StoredObject]:
        if self._span.step == 1:
            return self._rows.run(self._span.start, self._span.stop)
        return map(self._rows.at, self._span)


class Listed:
    """Rows that are there as a list."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Sequence[StoredObject]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def at(self, index: int) -> StoredObject:
        return self._rows[index]

    def run(self, start: int, stop: int) -> Iterator[StoredObject]:
        return iter(self._rows[start:stop])


class Later(NamedTuple):
    """What takes rows out of a source, and what comes in between: all sorted, and made once for many questions."""

    gaps: list[int]
    """For each row that is out, in order: how many of those before it are still in."""
    spots: list[int]
    """The index of each row that comes in, in the order that results."""
    rows: list[StoredObject]
    """Those rows."""

    @classmethod
    def of(cls, out: Sequence[int], rows: list[StoredObject], places: Sequence[int]) -> Later:
        """`out`: sorted indexes in the source; `places`: before which of its indexes each of the rows comes, sorted."""
        spots = [place - bisect_left(out, place) + number for number, place in enumerate(places)]
        return cls([index - number for number, index in enumerate(out)], spots, rows)


class Changed:
    """A source with later changes in it."""

    __slots__ = ("_later", "_source")

    def __init__(self, source: Rows, later: Later) -> None:
        self._source = source
        self._later = later

    def __len__(self) -> int:
        return len(self._source) - len(self._later.gaps) + len(self._later.rows)

    def at(self, index: int) -> StoredObject:
        number = bisect_left(self._later.spots, index)
        if number < len(self._later.spots) and self._later.spots[number] == index:
            return self._later.rows[number]
        kept = index - number
        return self._source.at(kept + bisect_right(self._later.gaps, kept))

    def run(self, start: int, stop: int) -> Iterator[StoredObject]:
        spots, index = self._later.spots, start
        number = bisect_left(spots, start)
        while index < stop:
            end = min(stop, spots[number]) if number < len(spots) else stop
            yield from self._kept(index - number, end - number)
            if end < stop:
                yield self._later.rows[number]
                number, end = number + 1, end + 1
            index = end

    def _kept(self, start: int, stop: int) -> Iterator[StoredObject]:
        """The rows of the source that are still in, from the `start`-th of them to before the `stop`-th."""
        gaps, gone = self._later.gaps, bisect_right(self._later.gaps, start)
        while start < stop:
            end = min(stop, gaps[gone]) if gone < len(gaps) else stop
            yield from self._source.run(start + gone, end + gone)
            start = end
            while gone < len(gaps) and gaps[gone] == start:
                gone += 1
