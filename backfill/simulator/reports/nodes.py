"""The parts of a report's body, in the shape of Intuit's JSON.

There are a million of them in a large report, in no circles: `gc=False` spares the collector from looking at them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec
from msgspec import UNSET, UnsetType


class Cell(msgspec.Struct, gc=False):
    """One cell. All values are texts."""

    value: str
    id: str | UnsetType = UNSET
    href: str | UnsetType = UNSET


EMPTY = Cell("")


class Cells(msgspec.Struct, gc=False, rename={"cells": "ColData"}):
    """The cells of a header or a summary."""

    cells: list[Cell]


class Data(msgspec.Struct, gc=False, rename={"cells": "ColData"}):
    """A row."""

    cells: list[Cell]
    type: str | UnsetType = "Data"
    """Absent in the documented samples of some reports."""
    group: str | UnsetType = UNSET


class Rows(msgspec.Struct, gc=False, rename={"rows": "Row"}):
    """What is below a section, or the report; nothing at all where it has no rows."""

    rows: list[Section | Data] | UnsetType = UNSET


class Section(msgspec.Struct, gc=False, rename={"header": "Header", "rows": "Rows", "summary": "Summary"}):
    """A section; some have a summary alone."""

    header: Cells | UnsetType = UNSET
    rows: Rows | UnsetType = UNSET
    summary: Cells | UnsetType = UNSET
    type: str = "Section"
    group: str | UnsetType = UNSET


Node = Section | Data


class MetaData(msgspec.Struct, rename={"name": "Name", "value": "Value"}):
    """A named value of a column, or an option of the header."""

    name: str
    value: str


class Column(msgspec.Struct, rename={"title": "ColTitle", "kind": "ColType", "metadata": "MetaData"}):
    """A column. `metadata` has the key of a summary's column, and the days that it is about."""

    title: str
    kind: str
    metadata: list[MetaData] | UnsetType = UNSET


class Columns(msgspec.Struct, rename={"columns": "Column"}):
    """The columns of a report."""

    columns: list[Column]


@dataclass(frozen=True, slots=True)
class Draft:
    """A report that is made: its columns, its rows, and what its header says beside what every header says."""

    columns: Sequence[Column]
    rows: list[Node]
    has_data: bool
    header: dict[str, str] = field(default_factory=dict)
    options: tuple[tuple[str, str], ...] = ()

    @property
    def width(self) -> int:
        """How many cells a row has."""
        return len(self.columns)


def column(title: str, kind: str, **metadata: str) -> Column:
    """A column with these named values."""
    named = [MetaData(name, value) for name, value in metadata.items()]
    return Column(title, kind, named or UNSET)


def section(header: list[Cell] | None, rows: Iterable[Node], summary: list[Cell] | None, group: str = "") -> Section:
    """A section of these parts. One that has a header has rows, if none are in it."""
    below = list(rows)
    return Section(
        UNSET if header is None else Cells(header),
        Rows(below) if below else UNSET,
        UNSET if summary is None else Cells(summary),
        group=group or UNSET,
    )


def total(cells: list[Cell], group: str) -> Section:
    """A line of a total: a section that has nothing but its summary."""
    return Section(summary=Cells(cells), group=group)


def data(cells: list[Cell], group: str = "", *, typed: bool = True) -> Data:
    return Data(cells, "Data" if typed else UNSET, group or UNSET)


def every_row(rows: Iterable[Node]) -> Iterator[list[Cell]]:
    """The cells of every header, row and summary, in the order in which they are shown."""
    for node in rows:
        if isinstance(node, Data):
            yield node.cells
            continue
        if node.header is not UNSET:
            yield node.header.cells
        yield from every_row(below(node))
        if node.summary is not UNSET:
            yield node.summary.cells


def below(node: Section) -> list[Node]:
    """The rows right below a section."""
    return [] if node.rows is UNSET or node.rows.rows is UNSET else node.rows.rows


def cut_after(rows: list[Node], most: int, notice: str, width: int) -> list[Node]:
    """The rows as far as the first `most` of all headers, rows and summaries, then one with the notice.

    All later ones are gone, and so are the summaries of the sections that were open there.
    """
    kept, _ = _cut(rows, most, data([Cell(notice), *[EMPTY] * (width - 1)]))
    return kept


def _cut(rows: list[Node], left: int, notice: Data) -> tuple[list[Node], int]:
    """The rows kept, and how many may still follow; below 0 where the notice is among them."""
    kept: list[Node] = []
    for node in rows:
        if left == 0:
            return [*kept, notice], -1
        if isinstance(node, Data):
            kept.append(node)
            left -= 1
            continue
        left -= node.header is not UNSET
        inner, left = _cut(below(node), left, notice)
        is_whole = left > 0 or (left == 0 and node.summary is UNSET)
        if left == 0 and not is_whole:
            inner, left = [*inner, notice], -1
        kept.append(
            Section(
                node.header, Rows(inner) if inner else node.rows, node.summary if is_whole else UNSET, group=node.group
            )
        )
        if left < 0:
            return kept, left
        left -= node.summary is not UNSET
    return kept, left
