"""Entities read whole at the end: one short answer is the entity as it stood at that answer's `time`.

This is how everything that CDC does not carry is read while it fits one answer: no sweep, no count and no
race. What we hold and the answer does not bring was deleted (and is asked for by Id before it is marked).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import orjson

from backfill.errors import FaultError, RequestError
from backfill.jobs.census import is_not_offered
from backfill.jobs.vanished import mark_vanished
from backfill.jobs.work import RealmWork
from backfill.model import Proof
from backfill.qbo import query
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import CATALOGUE, Entity, Reading
from backfill.qbo.query import BATCH_ITEMS_MAX, PAGE_ROWS_MAX

SNAPSHOT_ROWS_MAX = 900
"""An entity this small is read whole in one answer; a tenth of the page is left for what is created meanwhile."""


async def read_snapshots(
    work: RealmWork, entities: Sequence[Entity], counts: Mapping[str, int]
) -> tuple[list[Proof], list[Entity]]:
    """Read small entities whole, many to a call. Returns proofs, and the entities that outgrew one answer."""
    proofs: list[Proof] = []
    outgrown: list[Entity] = []
    for group in packed(entities, counts):
        rows = sum(counts.get(entity.name, 1) for entity in group)
        work.check_stop()
        async with work.room_for(group[0], rows):
            answers = await work.ask.many([_whole(entity) for entity in group])
            brought = sum(item.received for item in answers.items if isinstance(item, Page))
            for entity, item in zip(group, answers.items, strict=True):
                # A response holds 1000 objects at most, and how a cut shows is not documented: when that
                # many came together, none of them is known to be whole.
                if isinstance(item, RequestError):
                    proofs.append(_refused(entity, item))
                elif brought >= PAGE_ROWS_MAX:
                    outgrown.append(entity)
                else:
                    proofs.append(await land_snapshot(work, entity, item))
    return proofs, outgrown


async def land_snapshot(work: RealmWork, entity: Entity, page: Page) -> Proof:
    """Land a whole entity from one answer, and mark what it no longer has."""
    await work.land(entity, page.records, refusals=page.refusals)
    present = {record.id for record in page.records} | {refusal.id for refusal in page.refusals}
    missing = [id_ for id_ in await work.store.live_ids(work.realm_id, entity.name) if id_ not in present]
    if missing:
        await mark_vanished(work, entity, missing)
    held = await work.store.held(work.realm_id, entity.name)
    whole = held.live + held.quarantined == page.received
    return Proof(
        entity=entity.name,
        proven=whole,
        method="snapshot",
        counted=page.received,
        landed_live=held.live,
        quarantined=held.quarantined,
        watermark=page.server_time,
        reason="" if whole else f"one answer brought {page.received}, {held.live} + {held.quarantined} are held",
    )


async def read_listing(work: RealmWork, entity: Entity) -> Proof:
    """An entity that has a path of its own and no query (TaxClassification). It has no deletes to look for."""
    try:
        page = await work.ask.listing(entity)
    except FaultError as fault:
        return _refused(entity, fault)
    await work.land(entity, page.records, refusals=page.refusals)
    return _held_as_answered(entity, page, "listing")


async def read_rates(work: RealmWork, entity: Entity) -> Proof:
    """The exchange rates of the realm's currencies on the day of the answer; earlier days stay as they were landed."""
    currencies = CATALOGUE["CompanyCurrency"]
    try:
        listed = await work.ask.page(currencies, _whole(currencies))
        codes = [orjson.loads(record.doc)["Code"] for record in listed.records]
        if not codes:
            return _nothing(entity, listed.server_time, "no foreign currency")
        statement = query.rates(entity, currencies=codes, as_of=listed.server_time.date())
        page = await work.ask.page(entity, statement)
    except FaultError as fault:
        return _refused(entity, fault)
    await work.land(entity, page.records, refusals=page.refusals)
    return _held_as_answered(entity, page, "rates of the day")


def _whole(entity: Entity) -> str:
    return query.page(entity, order_by=None)


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


def is_snapshot(entity: Entity, counts: Mapping[str, int]) -> bool:
    """Whether the entity is read whole at the end: CDC does not carry it and it fits one answer."""
    if entity.reading is Reading.SINGLETON:
        return True
    small = counts.get(entity.name, 0) <= SNAPSHOT_ROWS_MAX
    return entity.countable and not entity.carried_by_cdc and small


def _held_as_answered(entity: Entity, page: Page, method: str) -> Proof:
    return Proof(
        entity=entity.name,
        proven=True,
        method=method,
        counted=page.received,
        landed_live=len(page.records),
        quarantined=len(page.refusals),
        watermark=page.server_time,
    )


def _nothing(entity: Entity, watermark: datetime | None, method: str) -> Proof:
    return Proof(
        entity=entity.name,
        proven=True,
        method=method,
        counted=0,
        landed_live=0,
        quarantined=0,
        watermark=watermark,
    )


def not_offered(entity: Entity, watermark: datetime) -> Proof:
    """The company's plan or country has no such entity: there is nothing to read."""
    return _nothing(entity, watermark, "not offered by this company")


def _refused(entity: Entity, fault: RequestError) -> Proof:
    if is_not_offered(fault):
        return _nothing(entity, None, "not offered by this company")
    return refused(entity, fault.message)


def refused(entity: Entity, reason: str) -> Proof:
    """Intuit would not let us read it: nothing is known, nothing is proven."""
    return Proof(
        entity=entity.name,
        proven=False,
        method="refused",
        counted=None,
        landed_live=0,
        quarantined=0,
        watermark=None,
        reason=reason,
    )
