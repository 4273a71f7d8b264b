"""Entities read whole at the end: one short answer is the entity as it stood at that answer's `time`.

This is how every entity is read that fits one answer, many to a call: no slices, no sweep, no count and no
race. Most companies are small, and cost a handful of calls. What we hold and the answer does not bring was
deleted (and is asked for by Id before it is marked).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import orjson

from backfill.errors import Disposition, FaultError, RequestError
from backfill.jobs import proofs
from backfill.jobs.census import Census, is_not_offered
from backfill.jobs.pages import is_too_much
from backfill.jobs.vanished import mark_vanished
from backfill.jobs.work import RealmWork
from backfill.model import Held, Proof
from backfill.qbo import query
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import CATALOGUE, Entity, Reading
from backfill.qbo.query import BATCH_ITEMS_MAX, PAGE_ROWS_MAX

RATE_PASSES_MAX = 3
"""Rates of the past do not change: a second pass finds nothing new, a third forgives a day that began meanwhile."""

SNAPSHOT_ROWS_MAX = 900
"""An entity this small is read whole in one answer; a tenth of the page is left for what is created meanwhile."""


async def read_snapshots(
    work: RealmWork, entities: Sequence[Entity], counts: Mapping[str, int], *, since: datetime | None
) -> tuple[list[Proof], list[Entity]]:
    """Read small entities whole (or all that was updated `since`), many to a call.

    Returns proofs, and the entities that one answer cannot hold: too many rows, or one that cannot be read.
    """
    found: list[Proof] = []
    alone: list[Entity] = []
    for group in packed(entities, counts):
        work.check_stop()
        answered: list[_Answered] = []
        async with work.room_for(group[0], sum(counts.get(entity.name, 1) for entity in group)):
            answers = await work.ask.many([_all_of(entity, since) for entity in group])
            brought = sum(item.received for item in answers.items if isinstance(item, Page))
            for entity, item in zip(group, answers.items, strict=True):
                # A response holds 1000 objects at most, and how a cut shows is not documented: when that
                # many came together, none of them is known to be whole.
                if isinstance(item, RequestError) and not is_too_much(item):
                    found.append(_refused(entity, item))
                elif isinstance(item, RequestError) or brought >= PAGE_ROWS_MAX:
                    alone.append(entity)
                else:
                    answered.append(await _landed(work, entity, item))
        found += [await _compared(work, answer, since) for answer in answered]
    outgrown: list[Entity] = []
    for entity in alone:
        one = await _alone(work, entity, since)
        if one is None:
            outgrown.append(entity)
        else:
            found.append(await _compared(work, one, since))
    return found, outgrown


@dataclass(frozen=True, slots=True)
class _Answered:
    """A whole entity as one answer had it, once its rows are landed."""

    entity: Entity
    ids: Collection[str]
    received: int
    at: datetime


async def _alone(work: RealmWork, entity: Entity, since: datetime | None) -> _Answered | None:
    """The entity from an answer of its own; None if that does not hold it either."""
    work.check_stop()
    async with work.room_for(entity, PAGE_ROWS_MAX):
        try:
            page = await work.ask.page(entity, _all_of(entity, since))
        except FaultError as fault:
            if not is_too_much(fault):
                raise
            return None
        return await _landed(work, entity, page) if page.received < PAGE_ROWS_MAX else None


async def _landed(work: RealmWork, entity: Entity, page: Page) -> _Answered:
    await work.land(entity, page.records, refusals=page.refusals, latest=True)
    ids = {record.id for record in page.records} | {refusal.id for refusal in page.refusals}
    return _Answered(entity, ids, page.received, page.server_time)


async def _compared(work: RealmWork, answer: _Answered, since: datetime | None) -> Proof:
    """Mark what the answer no longer has, and compare."""
    name = answer.entity.name
    scope = since if answer.entity.reading is Reading.SCAN else None
    held = await work.store.held(work.realm_id, name, updated_from=scope)
    if scope is None or held.live + held.quarantined != answer.received:
        missing = [id_ for id_ in await work.store.live_ids(work.realm_id, name) if id_ not in answer.ids]
        await mark_vanished(work, answer.entity, missing)
        held = await work.store.held(work.realm_id, name, updated_from=scope)
    return proofs.compared(answer.entity, "snapshot", answer.received, held, answer.at, who="one answer brought")


async def read_listing(work: RealmWork, entity: Entity) -> Proof:
    """An entity that has a path of its own and no query (TaxClassification). It has no deletes to look for."""
    try:
        page = await work.ask.listing(entity)
    except FaultError as fault:
        return _refused(entity, fault)
    await work.land(entity, page.records, refusals=page.refusals)
    return _held_as_answered(entity, page, "listing")


async def read_rates(work: RealmWork, entity: Entity, *, none_at: datetime | None) -> Proof:
    """The exchange rates of the currencies: all that the server has, or where it wants a date, those of the day.

    `none_at`: when the server counted no currencies at all. Rates have no COUNT and no promised order, so they
    are read by offset until a whole pass brings nothing new.
    """
    currencies = CATALOGUE["CompanyCurrency"]
    if none_at is not None:
        return proofs.nothing(entity, "no foreign currency", none_at)
    try:
        listed = await work.ask.page(currencies, _whole(currencies))
        codes = [orjson.loads(bytes(record.doc))["Code"] for record in listed.records]
        if not codes:
            return proofs.nothing(entity, "no foreign currency", listed.server_time)
        try:
            return await _read_rates(work, entity, codes, None, "rates of all days")
        except FaultError as fault:
            if fault.disposition in {Disposition.PARK, Disposition.WAIT, Disposition.REFRESH}:
                raise
            return await _read_rates(work, entity, codes, listed.server_time.date(), "rates of the day")
    except FaultError as fault:
        return _refused(entity, fault)


async def _read_rates(work: RealmWork, entity: Entity, codes: Sequence[str], as_of: date | None, method: str) -> Proof:
    met: set[str] = set()
    settled = False
    refused = 0
    watermark: datetime | None = None
    for _ in range(RATE_PASSES_MAX):
        before = len(met)
        start, full = 1, True
        refused = 0
        while full:
            work.check_stop()
            statement = query.rates(entity, currencies=codes, as_of=as_of, start_position=start)
            async with work.room_for(entity, PAGE_ROWS_MAX):
                page = await work.ask.page(entity, statement)
                await work.land(entity, page.records, refusals=page.refusals)
            full = page.received >= PAGE_ROWS_MAX
            start += page.received
            met.update(record.id for record in page.records)
            refused += len(page.refusals)
            watermark = page.server_time
        # One short answer is whole by itself; several may have shifted against one another.
        settled = len(met) == before or start <= PAGE_ROWS_MAX
        if settled:
            break
    return Proof(
        entity=entity.name,
        proven=settled,
        method=method,
        counted=None,
        landed_live=len(met),
        quarantined=refused,
        watermark=watermark,
        reason="" if settled else f"each of {RATE_PASSES_MAX} passes brought rates that the one before had not",
    )


def _whole(entity: Entity) -> str:
    return query.page(entity, order_by=None)


def _all_of(entity: Entity, since: datetime | None) -> str:
    """All of the entity in one answer, or all that was updated since; what has no time to go by always whole."""
    return _whole(entity) if since is None or entity.reading is not Reading.SCAN else query.updated_since(entity, since)


def packed(entities: Sequence[Entity], counts: Mapping[str, int]) -> Iterator[Sequence[Entity]]:
    """Groups of at most 30 entities whose rows together fit one answer. Singletons count as one row. Pure."""
    group: list[Entity] = []
    rows = 0
    for entity in entities:
        more = counts.get(entity.name, 1)
        if group and (rows + more > SNAPSHOT_ROWS_MAX or len(group) == BATCH_ITEMS_MAX):
            yield group
            group, rows = [], 0
        group.append(entity)
        rows += more
    if group:
        yield group


def is_snapshot(entity: Entity, counts: Mapping[str, int], page_rows: int) -> bool:
    """Whether the entity is read whole at the end, from one answer.

    What CDC does not carry is read so whenever an answer holds it, for it has no better proof; the rest only
    where a page of `page_rows` would have done.
    """
    if entity.reading is Reading.SINGLETON:
        return True
    most = min(SNAPSHOT_ROWS_MAX, page_rows * 9 // 10) if entity.carried_by_cdc else SNAPSHOT_ROWS_MAX
    return entity.countable and counts.get(entity.name, 0) <= most


async def prove_empty(work: RealmWork, entities: Sequence[Entity], census: Census) -> list[Proof]:
    """The entities that the server counted none of and of which nothing is held: they need no further question."""
    found = []
    for entity in entities:
        if census.counts.get(entity.name) == 0 and entity.name in census.counted_at:
            held = await work.store.held(work.realm_id, entity.name)
            if held.live + held.quarantined == 0:
                found.append(proofs.nothing(entity, "census, none", census.counted_at[entity.name]))
    return found


def _held_as_answered(entity: Entity, page: Page, method: str) -> Proof:
    landed = Held(live=len(page.records), quarantined=len(page.refusals))
    return proofs.compared(entity, method, page.received, landed, page.server_time)


def _refused(entity: Entity, fault: RequestError) -> Proof:
    return proofs.not_offered(entity, None) if is_not_offered(fault) else proofs.refused(entity, fault.message)
