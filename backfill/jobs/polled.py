"""Catching up an entity that CDC does not carry, or not enough of, and that is too large for one answer.

One batch asks for the COUNT and for what was updated since; when the updates are landed and as many rows
are held as were counted, nothing is missing and nothing is left over. When the numbers differ, the entity
is walked once more by CreateTime and what the server did not bring is marked deleted.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from backfill.errors import RequestError, UnprovenError
from backfill.jobs.changes import OVERLAP
from backfill.jobs.keys import CREATED, UPDATED
from backfill.jobs.scan import read_slice
from backfill.jobs.work import RealmWork
from backfill.model import Proof, Slice
from backfill.qbo import query
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import Entity
from backfill.qbo.query import PAGE_ROWS_MAX

ROUNDS_MAX = 4
"""A sweep, a walk for the deletes, and one more of each for what happened meanwhile."""

_SWEEP_ROWS_MAX = PAGE_ROWS_MAX - 1
"""A batch answer holds 1000 objects at most; one below, so that a full sweep is told from a cut one."""

_SHORT_OVERLAP = timedelta(minutes=1)
"""After a sweep that filled an answer: still generous for a commit, and not the same thousand rows again."""


async def catch_up_polled(work: RealmWork, entity: Entity, since: datetime, *, scope_since: datetime | None) -> Proof:
    """Land what changed since `since` (a server `time`) until what is held equals what is counted.

    `scope_since`: the run reads only what was updated since; then that is what is counted, too.
    """
    start = since - OVERLAP
    last: Proof | None = None
    for _ in range(ROUNDS_MAX):
        work.check_stop()
        async with work.room_for(entity, _SWEEP_ROWS_MAX):
            answers = await work.ask.many(
                [
                    query.count(entity, updated_since=scope_since),
                    query.updated_since(entity, start, max_results=_SWEEP_ROWS_MAX),
                ]
            )
            count, sweep = (_answered(item) for item in answers.items)
            await work.land(entity, sweep.records, refusals=sweep.refusals)
        if sweep.received >= _SWEEP_ROWS_MAX:
            await read_slice(work, entity, _outside_the_plan(entity, start), UPDATED)
            start = answers.last_time - _SHORT_OVERLAP
            continue
        last = await _compare(work, entity, count.total_count or 0, answers.last_time, scope_since)
        if last.proven:
            return last
        if scope_since is None:
            await read_slice(work, entity, _outside_the_plan(entity, None), CREATED, reconcile=True)
        start = answers.last_time - OVERLAP
    if last is not None:
        return last
    raise UnprovenError(
        f"{entity.name} of realm {work.realm_id} changes faster than it can be read: every look found "
        f"{_SWEEP_ROWS_MAX} changes or more.",
        action="Run the extract again at a quieter hour.",
    )


async def _compare(work: RealmWork, entity: Entity, counted: int, at: datetime, scope_since: datetime | None) -> Proof:
    held = await work.store.held(work.realm_id, entity.name, updated_from=scope_since)
    equal = held.live + held.quarantined == counted
    return Proof(
        entity=entity.name,
        proven=equal,
        method="count and sweep",
        counted=counted,
        landed_live=held.live,
        quarantined=held.quarantined,
        watermark=at,
        reason="" if equal else f"the server counts {counted}, {held.live} + {held.quarantined} are held",
    )


def _outside_the_plan(entity: Entity, lower: datetime | None) -> Slice:
    return Slice(entity=entity.name, number=-1, lower=lower, upper=None)


def _answered(item: Page | RequestError) -> Page:
    if isinstance(item, RequestError):
        raise item
    return item
