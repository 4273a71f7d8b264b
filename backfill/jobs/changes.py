"""Catching up by change data capture: what changed in a realm since its scan began.

An answer holds at most 1000 objects, has no pages and does not say that it was cut; deleted stubs are cut
first. So an answer of 1000 is not believed: its entities are asked for in halves, down to one. An entity
that alone fills an answer is caught up by LastUpdatedTime instead (`polled`), and so is one with a changed
row that the server itself cannot read: it fails every answer that would hold it. So it is with all of them
where change data capture takes too long or fails, and the rest of the server does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from backfill.errors import Disposition, RequestError
from backfill.jobs.proofs import is_not_offered
from backfill.jobs.targets import CDC_AGE_MAX
from backfill.jobs.too_much import halves, is_too_much
from backfill.jobs.vanished import mark_vanished_together
from backfill.jobs.work import RealmWork
from backfill.qbo import query
from backfill.qbo.answers import CdcAnswer
from backfill.qbo.catalogue import Entity

OVERLAP = timedelta(minutes=10)
"""A change may be stamped before it can be seen (commits take time): every look goes back this much further."""

ROUNDS_MAX = 3
"""Rounds until an answer brings nothing new. In a busy company every one does; the last one's time then stands."""


@dataclass(slots=True)
class CaughtUp:
    """How far each entity is caught up, which had changes, and which CDC cannot carry (too many, or broken)."""

    watermarks: dict[str, datetime] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    saturated: list[Entity] = field(default_factory=list)
    suspect: bool = False
    """An answer failed after all retries of what may have been a passing trouble. The next may fail like it, so it is
    asked for once: of its parts in turn, and then another way."""
    ahead: set[Entity] = field(default_factory=set)
    """Of which the last round landed rows that were read after their answer's `time`: more than it vouches for."""


async def catch_up(
    work: RealmWork, entities: Sequence[Entity], since: datetime, *, rounds: int = ROUNDS_MAX
) -> CaughtUp:
    """Land what changed in `entities` since `since` (a server `time`), in at most so many rounds.

    And one more of those that are ahead of their watermark. What is so again is not for CDC, but for a count and a
    sweep in one answer. Nor is anything longer ago than CDC reaches back: it was said to refuse that, and once to leave
    out without a word what is older.
    """
    state = CaughtUp()
    if work.now() - since > CDC_AGE_MAX:
        state.saturated += entities
        return state
    waiting = list(entities)
    for number in range(1, rounds + 2):
        news, since = await _round(work, waiting, since - OVERLAP, state)
        waiting = [entity for entity in waiting if entity not in state.saturated]
        if number >= rounds:
            waiting = [entity for entity in waiting if entity in state.ahead]
        if not news or not waiting:
            return state
    for entity in waiting:
        _give_up(state, entity)
    return state


def _give_up(state: CaughtUp, entity: Entity) -> None:
    state.saturated.append(entity)
    state.watermarks.pop(entity.name, None)


async def _round(
    work: RealmWork, entities: Sequence[Entity], since: datetime, state: CaughtUp
) -> tuple[bool, datetime]:
    """One look at all entities. Returns whether anything was new, and the earliest `time` of its answers."""
    news = False
    state.ahead = set()
    earliest: datetime | None = None
    asked = [entities] if entities else []
    while asked:
        group = asked.pop()
        work.check_stop()
        async with work.room_for(group[0], work.cdc_objects):
            answer = await _whole_answer(work, group, since, state)
            if answer is None:
                if len(group) == 1:
                    _give_up(state, group[0])
                else:
                    asked += halves(group)
                continue
            doubted = await _said_to_be_deleted(work, group, answer)
            for entity in group:
                page = answer.pages.get(entity.name)
                if page is not None:
                    asked_for = doubted.get(entity, ())
                    records = [record for record in page.records if not (record.deleted and record.id in asked_for)]
                    landed = await work.land(
                        entity, records, refusals=page.refusals, latest=True, as_of=answer.server_time
                    )
                    if landed.landed or landed.deleted or len(records) < len(page.records):
                        news = True
                        state.changed.add(entity.name)
                state.watermarks[entity.name] = answer.server_time
            earliest = min(earliest or answer.server_time, answer.server_time)
        # Once the answer's room is given back: these take their own, and nobody may wait for room while having some.
        brought = await mark_vanished_together(work, doubted)
        # Where it was said of one that lives, others may have been deleted only since.
        lied = any(one.there for one in brought.values())
        state.ahead.update(entity for entity, one in brought.items() if one.landed or (lied and one.deleted))
    return news, earliest or since + OVERLAP


async def _said_to_be_deleted(
    work: RealmWork, entities: Sequence[Entity], answer: CdcAnswer
) -> Mapping[Entity, Sequence[str]]:
    """What is said to be deleted and is not marked yet: asked for by Id before it is, for live ones were flagged so.

    Whether it was ever held or not: of a mark on what was never seen nobody would notice that it is wrong.
    """
    doubted: dict[Entity, Sequence[str]] = {}
    for entity in entities:
        page = answer.pages.get(entity.name)
        stubs = {record.id for record in page.records if record.deleted} if page is not None else set()
        if stubs:
            doubted[entity] = sorted(stubs.difference(await work.store.marked_ids(work.realm_id, entity.name, stubs)))
    return doubted


async def _whole_answer(
    work: RealmWork, entities: Sequence[Entity], since: datetime, state: CaughtUp
) -> CdcAnswer | None:
    """What changed in the entities; None: the answer is full, takes too long, holds a row that cannot be read, or is
    not offered; or change data capture is out of order, and the rest of the server is not."""
    try:
        answer = await work.ask.cdc(entities, since, hasty=state.suspect)
    except RequestError as error:
        # Not offered: CDC does not reach back so far, or does not carry one of them here.
        if error.disposition is Disposition.RETRY or is_too_much(error):
            await work.check_well(error, query.count(entities[0]))
            state.suspect = state.suspect or error.disposition is Disposition.RETRY
        elif not is_not_offered(error):
            raise
        return None
    return answer if answer.total < work.cdc_objects else None
