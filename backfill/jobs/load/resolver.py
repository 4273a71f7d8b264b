"""From what a row names to the Ids that QuickBooks knows: by the ledger, and of names by what the company says now.

A name means the active object that has it in the company: what was landed, or made by a row, may be called otherwise
since, and another by its name. That costs a call for 200 names, once a run for each name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from backfill.errors import RequestError
from backfill.jobs.load.matching import name_of
from backfill.jobs.load.reading import created_since, is_refused, read_values
from backfill.jobs.load.references import text_of
from backfill.jobs.load.versions import document, read_objects
from backfill.jobs.load.work import LoadWork
from backfill.jobs.slices import EARLIEST
from backfill.load_model import DONE_STATES, Need, RowState
from backfill.model import Record
from backfill.qbo import query
from backfill.qbo.catalogue import CATALOGUE
from backfill.qbo.operations import WRITINGS

_KNOWN_MAX = 5_000
"""Ids that a realm remembers, some 300 bytes each; who needs one that was forgotten looks again, in the ledger."""

_MADE_BY_QUICKBOOKS = "FullyQualifiedName"
"""Of the names of an object and its parents, whatever a row says."""

_ASKED_MAX = 200
"""Names in one statement: each may be of several objects, and a page holds a thousand."""


_Matches = Mapping[Need, Sequence[str]]
"""Needs to the Ids of what fits them."""


@dataclass(slots=True)
class Resolved:
    """What became of some needs. A need is in exactly one of the three."""

    ids: dict[Need, str] = field(default_factory=dict)
    pending: dict[Need, int] = field(default_factory=dict)
    """Need to the row that will make its object."""
    refused: dict[Need, str] = field(default_factory=dict)
    """Need to the reason why it will never be met."""


class Resolver:
    """One realm's, with a memory."""

    def __init__(self, work: LoadWork) -> None:
        self._work = work
        self._known: dict[Need, str] = {}
        self._unasked: set[tuple[str, str]] = set()
        """Entities and attributes by which Intuit refuses to be asked: an account's number is one."""

    def know(self, need: Need, object_id: str) -> None:
        """Remember what was learnt on the way, or is used once more: what was longest not used is forgotten."""
        self._known.pop(need, None)
        if len(self._known) >= _KNOWN_MAX:
            del self._known[next(iter(self._known))]
        self._known[need] = object_id

    async def resolve(self, needs: Iterable[Need]) -> Resolved:
        """Look for all needs together, each way once."""
        found = Resolved()
        wanted: list[Need] = []
        for need in dict.fromkeys(needs):
            if need in self._known:
                found.ids[need] = self._known[need]
            else:
                wanted.append(need)
        if wanted:
            made, to_come = await self._held(wanted, found)
            for look in (self._asked, self._confirmed, self._sought):
                if left := [need for need in wanted if not _is_decided(need, found)]:
                    _choose(await look(left, made, found), made, found)
            for need in [need for need in wanted if not _is_decided(need, found)]:
                if need in to_come:
                    found.pending[need] = to_come[need]
                elif need in made:  # its object is called otherwise by now, and no other has its name
                    found.ids[need] = made[need]
                else:
                    found.refused[need] = f"realm {self._work.realm_id} has no active {said(need)}"
        for need, object_id in found.ids.items():
            self.know(need, object_id)
        return found

    async def _held(self, needs: Sequence[Need], found: Resolved) -> tuple[dict[Need, str], dict[Need, int]]:
        """What rows of the ledger make. Returns what rows made by their names, which another may have by now, and the
        rows that are yet to make another one by them."""
        made: dict[Need, str] = {}
        to_come: dict[Need, int] = {}
        realm_id = self._work.realm_id
        holders = dict(await self._work.ledger.holders(realm_id, needs))
        if others := [need for need in needs if need.attribute and need.attribute in _written_otherwise(need.entity)]:
            holders |= await self._work.ledger.holders_by_attribute(realm_id, others)
        for need in needs:
            holder = holders.get(need)
            if holder is None or (need.attribute and holder.state is RowState.REJECTED):
                if not need.attribute:
                    found.refused[need] = f"no row of the ledger makes {text_of(need)}"
            elif holder.several:
                words = f"several rows make it, {said(need)}, below different parents"
                found.refused[need] = f"{words}: name one by its key"
            elif holder.state in DONE_STATES and holder.object_id:
                (made if need.attribute else found.ids)[need] = holder.object_id
                if holder.next_row_id is not None:
                    to_come[need] = holder.next_row_id
            elif holder.state in {RowState.WAITING, RowState.SEALED}:
                found.pending[need] = holder.row_id
            else:
                found.refused[need] = f"the row that makes {text_of(need)} was {holder.state.value}"
        return made, to_come

    async def _asked(self, needs: Sequence[Need], made: Mapping[Need, str], found: Resolved) -> _Matches:
        """What the company has by those names now: what is landed, and what a row made, may have lost its name to
        another since. A name whose object QuickBooks cannot read is refused."""
        matches: dict[Need, list[str]] = {}
        for (entity, attribute), group in _grouped(needs).items():
            for start in range(0, len(group), _ASKED_MAX):
                if (entity, attribute) in self._unasked:
                    break
                part = group[start : start + _ASKED_MAX]
                names = [need.value for need in part]
                table = CATALOGUE[entity]
                read = await read_values(self._work.ask, table, names, partial(query.by_values, table, attribute))
                if is_refused(read):
                    self._unasked.add((entity, attribute))
                    break
                for need in part:
                    if need.value in read.unread and need not in made:
                        found.refused[need] = _unreadable(need, read.unread[need.value])
                matches |= _fitting(part, read.records.values())
        return matches

    async def _confirmed(self, needs: Sequence[Need], made: Mapping[Need, str], _found: Resolved) -> _Matches:
        """What nobody may ask for by its name, or is written otherwise than it was asked for: what is landed, or was
        made, by that name, and still has it."""
        landed = await self._work.ledger.landed(self._work.realm_id, needs)
        matches: dict[Need, list[str]] = {}
        for entity, group in _by_entity(needs).items():
            ids = [id_ for need in group for id_ in (*landed.get(need, ()), *([made[need]] if need in made else []))]
            read = await read_objects(self._work.ask, {entity: list(dict.fromkeys(ids))})
            matches |= _fitting(group, [record for record in read.values() if isinstance(record, Record)])
        return matches

    async def _sought(self, needs: Sequence[Need], made: Mapping[Need, str], found: Resolved) -> _Matches:
        """Out of all that there are, where nobody may ask by that attribute."""
        matches: dict[Need, list[str]] = {}
        for (entity, attribute), group in _grouped(needs).items():
            if (entity, attribute) not in self._unasked:
                continue
            names = {name_of(need.value) for need in group}

            def is_wanted(record: Record, attribute: str = attribute, names: Collection[str] = names) -> bool:
                return name_of(document(record).get(attribute)) in names

            read = await created_since(self._work, CATALOGUE[entity], EARLIEST, keep=is_wanted)
            matches |= _fitting(group, read.records.values())
            for fault in list(read.unread.values())[:1]:  # it may be of any name that was not found
                there = {name_of(document(record).get(attribute)) for record in read.records.values()}
                found.refused |= {
                    need: _unreadable(need, fault)
                    for need in group
                    if name_of(need.value) not in there and need not in made
                }
        return matches


def _written_otherwise(entity: str) -> Collection[str]:
    """The attributes, beside the natural key, that rows have and a reference may name."""
    return set(WRITINGS[entity].also_known_by) - {_MADE_BY_QUICKBOOKS} if entity in WRITINGS else ()


def said(need: Need) -> str:
    """A need in words."""
    if not need.attribute:
        return text_of(need)
    return f"{need.entity} with {need.attribute} {need.value!r}"


def _unreadable(need: Need, fault: RequestError) -> str:
    return f"QuickBooks cannot read {said(need)}: {fault.message}"


def _grouped(needs: Iterable[Need]) -> Mapping[tuple[str, str], list[Need]]:
    """By entity and attribute."""
    groups: dict[tuple[str, str], list[Need]] = {}
    for need in needs:
        groups.setdefault((need.entity, need.attribute), []).append(need)
    return groups


def _by_entity(needs: Iterable[Need]) -> Mapping[str, list[Need]]:
    groups: dict[str, list[Need]] = {}
    for need in needs:
        groups.setdefault(need.entity, []).append(need)
    return groups


def _fitting(needs: Iterable[Need], records: Iterable[Record]) -> dict[Need, list[str]]:
    """Needs to the active objects that have their names now."""
    by_name: dict[tuple[str, str], list[Need]] = {}
    for need in needs:
        by_name.setdefault((need.attribute, name_of(need.value)), []).append(need)
    attributes = {attribute for attribute, _ in by_name}
    matches: dict[Need, list[str]] = {}
    for record in records:
        held = document(record)
        if held.get("Active", True):
            for attribute in attributes:
                for need in by_name.get((attribute, name_of(held.get(attribute))), ()):
                    matches.setdefault(need, []).append(record.id)
    return matches


def _choose(matches: _Matches, made: Mapping[Need, str], found: Resolved) -> None:
    """What a row made by that name is meant where it has it still; else the only one that has."""
    for need, ids in matches.items():
        if made.get(need) in ids:
            found.ids[need] = made[need]
        elif len(ids) == 1:
            found.ids[need] = ids[0]
        elif ids:
            found.refused[need] = f"several objects are a {said(need)}: Ids {', '.join(ids[:5])}"


def _is_decided(need: Need, found: Resolved) -> bool:
    return need in found.ids or need in found.pending or need in found.refused
