"""Which slices a realm is read in: by count, with a few cheap calls for what is large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from backfill.errors import RequestError
from backfill.jobs.costs import Costs
from backfill.jobs.slices import CUTS_MAX, ROWS_PER_SLICE, crowded_moments, cut_moments, slices_by_count, whole
from backfill.jobs.snapshot import is_snapshot
from backfill.jobs.work import RealmWork
from backfill.model import Slice
from backfill.qbo import query
from backfill.qbo.catalogue import Entity, Reading

COUNT_ROUNDS_MAX = 4
"""Even moments over all years, then inside what is crowded: of ten years the fourth round tells minutes apart, and an
import takes as long."""


async def plan_slices(
    work: RealmWork,
    entities: Sequence[Entity],
    counts: Mapping[str, int],
    *,
    started_at: datetime,
    since: datetime | None,
    costs: Costs,
    readers: int,
) -> list[Slice]:
    """The slices to read, the largest entities first, so that the last reader to end is a short one."""
    sliced = sorted(
        (
            entity
            for entity in entities
            if counts.get(entity.name, 0) > 0 and not is_snapshot(entity, counts, work.page_rows)
        ),
        key=lambda entity: -counts[entity.name],
    )
    # Rows share whole seconds: the scan's own second may still grow, and catch-up reads it again.
    upper = started_at.replace(microsecond=0)
    large = worth_cutting(sliced, counts, costs=costs, readers=readers) if since is None else []
    cut = await _cut(work, large, counts, upper)
    slices: list[Slice] = []
    for entity in sliced:
        if entity.name in cut:
            slices += cut[entity.name]
        elif entity.reading is Reading.WRAPPED:
            slices.append(whole(entity.name, None, None))
        elif since is not None:
            slices.append(whole(entity.name, since, None))
        else:
            slices.append(whole(entity.name, None, upper))
    return slices


def worth_cutting(
    entities: Sequence[Entity], counts: Mapping[str, int], *, costs: Costs, readers: int
) -> Sequence[Entity]:
    """The entities that one reader would still be at when the others have ended, if calls may be spent on it. Pure.

    A cut costs its counts, and a part of a page for each slice. It buys time only where an entity is longer than a
    reader's share of all pages: below that, the readers are as busy with whole entities.
    """
    total = sum(counts[entity.name] for entity in entities)
    longest = max(ROWS_PER_SLICE, total / readers)
    found = [entity for entity in entities if entity.reading is Reading.SCAN and counts[entity.name] > longest]
    return found if costs.allows(costs.of_batches([len(found), CUTS_MAX])) else []


async def _cut(
    work: RealmWork, entities: Sequence[Entity], counts: Mapping[str, int], upper: datetime
) -> dict[str, list[Slice]]:
    """Slices of large entities. One that will not say where it begins is left out, and read as one slice."""
    if not entities:
        return {}
    answers = await work.ask.many([query.page(entity, max_results=1) for entity in entities])
    firsts: dict[Entity, datetime] = {}
    for entity, page in zip(entities, answers.items, strict=True):
        first = None if isinstance(page, RequestError) or not page.records else page.records[0].created_at
        if first is not None:
            firsts[entity] = first
    counted: dict[Entity, dict[datetime, int]] = {entity: {} for entity in firsts}
    asked = [(e, moment) for e, first in firsts.items() for moment in cut_moments(counts[e.name], first, upper)]
    for _ in range(COUNT_ROUNDS_MAX):
        if not asked:
            break
        await _count_up_to(work, asked, counted)
        asked = [
            (entity, moment)
            for entity, first in firsts.items()
            for moment in crowded_moments(counted[entity], counts[entity.name], first, upper)
            if moment not in counted[entity]
        ]
    return {
        entity.name: slices_by_count(entity.name, counted[entity], counts[entity.name], upper)
        for entity in firsts
        if counted[entity]
    }


async def _count_up_to(
    work: RealmWork, asked: Sequence[tuple[Entity, datetime]], counted: Mapping[Entity, dict[datetime, int]]
) -> None:
    """Add the counts of the rows created up to each moment; one that is not answered is left out."""
    answers = await work.ask.many([query.count(entity, created_to=moment) for entity, moment in asked])
    for (entity, moment), page in zip(asked, answers.items, strict=True):
        if not isinstance(page, RequestError) and page.total_count is not None:
            counted[entity][moment] = page.total_count
