"""The copies of rows in the order of their names, which is how lists are answered that nobody asked to sort."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from heapq import merge
from typing import NamedTuple

from backfill.simulator.changes import DELETED_SUFFIX
from backfill.simulator.sown.layout import suffix
from backfill.simulator.sown.order import Place


class Name(NamedTuple):
    """A name of the core, in two parts: a copy has its number between them. Sorts byte by byte, as names do."""

    stem: bytes
    tail: bytes

    @classmethod
    def of(cls, name: str) -> Name:
        """The word that says a row is inactive stays at the end."""
        stem = name.removesuffix(DELETED_SUFFIX)
        return cls(stem.encode(), name[len(stem) :].encode())

    def in_copy(self, copy: int) -> bytes:
        return self.stem + suffix(copy).encode() + self.tail


class NameOrder:
    """All copies of the given rows by name: (row, its name, how many copies there are of it).

    The copies of one row come in an order that does not depend on the row, so that the whole is a merge of as many
    sorted runs as the core has rows. It is made as far as anybody has read, 8 bytes a row.
    """

    def __init__(self, rows: Iterable[tuple[int, Name, int]]) -> None:
        self._rows = list(rows)
        self._width = max((copies for _, _, copies in self._rows), default=1)
        self._length = sum(copies for _, _, copies in self._rows)
        self._runs = {(tail, copies): _run(tail, copies) for _, (_, tail), copies in self._rows}
        self._merged = merge(*(self._named(*row) for row in self._rows))
        self._found = array("q")

    def __len__(self) -> int:
        return self._length

    def place(self, index: int) -> Place:
        """What is at `index`, from 0."""
        return next(self.places(index, index + 1))

    def places(self, start: int, stop: int) -> Iterator[Place]:
        """What is from `start` to before `stop`, in order."""
        while len(self._found) < min(stop, self._length):
            named = next(self._merged)
            self._found.append(named.row * self._width + named.copy)
        for found in self._found[start:stop]:
            row, copy = divmod(found, self._width)
            yield Place(b"", row, copy)

    def rank(self, named: Place) -> int:
        """How many come before that place."""
        return sum(self._before(named, row, name, copies) for row, name, copies in self._rows)

    def _before(self, named: Place, row: int, name: Name, copies: int) -> int:
        run = self._runs[name.tail, copies]
        return bisect_left(run, named, key=lambda copy: Place(name.in_copy(copy), row, copy))

    def _named(self, row: int, name: Name, copies: int) -> Iterator[Place]:
        return (Place(name.in_copy(copy), row, copy) for copy in self._runs[name.tail, copies])


def _run(tail: bytes, copies: int) -> list[int]:
    """The copies in the order of what they put between the same stem and that tail."""
    return sorted(range(copies), key=Name(b"", tail).in_copy)
