"""One entity's sown rows: those of the core, and their copies, made as they are asked for."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from backfill.simulator.catalogue import TRAITS
from backfill.simulator.documents import decode
from backfill.simulator.sown.layout import FIRST_NUMBER, Layout
from backfill.simulator.sown.names import Name, NameOrder
from backfill.simulator.sown.order import Order, Place, Timed
from backfill.simulator.sown.stamp import Stamp
from backfill.simulator.stored import KeyOf, StoredObject
from backfill.simulator.views import Listed, Listing, Rows, Sorting

_KEYS_KEPT = 8  # copies whose keys are remembered: whoever writes asks for the same few again
_DIGITS = re.compile(r"\d{1,19}")  # an Id has 19 at most


@dataclass(frozen=True, slots=True)
class _Mould:
    """What the copies of one row are made of, from the first that is asked for on."""

    row: StoredObject
    stamp: Stamp
    id: int
    id_step: int
    created_step_s: int
    updated_step_s: int


class SownRows:
    """The rows of `entity`. `single`: Ids of rows that have no twins although their entity is copied."""

    def __init__(
        self,
        entity: str,
        layout: Layout,
        rows: Sequence[StoredObject],
        *,
        buried: Mapping[str, int],
        single: frozenset[str] = frozenset(),
        offset_text: Callable[[int], str],
    ) -> None:
        self._entity = entity
        self._layout = layout
        self._rows = tuple(rows)
        self._buried = buried
        self._offset_text = offset_text
        self._numbers = {row.id: number for number, row in enumerate(rows)}
        self._copies = [
            layout.copies if layout.is_copied(entity, row.id) and row.id not in single else 1 for row in rows
        ]
        self._moulds: list[_Mould | None] = [None] * len(rows)
        self._sources: dict[Listing, _Copied | _Core] = {}
        self._keys: OrderedDict[tuple[KeyOf, int], dict[str, list[str]]] = OrderedDict()

    def __len__(self) -> int:
        return sum(self._copies)

    @property
    def is_copied(self) -> bool:
        return len(self) > len(self._rows)

    def core(self) -> Sequence[StoredObject]:
        """The rows in memory."""
        return self._rows

    def get(self, object_id: str) -> StoredObject | None:
        """Both where it never was and where it is unknown: None."""
        found = self._find(object_id)
        return None if found is None else self.made(*found)

    def source(self, listing: Listing) -> Rows:
        """The rows in an order: all of them, or those that are active, or those that are not."""
        return self._source(listing)

    def place(self, listing: Listing, object_id: str) -> tuple[int, bool]:
        """Where an object of these is in the `source` of the same listing, or would be; and whether it is."""
        found = self._find(object_id)
        assert found is not None, f"{self._entity} {object_id} was never sown"
        number, copy = found
        return self._source(listing).index_of(self._placed(listing.by, number, copy)), listing.has(self._rows[number])

    def find(self, key_of: KeyOf, key: str) -> Iterator[str]:
        """The Ids of the objects with that key.

        A key of a copied row names its copy: by the number that its names end in, by a document number, or by an Id.
        So only the copies that the key can be of are read.
        """
        for copy in sorted({0, *self._named_copies(key)}):
            yield from self._keys_of(key_of, copy).get(key, ())

    def buried_since(self, since: int) -> Iterator[tuple[str, int]]:
        """(Id, epoch second) of what was deleted at `since` or later, in no order."""
        step_s = self._layout.step_s
        for object_id, at in self._buried.items():
            first = max(0, -(-(since - at) // step_s))
            for copy in range(first, self._layout.copies):
                yield self._layout.twin(self._entity, object_id, copy), at + copy * step_s

    def made(self, number: int, copy: int) -> StoredObject:
        """A copy of the core's row of that number."""
        if not copy:
            return self._rows[number]
        mould = self._moulds[number]
        if mould is None:
            mould = self._moulds[number] = self._mould(number)
        row = mould.row
        created = row.created + copy * mould.created_step_s
        updated = row.updated + copy * mould.updated_step_s
        created_text = self._offset_text(created)
        updated_text = created_text if updated == created else self._offset_text(updated)
        doc = mould.stamp.fill(copy, self._layout.days(copy), created_text, updated_text)
        object_id = str(mould.id + copy * mould.id_step)
        return StoredObject(object_id, row.sync_token, created, updated, row.active, doc)

    def _mould(self, number: int) -> _Mould:
        row, step_s = self._rows[number], self._layout.step_s
        return _Mould(
            row,
            Stamp(self._layout, self._entity, row.doc, still=self._is_still(row.created)),
            int(row.id),
            self._layout.id_step(self._entity),
            step_s if self._moves("created", number) else 0,
            step_s if self._moves("updated", number) else 0,
        )

    def copies_of(self, number: int) -> int:
        """How often the core's row of that number is there."""
        return self._copies[number]

    def name_of(self, row: StoredObject) -> bytes:
        """What a row of the entity is called, as it sorts."""
        return str(decode(row.doc).get(TRAITS[self._entity].name_key, "")).encode()

    def _find(self, object_id: str) -> tuple[int, int] | None:
        origin, copy = self._layout.origin(self._entity, object_id)
        number = self._numbers.get(origin)
        if number is None:
            return None
        return (number, copy) if copy < self._copies[number] else None

    def _is_still(self, at: int) -> bool:
        return at <= self._layout.opened_s

    def _time(self, sorting: Sorting, number: int) -> int:
        """The core's. What is copied has no order but by time; of the rest the order of insertion is kept."""
        row = self._rows[number]
        if sorting == "stored" and not self.is_copied:
            return 0
        return row.updated if sorting == "updated" else row.created

    def _moves(self, sorting: Sorting, number: int) -> bool:
        """Whether the copies' times are apart: they are, but for rows that were there from the beginning."""
        return not self._is_still(self._time(sorting, number))

    def _at(self, sorting: Sorting, number: int, copy: int) -> int:
        at = self._time(sorting, number)
        return at + copy * self._layout.step_s if self._moves(sorting, number) else at

    def _source(self, listing: Listing) -> _Copied | _Core:
        source = self._sources.get(listing)
        if source is None:
            chosen = [number for number, row in enumerate(self._rows) if listing.has(row)]
            source = self._copied(listing.by, chosen) if self.is_copied else self._core(listing.by, chosen)
            self._sources[listing] = source
        return source

    def _copied(self, by: Sorting, chosen: Sequence[int]) -> _Copied:
        if by == "named":
            names = ((number, self._name(number), self._copies[number]) for number in chosen)
            return _Copied(self.made, NameOrder(names))
        rows = (
            Timed(self._at(by, number, 0), number, self._copies[number], self._moves(by, number)) for number in chosen
        )
        return _Copied(self.made, Order(rows, copies=self._layout.copies, step_s=self._layout.step_s))

    def _core(self, by: Sorting, chosen: Sequence[int]) -> _Core:
        places = sorted(self._placed(by, number, 0) for number in chosen)
        return _Core([self._rows[place.row] for place in places], places)

    def _placed(self, by: Sorting, number: int, copy: int) -> Place:
        """The place of a copy in an order."""
        if by == "named":
            return Place(self._name(number).in_copy(copy), number, copy)
        return Place(self._at(by, number, copy), number, copy)

    def _name(self, number: int) -> Name:
        return Name.of(self.name_of(self._rows[number]).decode())

    def _named_copies(self, key: str) -> Iterator[int]:
        if not self.is_copied:
            return
        first_id = self._layout.first_ids.get(TRAITS[self._entity].id_space, 0)
        for text in _DIGITS.findall(key):
            steps = self._layout.id_step(self._entity), self._layout.number_steps.get(self._entity, 0)
            for copy in (
                int(text) - 1,
                (int(text) - first_id) // (steps[0] or 1),
                (int(text) - FIRST_NUMBER) // (steps[1] or 1),
            ):
                if 0 < copy < self._layout.copies:
                    yield copy

    def _keys_of(self, key_of: KeyOf, copy: int) -> dict[str, list[str]]:
        """Key to Ids of one copy's rows; those that are shared are with the core's."""
        known = self._keys.get((key_of, copy))
        if known is None:
            known = defaultdict(list)
            for number, copies in enumerate(self._copies):
                if copy < copies:
                    row = self.made(number, copy)
                    known[key_of(row)].append(row.id)
            known.pop("", None)
            self._keys[key_of, copy] = known
            if len(self._keys) > _KEYS_KEPT:
                self._keys.popitem(last=False)
        return known


@dataclass(frozen=True, slots=True)
class _Copied:
    """The copies by a time."""

    made: Callable[[int, int], StoredObject]
    order: Order | NameOrder

    def __len__(self) -> int:
        return len(self.order)

    def at(self, index: int) -> StoredObject:
        place = self.order.place(index)
        return self.made(place.row, place.copy)

    def run(self, start: int, stop: int) -> Iterator[StoredObject]:
        return (self.made(place.row, place.copy) for place in self.order.places(start, stop))

    def index_of(self, place: Place) -> int:
        return self.order.rank(place)


class _Core(Listed):
    """The core's rows alone, each at its place."""

    __slots__ = ("_places",)

    def __init__(self, rows: Sequence[StoredObject], places: Sequence[Place]) -> None:
        super().__init__(rows)
        self._places = places

    def index_of(self, place: Place) -> int:
        return bisect_left(self._places, place)
