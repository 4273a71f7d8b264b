"""After a request without a good answer: what of it is there.

New objects are looked for among those created since it was sent, or since the first attempt in doubt before it, by
their stamp or by their natural key; changed and deleted ones by their Ids.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import partial
from typing import Any

from backfill.errors import RequestError
from backfill.jobs.load.matching import is_applied, is_ours, is_voided, name_of, names_since
from backfill.jobs.load.reading import MARGIN, Read, created_since, is_refused, read_values
from backfill.jobs.load.sealing import sent_of
from backfill.jobs.load.stamps import stamps_in, unstamped
from backfill.jobs.load.versions import document, read_objects, token_of
from backfill.jobs.load.work import LoadWork
from backfill.load_model import Outcome, RowState, Seal, SealItem
from backfill.model import Record
from backfill.qbo import query
from backfill.qbo.catalogue import CATALOGUE, Entity
from backfill.qbo.operations import WRITINGS, Operation, Writing

_NEVER = datetime.max.replace(tzinfo=UTC)

_NAMES_MAX = 200
"""Names or numbers in one statement; each may be of several objects, and a page holds a thousand."""


class Sight(Enum):
    """What was seen of an item."""

    THERE = "there"
    ABSENT = "absent"
    """It did not take effect, and may be sent again as it is."""
    OVERTAKEN = "overtaken"
    """It did not take effect, and its object has changed since: as it is it cannot."""
    UNREADABLE = "unreadable"
    """What may be it is there, and QuickBooks cannot read it."""


@dataclass(slots=True)
class Seen:
    """What was seen of some seals' items, by row."""

    sights: dict[int, Sight] = field(default_factory=dict)
    adopted: dict[int, Outcome] = field(default_factory=dict)
    faults: dict[int, RequestError] = field(default_factory=dict)
    """Of what is unreadable."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An item to look for, with what was sent."""

    item: SealItem
    sent: Mapping[str, Any]
    since: datetime


async def look(work: LoadWork, seals: Sequence[Seal]) -> Seen:
    """Look for every item of the seals that is not settled. Raises `RequestError` if that cannot be done."""
    wanted = [wanted for seal in seals for wanted in _wanted(work, seal)]
    seen = Seen()
    await _look_for_changes(work, [each for each in wanted if each.item.object_id], seen)
    created: dict[str, list[_Wanted]] = {}
    for each in wanted:
        if not each.item.object_id:
            created.setdefault(each.item.entity, []).append(each)
    for entity, group in created.items():
        await _look_for_new(work, CATALOGUE[entity], group, {seal.seal_id for seal in seals}, seen)
    return seen


def _wanted(work: LoadWork, seal: Seal) -> Iterable[_Wanted]:
    assert seal.sealed_at is not None, "a stored seal has its time"
    sent = sent_of(seal)
    offset = timedelta(seconds=work.clock_offset_s)
    for item in seal.items:
        # What is there may be of an earlier attempt, which people perhaps let be retried only days later.
        since = (item.doubtful_since or seal.sealed_at).astimezone(UTC) + offset - MARGIN
        yield _Wanted(item, sent[item.b_id], since)


# New objects


async def _look_for_new(
    work: LoadWork, entity: Entity, wanted: Sequence[_Wanted], seal_ids: Collection[int], seen: Seen
) -> None:
    table = WRITINGS[entity.name]
    by_stamp = [each for each in wanted if each.item.stamp]
    stamped = await created_since(work, entity, min(each.since for each in by_stamp)) if by_stamp else Read()
    by_name = [each for each in wanted if not each.item.stamp]
    names = list(dict.fromkeys(name for each in by_name for name in _names(table, each)))
    named = await _named(work, entity, table.natural_key, names, min((each.since for each in by_name), default=_NEVER))
    found = stamped.records | named.records
    rivals = await _rivals(work, entity, seal_ids)  # before it is asked who has what: who settles meanwhile is in both
    owned = set(await work.ledger.owned(work.realm_id, entity.name, list(found)))
    documents = sorted(
        ((record, document(record)) for id_, record in found.items() if id_ not in owned),
        # Of one name an inactive one may be what was made before, and undone.
        key=lambda pair: (pair[1].get("Active") is False, pair[0].created_at or _NEVER, pair[0].id),
    )
    index = _Index(table, documents, owned)
    exact = index.exact([*wanted, *rivals])
    for each in wanted:
        matches = [*exact.get(each.item.row_id, ()), *(record for record, _ in index.fitting(each))]
        # What was created since and cannot be read may have any stamp.
        fault = next((named.unread[name] for name in _names(table, each) if name in named.unread), None)
        if each.item.stamp:
            fault = next(iter(stamped.unread.values()), None)
        seen.sights[each.item.row_id] = Sight.THERE if matches else Sight.UNREADABLE if fault else Sight.ABSENT
        if fault is not None:
            seen.faults[each.item.row_id] = fault
        if matches:
            owned.add(matches[0].id)
            seen.adopted[each.item.row_id] = _adopted(each, matches[0], matches[1:])


async def _rivals(work: LoadWork, entity: Entity, seal_ids: Collection[int]) -> Sequence[_Wanted]:
    """What is under way or in doubt beside these seals, and may be what was found."""
    others = [seal for seal in await work.ledger.unsettled(work.realm_id) if seal.seal_id not in seal_ids]
    every = [rival for seal in others for rival in _wanted(work, seal)]
    return [each for each in every if each.item.entity == entity.name and not each.item.object_id]


class _Index:
    """Objects by what they may be recognised by, so that many items are not compared with all. `owned` are those that
    a row has."""

    def __init__(self, table: Writing, documents: Sequence[tuple[Record, dict[str, Any]]], owned: set[str]) -> None:
        self._table = table
        self._owned = owned
        self._named: dict[str, list[tuple[Record, dict[str, Any]]]] = {}
        self._stamped: dict[str, list[tuple[Record, dict[str, Any]]]] = {}
        for record, held in documents:
            self._named.setdefault(name_of(held.get(table.natural_key)), []).append((record, held))
            note = str(held.get(table.stamp_field) or "") if table.stamp_field else ""
            for stamp in stamps_in(note):
                self._stamped.setdefault(stamp, []).append((record, held))

    def exact(self, wanted: Sequence[_Wanted]) -> Mapping[int, Sequence[Record]]:
        """Row to the object that holds all of it: several of one number differ in the rest, and each has its own before
        any other is taken for it."""
        found: dict[int, Sequence[Record]] = {}
        for each in wanted:
            own = next((record for record, held in self.fitting(each) if is_applied(each.sent, held)), None)
            if own is not None:
                found[each.item.row_id] = [own]
                self._owned.add(own.id)
        return found

    def fitting(self, wanted: _Wanted) -> Iterable[tuple[Record, Mapping[str, Any]]]:
        """What may be the item's, and is no other's."""
        since = wanted.since.replace(microsecond=0)
        for record, held in self._candidates(wanted):
            is_free = record.id not in self._owned and (record.created_at is None or record.created_at >= since)
            if is_free and self._is_ours(wanted, held):
                yield record, held

    def _is_ours(self, wanted: _Wanted, held: Mapping[str, Any]) -> bool:
        """By its stamp where it has one. An earlier attempt may have gone without, by the number alone."""
        if is_ours(self._table, wanted.sent, held, stamp=wanted.item.stamp):
            return True
        went_without = wanted.item.doubtful and not stamps_in(str(held.get(self._table.stamp_field) or ""))
        return went_without and is_ours(self._table, wanted.sent, held, stamp="")

    def _candidates(self, wanted: _Wanted) -> Sequence[tuple[Record, dict[str, Any]]]:
        stamped = self._stamped.get(wanted.item.stamp, ())
        name = name_of(wanted.sent.get(self._table.natural_key))
        if not name or (wanted.item.stamp and not wanted.item.doubtful):
            return stamped
        return [*stamped, *(pair for pair in self._named.get(name, ()) if pair not in stamped)]


def _names(table: Writing, wanted: _Wanted) -> Sequence[str]:
    """What it may be called there: as it was sent, or without the blanks around it."""
    sent = str(wanted.sent.get(table.natural_key) or "")
    names = dict.fromkeys((sent, sent.strip()))
    return [each for name in names for each in names_since(name)] if table.entity.hides_inactive else list(names)


async def _named(work: LoadWork, entity: Entity, attribute: str, names: Sequence[str], since: datetime) -> Read:
    """Objects created since, by name or number: few answers, however much else is created meanwhile.

    By their time alone where nobody may ask by that attribute: of most entities' numbers nothing says so.
    """
    found = Read()
    statement = partial(query.by_values, entity, attribute, created_from=since)
    for start in range(0, len(names), _NAMES_MAX):
        read = await read_values(work.ask, entity, names[start : start + _NAMES_MAX], statement)
        if read.full or is_refused(read):  # of some numbers there are many: all that was created tells
            whole = await created_since(work, entity, since)
            for fault in list(whole.unread.values())[:1]:
                whole.unread = dict.fromkeys(names, fault)
            return whole
        found.records |= read.records
        found.unread |= read.unread
    return found


def _adopted(wanted: _Wanted, record: Record, others: Sequence[Record]) -> Outcome:
    """Found. More than one is for a person to look at: which is ours cannot be told any more. So is what an earlier
    attempt made of a row that was corrected since."""
    code = message = action = ""
    table = WRITINGS[wanted.item.entity]
    if others:
        code, action = "several", "See whether one of them is too many."
        message = f"there are others like it, created at the same time: Ids {', '.join(other.id for other in others)}"
    elif wanted.item.doubtful and not is_applied(unstamped(table, wanted.sent), unstamped(table, document(record))):
        code, action = "differs", "See what differs, and change it by an update."
        message = "an earlier attempt made it, and it does not hold all that the row says now"
    return Outcome(wanted.item.row_id, RowState.ADOPTED, record.id, token_of(record), code, message, action=action)


# Changed and deleted objects


async def _look_for_changes(work: LoadWork, wanted: Sequence[_Wanted], seen: Seen) -> None:
    groups: dict[str, list[str]] = {}
    for each in wanted:
        groups.setdefault(each.item.entity, []).append(each.item.object_id)
    there = await read_objects(work.ask, groups)
    for each in wanted:
        record = there.get((each.item.entity, each.item.object_id))
        if isinstance(record, RequestError):
            seen.sights[each.item.row_id] = Sight.UNREADABLE
            seen.faults[each.item.row_id] = record
            continue
        sight = _sight(each, record)
        seen.sights[each.item.row_id] = sight
        if sight is Sight.THERE:
            token = "" if record is None else token_of(record)
            seen.adopted[each.item.row_id] = Outcome(each.item.row_id, RowState.ADOPTED, each.item.object_id, token)


def _sight(wanted: _Wanted, record: Record | None) -> Sight:
    """Whether a change stands in the object as it is now."""
    item = wanted.item
    operation = Operation(item.operation)
    if record is None or record.deleted:
        return Sight.THERE if operation is Operation.DELETE else Sight.OVERTAKEN
    held = document(record)
    moved = token_of(record) != item.sync_token
    match operation:
        case Operation.DELETE:
            done = WRITINGS[item.entity].is_list and held.get("Active") is False
        case Operation.VOID:
            done = is_voided(held)
        case _:
            done = moved and is_applied(wanted.sent, held)
    if done:
        return Sight.THERE
    return Sight.OVERTAKEN if moved else Sight.ABSENT
