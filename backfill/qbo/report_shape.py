"""A report's JSON as typed objects, in whichever of its shapes it comes.

Intuit's report service of before 2026 and its successor differ in where they have one object, a list of objects, or a
list inside an object ("Reports API changes", 2026-03-30). Both are read here, and are one and the same from here on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

T = TypeVar("T")

NAME_CHARS_MAX = 1_000
"""Of a section with those about it, or of a column with its headings. Each row has both: of a short answer that is long
in this, gigabytes of rows would be made."""


class OutlandishError(ValueError):
    """Something is nested deeper, or named longer, than in any report."""


class Cell(msgspec.Struct, gc=False):
    """One value, as text, with the Id of what it names. A fraction is no shape of it: as a float it lost its cents."""

    value: str | int | None = ""
    id: str | int | None = None


class NameValue(msgspec.Struct, gc=False):
    """One option or one property of a column."""

    Name: str = ""
    Value: str | int | float | bool | None = ""


class Column(msgspec.Struct):
    """A column, or several below one heading."""

    ColTitle: str | None = ""
    ColType: str | None = ""
    MetaData: list[NameValue] | NameValue | None = None
    Columns: Columns | list[Column] | None = None


class Columns(msgspec.Struct):
    Column: list[Column] | Column | None = None


class Line(msgspec.Struct):
    """The head of a section, or its total."""

    ColData: list[Cell] | Cell | None = None


class Row(msgspec.Struct):
    """A row of data, or a section."""

    ColData: list[Cell] | Cell | None = None
    Header: Line | list[Cell] | None = None
    Rows: Rows | list[Row] | None = None
    Summary: Line | list[Cell] | None = None
    type: str | None = None
    group: str | None = None


class Rows(msgspec.Struct):
    Row: list[Row] | Row | None = None


class Header(msgspec.Struct, omit_defaults=True):
    """What the report says of itself."""

    Time: str | None = None
    ReportName: str | None = None
    DateMacro: str | None = None
    ReportBasis: str | None = None
    StartPeriod: str | None = None
    EndPeriod: str | None = None
    SummarizeColumnsBy: str | None = None
    Currency: str | None = None
    Option: list[NameValue] | NameValue | None = None


class Report(msgspec.Struct):
    """The whole answer. `Header` and `Rows` must be there: an answer without them is no report."""

    Header: Header
    Rows: Rows | list[Row] | None
    Columns: Columns | list[Column] | None = None


DECODER = msgspec.json.Decoder(Report)


def many(value: list[T] | T | None) -> Sequence[T]:
    """None, one, or a list, as a list."""
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)


def rows_of(rows: Rows | list[Row] | None) -> Sequence[Row]:
    """The rows, also where they are a bare list."""
    return many(rows.Row) if isinstance(rows, Rows) else many(rows)


def is_section(row: Row) -> bool:
    """Whether the row has a head, rows or a total. One of the services may send an empty list of rows with any row."""
    return row.Header is not None or row.Summary is not None or len(rows_of(row.Rows)) > 0


def cells_of(line: Row | Line | list[Cell] | None) -> Sequence[Cell]:
    """The cells of a row, a head or a total, also where they are a bare list."""
    return many(line) if line is None or isinstance(line, list) else many(line.ColData)


def columns_of(columns: Columns | list[Column] | None) -> Sequence[Column]:
    """The columns, also where they are a bare list."""
    return many(columns.Column) if isinstance(columns, Columns) else many(columns)


def named(pairs: list[NameValue] | NameValue | None, name: str) -> str:
    """The value of that name, or nothing."""
    found = next((pair.Value for pair in many(pairs) if pair.Name == name), None)
    return "" if found is None else str(found)
