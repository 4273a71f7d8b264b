"""One entity's objects in one company, as sown and as changed since, in the orders that questions come in."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Protocol

from backfill.simulator.stored import KeyOf, StoredObject
from backfill.simulator.views import Changed, Later, Listed, Listing, Rows, Sorting, View

_TIMES: Mapping[Sorting, Callable[[StoredObject], int]] = {
    "created": attrgetter("created"),
    "updated": attrgetter("updated"),
}


class Base(Protocol):
    """What a table begins with. It never changes, and may be made anew between two questions."""

    @property
    def is_copied(self) -> bool:
        """Whether it is large: then no question should read it whole."""
        ...

    def __len__(self) -> int: ...

    def core(self) -> Sequence[StoredObject]:
        """Some of its rows, that are in memory: all of them, unless it is copied."""
        ...

    def get(self, object_id: str) -> StoredObject | None: ...

    def source(self, listing: Listing) -> Rows: ...

    def name_of(self, row: StoredObject) -> bytes: ...

    def place(self, listing: Listing, object_id: str) -> tuple[int, bool]:
        """Where an object of the base is in that source, or would be; and whether it is."""
        ...

    def find(self, key_of: KeyOf, key: str) -> Iterable[str]: ...

    def buried_since(self, since: int) -> Iterable[tuple[str, int]]: ...


class _Nothing:
    """The base of a table that begins empty."""

    is_copied = False

    def __len__(self) -> int:
        return 0

    def core(self) -> Sequence[StoredObject]:
        return ()

    def get(self, _object_id: str) -> None:
        return None

    def source(self, _listing: Listing) -> Rows:
        return Listed(())

    def name_of(self, _row: StoredObject) -> bytes:
        return b""

    def place(self, _listing: Listing, _object_id: str) -> tuple[int, bool]:
        return 0, False

    def find(self, _key_of: KeyOf, _key: str) -> Iterable[str]:
        return ()

    def buried_since(self, _since: int) -> Iterable[tuple[str, int]]:
        return ()


_NOTHING = _Nothing()


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

    Only what was changed since the beginning is held here: rows that are new or have a newer version, Ids of sown
    rows that these replace or that are gone. Views join both, and make a row when it is looked at. Ties go by
    insertion, so that a view is the same however often it is made. `base` gives what the table begins with; it is
    asked anew at each question, so that its memory can be given up in between.
    """

    __slots__ = ("_base", "_gone", "_indexes", "_later", "_rows", "_tombstones")

    def __init__(self, base: Callable[[], Base] = lambda: _NOTHING) -> None:
        self._base = base
        self._rows: dict[str, StoredObject] = {}
        self._gone: dict[str, None] = {}
        self._tombstones: dict[str, int] = {}
        self._indexes: dict[KeyOf, _Index] = {}
        self._later: dict[Listing, Later] = {}

    def __len__(self) -> int:
        return len(self._base()) - len(self._gone) + len(self._rows)

    @property
    def base(self) -> Base:
        """What the table began with."""
        return self._base()

    @property
    def is_changed(self) -> bool:
        """Whether anything is not as it was sown."""
        return bool(self._rows or self._gone or self._tombstones)

    def get(self, object_id: str) -> StoredObject | None:
        row = self._rows.get(object_id)
        if row is None and object_id not in self._gone:
            return self._base().get(object_id)
        return row

    def changed(self) -> Collection[StoredObject]:
        """Rows that are new, or of which there is a newer version than at the beginning."""
        return self._rows.values()

    def known(self) -> Sequence[StoredObject]:
        """All rows but, of a large table, the sown ones that are copies: as many as are in memory."""
        return [*(row for row in self._base().core() if row.id not in self._gone), *self._rows.values()]

    def all(self, *, active: bool | None = None) -> Sequence[StoredObject]:
        """In the order of insertion; an edit does not move a row. `active`: only those that are, or are not."""
        return self._view(Listing("stored", active))

    def by_created(self, *, active: bool | None = None) -> Sequence[StoredObject]:
        """Ascending by CreateTime."""
        return self._view(Listing("created", active))

    def by_updated(self, *, active: bool | None = None) -> Sequence[StoredObject]:
        """Ascending by LastUpdatedTime."""
        return self._view(Listing("updated", active))

    def by_name(self, *, active: bool | None = None) -> Sequence[StoredObject]:
        """Ascending by what the rows are called. Of a table that is large: others are sorted by any attribute."""
        return self._view(Listing("named", active))

    def find(self, key_of: KeyOf, key: str) -> Collection[str]:
        """The Ids of the objects with that key, in the order they came by it.

        Each change keeps the answer true, and a table that nobody asks costs nothing. `key_of` is one function of a
        module: it names the index.
        """
        index = self._indexes.get(key_of)
        if index is None:
            index = self._indexes[key_of] = _Index(key_of)
            for row in self._rows.values():
                index.add(row)
        sown = [object_id for object_id in self._base().find(key_of, key) if object_id not in self._gone]
        return [*sown, *index.ids(key)]

    def tombstones_since(self, since: int) -> Sequence[tuple[str, int]]:
        """(Id, epoch seconds of deletion) of what was deleted at `since` or later, ascending by time."""
        found = [(object_id, at) for object_id, at in self._tombstones.items() if at >= since]
        return sorted([*self._base().buried_since(since), *found], key=lambda pair: pair[1])

    def put(self, row: StoredObject) -> None:
        """Insert the row, or put it in the place of its older version."""
        old = self._rows.get(row.id)
        if old is None and row.id not in self._gone and self._base().get(row.id) is not None:
            self._gone[row.id] = None
        self._rows[row.id] = row
        for index in self._indexes.values():
            if old is not None:
                index.discard(old)
            index.add(row)
        self._later.clear()

    def remove(self, object_id: str, at: int) -> None:
        """Take the row away and leave a tombstone of that epoch second. Raises `KeyError` if it is not there."""
        row = self._rows.pop(object_id, None)
        if row is None:
            if self.get(object_id) is None:
                raise KeyError(object_id)
            self._gone[object_id] = None
        else:
            for index in self._indexes.values():
                index.discard(row)
        self.bury(object_id, at)
        self._later.clear()

    def bury(self, object_id: str, at: int) -> None:
        """A tombstone alone: what was deleted before the history began."""
        self._tombstones[object_id] = at

    def _view(self, listing: Listing) -> View:
        source = self._base().source(listing)
        if not self._rows and not self._gone:
            return View(source)
        if listing not in self._later:
            self._later[listing] = self._changes(listing, source)
        return View(Changed(source, self._later[listing]))

    def _changes(self, listing: Listing, source: Rows) -> Later:
        """What the changes do to a view of the base."""
        rows = filter(listing.has, self._rows.values())
        key_of = self._key_of(listing.by)
        placed = sorted(
            ((self._place(listing, source, row), row) for row in rows), key=lambda pair: (pair[0], key_of(pair[1]))
        )
        places = (self._base().place(listing, object_id) for object_id in self._gone)
        out = sorted(index for index, is_there in places if is_there)
        return Later.of(out, [row for _, row in placed], [place for place, _ in placed])

    def _place(self, listing: Listing, source: Rows, row: StoredObject) -> int:
        """Before which row of the base a changed one comes: where it was, unless its last change orders it."""
        if listing.by in ("stored", "created") and row.id in self._gone:
            return self._base().place(listing, row.id)[0]
        end, key_of = len(source), self._key_of(listing.by)
        # Nearly always it is later than all that was sown.
        if not end or key_of(source.at(end - 1)) <= key_of(row):
            return end
        return bisect_right(View(source), key_of(row), key=key_of)

    def _key_of(self, by: Sorting) -> Callable[[StoredObject], Any]:
        """What rows are sorted by; what is stored anew comes last, as it is."""
        match by:
            case "stored":
                return lambda _row: 0
            case "named":
                return self._base().name_of
            case _:
                return _TIMES[by]
