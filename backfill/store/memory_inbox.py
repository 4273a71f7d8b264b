"""The inbox of webhook events in memory: the port's rules in executable form, for virtual time.

One contract suite runs against it and against Postgres. Leases, and who is registered or parked, are those of the
`MemoryStore` it stands beside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

import anyio.lowlevel

from backfill.model import Lease, RealmId, Told, WaitingEvent
from backfill.store.inbox import FORGOTTEN_AT_ONCE, UNKNOWN_REALMS_SHOWN, InboxCounts, Stored, Unread
from backfill.store.memory_store import MemoryStore


@dataclass(slots=True)
class KeptEvent:
    """An event, when it came, and what became of it."""

    told: Told
    waiting: WaitingEvent
    received_at: datetime
    outcome: str | None = None
    """None: it waits."""


class MemoryInbox:
    """As `store.inbox.Inbox`. `now` is the wall clock that dates what comes in."""

    def __init__(self, store: MemoryStore, *, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._events: dict[bytes, KeptEvent] = {}
        """By key, in the order in which they came."""
        self._unread: dict[bytes, tuple[Unread, datetime]] = {}
        self._event_ids = count(1)

    def seen_beside(self, store: MemoryStore) -> MemoryInbox:
        """The same inbox as another process sees it, whose view of the rows and leases is `store`."""
        other = MemoryInbox(store, now=self._now)
        other._events, other._unread, other._event_ids = self._events, self._unread, self._event_ids
        return other

    def kept(self) -> Sequence[KeptEvent]:
        """What a test or a plan looks at: everything that is not forgotten."""
        return list(self._events.values())

    async def store(self, events: Sequence[Told], unread: Sequence[Unread] = ()) -> Stored:
        await anyio.lowlevel.checkpoint()
        now = self._now()
        for part in unread:
            self._unread.setdefault(part.key, (part, now))
        new = {event.key: event for event in reversed(events) if event.key not in self._events}
        for event in sorted(new.values(), key=lambda event: event.key):
            at = now if event.occurred_at is None else min(event.occurred_at, now)
            waiting = WaitingEvent(next(self._event_ids), event.entity, event.object_id, event.operation, at)
            self._events[event.key] = KeptEvent(event, waiting, now)
        unknown = {event.realm_id for event in events if not self._store.is_registered(event.realm_id)}
        return Stored(len(new), sorted(unknown))

    async def due(self, *, gathered_s: float) -> Sequence[RealmId]:
        await anyio.lowlevel.checkpoint()
        latest = self._now() - timedelta(seconds=gathered_s)
        ready = {one.told.realm_id for one in self._waiting() if one.received_at <= latest}
        return sorted(one for one in ready if self._store.is_registered(one) and not self._store.parked(one))

    async def take(self, realm_id: RealmId, *, at_most: int) -> Sequence[WaitingEvent]:
        await anyio.lowlevel.checkpoint()
        return [one.waiting for one in self._waiting() if one.told.realm_id == realm_id][:at_most]

    async def settle(self, lease: Lease, outcomes: Mapping[int, str]) -> None:
        await anyio.lowlevel.checkpoint()
        self._store.require(lease)
        for one in self._waiting():
            if one.told.realm_id == lease.realm_id and one.waiting.event_id in outcomes:
                one.outcome = outcomes[one.waiting.event_id]

    async def counts(self) -> InboxCounts:
        await anyio.lowlevel.checkpoint()
        return InboxCounts(len(self._waiting()), len(self._unread))

    async def unknown_realms(self) -> Sequence[RealmId]:
        await anyio.lowlevel.checkpoint()
        named = {one.told.realm_id for one in self._waiting()}
        return sorted(one for one in named if not self._store.is_registered(one))[:UNKNOWN_REALMS_SHOWN]

    async def forget(self, *, older_than_days: int) -> int:
        await anyio.lowlevel.checkpoint()
        before = self._now() - timedelta(days=older_than_days)
        old = [key for key, one in self._events.items() if one.received_at < before and self._may_go(one)]
        aside = [key for key, (_, received_at) in self._unread.items() if received_at < before]
        old, aside = old[:FORGOTTEN_AT_ONCE], aside[:FORGOTTEN_AT_ONCE]
        for key in old:
            del self._events[key]
        for key in aside:
            del self._unread[key]
        return len(old) + len(aside)

    def _may_go(self, one: KeptEvent) -> bool:
        """What waits for a registered company is never thrown away."""
        return one.outcome is not None or not self._store.is_registered(one.told.realm_id)

    def _waiting(self) -> list[KeptEvent]:
        return [one for one in self._events.values() if one.outcome is None]
