"""Objects wanted by their Ids, packed into as few metered calls as they can be asked for with. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from backfill.jobs.costs import Costs
from backfill.qbo import query
from backfill.qbo.catalogue import CATALOGUE, Entity, Reading
from backfill.qbo.query import BATCH_ITEMS_MAX, PAGE_ROWS_MAX

IDS_PER_STATEMENT = 200
"""Long lists have no documented cap; two hundred Ids of 20 digits are a body of 5 kB."""

CDC_WANTED_MAX = PAGE_ROWS_MAX // 2
"""A CDC answer of 1000 objects is cut, and says nothing of what else has changed: half of it is left for that."""

CDC_AGE_MAX = timedelta(days=29)
"""CDC reaches 30 days back; a day is left for clocks that differ, and for the time that a run takes to get there."""


@dataclass(frozen=True, slots=True)
class Question:
    """One statement for some objects of one entity."""

    entity: Entity
    ids: Sequence[str]

    @property
    def statement(self) -> str:
        """By Id; a singleton has no Id worth asking for."""
        if self.entity.reading is Reading.SINGLETON:
            return query.page(self.entity, order_by=None)
        return query.by_ids(self.entity, self.ids)


Wanted = Mapping[str, Sequence[str]]
"""Canonical entity to Ids, distinct; `CHANGED` among them stands for whatever has changed of it."""

CHANGED = ""
"""No object's Id: something of the entity has changed, and nobody said what."""


@dataclass(frozen=True, slots=True)
class Plan:
    """CDC for these entities first, if any; then calls, each of one question or a batch of several."""

    by_cdc: Sequence[Entity]
    calls: Sequence[Sequence[Question]]


def plan_reads(wanted: Wanted, oldest: datetime, now: datetime, costs: Costs) -> Plan:
    """The cheaper of two: all by Id; or by CDC whatever it carries, where something changed since `oldest`.

    CDC is one call for any number of entities, and batches are one for up to 30 lists of Ids: it is cheaper where
    Intuit bills the items of a batch. It is asked as well where only that something changed is known.
    """
    entities = [CATALOGUE[name] for name in wanted]
    if oldest <= now - CDC_AGE_MAX:
        return Plan([], pack(wanted))
    unnamed = [entity for entity in entities if CHANGED in wanted[entity.name] and entity.carried_by_cdc]
    carried = [entity for entity in entities if entity.carried_by_cdc]
    rest = {entity.name: wanted[entity.name] for entity in entities if not entity.carried_by_cdc}
    by_ids = pack(wanted)
    number = sum(len(wanted[entity.name]) for entity in carried)
    dearer = cost_of(by_ids, costs) + bool(unnamed) > 1 + cost_of(pack(rest), costs)
    if carried and dearer and number <= CDC_WANTED_MAX:
        return Plan(carried, pack(rest))
    return Plan(unnamed, by_ids)


def pack(wanted: Wanted) -> Sequence[Sequence[Question]]:
    """Calls that ask for all the Ids: at most 30 statements and 1000 objects each, the cap of a batch's answer."""
    calls: list[list[Question]] = []
    room = 0
    for question in _questions(wanted):
        if not calls or len(calls[-1]) == BATCH_ITEMS_MAX or room < len(question.ids):
            calls.append([])
            room = PAGE_ROWS_MAX
        calls[-1].append(question)
        room -= len(question.ids)
    return calls


def cost_of(calls: Sequence[Sequence[Question]], costs: Costs) -> int:
    """Metered calls: a question that is alone is an ordinary query."""
    singles = sum(len(call) == 1 for call in calls)
    return singles + costs.of_batches(len(call) for call in calls if len(call) > 1)


def _questions(wanted: Wanted) -> Sequence[Question]:
    named = {name: [id_ for id_ in ids if id_ != CHANGED] for name, ids in wanted.items()}
    return [
        Question(CATALOGUE[name], ids[start : start + IDS_PER_STATEMENT])
        for name, ids in named.items()
        for start in range(0, len(ids), IDS_PER_STATEMENT)
    ]
