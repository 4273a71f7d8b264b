"""What differs of one entity: counted exactly, known by Id as far as a repair goes, and the first ones in words."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from backfill.verdict_model import Difference, DifferenceKind

NAMED_MAX = 1_000
"""In words. Each is up to some kilobytes; who misses more than that has lost the table, and is told the number."""

REPAIRED_MAX = 100_000
"""Ids of one entity that are read again before all is compared once more: some 10 MB."""


@dataclass(slots=True)
class Differences:
    """Of one entity. An object that is added twice counts once, and the latest words on it stand.

    What is more than can be known by Id is known by the hashes of its Ids, eight bytes each.
    """

    ids: dict[str, DifferenceKind] = field(default_factory=dict)
    """At most `REPAIRED_MAX`."""
    _named: dict[str, Difference] = field(default_factory=dict)
    _beyond: array[int] = field(default_factory=lambda: array("q"))

    def __len__(self) -> int:
        return len(self.ids) + len(np.unique(np.asarray(self._beyond)))

    def add(self, one: Difference) -> None:
        if one.id not in self.ids and len(self.ids) >= REPAIRED_MAX:
            self._beyond.append(hash(one.id))
            return
        self.ids[one.id] = one.kind
        if one.id in self._named or len(self._named) < NAMED_MAX:
            self._named[one.id] = one

    @property
    def has_extra(self) -> bool:
        """Whether something is landed that the company was not seen to have."""
        return DifferenceKind.EXTRA in self.ids.values()

    def forgive_extra(self, ids: Iterable[str]) -> int:
        """Take those of the Ids out that are landed alone, and say how many. Of what has no Id here one too many is
        said, which is safe."""
        gone = {id_ for id_ in ids if self.ids.get(id_) is DifferenceKind.EXTRA}
        for id_ in gone:
            del self.ids[id_]
            self._named.pop(id_, None)
        return len(gone)

    def named(self) -> Sequence[Difference]:
        """At most `NAMED_MAX`, in the order of kind and Id."""
        return sorted(self._named.values(), key=lambda one: (one.kind.value, one.id))
