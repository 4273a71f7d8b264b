"""What a run has done so far, added up from its events: the source of the progress display and of the result."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import singledispatchmethod

from backfill import events
from backfill.wire import Lane

RATE_WINDOW_S = 60.0
"""Rates are shown per minute, as Intuit's limits are counted."""


def requests_by_lane(requests: Mapping[str, int]) -> Mapping[str, int]:
    """As the contract's results have them: of each lane, and in all."""
    lanes = {lane.value: requests.get(lane.value, 0) for lane in Lane}
    return {"total": sum(lanes.values()), **lanes}


@dataclass(slots=True)
class Tally:
    """Counts of one run. `clock` gives the event loop's time in seconds; pass `observe` as an observer."""

    clock: Callable[[], float]
    realms_total: int
    window_s: float = RATE_WINDOW_S
    running: set[str] = field(default_factory=set)
    proven: int = 0
    unproven: int = 0
    parked: int = 0
    landed: int = 0
    unchanged: int = 0
    deleted: int = 0
    quarantined: int = 0
    written: int = 0
    adopted: int = 0
    """Of those that were written: found after a lost answer."""
    rejected: int = 0
    in_doubt: int = 0
    """Rows whose outcome was unknown at some time."""
    requests: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    throttled: int = 0
    retries: int = 0
    refreshed: int = 0
    rotated: int = 0
    longest_gap_s: float = 0.0
    """The longest time between a new refresh token's arrival and its commit."""
    counted: dict[str, int] = field(default_factory=dict)
    """Realm to the rows its census counted."""
    rows_of: Counter[str] = field(default_factory=Counter)
    """Realm to the rows met so far."""
    waiting_for: dict[str, str] = field(default_factory=dict)
    """Realm to the owner whose lease it waits for."""
    _ended: set[str] = field(default_factory=set)
    """Realms that are done or parked. One that an earlier process had counted is not counted again."""
    _recent: deque[tuple[float, str]] = field(default_factory=deque)
    """When and for which realm, of the last window's requests."""
    _recent_of: Counter[str] = field(default_factory=Counter)

    @property
    def finished(self) -> int:
        return self.proven + self.unproven + self.parked

    def rows(self) -> Mapping[str, int]:
        """The rows that were read, as the contract's results have them."""
        return {
            "landed": self.landed,
            "unchanged": self.unchanged,
            "deleted": self.deleted,
            "quarantined": self.quarantined,
        }

    def requests_by_lane(self) -> Mapping[str, int]:
        """The requests, as the contract's results have them."""
        return requests_by_lane(self.requests)

    def requests_in_window(self) -> int:
        """Requests answered within the last window, all realms together."""
        self._forget()
        return len(self._recent)

    def realms_in_window(self) -> int:
        """Realms that had a request within the last window, or are at work: each has its own allowance."""
        self._forget()
        return len(self.running | self._recent_of.keys())

    def _forget(self) -> None:
        horizon = self.clock() - self.window_s
        while self._recent and self._recent[0][0] < horizon:
            _, realm_id = self._recent.popleft()
            self._recent_of[realm_id] -= 1
            if not self._recent_of[realm_id]:
                del self._recent_of[realm_id]

    def rows_left(self) -> int | None:
        """Rows still to come: counted and not met; for realms not yet counted, the mean of the others."""
        if not self.counted:
            return None
        known = sum(max(0, count - self.rows_of[realm]) for realm, count in self.counted.items())
        mean = sum(self.counted.values()) / len(self.counted)
        uncounted = self.realms_total - len(self.counted.keys() | self._ended)
        return int(known + mean * max(0, uncounted))

    @singledispatchmethod
    def observe(self, _event: events.Event) -> None:
        """Add one event. An event that nobody shows adds nothing."""

    @observe.register
    def _(self, event: events.RequestAnswered) -> None:
        self._recent.append((self.clock(), event.realm_id))
        self._recent_of[event.realm_id] += 1
        self._forget()
        self.requests[event.lane] += 1
        if event.code:
            self.faults[event.code] += 1

    @observe.register
    def _(self, event: events.PageLanded) -> None:
        self.landed += event.landed
        self.unchanged += event.unchanged
        self.deleted += event.deleted
        self.quarantined += event.quarantined
        self.rows_of[event.realm_id] += event.landed + event.unchanged + event.quarantined

    @observe.register
    def _(self, event: events.RowsSettled) -> None:
        self.written += event.applied + event.adopted
        self.adopted += event.adopted
        self.rejected += event.rejected

    @observe.register
    def _(self, event: events.OutcomeUnknown) -> None:
        self.in_doubt += event.rows

    @observe.register
    def _(self, _event: events.Throttled) -> None:
        self.throttled += 1

    @observe.register
    def _(self, _event: events.Retrying) -> None:
        self.retries += 1

    @observe.register
    def _(self, event: events.TokenRefreshed) -> None:
        self.refreshed += 1
        self.rotated += event.rotated
        self.longest_gap_s = max(self.longest_gap_s, event.gap_s)

    @observe.register
    def _(self, event: events.CensusTaken) -> None:
        self.counted[event.realm_id] = sum(event.counts.values())

    @observe.register
    def _(self, event: events.RealmStarted) -> None:
        self.running.add(event.realm_id)
        self.waiting_for.pop(event.realm_id, None)

    @observe.register
    def _(self, event: events.RealmPaused) -> None:
        self.running.discard(event.realm_id)

    @observe.register
    def _(self, event: events.LeaseAwaited) -> None:
        self.waiting_for[event.realm_id] = event.owner

    @observe.register
    def _(self, event: events.RealmParked) -> None:
        self._end(event.realm_id)
        self.parked += 1

    @observe.register
    def _(self, event: events.RealmFinished) -> None:
        self._end(event.realm_id)
        if event.proven:
            self.proven += 1
        else:
            self.unproven += 1

    def _end(self, realm_id: str) -> None:
        self._ended.add(realm_id)
        self.running.discard(realm_id)
        self.waiting_for.pop(realm_id, None)
        # What was met and not landed is over; the realm no longer counts towards what is left.
        self.rows_of[realm_id] = max(self.rows_of[realm_id], self.counted.get(realm_id, 0))
