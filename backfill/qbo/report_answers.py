"""A report's answer, decoded; or the error that says that it was cut.

Of a report with more cells than its cap Intuit sends what fits, with HTTP 200, a row that says so in words, and the
totals missing ("Reports: limits", and recordings). An answer that looks so is never used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from backfill.errors import TooLargeError
from backfill.qbo.envelopes import parse
from backfill.qbo.fault_errors import asked_of, fault_error, unreadable_error
from backfill.qbo.report_columns import columns
from backfill.qbo.report_rows import GRAND_TOTAL, Flattener
from backfill.qbo.report_shape import (
    DECODER,
    Cell,
    Line,
    OutlandishError,
    Report,
    Row,
    cells_of,
    columns_of,
    is_section,
    rows_of,
)
from backfill.qbo.reports import Report as ReportKind
from backfill.qbo.splitter import REFUSED
from backfill.report_model import ReportDocument
from backfill.wire import Request, Response

CELLS_MAX = 400_000
"""Rows times columns in one answer."""

_SUSPECT_CELLS = int(CELLS_MAX * 0.97)
"""Cuts without the notice are suspected by others who read reports: so near the cap nothing is believed."""

_CUT_WORDS = b"unable to display more data"
"""The notice, in lower case. The whole sentence asks to reduce the date range."""

_MEMO_BYTES_MAX = 2 * 1024 * 1024
"""A cut answer has the cap's cells, and an empty cell takes 12 bytes: Intuit did not cut a smaller one."""

_TITLE_CHARS_MAX = 100
"""Of a title in a message: Intuit's names of accounts have at most as many."""


def decode_report(report: ReportKind, response: Response, *, request: Request) -> ReportDocument:
    """The report of an answer.

    Raises `TooLargeError` for one that was cut, `UnreadableError` for what is no report, and `FaultError` for a fault
    inside a 200.
    """
    shape = _shape(response, request)
    try:
        found = columns(report, columns_of(shape.Columns))
        flat = Flattener(report, found).rows(rows_of(shape.Rows))
    except OutlandishError as error:
        raise unreadable_error(str(error), request, status=response.status, intuit_tid=response.intuit_tid) from error
    cells = len(flat) * len(found)
    cut = _cut(report, shape, response, cells)
    if cut is not None:
        raise _too_large(cut, response, request)
    header = shape.Header
    return ReportDocument(
        header=msgspec.json.encode(shape.Header),
        columns=found,
        rows=flat,
        cells=cells,
        basis=(header.ReportBasis or "").lower(),
        currency=header.Currency or "",
        server_time=_instant(header.Time),
        intuit_tid=response.intuit_tid,
        body=response.body,
    )


class _Cut(NamedTuple):
    """What shows that an answer is not all of the report."""

    why: str
    cells_max: int | None
    """The cap that it shows."""


def _cut(report: ReportKind, shape: Report, response: Response, cells: int) -> _Cut | None:
    """How the answer was cut; None if nothing shows that it was. Without the notice a body may just have been lost."""
    if _CUT_WORDS in response.body.lower() and _says_cut(shape, response):
        return _Cut("Intuit says that it has more data than it displays", cells)
    lacking = _lacking_total(report, rows_of(shape.Rows)) if report.totalled else None
    if lacking is not None:
        return _Cut(lacking, None)
    if cells > _SUSPECT_CELLS:
        return _Cut(f"it has {cells:,} cells, and Intuit cuts at {CELLS_MAX:,}", cells)
    return None


def _shape(response: Response, request: Request) -> Report:
    try:
        return DECODER.decode(response.body)
    except REFUSED as error:
        why = str(error) if response.body.strip() else "it is empty"
    with suppress(*REFUSED, ValueError):
        return DECODER.decode(_mended(response.body))
    faults = parse(response.body).faults
    if faults:
        raise fault_error(faults, request, status=response.status, intuit_tid=response.intuit_tid)
    raise unreadable_error(why, request, status=response.status, intuit_tid=response.intuit_tid)


def _mended(body: bytes) -> bytes:
    """The same JSON with a mark where a text holds half a character or bytes that are none, and fractions as texts.

    Raises `ValueError`.
    """
    found = json.loads(body.decode(errors="replace"), parse_float=str)
    return json.dumps(found, ensure_ascii=False).encode(errors="replace")


def _says_cut(shape: Report, response: Response) -> bool:
    """Whether the words are Intuit's notice, and not a customer's memo: the notice has a row of its own.

    In a large answer they are taken for the notice wherever they stand.
    """
    return len(response.body) > _MEMO_BYTES_MAX or any(_is_notice(row) for row in _all(rows_of(shape.Rows)))


def _is_notice(row: Row) -> bool:
    texts = [str(cell.value).lower() for cell in cells_of(row) if cell.value]
    return bool(texts) and all(_CUT_WORDS.decode() in text for text in texts)


def _all(rows: Sequence[Row]) -> Iterator[Row]:
    for row in rows:
        yield row
        yield from _all(rows_of(row.Rows))


def _lacking_total(report: ReportKind, rows: Sequence[Row]) -> str | None:
    """Which total is missing, in words, if one is. A cut takes the end of the document, and with it the total of what
    it is in: of an outermost section, of rows that stand in none, as those of a trial balance do, or of all sections.

    The newer service does not promise an order: a total of all may stand anywhere, and says by its amount what lacks.
    """
    groups = {row.group for row in rows}
    for row in rows:
        if is_section(row) and row.Summary is None:
            return f"its section {_title(row.Header) or row.group or ''!r} has no total"
    last = next((row for row in reversed(rows) if is_section(row) or any(cell.value for cell in cells_of(row))), None)
    summed_up = GRAND_TOTAL in groups or last is None or is_section(last) or last.group  # no row of data has a group
    if last is not None and not summed_up:
        return f"nothing sums up its rows, of which {_title(last)!r} is the last"
    if report.ends is not None and report.ends[0] in groups and report.ends[1] not in groups:
        return f"its total {report.ends[1]!r} is missing"
    return None


def _title(line: Row | Line | list[Cell] | None) -> str:
    cells = cells_of(line)
    return str(cells[0].value or "")[:_TITLE_CHARS_MAX] if cells else ""


def _too_large(cut: _Cut, response: Response, request: Request) -> TooLargeError:
    asked = asked_of(request)
    return TooLargeError(
        f"Intuit's answer to {asked} for realm {request.realm_id} was cut: {cut.why}.",
        realm_id=request.realm_id,
        asked=asked,
        action="Nothing to do: it is asked for in smaller parts.",
        status=response.status,
        code="too_large",
        cells_max=cut.cells_max,
        intuit_tid=response.intuit_tid,
    )


def _instant(text: str | None) -> datetime | None:
    with suppress(ValueError, OverflowError):  # of the first and last day, which UTC may not be able to say
        moment = datetime.fromisoformat(text or "")
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    return None
