"""One answer that holds all of an entity: landed, and proven by comparing what is held with what it brought.

A short answer is the entity as it stood at the answer's `time`: no slices, no sweep, no count and no race. What we
hold and the answer does not bring was deleted (and is asked for by Id before it is marked).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from backfill.errors import RequestError
from backfill.jobs import proofs
from backfill.jobs.too_much import is_too_much
from backfill.jobs.vanished import mark_vanished_together
from backfill.jobs.work import RealmWork
from backfill.model import Held, Proof, Refusal
from backfill.qbo import query
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import Entity, Reading
from backfill.qbo.query import PAGE_ROWS_MAX
from backfill.rows import ids_of


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """A whole entity as one answer had it, once its rows are landed."""

    entity: Entity
    ids: Collection[str]
    nameless: Sequence[Refusal]
    """Rows whose Ids cannot be read."""
    received: int
    at: datetime


def all_of(entity: Entity, since: datetime | None, *, max_results: int = PAGE_ROWS_MAX) -> str:
    """All of the entity in one answer, or all that was updated since; what has no time to go by always whole."""
    if since is None or entity.reading is not Reading.SCAN:
        return query.page(entity, order_by=None, max_results=max_results)
    return query.updated_since(entity, since, max_results=max_results)


async def land_whole(work: RealmWork, entity: Entity, page: Page) -> WholeAnswer:
    """Land a page that is known to hold all of the entity. Of an empty one, as most are, there is nothing to land."""
    if page.received:
        await work.land(entity, page.records, refusals=page.refusals, latest=True, as_of=page.server_time)
    ids = {*ids_of(page.records), *(refusal.id for refusal in page.refusals)}
    nameless = [refusal for refusal in page.refusals if not refusal.id]
    return WholeAnswer(entity, ids, nameless, page.received, page.server_time)


async def read_alone(work: RealmWork, entity: Entity, since: datetime | None) -> WholeAnswer | None:
    """The entity from an answer of its own; None if that does not hold it either."""
    work.check_stop()
    async with work.room_for(entity, PAGE_ROWS_MAX):
        try:
            page = await work.ask.page(entity, all_of(entity, since))
        except RequestError as fault:
            if not is_too_much(fault):
                raise
            return None
        return await land_whole(work, entity, page) if page.received < PAGE_ROWS_MAX else None


async def prove_whole(work: RealmWork, answers: Sequence[WholeAnswer], since: datetime | None) -> list[Proof]:
    """Mark what the answers no longer have (asked for by Id together, which is one call as a rule), and compare."""
    held = {one.entity: await _held(work, one, since) for one in answers if _scope(one, since) is not None}
    # Of what is held whole the Ids say how much it is; of a part they are asked for where the numbers differ.
    named = [one for one in answers if one.entity not in held or held[one.entity].total != one.received]
    by_id = await work.store.held_by_id(work.realm_id, [one.entity.name for one in named if one.entity not in held])
    missing: dict[Entity, Sequence[str]] = {}
    for one in named:
        if one.entity in held:  # of a part: all of the entity may be any number of rows
            live = await work.store.live_ids(work.realm_id, one.entity.name, updated_from=since)
            missing[one.entity] = sorted(set(live).difference(one.ids))
        else:
            there = by_id[one.entity.name]
            held[one.entity] = there.counted()
            missing[one.entity] = sorted({*there.live, *there.aside}.difference(one.ids))
    await mark_vanished_together(work, missing)
    for one in named:
        forgets = one.entity.name in by_id and by_id[one.entity.name].nameless > 0
        if forgets:
            await work.store.forget_nameless(work.lease, one.entity.name, but=one.nameless)
        if forgets or missing[one.entity]:
            held[one.entity] = await _held(work, one, since)
    return [
        proofs.compared(one.entity, "snapshot", one.received, held[one.entity], one.at, who="one answer brought")
        for one in answers
    ]


async def _held(work: RealmWork, answer: WholeAnswer, since: datetime | None) -> Held:
    return await work.held(answer.entity, updated_from=_scope(answer, since))


def _scope(answer: WholeAnswer, since: datetime | None) -> datetime | None:
    """From when on the answer has what was updated; None: it has all of the entity."""
    return since if answer.entity.reading is Reading.SCAN else None
