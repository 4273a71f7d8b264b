"""What the simulated QuickBooks is told to be: limits, latency, and each behaviour that Intuit does not document.

What nobody outside Intuit knows is a setting here, never a belief in the code, so that a client can be tried
against each possibility.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

ThrottleBody = Literal["xml", "json_lower", "json_upper", "http_403_legacy", "no_body"]
"""How a refusal for too many requests looks. Only the XML form was ever recorded, once with status 403."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """The documented limits as the server counts them. None switches one off."""

    requests_per_minute: int | None = 500
    """Per realm, all apps together."""
    requests_per_second: int | None = 10
    """Per realm and app."""
    batches_per_minute: int | None = 40
    """Per realm and app."""
    realm_batches_per_minute: int | None = 120
    """Per realm, all apps together."""
    in_flight: int | None = 10
    """Per realm and app: the older wording of the limit per second, still believed to be enforced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorSettings:
    """One simulated QuickBooks. The defaults are what is documented, or the likeliest where nothing is."""

    # The way there and back
    latency_s: float = 0.0
    """From sending to receiving: half passes before the server acts, half after."""
    jitter_s: float = 0.0
    """Added to or taken from the latency, uniformly."""
    gzip: bool = True
    """Compress bodies for clients that accept it."""

    # Throttling
    limits: ServerLimits = field(default_factory=ServerLimits)
    limits_scale: float = 1.0
    """Divides every window of the limits, so that rehearsals take less time."""
    window: Literal["sliding", "fixed"] = "sliding"
    """Undocumented: whether windows slide or begin at full multiples of their length."""
    throttle_body: ThrottleBody = "xml"
    retry_after: bool = False
    """Undocumented: whether a 429 says how long to wait."""
    refused_count: bool = False
    """Undocumented: whether refused requests use up the window too."""
    other_requests_per_minute: float = 0.0
    """Traffic of other apps on each realm, evenly spaced, which uses up the realm's own limits."""

    # OAuth
    access_token_life_s: float = 3600.0
    refresh_rotation_s: float = 86_400.0
    """Age at which the value of a refresh token changes with its next use: about a day."""
    refresh_idle_s: float = 8_726_400.0
    """Life of one value of a refresh token: the 101 days that Intuit announces with a new one."""
    refresh_hard_s: float = 157_680_000.0
    """Life of a consent: five years of 365 days."""
    old_refresh_token_life_s: float = 0.0
    """How long the previous value lives on after a rotation. 0: it dies at once."""

    # Queries, batches, CDC
    id_sort: Literal["ignored", "error", "honoured"] = "ignored"
    """What `ORDERBY Id` does since Ids are no longer sortable (January 2026)."""
    not_equal: bool = False
    """Whether `!=` is understood. Documented as absent, yet used by a public client's tests."""
    limit_plus_one: bool = False
    """Return one row more than MAXRESULTS, as was seen with TimeActivity."""
    batch_object_cap: int | None = 1000
    """Most objects in one batch answer; later items are cut short. None: documented, but not enforced."""
    batch_shuffled: bool = False
    """Answer the items of a batch in another order than asked, which the documentation allows."""
    cdc_object_cap: int = 1000
    cdc_max_age_days: int = 30
    poisoned: Mapping[tuple[str, str], Collection[str]] = field(default_factory=dict)
    """(realm, entity) to Ids of stored rows that fail every page they are on."""
    poison_code: Literal["4002", "10000"] = "4002"
    """Which of the two recorded faults a poisoned page answers."""

    # The world around
    changes_per_minute: float = 0.0
    """Changes that other people make in each realm that was touched."""
    log_entries: int = 1_000_000
    """Most requests the log remembers."""
    control: bool = False
    """Serve `/control/...`, by which a rehearsal looks inside."""
