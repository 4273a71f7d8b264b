"""Answers, decoded: pages, counts, batches and CDC. Each function takes the answer and the request it answers.

The ordinary answer is decoded in one pass that makes no Python object per field. What that pass refuses goes
the careful way: cut into pieces, so that one bad row is refused and its page is not lost. All raise
`UnreadableError` for what is not of the promised shape, and `FaultError` for a fault inside a 200.
"""

from __future__ import annotations

import email.utils
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from backfill.errors import RequestError
from backfill.model import Record, Refusal
from backfill.qbo.catalogue import Entity, Reading, entity_of_array_key
from backfill.qbo.envelopes import holds_fault, parse
from backfill.qbo.fault_errors import fault_error, unreadable_error
from backfill.qbo.page_cutter import CutPage, cut_page
from backfill.qbo.records import instant, read_rows, whole_records
from backfill.qbo.splitter import REFUSED, SplitError, elements, members
from backfill.wire import Request, Response


class Page(msgspec.Struct, frozen=True):
    """The rows of one answer for one entity."""

    records: Sequence[Record]
    refusals: list[Refusal]
    received: int
    """Rows in the answer: a page shorter than what was asked for is the last one. May be one more than asked for."""
    server_time: datetime
    """The answer's own `time`, in UTC. Cursors are made of it, never of our clock."""
    total_count: int | None = None
    """The answer to `COUNT(*)`: 0 where nothing at all was found, None where it is not said."""
    entity: str = ""
    """Whose rows they are; empty where the answer has no place for any."""


class Written(msgspec.Struct, frozen=True):
    """The answer to one write of a batch: the object as it stands now, or its deleted stub."""

    entity: str
    record: Record


class BatchAnswer(msgspec.Struct, frozen=True):
    """Answers by bId. A bId that was sent and is not here has an unknown outcome."""

    items: Mapping[str, Page | Written | RequestError]
    server_time: datetime


class CdcAnswer(msgspec.Struct, frozen=True):
    """Changes by entity name; an entity that did not change has no page."""

    pages: Mapping[str, Page]
    total: int
    """Objects in the whole answer: at 1000 the server has cut it, and every entity may be short (deletes first)."""
    server_time: datetime


T = TypeVar("T")

_Rows = dict[str, list[msgspec.Raw] | int]
"""A QueryResponse: rows under the entity's key, and startPosition, maxResults, totalCount."""


class _QueryEnvelope(msgspec.Struct):
    QueryResponse: _Rows
    time: str


class _BatchItem(msgspec.Struct, forbid_unknown_fields=True):
    """A query's answer within a batch. What has anything else (a fault, a written object) is read carefully."""

    b_id: str = msgspec.field(name="bId")
    QueryResponse: msgspec.Raw


class _BatchEnvelope(msgspec.Struct, forbid_unknown_fields=True):
    BatchItemResponse: list[_BatchItem]
    time: str


class _CdcPart(msgspec.Struct):
    QueryResponse: list[_Rows]


class _CdcEnvelope(msgspec.Struct):
    CDCResponse: list[_CdcPart]
    time: str


_QUERY = msgspec.json.Decoder(_QueryEnvelope)
_BATCH = msgspec.json.Decoder(_BatchEnvelope)
_ROWS = msgspec.json.Decoder(_Rows)
_CDC = msgspec.json.Decoder(_CdcEnvelope)

_NEITHER = -1

_ROWS_MAX = 10_000
"""Of one entity in one answer. At most a thousand are asked for; listings, which have no pages, have dozens."""

_CUT_BYTES_MIN = 200_000
"""Of an item of a batch: fewer than some 110 rows are sooner read than cut (measured)."""

_Parts = Mapping[str, Sequence[msgspec.Raw | bytes] | int]
"""The same as `_Rows`, whichever way it was cut."""


def decode_page(entity: Entity, response: Response, *, request: Request) -> Page:
    """The rows of an answer to a query, a read by Id, a singleton or a listing."""
    try:
        answer = _QUERY.decode(response.body)
        return _page(entity, answer.QueryResponse, instant(answer.time))
    except (*REFUSED, ValueError):
        return _carefully(lambda top: _page_of(entity, top, response), response, request)


def decode_page_to_land(entity: Entity, response: Response, *, request: Request) -> Page:
    """The same for rows that are going to be landed: what is behind their headers is left to Postgres to read."""
    if entity.reading is Reading.SCAN:
        with suppress(*REFUSED, ValueError, OverflowError):
            cut = cut_page(response.body)
            answer = _QUERY.decode(cut.around)
            return _page_of_cut(entity, cut, answer.QueryResponse, instant(answer.time))
    return decode_page(entity, response, request=request)


def decode_count(response: Response, *, request: Request) -> int:
    """The answer to `SELECT COUNT(*)`. An empty QueryResponse is how the server says that nothing was found."""

    def count(top: Mapping[str, bytes]) -> int:
        total = _total_count(_cut(top.get("QueryResponse", b"")))
        if total is None:
            raise SplitError("it has no totalCount")
        return total

    return _carefully(count, response, request)


def decode_batch(response: Response, *, request: Request) -> BatchAnswer:
    """The items of a batch answer; a fault of one item is an error in its place and is not raised."""
    return _batch(response, request, lambda found, server_time: _found(_ROWS.decode(found), server_time))


def decode_batch_to_land(response: Response, *, request: Request) -> BatchAnswer:
    """The same for rows that are going to be landed: many of one item come as columns."""
    return _batch(response, request, _found_to_land)


def _batch(response: Response, request: Request, found: Callable[[msgspec.Raw, datetime], Page]) -> BatchAnswer:
    """The ordinary batch answer, where every item is the answer to a query; any other carefully."""
    try:
        answer = _BATCH.decode(response.body)
        server_time = instant(answer.time)
        items = [(item.b_id, found(item.QueryResponse, server_time)) for item in answer.BatchItemResponse]
        return BatchAnswer(_by_b_id(items), server_time)
    except (*REFUSED, ValueError):
        return _carefully(lambda top: _batch_of(top, response, request), response, request)


def decode_written(entity: Entity, response: Response, *, request: Request) -> Written:
    """The answer to one write: the object as it stands now, or its deleted stub."""
    page = decode_page(entity, response, request=request)
    if len(page.records) != 1:
        why = "it is not one object" if not page.refusals else page.refusals[0].message
        raise unreadable_error(why, request, status=response.status, intuit_tid=response.intuit_tid)
    return Written(entity.name, page.records[0])


def decode_cdc(response: Response, *, request: Request) -> CdcAnswer:
    """What changed, by entity, deleted stubs included as records with `deleted=True`."""
    try:
        answer = _CDC.decode(response.body)
        parts: list[_Rows] = [part for inner in answer.CDCResponse for part in inner.QueryResponse]
        return _cdc_answer(parts, instant(answer.time))
    except (*REFUSED, ValueError):
        asked = dict(request.params).get("entities", "").count(",") + 1
        return _carefully(lambda top: _cdc_of(top, asked, response), response, request)


def _carefully(decode: Callable[[Mapping[str, bytes]], T], response: Response, request: Request) -> T:
    """Decode from the members of the whole body. All that is wrong becomes the error for `request`."""
    try:
        top = members(response.body)
        if not holds_fault(top):
            return decode(top)
        why = "its fault says nothing"
    except (*REFUSED, ValueError) as error:
        why = str(error)
    faults = parse(response.body).faults
    if faults:
        raise fault_error(faults, request, status=response.status, intuit_tid=response.intuit_tid)
    why = why if response.body.strip() else "it is empty"
    raise unreadable_error(why, request, status=response.status, intuit_tid=response.intuit_tid)


def _page_of(entity: Entity, top: Mapping[str, bytes], response: Response) -> Page:
    """A page from a QueryResponse, or from the entity's own key: one object, or a list of them."""
    server_time = _server_time(top, response)
    if "QueryResponse" in top:
        return _page(entity, _cut(top["QueryResponse"]), server_time)
    value = top.get(entity.array_key, top.get(entity.name, b""))
    rows = [value] if value.startswith(b"{") else elements(value)
    return _page(entity, {entity.array_key: rows}, server_time)


def _page_of_cut(entity: Entity, cut: CutPage, parts: _Rows, server_time: datetime) -> Page:
    """Raises what is in `REFUSED`, `ValueError` and `OverflowError` for what is to be read in the ordinary way."""
    _rows(entity, parts)  # which are none here, and whose is said
    if parts.get("maxResults") != len(cut.rows) or len(cut.rows) > _ROWS_MAX:
        raise SplitError("it does not say that it has the rows that were found, or has more than anybody asked for")
    beginnings = cut.samples.docs
    if whole_records(beginnings, beginnings) != list(cut.samples):
        raise SplitError("its rows say more of themselves than where they were looked at")
    return Page(cut.rows, [], len(cut.rows), server_time, _total_count(parts), entity.name)


def _page(entity: Entity, parts: _Parts, server_time: datetime) -> Page:
    rows = _rows(entity, parts)
    records, refusals = read_rows(entity, rows, deleted_at=server_time)
    return Page(records, refusals, len(rows), server_time, _total_count(parts), entity.name)


def _rows(entity: Entity, parts: _Parts) -> Sequence[msgspec.Raw | bytes]:
    """The rows under whatever key they have, unless it is another entity's."""
    lists = [(key, rows) for key, rows in parts.items() if not isinstance(rows, int)]
    if len(lists) > 1:
        raise SplitError("it has rows under several keys")
    key, rows = lists[0] if lists else (entity.array_key, ())
    if entity_of_array_key(key) not in {entity, None}:
        raise SplitError(f"it has rows of {key}, where {entity.name} was asked for")
    if len(rows) > _ROWS_MAX:
        raise SplitError(f"it has {len(rows)} rows, which nobody asked for")
    return rows


def _total_count(parts: _Parts) -> int | None:
    total = parts.get("totalCount") if parts else 0
    return total if isinstance(total, int) and total >= 0 else None


def _cut(raw: bytes) -> _Parts:
    """A QueryResponse, carefully. What is neither rows nor a number has no value, but is there: it is not empty."""
    found: dict[str, Sequence[bytes] | int] = {}
    for key, value in members(raw).items():
        if value.startswith(b"["):
            found[key] = elements(value)
        elif value.isdigit() and len(value) < 19:  # more digits than any count; int() of millions of them is slow
            found[key] = int(value)
        else:
            found[key] = _NEITHER
    said = found.get("maxResults", 0)
    if isinstance(said, int) and any(len(rows) < said for rows in found.values() if not isinstance(rows, int)):
        raise SplitError(f"it says that it has {said} rows, and fewer can be told from one another")
    return found


def _cdc_of(top: Mapping[str, bytes], asked: int, response: Response) -> CdcAnswer:
    """There is a part for each entity that was `asked` for, an empty one where nothing changed. Of an answer that must
    be cut carefully one that is missing may have gone under in what is broken, and its changes with it."""
    parts: list[_Parts] = []
    for inner in elements(_required(top, "CDCResponse")):
        for part in elements(_required(members(inner), "QueryResponse")):
            cut = members(part)
            if holds_fault(cut):
                raise SplitError("it holds a fault")
            parts.append(_cut(part))
    if len(parts) < asked:
        raise SplitError(f"it has {len(parts)} parts where {asked} entities were asked for")
    return _cdc_answer(parts, _server_time(top, response))


def _cdc_answer(parts: Sequence[_Parts], server_time: datetime) -> CdcAnswer:
    pages: dict[str, Page] = {}
    for part in parts:
        for key, rows in part.items():
            if isinstance(rows, int):
                continue
            entity = entity_of_array_key(key)
            if entity is None or entity.name in pages:
                raise SplitError(f"it has unexpected rows under {key}")
            pages[entity.name] = _page(entity, {key: rows}, server_time)
    return CdcAnswer(pages, sum(page.received for page in pages.values()), server_time)


def _batch_of(top: Mapping[str, bytes], response: Response, request: Request) -> BatchAnswer:
    server_time = _server_time(top, response)
    items: list[tuple[str, Page | Written | RequestError]] = []
    for raw in elements(_required(top, "BatchItemResponse")):
        item = members(raw)
        items.append((_string(_required(item, "bId")), _item(item, raw, server_time, response, request)))
    return BatchAnswer(_by_b_id(items), server_time)


def _by_b_id(
    items: Sequence[tuple[str, Page | Written | RequestError]],
) -> Mapping[str, Page | Written | RequestError]:
    found: dict[str, Page | Written | RequestError] = {}
    for b_id, answer in items:
        if b_id in found:
            raise SplitError(f"bId {b_id!r} occurs twice")
        found[b_id] = answer
    return found


def _item(
    item: Mapping[str, bytes], raw: bytes, server_time: datetime, response: Response, request: Request
) -> Page | Written | RequestError:
    """One item of a batch: an error, a page or count, or a written object."""
    if holds_fault(item):
        faults = parse(raw).faults
        if faults:
            return fault_error(faults, request, status=response.status, intuit_tid=response.intuit_tid)
    try:
        if "QueryResponse" in item:
            return _found(_cut(item["QueryResponse"]), server_time)
        return _written(item, server_time)
    except (*REFUSED, ValueError) as error:
        return unreadable_error(str(error), request, status=response.status, intuit_tid=response.intuit_tid)


def _found(parts: _Parts, server_time: datetime) -> Page:
    entity = _entity_of(parts)
    return _page(entity, parts, server_time) if entity else Page([], [], 0, server_time, _total_count(parts))


def _found_to_land(found: msgspec.Raw, server_time: datetime) -> Page:
    """The same from the text of a QueryResponse."""
    if len(found) >= _CUT_BYTES_MIN:
        with suppress(*REFUSED, ValueError, OverflowError):
            cut = cut_page(bytes(found))
            parts = _ROWS.decode(cut.around)
            entity = _entity_of(parts)
            if entity is not None and entity.reading is Reading.SCAN:
                return _page_of_cut(entity, cut, parts, server_time)
    return _found(_ROWS.decode(found), server_time)


def _entity_of(parts: _Parts) -> Entity | None:
    """Whose rows they are; None if there is no place for any."""
    key = next((key for key, rows in parts.items() if not isinstance(rows, int)), None)
    if key is None:
        return None
    entity = entity_of_array_key(key)
    if entity is None:
        raise SplitError(f"it has rows under {key}, which is no entity's key")
    return entity


def _written(item: Mapping[str, bytes], server_time: datetime) -> Written:
    for key, value in item.items():
        entity = entity_of_array_key(key)
        if entity is not None:
            records, refusals = read_rows(entity, [value], deleted_at=server_time)
            if refusals:
                raise SplitError(f"the {entity.name} in it cannot be read: {refusals[0].message}")
            return Written(entity.name, records[0])
    raise SplitError("it holds neither a fault, nor rows, nor an object")


def _server_time(top: Mapping[str, bytes], response: Response) -> datetime:
    """The answer's `time`; where it has none, the `Date` header: the same server's clock, in whole seconds."""
    time = top.get("time")
    if time is not None:
        return instant(_string(time))
    return email.utils.parsedate_to_datetime(response.headers.get("date", "")).astimezone(UTC)


def _required(part: Mapping[str, bytes], key: str) -> bytes:
    if key not in part:
        raise SplitError(f"it has no {key}")
    return part[key]


def _string(raw: bytes) -> str:
    return msgspec.json.decode(raw, type=str)
