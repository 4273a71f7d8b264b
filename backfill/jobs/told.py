"""What webhooks told of one realm: each object is read once, however often it was told of, and then the events settled.

An event names the second in which its object changed, and of two changes in one second the second may be told of by
what looks like a delivery of the first. So an event is settled only by an answer whose `time` is past that second:
then whatever looks like it has been read, too, and a repeated delivery can always be left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backfill.jobs.costs import Costs
from backfill.jobs.fleet import RealmOutcome, Trouble
from backfill.jobs.ports import Inbox
from backfill.jobs.slices import next_second
from backfill.jobs.targeted import Ending, Reads, canonical, read_objects
from backfill.jobs.targets import CHANGED
from backfill.jobs.work import RealmWork
from backfill.model import WaitingEvent

EVENTS_AT_ONCE = 2_000
"""Some hundreds of kB in memory; together they are two calls or more, so that more at once would save nothing."""

UNSUPPORTED = "unsupported"
"""The outcome of an event whose entity has no objects that can be read by Id."""


async def apply_events(work: RealmWork, inbox: Inbox, costs: Costs) -> RealmOutcome:
    """Read what the realm's waiting events name, until none waits, or only such whose second is not over yet.

    Troubles are of events that are settled and did not land. Raises as `read_objects` does; what is not settled then
    waits on.
    """
    work.proven_at = await work.store.proven_at(work.realm_id)
    troubles: list[Trouble] = []
    while waiting := await inbox.take(work.realm_id, at_most=EVENTS_AT_ONCE):
        work.check_stop()
        wanted = _wanted(waiting)
        oldest = min(event.occurred_at for event in waiting)
        reads = await read_objects(work, wanted, oldest=oldest, costs=costs) if wanted else {}
        outcomes = dict(_outcomes(waiting, reads))
        if not outcomes:
            break
        await inbox.settle(work.lease, outcomes)
        troubles += _troubles(work, waiting, outcomes)
    return RealmOutcome(proven=True, troubles=troubles)


def _wanted(waiting: Sequence[WaitingEvent]) -> dict[str, list[str]]:
    """Entity to distinct Ids, in the order in which they were told of."""
    wanted: dict[str, dict[str, None]] = {}
    for event in waiting:
        if canonical(event.entity) is not None:
            wanted.setdefault(event.entity, {})[event.object_id] = None
    return {name: list(ids) for name, ids in wanted.items()}


def _outcomes(waiting: Sequence[WaitingEvent], reads: Reads) -> Iterator[tuple[int, str]]:
    """The events that are done with, and how each ended."""
    for event in waiting:
        if canonical(event.entity) is None:
            yield event.event_id, UNSUPPORTED
            continue
        read = reads.get((event.entity, event.object_id))
        if read is None:
            # Only of what is not named: too much has changed, or too long ago, for CDC to say. The next sweep does.
            assert event.object_id == CHANGED, f"{event.entity} {event.object_id} was wanted and not read"
            yield event.event_id, Ending.REFUSED
        elif read.at >= next_second(event.occurred_at):
            yield event.event_id, read.ending


def _troubles(work: RealmWork, waiting: Sequence[WaitingEvent], outcomes: dict[int, str]) -> Iterator[Trouble]:
    """What a person should look at."""
    for event in waiting:
        outcome = outcomes.get(event.event_id)
        if outcome in {Ending.QUARANTINED, Ending.REFUSED, UNSUPPORTED}:
            named = f"{event.entity} {event.object_id}".strip()
            yield Trouble(
                realm_id=work.realm_id,
                entity=event.entity,
                code=outcome,
                message=f"A webhook told of {named}, which could not be landed ({outcome}).",
                action="See what Intuit said: backfill calls --failed; then backfill care, or an extract of the realm.",
            )
