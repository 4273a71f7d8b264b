"""The server's own counting of requests: windows, calls in flight, and the forms of a refusal.

Counts arrivals as a server does, and knows nothing of how a client keeps to the limits.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from backfill.simulator.call import Kind
from backfill.simulator.documented import THROTTLED
from backfill.simulator.envelopes import JSON_FAULT, XML, Answer, fault_answer, gateway_fault, xml_fault
from backfill.simulator.settings import MINUTE_S, SECOND_S, RetryAfter, SimulatorSettings, ThrottleBody
from backfill.simulator.windows import Bucket, FixedWindow, SlidingWindow, Window

IN_FLIGHT = "in_flight"
PER_SECOND = "requests_per_second"
PER_DAY = "emails_per_day"
DAY_S = 86_400.0
COUNTED: Mapping[str, Kind] = {
    "batches_per_minute": "batch",
    "realm_batches_per_minute": "batch",
    "reports_per_minute": "report",
    "emails_per_day": "email",
}
"""The limits that count one kind of call; every other one counts all."""
GIVEN_UP_S = 120.0
"""Intuit's limits page: the server gives up on a request after so long. One that is never answered is in flight till
then, however long its connection stays open. Divided by `limits_scale`, as the windows are."""
IN_FLIGHT_WAIT_S = 1.0
"""What Retry-After says when too many calls are in flight: nobody knows when one will end."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request was refused (a limit's name), and when it would fit."""

    limit: str
    wait_s: float


@dataclass(slots=True)
class Tally:
    """What one limit has seen of one app or realm."""

    most: float = 0.0
    """The most of it that was ever used at once."""
    over: int = 0
    """Arrivals that found it full, whether they were refused for it or not."""


@dataclass(slots=True)
class _Counter:
    """One limit: its window, and what it has seen."""

    window: Window
    tally: Tally = field(default_factory=Tally)

    def count(self, at: float, arrivals: int = 1) -> None:
        self.window.count(at, arrivals)
        self.tally.most = max(self.tally.most, self.window.used(at))


_Counters = dict[str, _Counter]
"""By the limit's name; a limit that is off has none."""


@dataclass(slots=True)
class _Realm:
    """What is counted over all apps of a realm."""

    counters: _Counters
    others_at: dict[str, float] = field(default_factory=dict)
    """By the limit: when the last arrivals of other apps were counted."""


@dataclass(slots=True)
class _App:
    """What is counted for one app on one realm."""

    counters: _Counters
    in_flight: list[float] = field(default_factory=list)
    """When each of the calls arrived, the first one first."""
    in_flight_tally: Tally = field(default_factory=Tally)


class Throttle:
    """Decides for each arrival whether it is served. Times are seconds of any one clock, never going back."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self._settings = settings
        self._realms: dict[str, _Realm] = {}
        self._apps: dict[tuple[str, str], _App] = {}

    def arrive(self, realm_id: str, app: str, *, at: float, kind: Kind = "") -> Refusal | None:
        """Count an arrival. None: it is served, and in flight until `depart` or given up; otherwise it is refused.

        `kind` is that of a call which has limits of its own.
        """
        realm, own = self._of(realm_id, app)
        self._other_apps(realm, at)
        self._give_up(own, at)
        counters = dict(_counting(realm.counters | own.counters, kind))
        refusal = max(self._refusals(counters, own, at), key=lambda refusal: refusal.wait_s, default=None)
        if refusal is None or self._settings.refused_count:
            for counter in counters.values():
                counter.count(at)
        if refusal is None:
            own.in_flight.append(at)
            own.in_flight_tally.most = max(own.in_flight_tally.most, len(own.in_flight))
        return refusal

    def depart(self, realm_id: str, app: str, *, arrived_at: float) -> None:
        """A request that was served has its answer, or was given up before."""
        with suppress(ValueError):
            self._apps[realm_id, app].in_flight.remove(arrived_at)

    def in_flight(self, realm_id: str, app: str) -> int:
        """How many calls are worked on, by what was known when the last one arrived or departed."""
        own = self._apps.get((realm_id, app))
        return 0 if own is None else len(own.in_flight)

    def inject(self, realm_id: str, count: int, *, at: float, batches: int = 0) -> None:
        """`count` requests of other apps arrive at once, `batches` of them batch calls."""
        realm, _ = self._of(realm_id, "")
        for name, arrivals in (("requests_per_minute", count), ("realm_batches_per_minute", batches)):
            if name in realm.counters:
                realm.counters[name].window.count(at, arrivals)

    def tallies(self, realm_id: str, app: str) -> Mapping[str, Tally]:
        """By each limit's name, what it has seen of the app; of the realm, where all apps share the limit."""
        realm, own = self._of(realm_id, app)
        counted = {name: counter.tally for name, counter in (realm.counters | own.counters).items()}
        return counted | {IN_FLIGHT: own.in_flight_tally}

    def apps(self) -> Mapping[str, list[str]]:
        """Realm to the apps that called it."""
        called: defaultdict[str, list[str]] = defaultdict(list)
        for realm_id, app in self._apps:
            if app:
                called[realm_id].append(app)
        return called

    def _give_up(self, own: _App, at: float) -> None:
        """Let go the places of calls that the server has worked on for as long as it does."""
        given_up_s = GIVEN_UP_S / self._settings.limits_scale
        while own.in_flight and own.in_flight[0] + given_up_s <= at:
            del own.in_flight[0]

    def _refusals(self, counters: _Counters, own: _App, at: float) -> Iterator[Refusal]:
        """Every reason to refuse an arrival; each limit that it finds full notes it, whether it refuses or not."""
        most = self._settings.limits.in_flight
        if most is not None and len(own.in_flight) >= most:
            own.in_flight_tally.over += 1
            yield Refusal(IN_FLIGHT, IN_FLIGHT_WAIT_S / self._settings.limits_scale)
        for name, counter in counters.items():
            wait_s = counter.window.room_in(at)
            if wait_s > 0:
                counter.tally.over += 1
                if name != PER_SECOND or self._settings.second_refuses:
                    yield Refusal(name, wait_s)

    def _of(self, realm_id: str, app: str) -> tuple[_Realm, _App]:
        realm = self._realms.get(realm_id)
        limits = self._settings.limits
        if realm is None:
            shared = {
                "requests_per_minute": limits.requests_per_minute,
                "realm_batches_per_minute": limits.realm_batches_per_minute,
                "reports_per_minute": limits.reports_per_minute,
                "emails_per_day": limits.emails_per_day,
            }
            realm = self._realms[realm_id] = _Realm(self._counters(realm_id, shared))
        own = self._apps.get((realm_id, app))
        if own is None:
            alone = {PER_SECOND: limits.requests_per_second, "batches_per_minute": limits.batches_per_minute}
            own = self._apps[realm_id, app] = _App(self._counters(realm_id, alone))
        return realm, own

    def _counters(self, realm_id: str, limits: Mapping[str, int | None]) -> _Counters:
        return {name: _Counter(self._window(realm_id, name, limit)) for name, limit in limits.items() if limit}

    def _window(self, realm_id: str, name: str, limit: int) -> Window:
        settings = self._settings
        form, length_s = (settings.second_window, SECOND_S) if name == PER_SECOND else (settings.window, MINUTE_S)
        length_s = DAY_S if name == PER_DAY else length_s
        offset_s = settings.window_offset_s
        if settings.window_offset_seed is not None:  # a realm's own, and the same for all its limits
            offset_s = random.Random(f"{settings.window_offset_seed}:window:{realm_id}").uniform(0, MINUTE_S)
        length_s, offset_s = length_s / settings.limits_scale, offset_s / settings.limits_scale
        match form:
            case "sliding":
                return SlidingWindow(limit, length_s)
            case "fixed":
                return FixedWindow(limit, length_s, offset_s)
            case "bucket":
                return Bucket(limit, length_s)

    def _other_apps(self, realm: _Realm, at: float) -> None:
        """Let the requests of other apps arrive that were due since the last look, batch calls among them."""
        rates = {
            "requests_per_minute": self._settings.other_requests_per_minute,
            "realm_batches_per_minute": self._settings.other_batches_per_minute,
        }
        for name, per_minute in rates.items():
            counter = realm.counters.get(name)
            if per_minute > 0 and counter is not None:
                last = realm.others_at.get(name, -math.inf)
                realm.others_at[name] = self._let_arrive(counter.window, per_minute, last, at)

    def _let_arrive(self, window: Window, per_minute: float, last: float, at: float) -> float:
        """Count so many a minute, in bursts evenly spaced, until `at`; when the last burst was."""
        window_s = MINUTE_S / self._settings.limits_scale
        burst = self._settings.other_burst
        spacing_s = window_s * burst / per_minute
        # What is older than the window cannot count any more, but for the burst that began it.
        last = max(last, at - window_s - spacing_s) if last > -math.inf else at - max(window_s, spacing_s)
        while last + spacing_s <= at:
            last += spacing_s
            window.count(last, burst)
        return last


def _counting(counters: _Counters, kind: Kind) -> Iterator[tuple[str, _Counter]]:
    """The counters that a request counts in: the batches' only for a batch call, and so on."""
    return (entry for entry in counters.items() if COUNTED.get(entry[0], kind) == kind)


_LEGACY = replace(THROTTLED, message="message=ThrottleExceeded; errorCode=003001; statusCode=403", status=403)


def refusal_answer(form: ThrottleBody, instant: datetime, *, retry_after: RetryAfter, wait_s: float) -> Answer:
    """The answer to a refused request, in one of the forms that were seen or are believed in."""
    match form:
        case "xml":
            answer = Answer(429, xml_fault(THROTTLED, instant), XML)
        case "http_403_legacy":
            answer = Answer(403, xml_fault(_LEGACY, instant), XML)
        case "json_lower":
            answer = Answer(429, gateway_fault(THROTTLED, instant), JSON_FAULT)
        case "json_upper":
            answer = fault_answer(THROTTLED, instant)
        case _:
            answer = Answer(429, b"", JSON_FAULT)
    return replace(answer, headers=_retry_after(retry_after, instant, wait_s), code=THROTTLED.code)


def _retry_after(form: RetryAfter, instant: datetime, wait_s: float) -> dict[str, str]:
    """Whole seconds, since the header knows no others, and never 0: that would mean "at once"."""
    wait_s = max(1, math.ceil(wait_s))
    match form:
        case "absent":
            return {}
        case "seconds":
            return {"retry-after": str(wait_s)}
        case "date":
            return {"retry-after": format_datetime(instant.astimezone(UTC) + timedelta(seconds=wait_s), usegmt=True)}
