"""Which slices a realm is read in: by count, with two cheap calls for what is large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from backfill.errors import RequestError
from backfill.jobs.slices import ROWS_PER_SLICE, cut_moments, slices_by_count, whole
from backfill.jobs.snapshot import is_snapshot
from backfill.jobs.work import RealmWork
from backfill.model import Slice
from backfill.qbo import query
from backfill.qbo.catalogue import Entity, Reading


async def plan_slices(
    work: RealmWork,
    entities: Sequence[Entity],
    counts: Mapping[str, int],
    *,
    started_at: datetime,
    since: datetime | None,
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
    large = [
        entity
        for entity in sliced
        if since is None and entity.reading is Reading.SCAN and counts[entity.name] > ROWS_PER_SLICE
    ]
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


async def _cut(
    work: RealmWork, entities: Sequence[Entity], counts: Mapping[str, int], upper: datetime
) -> dict[str, list[Slice]]:
    """Slices of large entities. One that will not say where it begins is left out, and read as one slice."""
    if not entities:
        return {}
    firsts = await work.ask.many([query.page(entity, max_results=1) for entity in entities])
    moments: dict[Entity, list[datetime]] = {}
    for entity, page in zip(entities, firsts.items, strict=True):
        first = None if isinstance(page, RequestError) or not page.records else page.records[0].created_at
        if first is not None:
            moments[entity] = cut_moments(counts[entity.name], first, upper)
    asked = [(entity, moment) for entity, several in moments.items() for moment in several]
    if not asked:
        return {}
    answers = await work.ask.many([query.count(entity, created_to=moment) for entity, moment in asked])
    counted: dict[Entity, dict[datetime, int]] = {entity: {} for entity in moments}
    for (entity, moment), page in zip(asked, answers.items, strict=True):
        if not isinstance(page, RequestError) and page.total_count is not None:
            counted[entity][moment] = page.total_count
    return {
        entity.name: slices_by_count(entity.name, counted[entity], counts[entity.name], upper) for entity in moments
    }
