"""What the jobs need from a store, said by the jobs. `store/` implements it over Postgres.

Every method that writes data of a realm takes its `Lease` and checks the epoch inside the same
transaction; a stale epoch raises `errors.LeaseLostError` and commits nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from backfill.model import Lease, RealmId, Record, Refusal, RunId


class Realm(msgspec.Struct, frozen=True):
    """A registered company. `weight` is its share when realms compete (1.0 is ordinary)."""

    realm_id: RealmId
    name: str
    weight: float
    state: str
    """`active` or `parked`."""
    parked_reason: str = ""
    parked_action: str = ""


class Slice(msgspec.Struct, frozen=True):
    """A part of one entity by CreateTime, read by one reader from `lower` (inclusive) to `upper` (inclusive).

    `None` bounds are open. `cursor` is the last CreateTime landed: a resumed reader goes on from it.
    """

    entity: str
    number: int
    lower: datetime | None
    upper: datetime | None
    cursor: datetime | None = None
    rows: int = 0
    done: bool = False


class Checkpoint(msgspec.Struct, frozen=True):
    """How far a slice is once the page it comes with is committed. `rows` counts distinct rows read so far."""

    entity: str
    number: int
    cursor: datetime | None
    rows: int
    done: bool


class Landed(msgspec.Struct, frozen=True):
    """What one landing did: rows written, rows already there in this version or a newer one, rows set aside."""

    landed: int
    unchanged: int
    deleted: int
    quarantined: int


class Scan(msgspec.Struct, frozen=True):
    """The state of one realm within one run, as far as it was committed."""

    started_at: datetime | None
    """The server's own `time` when the scan began; None: not begun."""
    census: Mapping[str, int]
    """Entity to COUNT(*), for entities whose census is stored."""
    slices: Sequence[Slice]
    finished: bool


class Proof(msgspec.Struct, frozen=True):
    """Whether one entity of one realm is complete, how that was shown, and as of when.

    `watermark` is the server `time` of the entity's last catch-up answer: what is landed equals the
    company as it stood then. `counted` is what the server said, None where it was not asked.
    """

    entity: str
    proven: bool
    method: str
    counted: int | None
    landed_live: int
    quarantined: int
    watermark: datetime | None
    reason: str = ""


class Held(msgspec.Struct, frozen=True):
    """What the store holds of an entity: live rows, and rows set aside in quarantine."""

    live: int
    quarantined: int


class Store(Protocol):
    """All that a job asks of the database for the realms it works on."""

    async def acquire(self, realm_id: RealmId) -> Lease:
        """Take the realm's lease and raise its epoch. Raises `RealmBusyError` while a live process holds it."""
        ...

    async def renew(self, lease: Lease) -> None:
        """Prolong the lease. Raises `LeaseLostError` if the epoch moved on."""
        ...

    async def release(self, lease: Lease) -> None:
        """Give the lease back, if it is still ours."""
        ...

    async def scan(self, run_id: RunId, realm_id: RealmId) -> Scan: ...

    async def begin_scan(
        self,
        lease: Lease,
        run_id: RunId,
        *,
        started_at: datetime,
        census: Mapping[str, int],
        slices: Sequence[Slice],
    ) -> None:
        """Store the scan's start, the counts and the slices, all or nothing."""
        ...

    async def land(
        self,
        lease: Lease,
        run_id: RunId,
        entity: str,
        records: Sequence[Record],
        *,
        refusals: Sequence[Refusal] = (),
        checkpoint: Checkpoint | None = None,
        overwrite_equal: bool = False,
    ) -> Landed:
        """Land rows (and deleted stubs) of one entity with their checkpoint in one transaction.

        Never goes back in time: an older version than the landed one is left out. A row that the database
        refuses goes to quarantine, the rest lands.
        """
        ...

    async def held(self, realm_id: RealmId, entity: str) -> Held: ...

    def live_ids(self, realm_id: RealmId, entity: str) -> AsyncIterator[Sequence[str]]:
        """The Ids of the live rows, in chunks of bounded size."""
        ...

    async def finish_scan(self, lease: Lease, run_id: RunId, proofs: Sequence[Proof]) -> None:
        """Store the proofs and mark the realm's scan finished, in one durable transaction."""
        ...

    async def park(self, realm_id: RealmId, run_id: RunId, *, code: str, message: str, action: str) -> None:
        """Set the realm aside with what a person must do."""
        ...
