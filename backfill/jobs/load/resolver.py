"""From what a row names to the Ids that QuickBooks knows: the ledger, what is landed, and last a query."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from backfill.jobs.load.matching import name_of
from backfill.jobs.load.reading import Read, created_since, is_refused, read_values
from backfill.jobs.load.references import text_of
from backfill.jobs.load.versions import document
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
            await self._held(wanted, found)
            await self._landed([need for need in wanted if not _is_decided(need, found)], found)
            await self._asked([need for need in wanted if not _is_decided(need, found)], found)
        for need, object_id in found.ids.items():
            self.know(need, object_id)
        return found

    async def _held(self, needs: Sequence[Need], found: Resolved) -> None:
        """What rows of the ledger make."""
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
                found.ids[need] = holder.object_id
            elif holder.state in {RowState.WAITING, RowState.SEALED}:
                found.pending[need] = holder.row_id
            else:
                found.refused[need] = f"the row that makes {text_of(need)} was {holder.state.value}"

    async def _landed(self, needs: Sequence[Need], found: Resolved) -> None:
        if needs:
            _choose(await self._work.ledger.landed(self._work.realm_id, needs), found)

    async def _asked(self, needs: Sequence[Need], found: Resolved) -> None:
        """What the company says itself. What it does not have either will never be met."""
        groups: dict[tuple[str, str], list[Need]] = {}
        for need in needs:
            groups.setdefault((need.entity, need.attribute), []).append(need)
        for (entity, attribute), group in groups.items():
            for start in range(0, len(group), _ASKED_MAX):
                part = group[start : start + _ASKED_MAX]
                _choose(await self._ask(entity, attribute, part, found), found)
        for need in needs:
            if not _is_decided(need, found):
                found.refused[need] = f"realm {self._work.realm_id} has no active {said(need)}"

    async def _ask(
        self, entity: str, attribute: str, needs: Sequence[Need], found: Resolved
    ) -> Mapping[Need, Sequence[str]]:
        """What fits, by need. A name whose object QuickBooks cannot read is refused."""
        by_name: dict[str, list[Need]] = {}
        for need in needs:
            by_name.setdefault(name_of(need.value), []).append(need)
        read = await self._read(entity, attribute, by_name)
        for need in needs:
            if need.value in read.unread:
                found.refused[need] = f"QuickBooks cannot read {said(need)}: {read.unread[need.value].message}"
        matches: dict[Need, list[str]] = {}
        for record in read.records.values():
            doc = document(record)
            if doc.get("Active", True):
                for fitting in by_name.get(name_of(doc.get(attribute)), ()):
                    matches.setdefault(fitting, []).append(record.id)
        return matches

    async def _read(self, entity: str, attribute: str, by_name: Mapping[str, Sequence[Need]]) -> Read:
        """The objects of those names, by a question for them; or out of all that there are, where that is refused."""
        values = [need.value for needs in by_name.values() for need in needs]
        table = CATALOGUE[entity]
        if (entity, attribute) not in self._unasked:
            statement = partial(query.by_values, table, attribute)
            read = await read_values(self._work.ask, table, values, statement)
            if not is_refused(read):
                return read
            self._unasked.add((entity, attribute))

        def name(record: Record) -> str:
            return name_of(document(record).get(attribute))

        read = await created_since(self._work, table, EARLIEST, keep=lambda record: name(record) in by_name)
        there = {name(record) for record in read.records.values()}
        for fault in list(read.unread.values())[:1]:  # it may be of any name that was not found
            read.unread = {value: fault for value in values if name_of(value) not in there}
        return read


def _written_otherwise(entity: str) -> Collection[str]:
    """The attributes, beside the natural key, that rows have and a reference may name."""
    return set(WRITINGS[entity].also_known_by) - {_MADE_BY_QUICKBOOKS} if entity in WRITINGS else ()


def said(need: Need) -> str:
    """A need in words."""
    if not need.attribute:
        return text_of(need)
    return f"{need.entity} with {need.attribute} {need.value!r}"


def _choose(matches: Mapping[Need, Sequence[str]], found: Resolved) -> None:
    for need, ids in matches.items():
        if len(ids) == 1:
            found.ids[need] = ids[0]
        elif ids:
            found.refused[need] = f"several objects are a {said(need)}: Ids {', '.join(ids[:5])}"


def _is_decided(need: Need, found: Resolved) -> bool:
    return need in found.ids or need in found.pending or need in found.refused
