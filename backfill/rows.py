"""The rows of a page as columns: a thousand rows cost five arrays, and no Python object a field.

A `Record` a row, with its datetimes, is most of what a row costs in Python. A page that is read in order and landed as
it came needs none: order, bounds, Ids and COPY's binary form are worked out a column at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self, overload

import numpy as np
from numpy.typing import NDArray

from backfill.model import Document, Record

NO_SYNC_TOKEN = -1
"""None has it: they count from 0."""

# numpy's times have no zone. By way of what is between two times neither kind has to be made of the other, which would
# cost as much as all the rest of a row (`datetime.replace` and `numpy.array`: 2 to 3 us a time).
_EPOCH, _COLUMN_EPOCH = datetime(1970, 1, 1, tzinfo=UTC), np.datetime64("1970-01-01", "us")
_NO_TIME = np.datetime64("NaT").view(np.int64).item()


@dataclass(frozen=True, slots=True, eq=False)
class Documents(Sequence[Document]):
    """What stands at places of one text. Each is a view of it, made for whoever asks.

    To keep a thousand views would cost as much as to find where they begin.
    """

    text: memoryview
    starts: NDArray[np.intp]
    ends: NDArray[np.intp]

    @classmethod
    def of(cls, docs: Sequence[Document]) -> Self:
        """A text of nothing but these, copied."""
        sizes = np.fromiter(map(len, docs), np.intp, len(docs))
        ends = np.cumsum(sizes)
        return cls(memoryview(b"".join(docs)), ends - sizes, ends)

    @property
    def sizes_bytes(self) -> NDArray[np.intp]:
        """Of each of them."""
        sizes: NDArray[np.intp] = self.ends - self.starts
        return sizes

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, place: int) -> Document: ...
    @overload
    def __getitem__(self, place: slice) -> Self: ...
    def __getitem__(self, place: int | slice) -> Document | Self:
        if isinstance(place, slice):
            return type(self)(self.text, self.starts[place], self.ends[place])
        return self.text[self.starts[place] : self.ends[place]]

    def __iter__(self) -> Iterator[Document]:
        text = self.text
        return iter([text[start:end] for start, end in zip(self.starts.tolist(), self.ends.tolist(), strict=True)])

    def take(self, places: NDArray[np.intp]) -> Self:
        """Those at `places`, in that order."""
        return type(self)(self.text, self.starts[places], self.ends[places])


@dataclass(frozen=True, slots=True, eq=False)
class Rows(Sequence[Record]):
    """Live objects of one entity, in the order in which they came. Each is a `Record` to whoever asks for one.

    All columns are as long. No Id holds a zero byte, which numpy would not keep at an end.
    """

    ids: NDArray[np.bytes_]
    """UTF-8."""
    sync_tokens: NDArray[np.int64]
    """`NO_SYNC_TOKEN` where a row has none."""
    created_at: NDArray[np.datetime64]
    """UTC, microseconds; NaT where a row does not say. `updated_at` too."""
    updated_at: NDArray[np.datetime64]
    docs: Documents

    @classmethod
    def of(cls, records: Sequence[Record]) -> Self:
        """Records as columns. None of them is deleted, nor has a zero byte in its Id."""
        return cls(
            np.array([record.id.encode() for record in records], dtype=np.bytes_),
            _tokens(records),
            _times([record.created_at for record in records]),
            _times([record.updated_at for record in records]),
            Documents.of([record.doc for record in records]),
        )

    def __len__(self) -> int:
        return len(self.docs)

    @overload
    def __getitem__(self, place: int) -> Record: ...
    @overload
    def __getitem__(self, place: slice) -> Self: ...
    def __getitem__(self, place: int | slice) -> Record | Self:
        if isinstance(place, slice):
            times = self.created_at[place], self.updated_at[place]
            return type(self)(self.ids[place], self.sync_tokens[place], *times, self.docs[place])
        return next(iter(self.take(np.array([place]))))

    def __iter__(self) -> Iterator[Record]:
        tokens = (None if token == NO_SYNC_TOKEN else token for token in self.sync_tokens.tolist())
        columns = (ids_of(self), tokens, moments(self.created_at), moments(self.updated_at), self.docs)
        return map(Record, *columns)

    def take(self, places: NDArray[np.intp]) -> Self:
        """The rows at `places`, in that order."""
        return type(self)(
            self.ids[places],
            self.sync_tokens[places],
            self.created_at[places],
            self.updated_at[places],
            self.docs.take(places),
        )

    def by_id(self) -> Self | None:
        """The rows in the order of their Ids; None if two have the same."""
        rows = self
        if not _rises(rows.ids):
            rows = self.take(np.argsort(self.ids, kind="stable"))
        return rows if _rises(rows.ids) else None


def ids_of(records: Sequence[Record]) -> list[str]:
    """The Ids of records, however they are held."""
    if isinstance(records, Rows):
        return [id_.decode() for id_ in records.ids.tolist()]
    return [record.id for record in records]


def doc_bytes(records: Sequence[Record]) -> int:
    """How large the documents of records are together, however they are held."""
    if isinstance(records, Rows):
        return int(records.docs.sizes_bytes.sum())
    return sum(len(record.doc) for record in records)


def versions_of(records: Sequence[Record]) -> tuple[NDArray[np.datetime64], NDArray[np.int64]]:
    """When each of the records was updated, and its SyncToken. NaT for a deleted one: its time is another's."""
    if isinstance(records, Rows):
        return records.updated_at, records.sync_tokens
    return _times([None if record.deleted else record.updated_at for record in records]), _tokens(records)


def taken(records: Sequence[Record], places: NDArray[np.intp]) -> Sequence[Record]:
    """The records at `places`, however they are held."""
    if isinstance(records, Rows):
        return records.take(places)
    return [records[place] for place in places.tolist()]


def without(records: Sequence[Record], ids: Collection[str]) -> Sequence[Record]:
    """The records that have none of these Ids, however they are held."""
    if not (ids and records):
        return records
    if isinstance(records, Rows):
        # A zero byte at an end is dropped by numpy: what is left of such an Id would be another row's.
        met = np.isin(records.ids, [id_.encode() for id_ in ids if "\0" not in id_])
        first = int(met.argmin())  # as a rule those that were met come first
        return records.take(np.flatnonzero(~met)) if met[first:].any() else records[first:]
    return [record for record in records if record.id not in ids]


def moments(column: NDArray[np.datetime64]) -> list[datetime | None]:
    """A column of times as aware datetimes in UTC."""
    return [None if since is None else _EPOCH + since for since in (column - _COLUMN_EPOCH).tolist()]


def _rises(ids: NDArray[np.bytes_]) -> bool:
    return bool((ids[1:] > ids[:-1]).all())


def _tokens(records: Sequence[Record]) -> NDArray[np.int64]:
    tokens = (NO_SYNC_TOKEN if record.sync_token is None else record.sync_token for record in records)
    return np.fromiter(tokens, np.int64, len(records))


def _times(times: Sequence[datetime | None]) -> NDArray[np.datetime64]:
    microseconds = (_NO_TIME if time is None else _microseconds(time) for time in times)
    return np.fromiter(microseconds, np.int64, len(times)).view("datetime64[us]")


def _microseconds(time: datetime) -> int:
    since = time - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
