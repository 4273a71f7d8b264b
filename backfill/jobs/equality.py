"""When a landed document and the company's own count as equal, and what a person calls a document. Pure.

Left out: links that expire, which are not stored. The times of a MetaData are moments: Intuit writes them in a zone of
the company's, and in whichever is the same. Told apart: members that QuickBooks moves without a new version
(balances, stock on hand), which no change feed brings; a document that differs in nothing else is equal, and counted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from backfill.jobs.quoted import first_difference, quoted
from backfill.model import Record
from backfill.qbo.splitter import REFUSED

LEFT_OUT = frozenset({"TempDownloadUri", "ThumbnailTempDownloadUri"})
"""Not stored, since whoever has them may read the file."""

MOVES_ALONE = frozenset({
    "Balance", "BalanceWithJobs", "CurrentBalance", "CurrentBalanceWithSubAccounts", "HomeBalance", "QtyOnHand",
})  # fmt: skip
"""Recorded to move while SyncToken and LastUpdatedTime stay: they are derived from other documents."""

MEMBERS_SHOWN_MAX = 20
"""Members that differ and are quoted, the first by name. Who sees so many looks at the document itself."""

_TIMES = frozenset({"CreateTime", "LastUpdatedTime"})

_DIGITS_MAX = 100
"""That are written out of an exponent. No amount has as many, and a few bytes could ask for any number of them."""
_EXPONENT_CHARS_MAX = 5
"""Of an exponent that says so many digits, with its sign and zeros in front. Of a long one no Decimal can be made."""

_AS_WRITTEN = msgspec.json.Decoder(float_hook=str.encode)
"""Of a number with a fraction its bytes, which no text is equal to."""

_TOO_DEEP = "the document: nested too deep to be compared"
"""Postgres holds what is nested deeper than we can read. Intuit has no such document."""


_NO_OBJECT = "the document: what is landed is none"
"""Not even members: somebody wrote it who is neither Intuit nor us."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two documents of one object compare."""

    detail: str
    """The members that differ, with both values; empty: equal."""
    moved: bool = False
    """Equal but for what moves without a new version."""
    newer: bool = False
    """The company's was changed after the watermark, and is of another version: it says nothing of what was landed
    before."""


def compared(landed: bytes, there: bytes, watermark: datetime | None) -> Comparison:
    """Compare the landed document with the company's own; `watermark`: as of when the landed one was proven."""
    if _are_equal(landed, there):
        return Comparison("")
    try:
        return _compared(_exact(landed), _exact(there), watermark)
    except RecursionError:
        return Comparison(_TOO_DEEP)
    except ValueError:
        return Comparison(_NO_OBJECT)


def _are_equal(landed: bytes, there: bytes) -> bool:
    """Whether they are, as nearly all are: a quarter of the work of telling in what. False: that has to tell."""
    try:
        return landed == there or bool(_AS_WRITTEN.decode(landed) == _AS_WRITTEN.decode(there))
    except REFUSED:
        return False


def _compared(ours: dict[str, Any], theirs: dict[str, Any], watermark: datetime | None) -> Comparison:
    names = [name for name in sorted(ours.keys() | theirs.keys()) if ours.get(name) != theirs.get(name)]
    if not names:
        return Comparison("")
    # What landed since the watermark, as by webhooks, is compared as well: it is of the company's own version.
    if _is_newer(theirs, watermark) and _version(ours) != _version(theirs):
        return Comparison("", newer=True)
    if set(names) <= MOVES_ALONE:
        return Comparison("", moved=True)
    told = [_told(name, _text_of(ours, name), _text_of(theirs, name)) for name in names[:MEMBERS_SHOWN_MAX]]
    more = len(names) - len(told)
    return Comparison("; ".join([*told, f"and {more:,} more members"] if more else told))


def is_newer(record: Record, watermark: datetime | None) -> bool:
    """Whether the company changed the object after the watermark."""
    return record.updated_at is not None and _is_after(record.updated_at, watermark)


def may_be_newer(doc: bytes, watermark: datetime | None) -> bool:
    """The same of one that could not be read as a whole, as far as it says."""
    return _is_newer(_members(doc), watermark)


def about(doc: bytes) -> str:
    """What a person knows the object by: number, name, date, amount; as much as it has."""
    members = _unwrapped(_members(doc))
    named = members.get("DisplayName") or members.get("Name") or members.get("FileName") or _party(members)
    parts = [
        _text(members.get("DocNumber")),
        _text(named),
        _text(members.get("TxnDate")),
        _text(members.get("TotalAmt")),
    ]
    return _sayable(", ".join(quoted(part) for part in parts if part))


def _unwrapped(members: dict[str, Any]) -> dict[str, Any]:
    """The object itself, where it comes in a wrapper: `{"Invoice": {...}}` of a RecurringTransaction."""
    inner = next(iter(members.values()), None)
    return inner if len(members) == 1 and isinstance(inner, dict) else members


def _party(members: dict[str, Any]) -> object:
    references = (members.get(name) for name in ("CustomerRef", "VendorRef", "EntityRef"))
    return next((one.get("name") for one in references if isinstance(one, dict)), None)


def _is_newer(members: dict[str, Any], watermark: datetime | None) -> bool:
    meta = _unwrapped(members).get("MetaData")
    if not isinstance(meta, dict):
        return False
    try:
        return _is_after(datetime.fromisoformat(str(meta.get("LastUpdatedTime"))), watermark)
    except (ValueError, TypeError):
        return False


def _version(members: dict[str, Any]) -> tuple[object, object]:
    inner = _unwrapped(members)
    meta = inner.get("MetaData")
    return inner.get("SyncToken"), meta.get("LastUpdatedTime") if isinstance(meta, dict) else None


def _is_after(moment: datetime, watermark: datetime | None) -> bool:
    """Of the watermark's own second nobody can tell what came before it: it may be newer, and the next look decides."""
    return watermark is not None and moment >= watermark.replace(microsecond=0)


class _Number(str):
    """A number as Postgres writes it: 639.00 and 639.0 are two, and neither is a text."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Number) and str.__eq__(self, other)

    __hash__ = str.__hash__

    def __ne__(self, other: object) -> bool:
        return not self == other


def _number(text: str) -> _Number:
    """Of what is landed jsonb has written out the exponent and taken the sign from nothing."""
    exponent = text.lower().partition("e")[2]
    if 0 < len(exponent) <= _EXPONENT_CHARS_MAX and abs((number := Decimal(text)).adjusted()) <= _DIGITS_MAX:
        text = format(number, "f")
    return _Number(text if text.strip("-0.") else text.removeprefix("-"))


def _exact(doc: bytes) -> dict[str, Any]:
    """The members. Bytes that are no text are marked: a document with such is in quarantine, or not what is landed.

    Raises RecursionError for what is nested too deep, ValueError for what has no members.
    """
    parsed = json.loads(doc.decode(errors="replace"), parse_float=_number, parse_int=_number)
    if not isinstance(parsed, dict):
        raise ValueError("no object")  # noqa: TRY004  # of a kind with what is no JSON
    members = {name: value for name, value in parsed.items() if name not in LEFT_OUT}
    meta = _unwrapped(members).get("MetaData")
    if isinstance(meta, dict):
        meta.update({name: _in_utc(meta[name]) for name in _TIMES & meta.keys()})
    return members


def _in_utc(value: object) -> object:
    """A time as one and the same text, whichever zone it is written in; anything else as it is."""
    try:
        moment = datetime.fromisoformat(str(value))
        return value if moment.tzinfo is None else moment.astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return value


def _members(doc: bytes) -> dict[str, Any]:
    """The members, or none of what is nested too deep or is no document."""
    try:
        return _exact(doc)
    except (RecursionError, ValueError):
        return {}


def _text_of(members: dict[str, Any], name: str) -> str:
    """A member as text; in one order, so that texts differ where values do."""
    if name not in members:
        return "nothing"
    value = members[name]
    return _sayable(str(value) if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False, sort_keys=True))


def _told(name: str, ours: str, theirs: str) -> str:
    """What both sides hold of a member, from where they differ."""
    at = first_difference(ours, theirs)
    return f"{quoted(_sayable(name))}: {quoted(ours, around=at)} landed, {quoted(theirs, around=at)} there"


def _sayable(text: str) -> str:
    """Without halves of characters, which JSON can spell and nobody can store."""
    return text.encode(errors="replace").decode()


def _text(value: object) -> str:
    return "" if value is None else str(value)
