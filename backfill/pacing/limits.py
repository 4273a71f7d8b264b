"""Intuit's limits as values. The numbers themselves, with source and date, are data: `backfill/limits.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from functools import cache
from importlib import resources

import msgspec

from backfill.errors import UsageError
from backfill.wire import Lane


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one realm allows us. A set that contradicts itself (by `dataclasses.replace`, say) raises `UsageError`."""

    requests_per_window: int
    """Requests in any window, all apps of the realm together."""
    batches_per_window: int
    """Batch calls in any window, ours."""
    realm_batches_per_window: int
    """Batch calls in any window, all apps of the realm together."""
    reports_per_window: int
    combined_per_window: int | None = None
    """Our calls to all of Intuit's products in any window; only for an app that calls others than this one."""
    window_s: float
    starts_per_second: int
    """Requests in any `second_s` at the server."""
    second_s: float
    """The window of `starts_per_second`: 1 s, shorter only in a scaled rehearsal."""
    uplink_spread_s: float
    """How much longer one request may take to the server than another without breaking a limit there."""
    in_flight: int
    reserve: float
    """Share of the limits shared by all apps that is left to the others, 0 to below 1."""
    abandoned_s: float
    """The server may work on a request for this long after it came: so long it keeps its place in flight."""
    late_arrival_s: float
    """A request may still reach the server, and be counted, for this long after its connection was closed."""
    freeze_s: float
    """How long a realm rests after a refusal that named no time."""
    freeze_jitter_s: float
    quota_s: float
    """Refusals that outlast this at one request a freeze are the month's quota and no throttle."""
    read_timeout_s: float
    """Bound on one attempt of a query or a CDC call."""
    slow_timeout_s: float
    """Bound on one attempt of a batch, a write or a report."""
    block_permits: int
    """Requests that are recorded durably before they are sent: as many may be counted in vain after a crash."""
    block_lane_permits: int
    """Of a block, how many may be batch calls, and how many reports."""

    def __post_init__(self) -> None:
        broken = [relation for relation, holds in _relations(self) if not holds]
        if broken:
            raise UsageError(
                f"the limits break: {'; '.join(broken)}", action="Correct the limits in the configuration."
            )

    @property
    def request_permits(self) -> int:
        """Requests that we may have in any window: our share, and the combined limit where there is one."""
        shared = self._share(self.requests_per_window)
        return shared if self.combined_per_window is None else min(shared, self.combined_per_window)

    @property
    def batch_permits(self) -> int:
        """Batch calls that we may have in any window: of two limits on the same calls the lower one is the limit."""
        return min(self.batches_per_window, self._share(self.realm_batches_per_window))

    @property
    def report_permits(self) -> int:
        return min(self.reports_per_window, self.request_permits)

    @property
    def start_span_s(self) -> float:
        """Seconds in which no more than `starts_per_second` may start, so that no second at the server sees more.

        What starts that far apart arrives a second apart, whatever of the spread each of the two had of the way.
        """
        return self.second_s + self.uplink_spread_s

    def timeout_s(self, lane: Lane) -> float:
        """How long one attempt on `lane` may take, once it has its permits."""
        return self.slow_timeout_s if lane in _SLOW_LANES else self.read_timeout_s

    def scaled(self, factor: float) -> Limits:
        """The same limits with every window, rest and spacing divided by `factor`, for rehearsals.

        The time-outs stay: they bound real work, which a rehearsal does not make shorter.
        """
        return replace(self, **{name: getattr(self, name) / factor for name in _SCALED})

    def _share(self, limit: int) -> int:
        return max(1, int(limit * (1 - self.reserve)))


class LimitEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table of `limits.toml`. `window_s` stands where the limit counts within a window."""

    value: int | float
    scope: str
    source: str
    date: date
    window_s: float | None = None


@cache  # a world is drawn, and a realm's way made, by the thousand
def load_limits() -> Limits:
    """The limits that are shipped with the package."""
    text = resources.files("backfill").joinpath("limits.toml").read_text(encoding="utf-8")
    return limits_from_table(tomllib.loads(text))


def limits_from_table(table: Mapping[str, object]) -> Limits:
    """`Limits` from parsed TOML. Raises `UsageError` that says which table is wrong and how."""
    try:
        entries = msgspec.convert(table, dict[str, LimitEntry])
        return msgspec.convert(_values(entries), Limits)
    except msgspec.ValidationError as error:
        raise UsageError(f"the limits cannot be read: {error}", action="Correct the table of limits.") from error


def _values(entries: Mapping[str, LimitEntry]) -> dict[str, int | float]:
    unknown = entries.keys() - ({field.name for field in fields(Limits)} - set(_WINDOWS.values()))
    if unknown:
        raise msgspec.ValidationError(f"no such limit: {', '.join(sorted(unknown))}")
    values = {name: entry.value for name, entry in entries.items()}
    for name, entry in entries.items():
        window = _WINDOWS.get(name)
        if (window is None) != (entry.window_s is None):
            raise msgspec.ValidationError(f"{name}: window_s is missing, or does not belong there")
        if (
            window is not None
            and entry.window_s is not None
            and values.setdefault(window, entry.window_s) != entry.window_s
        ):
            raise msgspec.ValidationError(f"{name}: window_s differs from that of the other limits of its kind")
    return values


def _relations(limits: Limits) -> tuple[tuple[str, bool], ...]:
    """What must hold between the numbers, in words that name them, and whether it does."""
    values = asdict(limits)
    none = [name for name in _COUNTS if values[name] is not None and values[name] < 1]
    never = [name for name in _LENGTHS if values[name] <= 0]
    backwards = [name for name in _SPREADS if values[name] < 0]
    return (
        (f"a count is at least 1: {', '.join(none)}", not none),
        (f"a length of time is above 0: {', '.join(never)}", not never),
        (f"a spread, a delay or a jitter is not below 0: {', '.join(backwards)}", not backwards),
        ("reserve is at least 0 and below 1", 0 <= limits.reserve < 1),
        (
            "batches_per_window is not above requests_per_window, since a batch is a request",
            limits.batch_permits <= limits.request_permits,
        ),
        ("second_s is shorter than window_s", limits.second_s < limits.window_s),
        (
            "freeze_s is not shorter than window_s: for so long a refusal stands",
            limits.freeze_s >= limits.window_s,
        ),
        (
            "quota_s is at least twice freeze_s: the quota is told from a throttle after several rests",
            limits.quota_s >= 2 * limits.freeze_s,
        ),
        (
            "slow_timeout_s is not shorter than abandoned_s: until then the server may answer",
            limits.slow_timeout_s >= limits.abandoned_s,
        ),
        (
            "read_timeout_s is not longer than slow_timeout_s: a read is no slow call",
            limits.read_timeout_s <= limits.slow_timeout_s,
        ),
        ("block_permits is not above requests_per_window", limits.block_permits <= limits.requests_per_window),
    )


_COUNTS = (
    "requests_per_window",
    "batches_per_window",
    "realm_batches_per_window",
    "reports_per_window",
    "combined_per_window",
    "starts_per_second",
    "in_flight",
    "block_permits",
    "block_lane_permits",
)
_LENGTHS = ("window_s", "second_s", "freeze_s", "quota_s", "read_timeout_s")
_SPREADS = ("uplink_spread_s", "abandoned_s", "late_arrival_s", "freeze_jitter_s")

_SLOW_LANES = frozenset({Lane.BATCH, Lane.WRITE, Lane.REPORT})

_SCALED = (
    "window_s",
    "second_s",
    "uplink_spread_s",
    "abandoned_s",
    "late_arrival_s",
    "freeze_s",
    "freeze_jitter_s",
    "quota_s",
)

_WINDOWS = {
    "requests_per_window": "window_s",
    "batches_per_window": "window_s",
    "realm_batches_per_window": "window_s",
    "reports_per_window": "window_s",
    "combined_per_window": "window_s",
    "starts_per_second": "second_s",
}
"""Limits that count within a window, and the field that holds the window's length."""
