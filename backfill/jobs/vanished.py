"""Rows that we hold and the server did not bring: asked for by Id, and only then marked deleted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import orjson
from msgspec import structs

from backfill.errors import RequestError
from backfill.jobs.targets import IDS_PER_STATEMENT
from backfill.jobs.too_much import halves, is_too_much, refusal_of
from backfill.jobs.work import RealmWork
from backfill.model import Record, Refusal
from backfill.qbo import query
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import Entity, Reading
from backfill.qbo.query import BATCH_ITEMS_MAX, PAGE_ROWS_MAX

_IDS_TOGETHER_MAX = 30
"""Ids of one entity asked for beside others: thirty times as many are fewer than the objects that an answer holds."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What asking by Id brought."""

    there: int = 0
    """Rows that exist, whether they were held so before or not."""
    landed: int = 0
    """Of those, the ones that were not."""
    deleted: int = 0
    """Rows that do not, and were not held so before."""
    set_aside: int = 0

    def __add__(self, other: Asked) -> Asked:
        return Asked(
            self.there + other.there,
            self.landed + other.landed,
            self.deleted + other.deleted,
            self.set_aside + other.set_aside,
        )


async def mark_vanished(work: RealmWork, entity: Entity, missing: Iterable[str]) -> Asked:
    """Ask for each of the `missing` Ids; land those that exist, mark deleted those that do not.

    The mark's time is the server's own `time` of the answer that did not have the row. What exists and
    cannot be read is set aside under its Id.
    """
    asked = Asked()
    suspect = False  # a list failed after all retries: parts of it are asked for once, a single Id with patience
    waiting = list(_chunks(missing))
    while waiting:
        ids = waiting.pop()
        async with work.room_for(entity, len(ids)):
            try:
                page = await work.ask.page(entity, _asking_for(entity, ids), hasty=suspect and len(ids) > 1)
            except RequestError as fault:
                if not is_too_much(fault):
                    raise
                suspect = True
                if len(ids) > 1:
                    waiting += halves(ids)
                    continue
                await work.check_well(fault, query.count(entity))
                await work.land(entity, (), refusals=[refusal_of(ids[0], fault)])
                asked += Asked(set_aside=1)
            else:
                asked += await _settle(work, entity, ids, page)
                del page  # with its room
    return asked


async def mark_vanished_together(work: RealmWork, missing: Mapping[Entity, Sequence[str]]) -> Mapping[Entity, Asked]:
    """As `mark_vanished`, for several entities: few Ids of each are asked for in one batch."""
    brought: dict[Entity, Asked] = {}
    few = [entity for entity, ids in missing.items() if 0 < len(ids) <= _IDS_TOGETHER_MAX][:BATCH_ITEMS_MAX]
    alone = {entity for entity, ids in missing.items() if ids}
    if len(few) > 1:
        async with work.room_for(few[0], sum(len(missing[entity]) for entity in few)):
            answers = await work.ask.many([_asking_for(entity, missing[entity]) for entity in few])
            # How a cut shows is not documented, and what was cut is not gone.
            received = sum(answer.received for answer in answers.items if isinstance(answer, Page))
            for entity, answer in zip(few, answers.items, strict=True):
                if isinstance(answer, Page) and received < PAGE_ROWS_MAX:
                    brought[entity] = await _settle(work, entity, missing[entity], answer)
                    alone.remove(entity)
    for entity, ids in missing.items():
        if entity in alone:
            brought[entity] = await mark_vanished(work, entity, ids)
    return brought


async def ask_for_set_aside(work: RealmWork, entity: Entity) -> None:
    """Ask again for what is in quarantine under its Id: by now it may be whole, or gone."""
    aside = await work.store.aside(work.realm_id)
    await mark_vanished(work, entity, aside.get(entity.name, ()))


async def count_set_aside(
    work: RealmWork, entity: Entity, met: Collection[str], created_from: datetime | None, created_to: datetime | None
) -> int:
    """How many rows created between the bounds are in quarantine under their Ids, and neither `met` nor held live.

    Who reads by Id, as webhooks have it done, knows the name of a row that a walk cannot read and cannot name.
    """
    aside = (await work.store.aside(work.realm_id)).get(entity.name)
    if not aside:
        return 0
    live = await work.store.live_ids(work.realm_id, entity.name, created_from=created_from, created_to=created_to)
    unmet = set(aside).difference(met, live)
    return await count_by_id(work, entity, unmet, created_from=created_from, created_to=created_to)


async def count_by_id(
    work: RealmWork,
    entity: Entity,
    ids: Iterable[str],
    *,
    created_from: datetime | None = None,
    created_to: datetime | None = None,
) -> int:
    """How many of the `ids` the server has now, of those created between the bounds."""
    statements = [
        query.count(entity, ids=some, created_from=created_from, created_to=created_to) for some in _chunks(sorted(ids))
    ]
    if len(statements) == 1:
        return await work.ask.count(statements[0])
    counted = 0
    for item in (await work.ask.many(statements)).items:
        if isinstance(item, RequestError):
            raise item
        counted += item.total_count or 0
    return counted


async def _settle(work: RealmWork, entity: Entity, ids: Sequence[str], page: Page) -> Asked:
    """Land what the answer brought of `ids`, and mark deleted what it did not."""
    if entity.reading is not Reading.SCAN and page.received >= PAGE_ROWS_MAX:
        whole = await _all_of(work, entity, ids)
        if whole is None:
            return Asked()  # what may be cut says nothing of those it does not have
        page = whole
    present = {record.id for record in page.records} | {refusal.id for refusal in page.refusals}
    gone = [deleted_stub(id_, page.server_time) for id_ in ids if id_ not in present]
    # An answer of all rows may bring some that were created since: they are not in what is to be proven.
    found = [record for record in page.records if record.id in ids]
    refusals = [refusal for refusal in page.refusals if refusal.id in ids]
    done = await work.land(entity, [*found, *gone], refusals=refusals, latest=True, as_of=page.server_time)
    return Asked(there=len(found), landed=done.landed, deleted=done.deleted)


async def _all_of(work: RealmWork, entity: Entity, ids: Collection[str]) -> Page | None:
    """Of `ids` those that are among all rows there are, by offset. None unless it is certain that all were met: as many
    different ones as there were before and are after, for who goes meanwhile moves another past the reader."""
    page: Page | None = None
    try:
        before = await work.ask.count(query.count(entity))
        met: set[str] = set()
        records: list[Record] = []
        refusals: list[Refusal] = []
        for start in range(1, before + 2, PAGE_ROWS_MAX):
            page = await work.ask.page(entity, query.page(entity, order_by=None, start_position=start))
            met |= {record.id for record in page.records} | {refusal.id for refusal in page.refusals}
            records += [record for record in page.records if record.id in ids]
            refusals += [refusal for refusal in page.refusals if refusal.id in ids]
        after = await work.ask.count(query.count(entity))
    except RequestError as fault:
        if is_too_much(fault):
            return None
        raise
    if page is None or not before == len(met) == after:
        return None
    return structs.replace(page, records=records, refusals=refusals)


def _asking_for(entity: Entity, ids: Sequence[str]) -> str:
    """By Id, where the entity's rows have one; a wrapper (RecurringTransaction) has none, and there are few: all."""
    return query.by_ids(entity, ids) if entity.reading is Reading.SCAN else query.page(entity, order_by=None)


def deleted_stub(id_: str, at: datetime) -> Record:
    """A deletion to be landed, with what Intuit itself leaves of a deleted object. `at`: the server's `time`."""
    doc = orjson.dumps({"domain": "QBO", "status": "Deleted", "Id": id_})
    return Record(id=id_, sync_token=None, created_at=None, updated_at=at, doc=doc, deleted=True)


def _chunks(ids: Iterable[str]) -> Iterable[Sequence[str]]:
    rest = iter(ids)
    while chunk := list(islice(rest, IDS_PER_STATEMENT)):
        yield chunk
