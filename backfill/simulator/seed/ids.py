"""The Ids of what is sown: each sequence in order, but for the forms whose Ids are given."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from backfill.simulator.catalogue import TRAITS
from backfill.simulator.company import first_ids


class SownIds:
    """One history's sequences.

    `given` has the Ids of an entity's first objects. Transactions share a sequence, which passes over those.
    """

    def __init__(self, given: Mapping[str, Iterable[int]]) -> None:
        self.first = first_ids()
        """Sequence to its first number."""
        self._next = dict(self.first)
        self._given = {entity: deque(map(str, ids)) for entity, ids in given.items()}
        self._claimed = frozenset(object_id for ids in self._given.values() for object_id in ids)

    @property
    def used(self) -> dict[str, int]:
        """Sequence to how many of its numbers are used up."""
        return {space: after - self.first[space] for space, after in self._next.items()}

    def go_on_from(self, entity: str, number: int) -> None:
        """Let the entity's sequence go on from `number`."""
        self._next[TRAITS[entity].id_space] = number

    def next(self, entity: str) -> str:
        """Use up the entity's next Id, a given one first."""
        given = self._given.get(entity)
        return given.popleft() if given else self.next_unclaimed(entity)

    def next_unclaimed(self, entity: str) -> str:
        """Use up the next Id of the entity's sequence that is not given to an object."""
        traits = TRAITS[entity]
        while True:
            object_id = str(self._next[traits.id_space])
            self._next[traits.id_space] += 1
            if not (traits.is_transaction and object_id in self._claimed):
                return object_id
