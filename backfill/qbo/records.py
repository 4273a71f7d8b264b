"""One object of an answer becomes a `Record`, or a `Refusal` where its header cannot be read.

Only the key columns are decoded; the object's own bytes are kept as they came, so no number loses its scale.
A page's headers are decoded together from its rows' beginnings, and row by row only where one of them refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated, Any

import msgspec

from backfill.model import Document, Record, Refusal
from backfill.qbo.catalogue import Entity, Reading
from backfill.qbo.splitter import REFUSED, SplitError, members

SINGLETON_ID = "1"
"""CompanyInfo says 1 of itself, and Preferences too; there is one of each."""

_ID_CHARS_MAX = 200
"""Intuit's Ids have at most 19 digits or a short word; a primary key of kilobytes is a broken answer."""
_SYNC_TOKEN_MAX = 2**63 - 1
"""As large as the column."""
_SYNC_TOKEN_DIGITS = 18
"""As many as always fit the column."""
_RAW_BYTES_MAX = 1024 * 1024
"""A refused row is kept for a person to look at; a megabyte is far more than any good row has."""


_Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""With any offset (`-07:00`, `-0700`, `Z`); a time without one is not an instant."""


class _MetaData(msgspec.Struct, gc=False):
    CreateTime: _Instant | None = None
    LastUpdatedTime: _Instant | None = None


class Header(msgspec.Struct, gc=False):
    """The key columns of a row, as far as they are there."""

    Id: str | int | None = None
    SyncToken: str | int | None = None
    MetaData: _MetaData | None = None
    status: Any = None


class _RateHeader(Header, gc=False):
    SourceCurrencyCode: str = ""
    AsOfDate: str = ""


class _WholeMetaData(msgspec.Struct, gc=False):
    CreateTime: _Instant
    LastUpdatedTime: _Instant


class WholeHeader(msgspec.Struct, gc=False):
    """The key columns of an ordinary row, all there: what nearly all rows have, checked while they are decoded."""

    Id: Annotated[str, msgspec.Meta(min_length=1, max_length=_ID_CHARS_MAX)]
    SyncToken: Annotated[str, msgspec.Meta(max_length=_SYNC_TOKEN_DIGITS)]
    MetaData: _WholeMetaData
    status: None = None
    """A row that says anything here is no ordinary one. A deleted stub (which only CDC brings) says it first."""


class _HeaderError(ValueError):
    """The header is JSON, and not a header that we can file a row under."""


_BROKEN = (*REFUSED, ValueError)
"""And what a header is refused with here."""

_HEADER = msgspec.json.Decoder(Header)
_WHOLE_HEADERS = msgspec.json.Decoder(list[WholeHeader])
_RATE_HEADER = msgspec.json.Decoder(_RateHeader)
_WRAPPER = msgspec.json.Decoder(dict[str, msgspec.Raw])


def instant(text: str) -> datetime:
    """An ISO 8601 time with any offset (`-07:00`, `-0700`, `Z`) as an aware datetime in UTC. Raises `ValueError`."""
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError(f"{text!r} has no offset, so it is not an instant")
    return _in_utc(parsed)


def read_rows(
    entity: Entity, rows: Sequence[msgspec.Raw | bytes], *, deleted_at: datetime | None = None
) -> tuple[list[Record], list[Refusal]]:
    """All rows of one answer. `deleted_at` dates a deleted stub that does not say when it was deleted.

    The documents are the rows as they are given: a view keeps the whole answer alive. A `msgspec.Raw` is known to be
    JSON, since msgspec cut it out of a whole that is; bytes may be anything, and are read to their end.
    """
    if entity.reading is Reading.SCAN and all(isinstance(row, msgspec.Raw) for row in rows):
        with suppress(*_BROKEN, OverflowError):  # by one of them, and which it is shows when they are read singly
            return whole_records(_beginnings(rows), rows), []
    read = _READERS[entity.reading]
    records: list[Record] = []
    refusals: list[Refusal] = []
    for row in rows:
        try:
            records.append(read(row, deleted_at))
        except _BROKEN as error:
            refusals.append(_refusal(bytes(row), error))
    return records, refusals


def whole_records(beginnings: Sequence[Document], rows: Sequence[Document]) -> list[Record]:
    """The hot path: ordinary rows, each with its beginning up to the end of its MetaData, decoded as one array.

    In Intuit's order MetaData is the last of the header, long before the lines: a sixth of the bytes. Nothing is
    checked again that decoding has checked.
    Raises what is in `_BROKEN`, and `OverflowError` for a time that UTC cannot say.
    """
    records: list[Record] = []
    headers = _WHOLE_HEADERS.decode(b"[" + b"},".join(beginnings) + b"}]") if beginnings else ()
    for header, row in zip(headers, rows, strict=True):
        if not header.SyncToken.isdecimal():
            raise _HeaderError("its SyncToken is not a number")
        times = header.MetaData
        created_at = times.CreateTime.astimezone(UTC)
        # Most objects were never changed; comparing is ten times cheaper than converting.
        unchanged = times.LastUpdatedTime == times.CreateTime
        updated_at = created_at if unchanged else times.LastUpdatedTime.astimezone(UTC)
        records.append(Record(header.Id, int(header.SyncToken), created_at, updated_at, row))
    return records


def _beginnings(rows: Sequence[msgspec.Raw | bytes]) -> list[bytes]:
    """Each row cut behind its first MetaData.

    A cut that is not where it should be, within something deeper or within a string, leaves a bracket or a quote open,
    which no other beginning closes (behind its first quote each has a letter), and the array does not decode.
    """
    beginnings: list[bytes] = []
    for row in rows:
        whole = bytes(row)
        beginnings.append(whole[: whole.find(b"}", whole.find(b'"MetaData":{')) + 1])
    return beginnings


def _plain(row: msgspec.Raw | bytes, deleted_at: datetime | None) -> Record:
    header = _HEADER.decode(row)
    return _record(_id(header.Id), header, row, deleted_at)


def _singleton(row: msgspec.Raw | bytes, deleted_at: datetime | None) -> Record:
    return _record(SINGLETON_ID, _HEADER.decode(row), row, deleted_at)


def _rate(row: msgspec.Raw | bytes, deleted_at: datetime | None) -> Record:
    """ExchangeRate has no Id: its key is the source currency and the date."""
    header = _RATE_HEADER.decode(row)
    if not (header.SourceCurrencyCode and header.AsOfDate):
        raise _HeaderError("the rate has no SourceCurrencyCode or no AsOfDate")
    return _record(_id(f"{header.SourceCurrencyCode}:{header.AsOfDate}"), header, row, deleted_at)


def _wrapped(row: msgspec.Raw | bytes, deleted_at: datetime | None) -> Record:
    """RecurringTransaction: `{"Invoice": {...}}`. Ids are unique within a type only, so the type is part of the id."""
    wrapper = _WRAPPER.decode(row)
    if len(wrapper) != 1:
        raise _HeaderError("the wrapper does not hold exactly one object")
    kind, inner = next(iter(wrapper.items()))
    header = _HEADER.decode(inner)
    return _record(_id(f"{kind}:{_id(header.Id)}"), header, row, deleted_at)


_READERS: Mapping[Reading, Callable[[msgspec.Raw | bytes, datetime | None], Record]] = MappingProxyType(
    {
        Reading.SCAN: _plain,
        Reading.SINGLETON: _singleton,
        Reading.RATES: _rate,
        Reading.WRAPPED: _wrapped,
        Reading.LISTING: _plain,
    }
)


def _record(id_: str, header: Header, row: msgspec.Raw | bytes, deleted_at: datetime | None) -> Record:
    times = header.MetaData
    created = updated = None
    if times is not None:
        created, updated = times.CreateTime, times.LastUpdatedTime
    deleted = header.status == "Deleted"
    if deleted and updated is None:
        updated = deleted_at
    return Record(
        id_,
        None if header.SyncToken is None else _sync_token(header.SyncToken),
        None if created is None else _in_utc(created),
        None if updated is None else _in_utc(updated),
        row,
        deleted,
    )


def _in_utc(moment: datetime) -> datetime:
    """Raises `ValueError` for what is so far away that UTC cannot say it."""
    if moment.tzinfo is UTC:
        return moment
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{moment} is out of range") from error


def _id(value: str | int | None) -> str:
    if value is None or value == "":
        raise _HeaderError("it has no Id")
    text = str(value)
    if len(text) > _ID_CHARS_MAX:
        raise _HeaderError("its Id is too long to be one")
    return text


def _sync_token(value: str | int) -> int | None:
    if value == "":
        return None
    number = int(value)
    if not 0 <= number <= _SYNC_TOKEN_MAX:
        raise _HeaderError("its SyncToken is out of range")
    return number


def _refusal(raw: bytes, error: Exception) -> Refusal:
    reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
    return Refusal(id=_readable_id(raw), code="unreadable_row", message=reason[:500], raw=raw[:_RAW_BYTES_MAX])


def _readable_id(raw: bytes) -> str:
    """The row's own Id, as far as it can still be read out of a row that is broken elsewhere."""
    try:
        id_ = str(msgspec.json.decode(members(raw).get("Id", b'""'), type=str | int))
    except (SplitError, msgspec.MsgspecError, UnicodeDecodeError):
        return ""
    return id_ if len(id_) <= _ID_CHARS_MAX else ""  # the beginning of one is the Id of another object, or of none
