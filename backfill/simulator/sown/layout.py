"""In what the copies of a sown history differ, as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from backfill.simulator.catalogue import TRAITS

COPIED = frozenset(name for name, traits in TRAITS.items() if traits.is_transaction) | {
    "Attachable",
    "Customer",
    "Vendor",
}
"""Entities all of whose rows belong to a copy. Of items those in stock do, since what they cost follows from the
order of their own purchases and sales. All others are shared."""

FIRST_NUMBER = 1001
"""DocNumbers begin here, as people let them."""

BACK_DATED_DAYS = 700
"""So much earlier than it was entered may a document be dated, but for what came from other software at the start:
that is older, so that days never change places between copies."""

_HOUR_S, _DAY_S = 3_600, 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How often the core is there, and what lies between one copy and the next. Copy 0 is the core itself."""

    copies: int = 1
    step_s: int = _DAY_S
    """By how much a copy is later than the one before it."""
    opened_s: int = 0
    """Rows created at this epoch second or before it are the beginning of all copies at once, and do not move."""
    first_ids: Mapping[str, int] = field(default_factory=dict)
    """Space of Ids to the first of the core's."""
    id_steps: Mapping[str, int] = field(default_factory=dict)
    """Space of Ids to how many the core uses up: from an Id to that of its twin in the next copy."""
    number_steps: Mapping[str, int] = field(default_factory=dict)
    """Entity to how many DocNumbers the core uses up."""
    stocked: frozenset[str] = frozenset()
    """Ids of the core's items in stock."""

    def id_step(self, entity: str) -> int:
        return self.id_steps.get(TRAITS[entity].id_space, 0)

    def next_id(self, space: str, first: int) -> int:
        """The first Id that no copy has used up."""
        return self.first_ids.get(space, first) + self.copies * self.id_steps.get(space, 0)

    def last_number(self, entity: str) -> int:
        """The last DocNumber that the history used; the one before the first where it used none."""
        return FIRST_NUMBER - 1 + self.copies * self.number_steps.get(entity, 0)

    def is_copied(self, entity: str, object_id: str) -> bool:
        """Whether the core's object has twins."""
        return entity in COPIED or (entity == "Item" and object_id in self.stocked)

    def twin(self, entity: str, object_id: str, copy: int) -> str:
        """The Id in a copy of what the core calls `object_id`."""
        if not copy or not object_id or not self.is_copied(entity, object_id):
            return object_id
        return str(int(object_id) + copy * self.id_step(entity))

    def origin(self, entity: str, object_id: str) -> tuple[str, int]:
        """The core's Id and the copy that an Id of a copied row belongs to; of any other Id itself, and 0."""
        step, first = self.id_step(entity), self.first_ids.get(TRAITS[entity].id_space, 0)
        if self.copies == 1 or not step or not object_id.isdecimal() or str(int(object_id)) != object_id:
            return object_id, 0
        copy, place = divmod(int(object_id) - first, step)
        return (str(first + place), copy) if 0 < copy < self.copies else (object_id, 0)

    def moves(self, day: str) -> bool:
        """Whether a document of that day (ISO) is dated later in each copy: all but those that all began with."""
        return day > _iso(self.opened_s - (BACK_DATED_DAYS + 2) * _DAY_S)

    def is_first_day(self, day: str) -> bool:
        """Whether what is of that day (ISO) was there from the beginning: it is the same in all copies."""
        return day < _iso(self.opened_s - _DAY_S)

    def days(self, copy: int) -> int:
        """By how many whole days a copy's documents are dated later than the core's.

        An hour less than it lives later: the core may have been written in summer, whose days begin earlier, and no
        document is to be dated after the day of its CreateTime.
        """
        return (copy * self.step_s - _HOUR_S) // _DAY_S if copy else 0


def suffix(copy: int) -> str:
    """What a copy adds to each name; no name of a core ends in a number in parentheses."""
    return f" ({copy + 1})" if copy else ""


def _iso(epoch_s: int) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).date().isoformat()
