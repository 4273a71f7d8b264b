"""What the load of one realm works with, handed down whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from backfill import events
from backfill.jobs.load.ports import Ledger
from backfill.jobs.questions import Questions
from backfill.jobs.turns import Turn
from backfill.load_model import LoadId
from backfill.model import Lease, RealmId
from backfill.qbo.query import BATCH_ITEMS_MAX
from backfill.qbo.writes import BATCH_BODY_BYTES_MAX
from backfill.wire import Transport


class Mode(StrEnum):
    """What a load's writes are sent as."""

    FASTEST = "fastest"
    """All that the limits allow: full batches, and single writes in what they leave of the requests."""
    FREE = "free"
    """Single writes only, which Intuit does not bill."""
    BATCH = "batch"
    """Batches only, but for what has no certain form in one (voids)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """How rows are written."""

    loads: Sequence[LoadId]
    mode: Mode = Mode.FASTEST
    settled_s: float = 130.0
    """After so long without an answer the server has either done a request or never will: the 120 s for which it may
    work on one, and the time for which one may still be on its way."""
    allow_duplicate_numbers: bool = False
    """Ask QuickBooks to take a document number that is used already."""
    held_rows_max: int = 2_000
    """Rows of a realm in memory, some 500 bytes each: more than a minute's full speed (1,660)."""
    single_window: int = 460
    """Single writes in a window beside full batches: what 40 of them leave of 500 requests."""
    window_s: float = 60.0
    request_permits: int = 500
    call_s: float = 3600.0
    """Bound on one request with all its waits."""


@dataclass(slots=True, kw_only=True)
class LoadWork:
    """One realm, leased, with its ways to the API and to the ledger."""

    lease: Lease
    ask: Questions
    transport: Transport
    """For writes: it sends again only what was certainly not acted on."""
    ledger: Ledger
    options: LoadOptions
    observe: events.Observer
    stopping: Callable[[], bool]
    turn: Turn
    clock_offset_s: float = 0.0
    """The server's clock minus the store's."""
    numbers_kept: bool = True
    """Sales forms were seen to keep the DocNumber that they are given, or nothing else was seen yet."""
    items_max: int = BATCH_ITEMS_MAX
    bytes_max: int = BATCH_BODY_BYTES_MAX
    tries: dict[int, int] = field(default_factory=dict)
    """Row to attempts that ended in another version of its object, or in nothing known; through all turns of a run."""

    @property
    def realm_id(self) -> RealmId:
        return self.lease.realm_id
