"""Where in an entity the server has fewer rows than are held: counts of its parts tell, before any row is read.

Thirty counts cost one call, and to read all of a large entity for a few deletes costs a call for each thousand rows.
Of a run that reads only what was updated since some time the numbers are of that part, and so is what is looked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from backfill.errors import RequestError
from backfill.jobs.keys import UPDATED
from backfill.jobs.scan import read_slice
from backfill.jobs.slices import CUTS_MAX, ROWS_PER_SLICE, next_second, unplanned
from backfill.jobs.vanished import mark_vanished
from backfill.jobs.work import RealmWork
from backfill.model import Slice
from backfill.qbo import query
from backfill.qbo.catalogue import Entity


async def read_updated_again(work: RealmWork, entity: Entity, since: datetime) -> None:
    """Read what was updated since once more, and ask by Id for all that is held of it."""
    await read_slice(work, entity, unplanned(entity.name, since, None), UPDATED, first=False)
    held = await work.store.live_ids(work.realm_id, entity.name, updated_from=since.replace(microsecond=0))
    await mark_vanished(work, entity, held)


async def differing_parts(work: RealmWork, entity: Entity, counted: int) -> Sequence[Slice]:
    """The parts by CreateTime that hold another number of rows than the server counts; one open part if unknown.

    What was created since is to be landed before: then a part differs by what vanished from it.
    """
    everything = [unplanned(entity.name, None, None)]
    if counted <= ROWS_PER_SLICE:
        return everything
    held = await work.store.created_up_to(work.realm_id, entity.name, parts=CUTS_MAX)
    answers = await work.ask.many([query.count(entity, created_to=moment) for moment, _ in held])
    up_to: list[tuple[datetime, int]] = []
    for (moment, rows), answer in zip(held, answers.items, strict=True):
        if isinstance(answer, RequestError) or answer.total_count is None:
            return everything
        up_to.append((moment, rows - answer.total_count))
    return [unplanned(entity.name, low, high) for low, high in differing(up_to)] or everything


def differing(surplus: Sequence[tuple[datetime, int]]) -> list[tuple[datetime | None, datetime]]:
    """The stretches, second to second, in which the surplus up to a moment becomes another one. Pure."""
    begun: list[tuple[datetime | None, int]] = [(None, 0), *surplus]
    return [
        (None if low is None else next_second(low), high)
        for (low, before), (high, after) in pairwise(begun)
        if high is not None and before != after
    ]
