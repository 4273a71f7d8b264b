"""Whether a load landed exactly the rows that the prebaked server holds: a count and a checksum, against its own.

The checksum is a sum over the rows, so that their order does not matter and a row that is missing, twice or
different does. Rows are compared in canonical JSON: keys sorted, numbers by their value.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass

import asyncpg
import orjson

from benchmarks.prebaked import document

Canonical = Callable[[str | bytes], bytes]


@dataclass(frozen=True, slots=True)
class Rows:
    """How many, and the sum of their hashes."""

    count: int = 0
    checksum: int = 0

    def __add__(self, other: Rows) -> Rows:
        return Rows(self.count + other.count, (self.checksum + other.checksum) % 2**64)


def whole(text: str | bytes) -> bytes:
    """All of a document, for those who keep documents."""
    return orjson.dumps(orjson.loads(text), option=orjson.OPT_SORT_KEYS)


def without_cursor(text: str | bytes) -> bytes:
    """All of a document but what Airbyte's reader adds to it."""
    row = orjson.loads(text)
    row.pop("airbyte_cursor", None)
    return orjson.dumps(row, option=orjson.OPT_SORT_KEYS)


def keys(text: str | bytes) -> bytes:
    """What identifies a row and its version, and its amount, for those who keep columns."""
    row = orjson.loads(text)
    return orjson.dumps([str(row["Id"]), str(row["SyncToken"]), float(row["TotalAmt"])])


def of_row(entity: str, canonical: bytes) -> Rows:
    """One row's part of the sum."""
    digest = hashlib.blake2b(canonical, digest_size=8, key=entity.encode()).digest()
    return Rows(1, int.from_bytes(digest))


def served(entities: Iterable[str], rows: int, canonical: Canonical) -> Rows:
    """What the server holds: the same documents in every entity."""
    texts = [canonical(document(number)) for number in range(rows)]
    return sum((of_row(entity, text) for entity in entities for text in texts), Rows())


async def selected(dsn: str, statement: str) -> AsyncIterator[str]:
    """The first column of what a statement selects, some at a time."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction(readonly=True):
            async for row in connection.cursor(statement, prefetch=1000):
                yield row[0]
    finally:
        await connection.close()
