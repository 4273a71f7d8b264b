"""What is done with a delivery, however it came: it is verified, read, stored durably, and answered by a status."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from backfill.errors import BackfillError
from backfill.model import RealmId, Told
from backfill.qbo.signatures import Verifier
from backfill.store.inbox import Stored, Unread
from backfill.webhooks.payload import read_payload


class Events(Protocol):
    """Where events are kept."""

    async def store(self, events: Sequence[Told], unread: Sequence[Unread] = ()) -> Stored:
        """Durably, before it returns."""
        ...


@dataclass(slots=True)
class ReceiverCounts:
    """What came since the receiver was started."""

    deliveries: int = 0
    """Accepted: answered with 200."""
    events: int = 0
    """In those, with all that were told before."""
    duplicates: int = 0
    unread: int = 0
    """Parts of accepted deliveries that say nothing we understand."""
    forged: int = 0
    """Without a signature, or with one that no verifier token made: answered with 401."""
    oversized: int = 0
    failed: int = 0
    """Not stored in time, or too many at once: answered with 503, so that Intuit sends them again."""


class Intake:
    """Takes deliveries in. `told` is called with the realms of a delivery that nobody registered."""

    def __init__(self, verifier: Verifier, events: Events, *, told: Callable[[Sequence[RealmId]], None]) -> None:
        self.counts = ReceiverCounts()
        self._verifier = verifier
        self._events = events
        self._told = told

    async def take(self, body: bytes, signature: str) -> HTTPStatus:
        """The answer to a delivery: 200 once it is stored, 401 if it is not Intuit's, 503 to be sent it again."""
        if not self._verifier.accepts(body, signature):
            self.counts.forged += 1
            return HTTPStatus.UNAUTHORIZED
        payload = read_payload(body)
        try:
            stored = await self._events.store(payload.events, payload.unread)
        except BackfillError:
            self.counts.failed += 1
            return HTTPStatus.SERVICE_UNAVAILABLE
        self.counts.deliveries += 1
        self.counts.events += len(payload.events)
        self.counts.duplicates += len(payload.events) - stored.new
        self.counts.unread += len(payload.unread)
        if stored.unknown_realms:
            self._told(stored.unknown_realms)
        return HTTPStatus.OK
