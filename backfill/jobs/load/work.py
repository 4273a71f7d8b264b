"""What the load of one realm works with, handed down whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from backfill import events
from backfill.jobs.load.options import LoadOptions
from backfill.jobs.load.ports import Ledger
from backfill.jobs.questions import Questions
from backfill.jobs.turns import Turn
from backfill.model import Lease, RealmId
from backfill.qbo.query import BATCH_ITEMS_MAX
from backfill.qbo.writes import BATCH_BODY_BYTES_MAX
from backfill.wire import Transport


@dataclass(slots=True)
class Learnt:
    """What a run has learnt of a realm, through all its turns."""

    numbers_kept: bool | None = None
    """Sales forms were seen to keep the DocNumber that they are given, or not to; None: none was seen yet."""
    items_max: int = BATCH_ITEMS_MAX
    """Of a batch, for now: fewer than `items_most` while larger ones were not answered in time."""
    items_most: int = BATCH_ITEMS_MAX
    bytes_max: int = BATCH_BODY_BYTES_MAX
    tries: dict[int, int] = field(default_factory=dict)
    """Row to attempts that ended in another version of its object, or in nothing known. What was looked for is among
    them."""
    to_look_at: int = 0
    """Rows that were adopted, and of which something is left to a person to see."""


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
    learnt: Learnt = field(default_factory=Learnt)

    @property
    def realm_id(self) -> RealmId:
        return self.lease.realm_id
