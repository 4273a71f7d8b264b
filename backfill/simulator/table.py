"""One entity's objects in one company, in the orders that questions come in."""

from __future__ import annotations

from collections.abc import Sequence
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


_CREATED = attrgetter("created")
_UPDATED = attrgetter("updated")


class Table:
    """The live objects of an entity and the tombstones of the deleted ones.

    Sorted views are made when first asked for and kept until the next change. Ties go by insertion, so that
    a view is the same however often it is made.
    """

    __slots__ = ("_all", "_by_created", "_by_updated", "_rows", "_tombstones")

    def __init__(self) -> None:
        self._rows: dict[str, StoredObject] = {}
        self._tombstones: dict[str, int] = {}
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

    def tombstones_since(self, since: int) -> Sequence[tuple[str, int]]:
        """(Id, epoch seconds of deletion) of what was deleted at `since` or later, ascending by time."""
        found = [(object_id, at) for object_id, at in self._tombstones.items() if at >= since]
        return sorted(found, key=lambda pair: pair[1])

    def put(self, row: StoredObject) -> None:
        """Insert the row, or put it in the place of its older version."""
        self._rows[row.id] = row
        self._forget_views()

    def remove(self, object_id: str, at: int) -> None:
        """Take the row away and leave a tombstone of that epoch second. Raises `KeyError` if it is not there."""
        del self._rows[object_id]
        self.bury(object_id, at)
        self._forget_views()

    def bury(self, object_id: str, at: int) -> None:
        """A tombstone alone: what was deleted before the history began."""
        self._tombstones[object_id] = at

    def _forget_views(self) -> None:
        self._all = self._by_created = self._by_updated = None
