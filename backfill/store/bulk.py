"""Rows as COPY takes them, in Postgres' binary format: the cheapest way in for rows that are new.

Measured against the upsert: two thirds of the client's work a row, and the server neither looks for a conflict nor
unpacks arrays. Documents pass as the bytes they are; jsonb's binary form is a version byte before the text.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

from backfill.model import Record

COLUMNS = ("realm_id", "id", "sync_token", "created_at", "updated_at", "deleted_at", "doc", "run_id", "landed_at")
"""In the order in which `encoded` writes them."""

_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
"""Signature, flags, and no extension, as the documentation of COPY has it."""
_TRAILER = struct.pack("!h", -1)
_NULL = struct.pack("!i", -1)
_LENGTH = struct.Struct("!i")
_INT8 = struct.Struct("!iq")
"""A length of eight and the value: bigint and timestamptz alike."""
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CHUNK_BYTES = 256 * 1024
"""One CopyData message: large enough that its cost vanishes, small enough that the socket's buffer is not outgrown."""


def encoded(realm_id: str, run_id: int, landed_at: datetime, records: Sequence[Record]) -> bytes:
    """The live `records` as one COPY stream."""
    realm = realm_id.encode()
    head = struct.pack("!h", len(COLUMNS)) + _LENGTH.pack(len(realm)) + realm
    tail = _INT8.pack(8, run_id) + _INT8.pack(8, _microseconds(landed_at))
    parts = [_HEADER]
    for record in records:
        assert not record.deleted, "a mark of deletion is no new row"
        id_ = record.id.encode()
        doc = record.doc
        parts += (
            head,
            _LENGTH.pack(len(id_)),
            id_,
            _NULL if record.sync_token is None else _INT8.pack(8, record.sync_token),
            _NULL if record.created_at is None else _INT8.pack(8, _microseconds(record.created_at)),
            _NULL if record.updated_at is None else _INT8.pack(8, _microseconds(record.updated_at)),
            _NULL,
            _LENGTH.pack(len(doc) + 1),
            b"\x01",
            doc,
            tail,
        )
    parts.append(_TRAILER)
    return b"".join(parts)


async def chunks(stream: bytes) -> AsyncIterator[bytes]:
    """The stream in pieces."""
    for start in range(0, len(stream), _CHUNK_BYTES):
        yield stream[start : start + _CHUNK_BYTES]


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
