"""Stamps: how an object is found again that has neither a name nor a number of its own.

A stamp is a short text at the end of the object's note. Notes cannot be queried, but what was created since a moment
can be, and then compared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from backfill.model import RealmId
from backfill.qbo.operations import Operation, Writing
from backfill.qbo.payloads import TEXT_CHARS_MAX

_DIGEST_CHARS = 16
"""64 bits: among a company's millions of objects no two share them."""

_BEGIN, _END = "[backfill ", "]"

_STAMP = re.compile(rf" ?{re.escape(_BEGIN)}[0-9a-f]{{{_DIGEST_CHARS}}}{re.escape(_END)}")

STAMP_CHARS = len(_BEGIN) + _DIGEST_CHARS + len(_END)
"""What a stamp takes of a note, without the blank before it."""


def stamp_of(realm_id: RealmId, entity: str, source_key: str) -> str:
    """`[backfill 0123456789abcdef]`, the same for the same row."""
    digest = sha256(f"{realm_id}\x00{entity}\x00{source_key}".encode()).hexdigest()[:_DIGEST_CHARS]
    return f"{_BEGIN}{digest}{_END}"


def stamps_in(note: str) -> list[str]:
    """What in a note may be stamps."""
    return [f"{_BEGIN}{part.partition(_END)[0]}{_END}" for part in note.split(_BEGIN)[1:]]


def unstamped(table: Writing, content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The content as a person knows it."""
    note = content.get(table.stamp_field) if table.stamp_field else None
    return {**content, table.stamp_field: _STAMP.sub("", str(note))} if note else content


def needs_stamp(table: Writing, operation: Operation, payload: Mapping[str, Any]) -> bool:
    """Whether a new object could not be told from others without one."""
    named = bool(table.natural_key) and str(payload.get(table.natural_key) or "").strip()  # blanks are no number
    return operation is Operation.CREATE and bool(table.stamp_field) and not named


def has_room(table: Writing, payload: Mapping[str, Any]) -> bool:
    """Whether its note can take a stamp."""
    return len(str(payload.get(table.stamp_field) or "")) + 1 + STAMP_CHARS <= TEXT_CHARS_MAX


def stamped(table: Writing, payload: dict[str, Any], stamp: str) -> dict[str, Any]:
    """The payload with the stamp at the end of its note."""
    note = str(payload.get(table.stamp_field) or "")
    return {**payload, table.stamp_field: f"{note} {stamp}".strip()}
