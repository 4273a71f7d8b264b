"""A report's nested sections as rows in order, each knowing its place and what it is about.

Where the Id stands is what tells: a section's head carries its account (or customer), and the rows in it have it from
there; a transaction's Id is on its type, a name's on the name. Of heads within heads the innermost that has an Id
counts: in recordings a parent's head has carried its only child's Id, and the child's none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from msgspec import structs

from backfill.qbo.report_columns import is_number
from backfill.qbo.report_shape import NAME_CHARS_MAX, Cell, OutlandishError, Row, cells_of, is_section, rows_of
from backfill.qbo.reports import Report, Subject
from backfill.report_model import ReportColumn, ReportRow, RowType

GRAND_TOTAL = "GrandTotal"
"""The group of the row that sums up all others."""

STANDING = frozenset({"BeginningCash", "EndingCash"})
"""Groups of a statement of what happened that are of a moment: neither its columns of time nor its periods add up."""

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?1?\d)?")
"""With the exponent that a program writes of its own accord, from ten million on: not one that makes a giant of it."""
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")

_DEPTH_MAX = 50
"""Of sections within sections. Accounts and customers have five levels, and a report some sections about them."""

_ID_CHARS_MAX = 200
"""Of an Id, which all rows of a section have. Intuit's have at most 19 digits."""

_NUMBER_CHARS_MAX = 28
"""As many digits as `Decimal` adds up exactly (its context's default). No amount has more; what has is a text."""

_NAME_KEYS = ("name", "cust_name", "vend_name", "emp_name", "customer", "vendor", "employee")
_TRANSACTION_KEYS = ("txn_type", "doc_num", "tx_date")
_ACCOUNT_KEYS = ("account_name", "account")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the document a row stands, and what it has from the heads above it."""

    path: str = ""
    depth: int = 0
    subject_id: str | None = None

    def within(self, step: str, subject_id: str | None) -> _Place:
        if self.depth == _DEPTH_MAX:
            raise OutlandishError(f"its sections are nested more than {_DEPTH_MAX} deep")
        return _Place(self.path_of(step), self.depth + 1, subject_id or self.subject_id)

    def path_of(self, step: str) -> str:
        """The path of what is in this place under that name."""
        if len(self.path) + len(step) > NAME_CHARS_MAX:
            raise OutlandishError(f"the names of its sections have more than {NAME_CHARS_MAX:,} characters")
        return f"{self.path}/{step}" if self.path else step


class Flattener:
    """Turns the rows of one report into flat ones."""

    def __init__(self, report: Report, columns: Sequence[ReportColumn]) -> None:
        self._subject = report.subject
        self._keys = [column.key for column in columns]
        self._numbers = [is_number(column) for column in columns]
        self._has_running_balance = any(key.startswith("rbal_") for key in self._keys)
        self._is_detail = bool(self._keys) and self._keys[0] not in _ACCOUNT_KEYS and "tx_date" in self._keys

    def rows(self, rows: Iterable[Row]) -> list[ReportRow]:
        """All rows, in order, sections before what is in them and their totals behind. Raises `OutlandishError`."""
        return list(self._walk(rows, _Place()))

    def _walk(self, rows: Iterable[Row], place: _Place) -> Iterator[ReportRow]:
        steps: Counter[str] = Counter()
        for number, row in enumerate(rows):
            if not is_section(row):
                if row.ColData is not None:
                    yield self._data(row, place)
                continue
            head = cells_of(row.Header)
            subject_id = _id_of(head[0]) if head else None
            step = row.group or (f"{self._subject}:{subject_id}" if subject_id else f"#{number}")
            steps[step] += 1
            inner = place.within(step if steps[step] == 1 else f"{step}~{steps[step]}", subject_id)
            yield from self._section(row, head, inner)

    def _section(self, row: Row, head: Sequence[Cell], inner: _Place) -> Iterator[ReportRow]:
        group = row.group or ""
        if head:
            section = self._line(RowType.SECTION, head, inner, group, depth=inner.depth - 1)
            own, cells = section.cells, {key: value for key, value in section.cells.items() if isinstance(value, str)}
            yield structs.replace(section, cells=cells)
            if len(own) > len(
                cells
            ):  # what a parent has of its own stands in its head: it is a row like its children's
                yield structs.replace(section, type=RowType.DATA, depth=inner.depth, cells=own, group="")
        if row.ColData is not None:  # it is not known that a section has any; then they are of its own
            yield self._data(structs.replace(row, group=None), inner)
        yield from self._walk(rows_of(row.Rows), inner)
        if row.Summary is not None:
            yield self._line(RowType.SUMMARY, cells_of(row.Summary), inner, group, depth=inner.depth - 1)

    def _line(self, kind: RowType, cells: Sequence[Cell], place: _Place, group: str, *, depth: int) -> ReportRow:
        """A head or a total. Its first cell is its title, whatever the column there is."""
        values, ids = self._values(cells, titled=True)
        return ReportRow(
            path=place.path,
            depth=depth,
            type=kind,
            group=group,
            label=_text(cells[0]) if cells else "",
            account_id=place.subject_id if self._subject is Subject.ACCOUNT else None,
            name_id=place.subject_id if self._subject is Subject.NAME else None,
            transaction_id=None,
            cells=values,
            ids=ids,
        )

    def _data(self, row: Row, place: _Place) -> ReportRow:
        cells = cells_of(row)
        values, ids = self._values(cells, titled=False)
        first_id = None if self._is_detail or not cells else _id_of(cells[0])
        subject_id = first_id or place.subject_id
        transaction_id = _first(ids, _TRANSACTION_KEYS) if self._is_detail else None
        dated = _DATE.fullmatch(str(values.get("tx_date", ""))) is not None
        opening = self._has_running_balance and not dated and transaction_id is None and row.group != GRAND_TOTAL
        kind = RowType.OPENING if opening else RowType.SUMMARY if row.group == GRAND_TOTAL else RowType.DATA
        account_id = _first(ids, _ACCOUNT_KEYS) or (subject_id if self._subject is Subject.ACCOUNT else None)
        if opening:
            values.pop("tx_date", None)  # a title has got in there
        return ReportRow(
            path=place.path_of(first_id) if first_id else place.path,
            depth=place.depth,
            type=kind,
            group=row.group or "",
            label="" if dated or not cells else _text(cells[0]),
            account_id=account_id,
            name_id=_first(ids, _NAME_KEYS) or (subject_id if self._subject is Subject.NAME else None),
            transaction_id=transaction_id,
            cells=values,
            ids=ids,
        )

    def _values(self, cells: Sequence[Cell], *, titled: bool) -> tuple[dict[str, Decimal | str], dict[str, str]]:
        values: dict[str, Decimal | str] = {}
        ids: dict[str, str] = {}
        for number, cell in enumerate(cells):
            key = self._keys[number] if number < len(self._keys) else f"column {number}"
            id_ = _id_of(cell)
            if id_ is not None:
                ids[key] = id_
            if number == 0 and titled:
                continue
            text = _text(cell)
            if key == "split_acc" and id_ is None:
                continue  # a word for "several", in the company's language, which the newer service leaves out
            value = _value(text, number=number < len(self._numbers) and self._numbers[number])
            if value:
                values[key] = value
        return values, ids


def _value(text: str, *, number: bool) -> Decimal | str:
    if not text or not number or len(text) > _NUMBER_CHARS_MAX:
        return text
    if _NUMBER.fullmatch(text):
        return Decimal(text)
    if _GROUPED.fullmatch(text):
        return Decimal(text.replace(",", ""))
    return text


def _text(cell: Cell) -> str:
    return "" if cell.value is None else str(cell.value).strip()


def _id_of(cell: Cell) -> str | None:
    """An empty Id is none."""
    if cell.id is None or cell.id == "":
        return None
    id_ = str(cell.id)
    if len(id_) > _ID_CHARS_MAX:
        raise OutlandishError(f"it has an Id of more than {_ID_CHARS_MAX} characters")
    return id_


def _first(ids: Mapping[str, str], keys: Sequence[str]) -> str | None:
    return next((ids[key] for key in keys if key in ids), None)
