"""The rows of a load, read from where they are, in pieces: JSON lines, CSV with a mapping, a query."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby, islice
from typing import IO, Any

import msgspec

from backfill.cli.load_mapping import CsvMapping, CsvRow
from backfill.errors import UsageError
from backfill.qbo.payloads import LINES_MAX, decode, encode

LINE_BYTES_MAX = 4 * 1024 * 1024
"""Ten times the largest payload that is sent; what is longer is no line."""

_BYTE = re.compile(r"\s*\(byte (\d+)\)")


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """A record, or what is wrong with its line. `text` is the line, to find a column in."""

    line: int
    record: Mapping[str, Any] | None
    fault: str = ""
    column: int = 0
    text: bytes = b""


def json_lines(file: IO[bytes]) -> Iterator[SourceRecord]:
    """A record a line; empty lines are left out."""
    line = 0
    while text := file.readline(LINE_BYTES_MAX + 1):
        line += 1
        if line == 1:
            text = text.removeprefix(b"\xef\xbb\xbf")  # spreadsheets put a byte order mark in front
        if len(text) > LINE_BYTES_MAX:
            yield SourceRecord(line, None, f"it is longer than {LINE_BYTES_MAX // 2**20} MB")
            return
        if text.strip():
            yield _decoded(line, text)


def _decoded(line: int, text: bytes) -> SourceRecord:
    try:
        record = decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        said = str(error)
        at = _BYTE.search(said)
        if "truncated" in said:
            return SourceRecord(line, None, "the line ends before its JSON does", len(text.rstrip()), text)
        return SourceRecord(line, None, _BYTE.sub("", said), int(at.group(1)) + 1 if at else 1, text)
    if not isinstance(record, dict):
        return SourceRecord(line, None, "a row is a JSON object", 1, text)
    twice = _named_twice(text)
    if twice:
        return SourceRecord(line, None, f"{twice} stands twice in one object", text.rfind(encode(twice)) + 1, text)
    return SourceRecord(line, record, text=text)


def _named_twice(text: bytes) -> str:
    """A property that stands twice in one object of good JSON: the decoder takes the last one, and says nothing."""
    try:
        _EACH_ONCE.decode(text.decode())
    except _TwiceError as twice:
        return twice.name
    except RecursionError:
        return ""  # what is nested so deep is refused for that
    return ""


class _TwiceError(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _each_once(pairs: list[tuple[str, Any]]) -> None:
    names: set[str] = set()
    for name, _ in pairs:
        if name in names:
            raise _TwiceError(name)
        names.add(name)


_EACH_ONCE = json.JSONDecoder(object_pairs_hook=_each_once, parse_int=str, parse_float=str, strict=False)
"""Numbers stay as they are: only the names count. It reads all that is JSON to the decoder of payloads."""


def csv_records(file: IO[bytes], mapping: CsvMapping) -> Iterator[SourceRecord]:
    """Records made of CSV rows; rows that follow one another with the same key are one record."""
    # Not strict, a quote that is opened and never closed would take all rows behind it into its cell.
    reader = csv.DictReader(_csv_lines(file), strict=True)
    try:
        mapping.check(reader.fieldnames or ())
        for _, group in groupby(_csv_rows(reader), mapping.key_of):
            yield _mapped(list(islice(group, LINES_MAX + 1)), mapping)
    except csv.Error as error:
        yield SourceRecord(reader.reader.line_num, None, f"not CSV: {error}")  # the other one knows of whole rows only
    except UnicodeDecodeError as error:
        yield SourceRecord(reader.line_num + 1, None, f"not UTF-8 (byte {error.start})")


def _csv_lines(file: IO[bytes]) -> Iterator[str]:
    """Raises `csv.Error` for one that is longer than any is, as all of a file is whose lines end otherwise."""
    encoding = "utf-8-sig"  # spreadsheets put a byte order mark in front
    while line := file.readline(LINE_BYTES_MAX + 1):
        if len(line) > LINE_BYTES_MAX:
            raise csv.Error(f"a line is longer than {LINE_BYTES_MAX // 2**20} MB")
        yield line.decode(encoding)
        encoding = "utf-8"


def _csv_rows(reader: csv.DictReader[str]) -> Iterator[CsvRow]:
    """Raises `csv.Error` where cells stand beyond the last column: a comma within a number has moved the others."""
    while True:
        before = reader.line_num
        try:
            row = next(reader, None)
        except csv.Error as error:
            if reader.reader.line_num <= before + 1:
                raise
            raise csv.Error(f"{error}, in a row that begins in line {before + 1}: is a quote open?") from error
        if row is None:
            return
        if any(row.pop(None, ())):  # under no name stands what has no column
            raise csv.Error("it has more cells than there are columns; a cell with a comma stands in quotes")
        cells = {key: value or "" for key, value in row.items()}
        if any(map(str.strip, cells.values())):  # spreadsheets leave empty rows at the end
            yield CsvRow(reader.line_num, cells)


def _mapped(group: list[CsvRow], mapping: CsvMapping) -> SourceRecord:
    line = group[0].line
    if len(group) > LINES_MAX:
        return SourceRecord(line, None, f"more than {LINES_MAX:,} rows follow one another with the same key")
    try:
        return SourceRecord(line, mapping.record_of(group))
    except UsageError as error:
        return SourceRecord(line, None, error.message)


def _cell(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"  # small ones would have an exponent, which no number of a cell has
    return "" if value is None else str(value)


async def query_records(
    rows: AsyncIterator[Mapping[str, Any]], mapping: CsvMapping | None
) -> AsyncIterator[SourceRecord]:
    """Records of a query's rows: as they are, `payload` being json, or through a mapping like those of a CSV file."""
    group: list[CsvRow] = []
    line = 0
    async for row in rows:
        line += 1
        if mapping is None:
            yield SourceRecord(line, {key: value for key, value in row.items() if value is not None})
            continue
        one = CsvRow(line, {key: _cell(value) for key, value in row.items()})
        if line == 1:
            mapping.check(tuple(row))
        if group and mapping.key_of(one) != mapping.key_of(group[0]):
            yield _mapped(group, mapping)
            group = []
        if len(group) <= LINES_MAX:
            group.append(one)
    if group and mapping is not None:
        yield _mapped(group, mapping)
