"""Entities read whole at the end: one short answer is the entity as it stood at that answer's `time`.

This is how every entity is read that fits one answer, many to a call: no slices, no sweep, no count and no
race. Most companies are small, and cost a handful of calls. What we hold and the answer does not bring was
deleted (and is asked for by Id before it is marked).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from backfill.errors import RequestError
from backfill.jobs import proofs
from backfill.jobs.census import Census
from backfill.jobs.offered import answer_or_proof
from backfill.jobs.proofs import is_not_offered
from backfill.jobs.too_much import is_too_much
from backfill.jobs.whole_answer import WholeAnswer, all_of, land_whole, prove_whole, read_alone
from backfill.jobs.work import RealmWork
from backfill.model import Held, Proof
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import Entity, Reading
from backfill.qbo.query import BATCH_ITEMS_MAX, PAGE_ROWS_MAX

SNAPSHOT_ROWS_MAX = 900
"""An entity this small is read whole in one answer; a tenth of the page is left for what is created meanwhile."""


async def read_snapshots(
    work: RealmWork, entities: Sequence[Entity], counts: Mapping[str, int], *, since: datetime | None
) -> tuple[list[Proof], list[Entity]]:
    """Read small entities whole (or all that was updated `since`), many to a call.

    Returns proofs, and the entities that one answer cannot hold: too many rows, or one that cannot be read.
    """
    found: list[Proof] = []
    alone: dict[Entity, RequestError | None] = {}
    for group in packed(entities, counts):
        work.check_stop()
        async with work.room_for(group[0], sum(counts.get(entity.name, 1) for entity in group)):
            answered, refused, outgrown = await _read_group(work, group, since)
        found += refused
        alone |= outgrown
        found += await prove_whole(work, answered, since)
        del answered  # with its Ids, before the next group is waited for
    too_large: list[Entity] = []
    for entity, fault in alone.items():
        one = await answer_or_proof(work, entity, partial(read_alone, work, entity, since), first=fault)
        if one is None:
            too_large.append(entity)
        elif isinstance(one, Proof):
            found.append(one)
        else:
            found += await prove_whole(work, [one], since)
    return found, too_large


async def _read_group(
    work: RealmWork, group: Sequence[Entity], since: datetime | None
) -> tuple[list[WholeAnswer], list[Proof], dict[Entity, RequestError | None]]:
    """Land one answer's entities: those that are whole, those that were refused, those to be asked for alone (and why).

    A function of its own, so that the answer's rows are gone when their room is.
    """
    answered: list[WholeAnswer] = []
    refused: list[Proof] = []
    alone: dict[Entity, RequestError | None] = {}
    answers = await work.ask.many([all_of(entity, since) for entity in group], to_land=True)
    brought = sum(item.received for item in answers.items if isinstance(item, Page))
    for entity, item in zip(group, answers.items, strict=True):
        # A response holds 1000 objects at most, and how a cut shows is not documented: when that
        # many came together, none of them is known to be whole.
        if isinstance(item, RequestError) and not (is_too_much(item) or is_not_offered(item)):
            refused.append(proofs.refused(entity, item.message))
        elif isinstance(item, RequestError) or brought >= PAGE_ROWS_MAX:
            alone[entity] = item if isinstance(item, RequestError) else None
        else:
            answered.append(await land_whole(work, entity, item))
    return answered, refused, alone


async def read_listing(work: RealmWork, entity: Entity) -> Proof:
    """An entity that has a path of its own and no query (TaxClassification). It has no deletes to look for."""
    page = await answer_or_proof(work, entity, partial(work.ask.listing, entity))
    if isinstance(page, Proof):
        return page
    done = await work.land(entity, page.records, refusals=page.refusals, as_of=page.server_time)
    # A row that is said twice is one row, and one that could be read and the store refused is not landed.
    live = len({record.id for record in page.records}) - (done.quarantined - len(page.refusals))
    return proofs.compared(entity, "listing", page.received, Held(live, done.quarantined), page.server_time)


def packed(entities: Sequence[Entity], counts: Mapping[str, int]) -> Sequence[Sequence[Entity]]:
    """Groups of at most 30 entities whose rows together fit one answer. Singletons count as one row. Pure.

    The largest first, each to the first group that has room: as few calls as can be had without trying them all.
    """
    groups: list[list[Entity]] = []
    rows: list[int] = []
    for entity in sorted(entities, key=lambda entity: -counts.get(entity.name, 1)):
        more = counts.get(entity.name, 1)
        place = next((n for n, group in enumerate(groups) if _fits(group, rows[n] + more)), None)
        if place is None:
            groups.append([entity])
            rows.append(more)
        else:
            groups[place].append(entity)
            rows[place] += more
    return groups


def _fits(group: Sequence[Entity], rows: int) -> bool:
    return len(group) < BATCH_ITEMS_MAX and rows <= SNAPSHOT_ROWS_MAX


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
    none = [entity for entity in entities if census.counts.get(entity.name) == 0 and entity.name in census.counted_at]
    held = await work.store.held_by_id(work.realm_id, [entity.name for entity in none])
    return [
        proofs.nothing(entity, "census, none", census.counted_at[entity.name])
        for entity in none
        if held[entity.name].counted() == Held(live=0, quarantined=0)
    ]
