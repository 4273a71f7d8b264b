"""What reached the server, request by request, and what it adds up to."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

STATEMENT_CHARACTERS = 2_000
"""Longer statements are cut in the log, so that its size has a bound: a batch can hold thirty of them."""


class LogEntry(msgspec.Struct, frozen=True, gc=False):
    """One request. `at_s` is the loop's time of its arrival, `now` the wall clock's (ISO 8601)."""

    at_s: float
    now: str
    realm_id: str
    lane: str
    method: str
    path: str
    asked: str
    """The statement, the entities of a CDC call, the statements of a batch."""
    status: int
    code: str
    rows: int
    intuit_tid: str
    in_flight: int
    """Calls of the same app on the realm being served then, this one included; 0 if it was refused."""


@dataclass(frozen=True, slots=True)
class RealmSummary:
    """What one realm's requests add up to. Every arrival counts, refused ones too."""

    requests: int
    by_lane: dict[str, int]
    by_status: dict[str, int]
    most_in_minute: int
    """In any window of 60 s (divided by the limits' scale), wherever it begins."""
    most_in_second: int
    most_batches_in_minute: int
    most_in_flight: int
    throttled: int
    rows: int


class RequestLog:
    """The newest requests, at most `entries` of them; older ones are dropped and counted in `dropped`."""

    def __init__(self, entries: int, *, limits_scale: float = 1.0) -> None:
        self._entries: deque[LogEntry] = deque(maxlen=entries)
        self._added = 0
        self._minute_s = 60.0 / limits_scale
        self._second_s = 1.0 / limits_scale

    @property
    def dropped(self) -> int:
        return self._added - len(self._entries)

    def add(self, entry: LogEntry) -> None:
        self._added += 1
        self._entries.append(entry)

    def entries(self, realm_id: str | None = None) -> Sequence[LogEntry]:
        """In the order of acting; of one realm or of all."""
        return [entry for entry in self._entries if realm_id is None or entry.realm_id == realm_id]

    def summary(self) -> dict[str, RealmSummary]:
        """Realm to its sums, over the entries that are kept."""
        by_realm: dict[str, list[LogEntry]] = {}
        for entry in self._entries:
            by_realm.setdefault(entry.realm_id, []).append(entry)
        return {realm_id: self._summed(entries) for realm_id, entries in by_realm.items()}

    def _summed(self, entries: list[LogEntry]) -> RealmSummary:
        arrivals = sorted(entry.at_s for entry in entries)
        batches = sorted(entry.at_s for entry in entries if entry.lane == "batch")
        return RealmSummary(
            requests=len(entries),
            by_lane=dict(Counter(entry.lane for entry in entries)),
            by_status=dict(Counter(str(entry.status) for entry in entries)),
            most_in_minute=most_within(arrivals, self._minute_s),
            most_in_second=most_within(arrivals, self._second_s),
            most_batches_in_minute=most_within(batches, self._minute_s),
            most_in_flight=max(entry.in_flight for entry in entries),
            throttled=sum(entry.code == "3001" for entry in entries),
            rows=sum(entry.rows for entry in entries),
        )


def most_within(arrivals: Iterable[float], length_s: float) -> int:
    """The most of `arrivals` (ascending) in any window of `length_s`, its end not included."""
    window: deque[float] = deque()
    most = 0
    for at in arrivals:
        window.append(at)
        while window[0] + length_s <= at:
            window.popleft()
        most = max(most, len(window))
    return most
