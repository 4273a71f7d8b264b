"""One entity's objects in one company, in the orders that questions come in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from operator import attrgetter

import msgspec


class StoredObject(msgspec.Struct, frozen=True, gc=False):
    """One version of one object. A change makes a new one; whoever holds this one holds what was."""

    id: str
    """Of an ExchangeRate, which has none: source currency and as-of date, `EUR:2024-01-31`."""
    sync_token: int
    created: int
    """Epoch seconds, as MetaData shows: of one second's resolution."""
    updated: int
    active: bool
    doc: bytes
    """The entity as compact UTF-8 JSON with its Id, SyncToken and MetaData (a wrapper where traits say `wrapped`)."""


KeyOf = Callable[[StoredObject], str]
"""What an index files an object under; "" where under nothing."""

_CREATED = attrgetter("created")
_UPDATED = attrgetter("updated")


class _Index:
    """Ids by a key of their objects, kept true by the table from the first question on."""

    __slots__ = ("_ids", "_key_of")

    def __init__(self, key_of: KeyOf) -> None:
        self._key_of = key_of
        self._ids: dict[str, dict[str, None]] = {}

    def ids(self, key: str) -> Collection[str]:
        return self._ids.get(key, {})

    def add(self, row: StoredObject) -> None:
        key = self._key_of(row)
        if key:
            self._ids.setdefault(key, {})[row.id] = None

    def discard(self, row: StoredObject) -> None:
        key = self._key_of(row)
        if key:
            self._ids[key].pop(row.id, None)
            if not self._ids[key]:
                del self._ids[key]


class Table:
    """The live objects of an entity and the tombstones of the deleted ones.

    Sorted views are made when first asked for and kept until the next change. Ties go by insertion, so that
    a view is the same however often it is made.
    """

    __slots__ = ("_all", "_by_created", "_by_updated", "_indexes", "_rows", "_tombstones")

    def __init__(self) -> None:
        self._rows: dict[str, StoredObject] = {}
        self._tombstones: dict[str, int] = {}
        self._indexes: dict[KeyOf, _Index] = {}
        self._all: tuple[StoredObject, ...] | None = None
        self._by_created: list[StoredObject] | None = None
        self._by_updated: list[StoredObject] | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, object_id: str) -> StoredObject | None:
        return self._rows.get(object_id)

    def all(self) -> Sequence[StoredObject]:
        """In the order of insertion; an edit does not move a row."""
        if self._all is None:
            self._all = tuple(self._rows.values())
        return self._all

    def by_created(self) -> Sequence[StoredObject]:
        """Ascending by CreateTime."""
        if self._by_created is None:
            self._by_created = sorted(self.all(), key=_CREATED)
        return self._by_created

    def by_updated(self) -> Sequence[StoredObject]:
        """Ascending by LastUpdatedTime."""
        if self._by_updated is None:
            self._by_updated = sorted(self.all(), key=_UPDATED)
        return self._by_updated

    def find(self, key_of: KeyOf, key: str) -> Collection[str]:
        """The Ids of the objects with that key, in the order they came by it.

        The first question of a kind reads every row; from then on each change keeps the answer true, and a
        table that nobody asks costs nothing. `key_of` is one function of a module: it names the index.
        """
        index = self._indexes.get(key_of)
        if index is None:
            index = self._indexes[key_of] = _Index(key_of)
            for row in self._rows.values():
                index.add(row)
        return index.ids(key)

    def tombstones_since(self, since: int) -> Sequence[tuple[str, int]]:
        """(Id, epoch seconds of deletion) of what was deleted at `since` or later, ascending by time."""
        found = [(object_id, at) for object_id, at in self._tombstones.items() if at >= since]
        return sorted(found, key=lambda pair: pair[1])

    def put(self, row: StoredObject) -> None:
        """Insert the row, or put it in the place of its older version."""
        old = self._rows.get(row.id)
        self._rows[row.id] = row
        for index in self._indexes.values():
            if old is not None:
                index.discard(old)
            index.add(row)
        self._forget_views()

    def remove(self, object_id: str, at: int) -> None:
        """Take the row away and leave a tombstone of that epoch second. Raises `KeyError` if it is not there."""
        row = self._rows.pop(object_id)
        for index in self._indexes.values():
            index.discard(row)
        self.bury(object_id, at)
        self._forget_views()

    def bury(self, object_id: str, at: int) -> None:
        """A tombstone alone: what was deleted before the history began."""
        self._tombstones[object_id] = at

    def _forget_views(self) -> None:
        self._all = self._by_created = self._by_updated = None
