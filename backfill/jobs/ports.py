"""What the jobs need from a store, said by the jobs. `store/` implements it over Postgres.

Every method that writes data of a realm takes its `Lease` and checks the epoch inside the same
transaction; a stale epoch raises `errors.LeaseLostError` and commits nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from backfill.model import (
    Checkpoint,
    Expected,
    Held,
    HeldById,
    Landed,
    Lease,
    Proof,
    RealmId,
    Record,
    Refusal,
    RunId,
    Scan,
    Slice,
    WaitingEvent,
)


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
        overwrite_equal_from: datetime | None = None,
        settled_to: datetime | None = None,
        expected: Expected = Expected.ANYTHING,
    ) -> Landed:
        """Land rows (and deleted stubs) of one entity with their checkpoint in one transaction.

        Never goes back in time: an older version than the landed one is left out, and so is a live one of what was
        deleted since; unless that was landed of a version, or of a deletion, no later than `settled_to`: then what
        comes was answered so long after it that it is how the company is. A row that the database
        refuses goes to quarantine, the rest lands. Of two versions with the same LastUpdatedTime and
        SyncToken the one that is there stands, unless they were updated at or after `overwrite_equal_from`: then
        the one that comes. `expected` says what is most likely held of the rows, and chooses the way that is
        tried first.
        """
        ...

    async def forget_nameless(self, lease: Lease, entity: str, *, but: Collection[Refusal]) -> None:
        """Drop what is in quarantine without an Id, except these: all of the entity was read, and no others were met.

        No landing ever clears them. Raises `LeaseLostError`, and drops nothing, if the realm was taken over.
        """
        ...

    async def held(
        self,
        realm_id: RealmId,
        entity: str,
        *,
        created_to: datetime | None = None,
        updated_from: datetime | None = None,
        aside_by: RunId | None = None,
    ) -> Held:
        """Count what is held: live rows (not marked deleted) and quarantined ones.

        `created_to` (inclusive) and `updated_from` (inclusive) restrict the live rows; a row without the
        time in question counts as inside. Quarantined rows all count, since their times are not known; or those that
        the run `aside_by` met, which is what a run reads that reads only a part.
        """
        ...

    async def held_since(self, realm_id: RealmId, since: Mapping[str, datetime]) -> Mapping[str, tuple[int, int]]:
        """Entity to its live rows, and to those of them that were updated from its moment on, as `held` counts both.

        Of all entities that have a moment, at once.
        """
        ...

    async def holds_more(self, realm_id: RealmId, entity: str, *, than: int) -> bool:
        """Whether more rows are live, refused since or not, than so many: sooner known than how many."""
        ...

    async def proven_at(self, realm_id: RealmId) -> Mapping[str, datetime]:
        """Entity to the watermark as of which all of it was proven last; those that never were are missing."""
        ...

    async def live_ids(
        self,
        realm_id: RealmId,
        entity: str,
        *,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        updated_from: datetime | None = None,
    ) -> Sequence[str]:
        """The Ids of live rows created within [created_from, created_to], and updated since `updated_from`.

        None is open (then rows without that time, too).
        """
        ...

    async def held_by_id(self, realm_id: RealmId, entities: Collection[str]) -> Mapping[str, HeldById]:
        """What is held of each of the entities, by Id and at once. Every Id is in memory: for what is small."""
        ...

    async def marked_ids(self, realm_id: RealmId, entity: str, ids: Collection[str]) -> Collection[str]:
        """Those of the Ids whose rows are marked deleted."""
        ...

    async def aside(self, realm_id: RealmId) -> Mapping[str, Collection[str]]:
        """Entity to the Ids that are in quarantine, as far as these could be read."""
        ...

    async def created_up_to(self, realm_id: RealmId, entity: str, *, parts: int) -> Sequence[tuple[datetime, int]]:
        """Moments that cut the live rows by CreateTime into about equal parts, and the rows created up to each.

        The last moment is that of the newest row. Rows without a CreateTime are left out.
        """
        ...

    async def finish_scan(
        self, lease: Lease, run_id: RunId, proofs: Sequence[Proof], *, kept: Collection[str] = ()
    ) -> None:
        """Store the proofs and, if all of them hold, mark the realm's scan finished, in one durable transaction.

        What is not proven is not finished: a run that goes on compares it again. What a run proves that reads only the
        latest does not take the place of a proof of all. Of the entities in `kept` what was said before stands.
        """
        ...

    async def park(
        self,
        realm_id: RealmId,
        run_id: RunId,
        *,
        code: str,
        message: str,
        action: str,
        imported_at: datetime | None = None,
    ) -> None:
        """Set the realm aside with what a person must do.

        `imported_at`: of the tokens with which that was found. If newer ones were imported meanwhile, it is set aside
        in the run alone.
        """
        ...


class Inbox(Protocol):
    """What was told of a realm's changes and is still to be read."""

    async def take(self, realm_id: RealmId, *, at_most: int) -> Sequence[WaitingEvent]:
        """The oldest that wait. They go on waiting until they are settled."""
        ...

    async def settle(self, lease: Lease, outcomes: Mapping[int, str]) -> None:
        """Write down durably how events (by event_id) ended, after what they stand for has landed."""
        ...
