"""Rows of the store in memory: which version stands, and what Postgres would refuse."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import msgspec
import orjson

from backfill.model import Record, Refusal
from backfill.store.landing import ID_LIMIT
from backfill.store.landing_statements import EXPIRING_LINKS

_ZERO = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""The escape of the zero character; after an even number of backslashes it is one, after an odd it is text."""

_BIGINT = range(-(2**63), 2**63)

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Row:
    """One object as it is held. A deleted one keeps what was last known of it."""

    sync_token: int | None
    created_at: datetime | None
    updated_at: datetime | None
    deleted_at: datetime | None
    doc: bytes

    def replaced_by(self, comes: Row) -> Row:
        """This row once `comes` stands: a deletion is a mark, anything else a replacement."""
        return comes if comes.deleted_at is None else replace(self, deleted_at=comes.deleted_at)

    @property
    def version(self) -> tuple[datetime | None, int]:
        return self.updated_at, -1 if self.sync_token is None else self.sync_token

    def is_live_within(
        self, created_from: datetime | None, created_to: datetime | None, updated_from: datetime | None
    ) -> bool:
        """Whether it is not deleted, and within the bounds; of a time that is bounded it has to say one."""
        return (
            self.deleted_at is None
            and (created_from is None or (self.created_at is not None and self.created_at >= created_from))
            and (created_to is None or (self.created_at is not None and self.created_at <= created_to))
            and (updated_from is None or (self.updated_at is not None and self.updated_at >= updated_from))
        )


def stored(entity: str, record: Record, *, now: Callable[[], datetime]) -> Row:
    """The row that a record becomes where none is held."""
    deleted_at = (record.updated_at or now()) if record.deleted else None
    doc = _without_members(bytes(record.doc), EXPIRING_LINKS.get(entity, ()))
    return Row(record.sync_token, record.created_at, record.updated_at, deleted_at, doc)


def created_up_to(rows: Iterable[Row], parts: int) -> Sequence[tuple[datetime, int]]:
    """As the port's: moments that cut the live rows by CreateTime, each with the rows created up to it."""
    moments = sorted(row.created_at for row in rows if row.deleted_at is None and row.created_at is not None)
    risen = {moment: up_to for up_to, moment in enumerate(moments, 1)}  # of equal ones the last one's place
    by_part = {-(-up_to * parts // len(moments)): (moment, up_to) for moment, up_to in risen.items()}
    return list(by_part.values())


def stands(held: Row, comes: Row, *, overwrite_equal_from: datetime | None, settled_to: datetime | None) -> bool:
    """Whether `comes` takes the place of `held`: an older version of a newer one only if that has settled."""
    if comes.deleted_at is None and held.deleted_at is None:
        is_older = comes.updated_at is not None and comes.version != held.version
        return (is_older and _has_settled(held.updated_at, settled_to)) or _live_over_live(
            held, comes, overwrite_equal_from=overwrite_equal_from
        )
    if comes.deleted_at is None:
        return _has_settled(held.deleted_at, settled_to) or _live_over_deleted(held, comes)
    if held.deleted_at is None:
        return held.updated_at is None or held.updated_at <= comes.deleted_at
    return comes.deleted_at > held.deleted_at


def outdone(
    held: Row | None, record: Record, *, overwrite_equal_from: datetime | None, settled_to: datetime | None
) -> bool:
    """Whether the held version stands whatever the record's document is, by what both say of their versions."""
    if held is None or held.updated_at is None or held.deleted_at is not None:
        return False
    if record.updated_at is None or record.deleted:
        return False
    comes = Row(record.sync_token, None, record.updated_at, None, b"")
    if comes.version == held.version:
        return overwrite_equal_from is None or record.updated_at < overwrite_equal_from
    is_older = (record.updated_at, comes.version[1]) < (held.updated_at, held.version[1])
    return is_older and not _has_settled(held.updated_at, settled_to)


def _has_settled(moment: datetime | None, settled_to: datetime | None) -> bool:
    return moment is not None and settled_to is not None and moment <= settled_to


def _live_over_live(held: Row, comes: Row, *, overwrite_equal_from: datetime | None) -> bool:
    """By LastUpdatedTime, then SyncToken. Of an entity without times what differs stands."""
    if comes.updated_at is None:
        return not same_json(held.doc, comes.doc)
    if held.updated_at is None:
        return True
    if comes.version == held.version:
        overwrites = overwrite_equal_from is not None and comes.updated_at >= overwrite_equal_from
        return overwrites and not same_json(held.doc, comes.doc)
    return (comes.updated_at, comes.version[1]) > (held.updated_at, held.version[1])


def _live_over_deleted(held: Row, comes: Row) -> bool:
    """Only what was updated after the deletion; where neither side knows a time, what comes last."""
    if comes.updated_at is None or held.deleted_at is None:
        return held.updated_at is None
    return comes.updated_at > held.deleted_at


def same_json(one: bytes, other: bytes) -> bool:
    """Whether two documents are equal as jsonb has it: numbers by value, members in any order."""
    return one == other or _valued(one) == _valued(other)


def _valued(doc: bytes) -> object:
    return json.loads(doc, parse_int=_number, parse_float=_number)


def _number(text: str) -> tuple[str, Decimal]:
    """A number that does not equal `true`, as 1 does in Python."""
    return ("number", Decimal(text))


def refused_by_postgres(record: Record) -> Refusal | None:
    """The refusal of a row that Postgres cannot hold: a zero character, half a character, bytes that are no JSON.

    Stricter than Postgres in one thing: a number beyond a double is refused here, and beyond `numeric` there.
    """
    reason = _reason(record)
    if reason is None:
        return None
    code, message = reason
    return Refusal(id=_storable(record.id), code=code, message=message, raw=bytes(record.doc))


def _reason(record: Record) -> tuple[str, str] | None:
    """SQLSTATE and words."""
    if _storable(record.id) != record.id:
        return "22021", "invalid byte sequence in its Id"
    if record.sync_token is not None and record.sync_token not in _BIGINT:
        return "22000", "its SyncToken is beyond bigint"
    doc = bytes(record.doc)
    if b"\\u0000" in doc and _ZERO.search(doc):  # the plain search first: it is a hundred times faster
        return "22P05", "unsupported Unicode escape sequence"
    try:
        orjson.loads(doc)
    except orjson.JSONDecodeError as error:
        return "22P02", f"invalid input syntax for type json: {error.msg}"
    return None


def _storable(id_: str) -> str:
    return id_.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def without_links(entity: str, refusal: Refusal) -> Refusal:
    """The refusal as it is kept: no Id that is none, no link that gives access."""
    raw = refusal.raw
    for member in EXPIRING_LINKS.get(entity, ()):
        raw = re.sub(rb'("%s"\s*:\s*")(?:[^"\\]|\\.)*' % member.encode(), rb"\1", raw)
    id_ = refusal.id if len(refusal.id) <= ID_LIMIT else ""
    return Refusal(id=_storable(id_), code=refusal.code, message=refusal.message, raw=raw)


def _without_members(doc: bytes, names: tuple[str, ...]) -> bytes:
    """The object without these members; the bytes of all others stay as they came."""
    if not any(name.encode() in doc for name in names):
        return doc
    kept: Mapping[str, msgspec.Raw] = {key: raw for key, raw in _MEMBERS.decode(doc).items() if key not in names}
    return msgspec.json.encode(kept)
