"""The server's own counting of requests: windows, calls in flight, and the forms of a refusal.

Counts arrivals as a server does, and knows nothing of how a client keeps to the limits.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime

from backfill.simulator.envelopes import JSON_FAULT, XML, Answer, fault_answer, gateway_fault, xml_fault
from backfill.simulator.faults import Fault
from backfill.simulator.settings import SimulatorSettings, ThrottleBody

MINUTE_S = 60.0
SECOND_S = 1.0
IN_FLIGHT_WAIT_S = 1.0
"""What Retry-After says when too many calls are in flight: nobody knows when one will end."""


@dataclass(slots=True)
class Window:
    """Arrivals within one window of `length_s`, at most `limit` of them."""

    name: str
    limit: int
    length_s: float
    fixed: bool = False
    arrivals: deque[float] = field(default_factory=deque)

    def room_in(self, at: float) -> float:
        """Seconds until one more arrival fits; 0 if it fits at `at`."""
        self._forget(at)
        if len(self.arrivals) < self.limit:
            return 0.0
        if self.fixed:
            return (math.floor(at / self.length_s) + 1) * self.length_s - at
        return self.arrivals[len(self.arrivals) - self.limit] + self.length_s - at

    def count(self, at: float) -> None:
        self.arrivals.append(at)

    def _forget(self, at: float) -> None:
        if self.fixed:
            begin = math.floor(at / self.length_s) * self.length_s
            while self.arrivals and self.arrivals[0] < begin:
                self.arrivals.popleft()
        else:
            # Added, not subtracted, so that it agrees with `room_in` to the last bit.
            while self.arrivals and self.arrivals[0] + self.length_s <= at:
                self.arrivals.popleft()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request was refused (a limit's name), and when it would fit."""

    limit: str
    wait_s: float


@dataclass(slots=True)
class _Realm:
    """Counters of one realm over all apps."""

    requests: Window | None
    batches: Window | None
    others_at: float | None = None
    """When the last request of another app arrived."""


@dataclass(slots=True)
class _App:
    """Counters of one app on one realm."""

    requests: Window | None
    batches: Window | None
    in_flight: int = 0


class Throttle:
    """Decides for each arrival whether it is served. Times are seconds of any one clock, never going back."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self._settings = settings
        self._realms: dict[str, _Realm] = {}
        self._apps: dict[tuple[str, str], _App] = {}

    def arrive(self, realm_id: str, app: str, *, batch: bool, at: float) -> Refusal | None:
        """Count an arrival. None: it is served and in flight until `depart`; otherwise it is refused."""
        realm, own = self._counters(realm_id, app)
        self._other_apps(realm, at)
        windows = [window for window in (realm.requests, own.requests) if window is not None]
        if batch:
            windows += [window for window in (own.batches, realm.batches) if window is not None]
        refusal = self._refusal(windows, own, at)
        if refusal is None or self._settings.refused_count:
            for window in windows:
                window.count(at)
        own.in_flight += refusal is None
        return refusal

    def depart(self, realm_id: str, app: str) -> None:
        """A request that was served has its answer."""
        self._apps[realm_id, app].in_flight -= 1

    def in_flight(self, realm_id: str, app: str) -> int:
        own = self._apps.get((realm_id, app))
        return 0 if own is None else own.in_flight

    def inject(self, realm_id: str, count: int, *, at: float, batches: int = 0) -> None:
        """`count` requests of other apps arrive at once, `batches` of them batch calls."""
        realm, _ = self._counters(realm_id, "")
        for window, arrivals in ((realm.requests, count), (realm.batches, batches)):
            if window is not None:
                window.arrivals.extend([at] * arrivals)

    def _refusal(self, windows: list[Window], own: _App, at: float) -> Refusal | None:
        most = self._settings.limits.in_flight
        if most is not None and own.in_flight >= most:
            return Refusal("in_flight", IN_FLIGHT_WAIT_S / self._settings.limits_scale)
        waits = [Refusal(window.name, wait_s) for window in windows if (wait_s := window.room_in(at)) > 0]
        return max(waits, key=lambda refusal: refusal.wait_s, default=None)

    def _counters(self, realm_id: str, app: str) -> tuple[_Realm, _App]:
        realm = self._realms.get(realm_id)
        limits = self._settings.limits
        if realm is None:
            realm = self._realms[realm_id] = _Realm(
                self._window("requests_per_minute", limits.requests_per_minute, MINUTE_S),
                self._window("realm_batches_per_minute", limits.realm_batches_per_minute, MINUTE_S),
            )
        own = self._apps.get((realm_id, app))
        if own is None:
            own = self._apps[realm_id, app] = _App(
                self._window("requests_per_second", limits.requests_per_second, SECOND_S),
                self._window("batches_per_minute", limits.batches_per_minute, MINUTE_S),
            )
        return realm, own

    def _window(self, name: str, limit: int | None, length_s: float) -> Window | None:
        if limit is None:
            return None
        return Window(name, limit, length_s / self._settings.limits_scale, fixed=self._settings.window == "fixed")

    def _other_apps(self, realm: _Realm, at: float) -> None:
        """Let the evenly spaced requests of other apps arrive that were due since the last look."""
        per_minute = self._settings.other_requests_per_minute
        if per_minute <= 0 or realm.requests is None:
            return
        spacing_s = MINUTE_S / self._settings.limits_scale / per_minute
        # What is older than the window cannot count any more.
        last = at - realm.requests.length_s if realm.others_at is None else realm.others_at
        last = max(last, at - realm.requests.length_s - spacing_s)
        while last + spacing_s <= at:
            last += spacing_s
            realm.requests.count(last)
        realm.others_at = last


THROTTLED = Fault(
    "3001",
    "message=ThrottleExceeded; errorCode=003001; statusCode=429",
    "The request limit was reached.  Try again later",
    type="SERVICE",
    status=429,
)
_LEGACY = replace(THROTTLED, message="message=ThrottleExceeded; errorCode=003001; statusCode=403", status=403)


def refusal_answer(form: ThrottleBody, instant: datetime, *, retry_after_s: float | None) -> Answer:
    """The answer to a refused request, in one of the forms that were seen or are believed in."""
    # Whole seconds, since the header knows no others, and never 0: that would mean "at once".
    headers = {} if retry_after_s is None else {"retry-after": str(max(1, math.ceil(retry_after_s)))}
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
    return replace(answer, headers=headers, code=THROTTLED.code)
