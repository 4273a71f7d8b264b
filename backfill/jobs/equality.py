"""When a landed document and the company's own count as equal, and what a person calls a document. Pure.

Left out: links that expire, which are not stored. Told apart: members that QuickBooks moves without a new version
(balances, stock on hand), which no change feed brings; a document that differs in nothing else is equal, and counted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

LEFT_OUT = frozenset({"TempDownloadUri", "ThumbnailTempDownloadUri"})
"""Not stored, since whoever has them may read the file."""

MOVES_ALONE = frozenset({
    "Balance", "BalanceWithJobs", "CurrentBalance", "CurrentBalanceWithSubAccounts", "HomeBalance", "QtyOnHand",
})  # fmt: skip
"""Recorded to move while SyncToken and LastUpdatedTime stay: they are derived from other documents."""

_SHOWN_MAX = 120
"""Characters of a value that a person is shown."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two documents of one object compare."""

    detail: str
    """The members that differ, with both values; empty: equal."""
    moved: bool = False
    """Equal but for what moves without a new version."""
    newer: bool = False
    """The company's was changed after the watermark: it says nothing of what was landed before."""


def compared(landed: bytes, there: bytes, watermark: datetime | None) -> Comparison:
    """Compare the landed document with the company's own; `watermark`: as of when the landed one was proven."""
    if landed == there:
        return Comparison("")
    ours, theirs = _exact(landed), _exact(there)
    names = [name for name in sorted(ours.keys() | theirs.keys()) if ours.get(name) != theirs.get(name)]
    if not names:
        return Comparison("")
    if _is_newer(theirs, watermark):
        return Comparison("", newer=True)
    if set(names) <= MOVES_ALONE:
        return Comparison("", moved=True)
    return Comparison("; ".join(f"{name}: {_said(ours, name)} landed, {_said(theirs, name)} there" for name in names))


def is_newer(doc: bytes, watermark: datetime | None) -> bool:
    """Whether the company changed the object after the watermark."""
    return _is_newer(_exact(doc), watermark)


def about(doc: bytes) -> str:
    """What a person knows the object by: number, name, date, amount; as much as it has."""
    members = _unwrapped(_exact(doc))
    named = members.get("DisplayName") or members.get("Name") or members.get("FileName") or _party(members)
    parts = [
        _text(members.get("DocNumber")),
        _text(named),
        _text(members.get("TxnDate")),
        _text(members.get("TotalAmt")),
    ]
    return _sayable(", ".join(part for part in parts if part))


def _unwrapped(members: dict[str, Any]) -> dict[str, Any]:
    """The object itself, where it comes in a wrapper: `{"Invoice": {...}}` of a RecurringTransaction."""
    inner = next(iter(members.values()), None)
    return inner if len(members) == 1 and isinstance(inner, dict) else members


def _party(members: dict[str, Any]) -> object:
    references = (members.get(name) for name in ("CustomerRef", "VendorRef", "EntityRef"))
    return next((one.get("name") for one in references if isinstance(one, dict)), None)


def _is_newer(members: dict[str, Any], watermark: datetime | None) -> bool:
    meta = _unwrapped(members).get("MetaData")
    if watermark is None or not isinstance(meta, dict):
        return False
    try:
        # Of the watermark's own second nobody can tell what came before it: it may be newer, and the next look decides.
        return datetime.fromisoformat(str(meta.get("LastUpdatedTime"))) >= watermark.replace(microsecond=0)
    except (ValueError, TypeError):
        return False


class _Number(str):
    """A number as it was written: 639.00 and 639.0 are two, and neither is a text."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Number) and str.__eq__(self, other)

    __hash__ = str.__hash__

    def __ne__(self, other: object) -> bool:
        return not self == other


def _exact(doc: bytes) -> dict[str, Any]:
    """The members. Bytes that are no text are marked: a document with such is in quarantine, or not what is landed.

    Postgres holds what is nested deeper than we can read. Intuit has no such document.
    """
    try:
        parsed = json.loads(doc.decode(errors="replace"), parse_float=_Number, parse_int=_Number)
    except RecursionError:
        return {"the document": "nested too deep to be compared"}
    return {name: value for name, value in parsed.items() if name not in LEFT_OUT}


def _said(members: dict[str, Any], name: str) -> str:
    if name not in members:
        return "nothing"
    value = members[name]
    text = _sayable(str(value) if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}..."


def _sayable(text: str) -> str:
    """Without halves of characters, which JSON can spell and nobody can store."""
    return text.encode(errors="replace").decode()


def _text(value: object) -> str:
    return "" if value is None else str(value)
