"""Frozen facts: what happened. Logs, progress, metrics, the call log and tests are observers of these.

`qbo`, `pacing` and `jobs` log nothing; they emit events to an `Observer`. An observer must return at once
and never raise: it runs inside the work it observes.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from backfill.model import RealmId


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all events."""

    realm_id: RealmId


class Answered(Event, frozen=True, kw_only=True):
    """One exchange ended, well or badly."""

    attempt: int = 1
    """1: the first time that this was asked."""
    status: int | None
    """None: no whole answer came."""
    code: str
    """Fault code, a word of ours (`timeout`, `reset`), or empty."""
    intuit_tid: str
    duration_s: float


class RequestAnswered(Answered, frozen=True, kw_only=True):
    """One exchange with the API ended. Emitted once per attempt by the HTTP edge's wrapper.

    Bodies are for an observer to look at: whoever keeps one keeps a page of megabytes alive.
    """

    lane: str
    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    body_bytes: int
    request_body: bytes = b""
    body: bytes = b""
    """The answer, as far as one came."""


class TokenAnswered(Answered, frozen=True, kw_only=True):
    """One exchange with the token endpoint ended. What was said in it is secret, and not told."""


class Throttled(Event, frozen=True, kw_only=True):
    """Intuit answered 'too many requests'; the realm is frozen for `freeze_s` seconds."""

    lane: str
    freeze_s: float


class Retrying(Event, frozen=True, kw_only=True):
    """A request failed and will be sent again after `wait_s` seconds."""

    path: str
    attempt: int
    wait_s: float
    reason: str


class TokenRefreshed(Event, frozen=True, kw_only=True):
    """A new access token was stored; `rotated` if the refresh token's value changed with it.

    `gap_s` passed between the endpoint's answer and our commit: a crash within it loses the new pair.
    """

    rotated: bool
    gap_s: float


class RealmStarted(Event, frozen=True, kw_only=True):
    """Work on a realm began; `resumed` if an earlier process had begun it."""

    resumed: bool


class RealmPaused(Event, frozen=True, kw_only=True):
    """The realm's turn is over and others go on; it goes on from here in its next turn."""


class CensusTaken(Event, frozen=True, kw_only=True):
    """How many objects the realm holds: entity name to count, as the server said."""

    counts: dict[str, int]


class PageLanded(Event, frozen=True, kw_only=True):
    """A page and its checkpoint were committed together."""

    entity: str
    landed: int
    unchanged: int
    deleted: int
    quarantined: int


class RealmParked(Event, frozen=True, kw_only=True):
    """The realm was set aside; every other realm goes on."""

    code: str
    message: str
    action: str


class RealmFinished(Event, frozen=True, kw_only=True):
    """The realm's work ended. `proven` if every entity was."""

    proven: bool


class RowsSettled(Event, frozen=True, kw_only=True):
    """What became of rows was committed."""

    applied: int
    adopted: int
    """Found to be there after a lost answer."""
    rejected: int
    again: int
    """They did not take effect, and are to be sent another time."""


class OutcomeUnknown(Event, frozen=True, kw_only=True):
    """A request that writes has no good answer; after `wait_s` it is looked for what it did."""

    rows: int
    wait_s: float
    reason: str


class Warned(Event, frozen=True, kw_only=True):
    """Something that a person should know, and that stops nothing."""

    message: str


class LeaseAwaited(Event, frozen=True, kw_only=True):
    """Another process owns the realm; we wait for it."""

    owner: str


Observer = Callable[[Event], None]
