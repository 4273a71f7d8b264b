"""What reached the server: every request is counted, and the newest are kept one by one."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

STATEMENT_CHARACTERS = 2_000
"""Longer statements are cut in the log, so that its size has a bound: a batch can hold thirty of them."""
REALMS_MOST = 100_000
"""Realms that are counted apart, as many as can be simulated. Made-up ids beyond are counted as one, without a name."""
OTHERS = ""


class LogEntry(msgspec.Struct, frozen=True, gc=False):
    """One request. `at_s` is the loop's time of its arrival, `now` the wall clock's (ISO 8601)."""

    at_s: float
    now: str
    realm_id: str
    lane: str
    method: str
    path: str
    asked: str
    """The statement, the entities of a CDC call, the statements of a batch, the parameters of a report."""
    status: int
    code: str
    rows: int
    intuit_tid: str
    in_flight: int
    """Calls of the same app on the realm being served then, this one included; 0 if it was refused."""
    limit: str = ""
    """The limit for which the throttle refused it."""
    injected: str = ""
    """The mishaps that befell it, by name."""


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
    """Answers that said so, injected ones included."""
    refused_by: dict[str, int]
    """By the limit for which the throttle refused: these alone are about how the client keeps the limits."""
    injected: dict[str, int]
    """By the name of a mishap that befell them."""
    rows: int


class Most:
    """The most arrivals in any window of `length_s`, its end not included. Arrivals come in order."""

    __slots__ = ("_arrivals", "_length_s", "most")

    def __init__(self, length_s: float) -> None:
        self._length_s = length_s
        self._arrivals: deque[float] = deque()
        """Those of the window that ends with the last one: no more are held."""
        self.most = 0

    def add(self, at_s: float) -> None:
        arrivals = self._arrivals
        arrivals.append(at_s)
        while arrivals[0] + self._length_s <= at_s:
            arrivals.popleft()
        self.most = max(self.most, len(arrivals))


@dataclass(slots=True)
class _Tally:
    """The sums so far of one realm, or of all."""

    in_minute: Most
    in_second: Most
    batches_in_minute: Most
    by_lane: Counter[str] = field(default_factory=Counter)
    by_status: Counter[str] = field(default_factory=Counter)
    most_in_flight: int = 0
    throttled: int = 0
    refused_by: Counter[str] = field(default_factory=Counter)
    injected: Counter[str] = field(default_factory=Counter)
    rows: int = 0

    def arrive(self, lane: str, at_s: float) -> None:
        self.in_minute.add(at_s)
        self.in_second.add(at_s)
        if lane == "batch":
            self.batches_in_minute.add(at_s)
        self.by_lane[lane] += 1

    def add(self, entry: LogEntry) -> None:
        self.by_status[str(entry.status)] += 1
        self.most_in_flight = max(self.most_in_flight, entry.in_flight)
        self.throttled += entry.code == "3001"
        if entry.limit:
            self.refused_by[entry.limit] += 1
        if entry.injected:
            self.injected.update(entry.injected.split(" "))
        self.rows += entry.rows

    def summed(self) -> RealmSummary:
        return RealmSummary(
            requests=self.by_lane.total(),
            by_lane=dict(self.by_lane),
            by_status=dict(self.by_status),
            most_in_minute=self.in_minute.most,
            most_in_second=self.in_second.most,
            most_batches_in_minute=self.batches_in_minute.most,
            most_in_flight=self.most_in_flight,
            throttled=self.throttled,
            refused_by=dict(self.refused_by),
            injected=dict(self.injected),
            rows=self.rows,
        )


class RequestLog:
    """Counts every request, and keeps the newest `entries` of them; `dropped` says how many are kept no more.

    A request is noted when it arrives, in the order of arrival, and again with what became of it. Held beside the
    entries: a minute's arrivals, whatever the run's length.
    """

    def __init__(self, entries: int, *, limits_scale: float = 1.0) -> None:
        self._entries: deque[LogEntry] = deque(maxlen=entries)
        self._added = 0
        self._minute_s = 60.0 / limits_scale
        self._second_s = 1.0 / limits_scale
        self._tallies: dict[str, _Tally] = {}
        self._all = self._tally()

    @property
    def dropped(self) -> int:
        return self._added - len(self._entries)

    def arrive(self, realm_id: str, lane: str, at_s: float) -> None:
        """A request reaches the service. `at_s` never goes back."""
        self._all.arrive(lane, at_s)
        self._of(realm_id).arrive(lane, at_s)

    def add(self, entry: LogEntry) -> None:
        """What became of a request that arrived."""
        self._added += 1
        self._entries.append(entry)
        self._all.add(entry)
        self._of(entry.realm_id).add(entry)

    def _of(self, realm_id: str) -> _Tally:
        if realm_id not in self._tallies and len(self._tallies) >= REALMS_MOST:
            realm_id = OTHERS
        tally = self._tallies.get(realm_id)
        if tally is None:
            tally = self._tallies[realm_id] = self._tally()
        return tally

    def entries(self, realm_id: str | None = None) -> Sequence[LogEntry]:
        """In the order of acting; of one realm or of all."""
        return [entry for entry in self._entries if realm_id is None or entry.realm_id == realm_id]

    def summary(self) -> dict[str, RealmSummary]:
        """Realm to the sums of all its requests."""
        return {realm_id: tally.summed() for realm_id, tally in self._tallies.items()}

    def total(self) -> RealmSummary:
        """The sums over all realms together. `most_in_flight` is still that of one app on one realm."""
        return self._all.summed()

    def _tally(self) -> _Tally:
        return _Tally(Most(self._minute_s), Most(self._second_s), Most(self._minute_s))
