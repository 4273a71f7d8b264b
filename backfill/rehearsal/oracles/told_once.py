"""What Intuit told is applied, once; what somebody forged never."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import ClassVar

from backfill.model import RealmId, WaitingEvent
from backfill.rehearsal.oracles.equal_state import difference
from backfill.rehearsal.oracles.oracle import Oracle, Settling
from backfill.rehearsal.stage import Stage
from backfill.simulator.webhooks.emitter import FORGED
from backfill.store.memory_inbox import KeptEvent


class ToldOnce(Oracle):
    """Looks at the row of each event that is settled: it must be no older than what the event told of.

    At the end nothing waits, nothing made up was stored, and whatever was told of is landed as the company has it.
    """

    name: ClassVar[str] = "told once"
    law: ClassVar[str] = "each webhook event is applied once, a forged one never"

    def settled(self, stage: Stage, settling: Settling) -> Iterable[str]:
        realm_id = settling.lease.realm_id
        epoch = stage.store.epoch(realm_id)
        if settling.lease.epoch != epoch:
            yield f"{realm_id}: events settled under epoch {settling.lease.epoch}, and it is {epoch}"
        for event in settling.events:
            if settling.outcomes[event.event_id] in {"landed", "deleted"}:
                yield from _behind(stage, realm_id, event)

    def over(self, stage: Stage) -> Iterable[str]:
        if stage.simulator.webhooks.counts.forged_accepted:
            yield f"{stage.simulator.webhooks.counts.forged_accepted} forged deliveries were answered 200"
        aside = {_key(one) for one in _newest(stage.inbox.kept()) if one.outcome == "quarantined"}
        for one in stage.inbox.kept():
            event, realm_id = one.waiting, one.told.realm_id
            if event.object_id.startswith(FORGED):
                yield f"{realm_id}: an event of {event.entity} {event.object_id} was made up, and stored"
            elif realm_id not in stage.troubled:
                yield from _left(stage, realm_id, event, one.outcome, is_aside=_key(one) in aside)


def _key(one: KeptEvent) -> tuple[RealmId, str, str]:
    return one.told.realm_id, one.waiting.entity, one.waiting.object_id


def _newest(events: Iterable[KeptEvent]) -> Iterable[KeptEvent]:
    """Of each object the event that came to pass last."""
    return {
        _key(one): one for one in sorted(events, key=lambda one: (one.waiting.occurred_at, one.waiting.event_id))
    }.values()


def _behind(stage: Stage, realm_id: RealmId, event: WaitingEvent) -> Iterator[str]:
    """Whether the row is older than all that the object was since the event's second."""
    company = stage.simulator.fleet.company(realm_id)
    second = event.occurred_at.replace(microsecond=0)
    # The first of the versions since then is what the event replaced.
    since = company.versions_since(second - timedelta(microseconds=1)).get((event.entity, event.object_id), ())[1:]
    landed = stage.store.live_documents(realm_id, event.entity).get(event.object_id)
    fits = None in since if landed is None else any(version and not difference(landed, version) for version in since)
    if since and not fits:
        yield f"{realm_id} {event.entity} {event.object_id} is settled and landed as it was before {second}"


def _left(
    stage: Stage, realm_id: RealmId, event: WaitingEvent, outcome: str | None, *, is_aside: bool
) -> Iterator[str]:
    """`is_aside`: what the object became after all that was told of it could not be read, and that is said."""
    if outcome is None:
        yield f"{realm_id}: the event of {event.entity} {event.object_id} still waits"
    elif outcome in {"landed", "deleted"} and not is_aside:
        row = stage.simulator.fleet.company(realm_id).table(event.entity).get(event.object_id)
        landed = stage.store.live_documents(realm_id, event.entity).get(event.object_id)
        there = None if row is None else row.doc
        if (landed is not None or there is not None) and (said := difference(landed, there)):
            yield f"{realm_id} {event.entity} {event.object_id} was told of, and is not as it is: {said}"
