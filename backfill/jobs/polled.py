"""Catching up an entity that CDC does not carry, or not enough of, and that is too large for one answer.

One batch asks for the COUNT and for what was updated since; when the updates are landed and as many rows
are held as were counted, nothing is missing and nothing is left over. When the numbers differ, the entity
is walked once more by CreateTime and what the server did not bring is marked deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import anyio

from backfill.errors import RequestError, UnprovenError
from backfill.jobs.changes import OVERLAP
from backfill.jobs.gaps import differing_parts, read_updated_again
from backfill.jobs.keys import BY_PLACE, CREATED, UPDATED, Key
from backfill.jobs.proofs import UNCOUNTED, compared
from backfill.jobs.scan import read_slice
from backfill.jobs.slices import ROWS_PER_SLICE, unplanned
from backfill.jobs.too_much import is_too_much
from backfill.jobs.vanished import ask_for_set_aside
from backfill.jobs.work import RealmWork
from backfill.model import Proof
from backfill.qbo import query
from backfill.qbo.catalogue import Entity, Reading
from backfill.qbo.query import PAGE_ROWS_MAX

ROUNDS_MAX = 6
"""A sweep, a walk for the deletes, and another look: each once more for what happened meanwhile."""

_SWEEP_ROWS_MAX = PAGE_ROWS_MAX - 1
"""A batch answer holds 1000 objects at most; one below, so that a full sweep is told from a cut one."""

_SHORT_OVERLAP = timedelta(minutes=1)
"""After a sweep that filled an answer: still generous for a commit, and not the same thousand rows again."""


@dataclass(frozen=True, slots=True)
class _Look:
    """One batch answer: what was counted, and whether the sweep beside it was whole."""

    counted: int
    whole: bool
    at: datetime


async def catch_up_polled(
    work: RealmWork, entity: Entity, since: datetime, *, scope_since: datetime | None, read_before: bool
) -> Proof:
    """Land what changed since `since` (a server `time`) until what is held equals what is counted.

    `scope_since`: the run reads only what was updated since; then that is what is counted, too. Unless it was
    `read_before` by slices, the entity is walked first. Raises `UnprovenError` where no look is ever whole.
    """
    if entity.reading is Reading.WRAPPED:
        raise UnprovenError(
            f"{entity.name} of realm {work.realm_id} has more objects than one answer holds, and neither changes nor "
            "deletes of it can be asked for.",
            action="What was landed is what was there; nobody can say that it was all at one moment.",
        )
    if not read_before:
        await _walk(work, entity, scope_since, BY_PLACE, first=True)
    start = since - OVERLAP
    cut_before = False
    last: Proof | None = None
    for _ in range(ROUNDS_MAX):
        work.check_stop()
        look = await _look(work, entity, start, scope_since)
        if look is None:
            continue
        if look.whole:
            last = await _compare(work, entity, look, scope_since)
            if last.proven:
                return last
            await _find_deletes(work, entity, scope_since, look.counted)
            start = look.at - OVERLAP
        else:
            if cut_before:
                # What fills the answer came within the overlap: once that is past, it can be left behind.
                await anyio.sleep(_SHORT_OVERLAP.total_seconds())
            await read_slice(work, entity, unplanned(entity.name, start, None), UPDATED, first=False)
            start = look.at if cut_before else look.at - _SHORT_OVERLAP
        cut_before = not look.whole
    if last is not None:
        return last
    raise UnprovenError(
        f"{entity.name} of realm {work.realm_id} changes faster than it can be read: every look found "
        f"{_SWEEP_ROWS_MAX} changes or more, or one that cannot be read, or was not answered in one call.",
        action="Run the extract again at a quieter hour.",
    )


async def _look(work: RealmWork, entity: Entity, start: datetime, scope_since: datetime | None) -> _Look | None:
    """Count and sweep in one answer, and land the sweep. None: they were answered apart, and say nothing together."""
    statements = [
        query.count(entity, updated_since=scope_since),
        query.updated_since(entity, start, max_results=_SWEEP_ROWS_MAX),
    ]
    async with work.room_for(entity, _SWEEP_ROWS_MAX):
        answers = await work.ask.many(statements)
        count, sweep = answers.items
        if isinstance(count, RequestError):
            raise count
        if count.total_count is None:
            raise UnprovenError(UNCOUNTED)
        if isinstance(sweep, RequestError):
            if not is_too_much(sweep):
                raise sweep
            return _Look(count.total_count, whole=False, at=count.server_time)
        await work.land(entity, sweep.records, refusals=sweep.refusals, latest=True, as_of=sweep.server_time)
    if count.server_time != sweep.server_time:
        return None
    return _Look(count.total_count, whole=sweep.received < _SWEEP_ROWS_MAX, at=sweep.server_time)


async def _walk(work: RealmWork, entity: Entity, scope_since: datetime | None, key: Key, *, first: bool) -> None:
    """All of the entity by `key`, or all that was updated since."""
    if scope_since is None:
        await read_slice(work, entity, unplanned(entity.name, None, None), key, reconcile=True, first=first)
    else:
        await read_slice(work, entity, unplanned(entity.name, scope_since, None), UPDATED, first=first)


async def _find_deletes(work: RealmWork, entity: Entity, scope_since: datetime | None, counted: int) -> None:
    """The numbers differ, so something held is gone: a walk will miss it, or it is asked for with all that is held."""
    if scope_since is None:
        key = BY_PLACE if counted <= ROWS_PER_SLICE else CREATED
        for part in await differing_parts(work, entity, counted):
            await read_slice(work, entity, part, key, reconcile=True, first=False)
        await ask_for_set_aside(work, entity)
    else:
        await read_updated_again(work, entity, scope_since)


async def _compare(work: RealmWork, entity: Entity, look: _Look, scope_since: datetime | None) -> Proof:
    held = await work.held(entity, updated_from=scope_since)
    return compared(entity, "count and sweep", look.counted, held, look.at)
