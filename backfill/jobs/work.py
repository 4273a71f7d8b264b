"""What one realm's job works with, handed down whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from backfill import events
from backfill.errors import (
    BackfillError,
    Disposition,
    FaultError,
    RequestError,
    StoppedError,
    UnprovenError,
    UnreadableError,
)
from backfill.jobs.ports import Store
from backfill.jobs.questions import Questions
from backfill.jobs.too_much import is_broken_row, is_from_a_sound_server, is_too_much
from backfill.jobs.turns import Turn
from backfill.model import Checkpoint, Expected, Held, Landed, Lease, RealmId, Record, Refusal, RunId
from backfill.qbo.catalogue import Entity
from backfill.qbo.query import CDC_OBJECTS_MAX, PAGE_ROWS_MAX
from backfill.rows import doc_bytes

_BYTES_PER_ROW = 2_048
"""First guess at an object's size: invoices of Intuit's sandbox are 1.5 to 2.3 kB. Corrected by what comes."""

_COPIES = 2
"""A page in flight exists as the answer's bytes, of which its rows are views, and for a moment as the pieces that these
were put together from, or that go on to Postgres."""

_SAMPLE_ROWS = 50
"""Rows of a page looked at for their size: enough for a mean, and a twentieth of the work."""

_COPIED_ROWS_MIN = 50
"""Fewer rows cost more in the round trips of a COPY than it saves."""

OF_THE_REALM = frozenset({Disposition.PARK, Disposition.REFRESH, Disposition.WAIT})
"""A fault that concerns the whole realm, whatever was asked."""

REALM_DISPOSITIONS = OF_THE_REALM | {Disposition.RETRY}
"""The same, and what after all retries concerns the way to it: not one entity's trouble."""


def is_of_the_realm(error: BackfillError) -> bool:
    """Whether an error of one question concerns the whole realm.

    What the application itself says of it (1000, 6000, 10000) after all retries does not, for it works: it says so. Nor
    does an answer of which nothing can be made.
    """
    is_said = isinstance(error, FaultError | UnreadableError) and is_too_much(error) and is_from_a_sound_server(error)
    return error.disposition in REALM_DISPOSITIONS and not is_said


EVER = datetime.min.replace(tzinfo=UTC)

SETTLED = timedelta(minutes=10)
"""Before a proof's watermark no version changes any more without a later time. A second would do, if Intuit's machines
agreed on it; what is sent in vain for ten minutes of changes is nothing."""


class Room(Protocol):
    """The process's memory for pages: room is taken for each that is asked for, so it does not grow with realms."""

    def take(self, size_bytes: int) -> AbstractAsyncContextManager[None]: ...


@dataclass(slots=True, kw_only=True)
class RealmWork:
    """One realm, leased, with its way to the API and to the store."""

    lease: Lease
    run_id: RunId
    ask: Questions
    store: Store
    room: Room
    observe: events.Observer
    stopping: Callable[[], bool]
    """True once the user asked the run to stop: then no further page is asked for."""
    now: Callable[[], datetime]
    """The wall clock, for the age of what was stored; never for a cursor."""
    turn: Turn
    """The realm's stay in one of the fleet's places."""
    page_rows: int = PAGE_ROWS_MAX
    cdc_objects: int = CDC_OBJECTS_MAX
    """An answer of change data capture with so many objects may have been cut."""
    unproven: dict[str, str] = field(default_factory=dict)
    """Entity to the reason why its completeness cannot be shown."""
    expected: dict[str, Expected] = field(default_factory=dict)
    """Entity to what its slices' pages most likely are to the store."""
    proven_at: Mapping[str, datetime] = field(default_factory=dict)
    """Entity to when, by the server's clock, all of it was proven before this scan."""
    _bytes_per_row: dict[str, float] = field(default_factory=dict)

    @property
    def realm_id(self) -> RealmId:
        return self.lease.realm_id

    def check_stop(self) -> None:
        """Raises `StoppedError` once the run was asked to stop."""
        if self.stopping():
            raise StoppedError("The run was asked to stop.", action="Run the same command again to go on from here.")

    @contextmanager
    def trouble_of(self, entity: Entity) -> Iterator[None]:
        """What only this entity refuses within the block makes it unproven, and the others go on."""
        try:
            yield
        except (UnprovenError, FaultError, UnreadableError) as error:
            if is_of_the_realm(error):
                raise
            self.unproven[entity.name] = error.message

    def room_for(self, entity: Entity, rows: int) -> AbstractAsyncContextManager[None]:
        """Room in memory to ask for a page of that many rows, and for the page, until it is landed."""
        mean = self._bytes_per_row.get(entity.name, _BYTES_PER_ROW)
        return self.room.take(int(rows * mean) * _COPIES)

    async def check_well(self, fault: RequestError, count: str) -> None:
        """Raise if what failed a single object, or one way of asking, does not say that it lies there, and the server
        does not even count: that is an outage. A refusal is an answer, too, for some entities cannot be counted."""
        if is_broken_row(fault):
            return
        try:
            await self.ask.count(count)
        except FaultError as refused:
            if is_of_the_realm(refused):
                raise

    async def held(
        self, entity: Entity, *, created_to: datetime | None = None, updated_from: datetime | None = None
    ) -> Held:
        """What is held of the entity to be compared with a count: of a part (`updated_from`) only what this run set
        aside is known to be in it."""
        aside_by = None if updated_from is None else self.run_id
        return await self.store.held(
            self.realm_id, entity.name, created_to=created_to, updated_from=updated_from, aside_by=aside_by
        )

    async def land(
        self,
        entity: Entity,
        records: Sequence[Record],
        *,
        refusals: Sequence[Refusal] = (),
        checkpoint: Checkpoint | None = None,
        latest: bool = False,
        as_of: datetime | None = None,
    ) -> Landed:
        """Commit rows with their checkpoint, and say so.

        `as_of`: the `time` of the answer that had them. What was updated or deleted well before that, and is otherwise
        in the answer, is not so any more: the company was restored, or the answer that told of it was wrong.

        `latest`: nothing read before can be newer, so that of two versions with the same LastUpdatedTime and
        SyncToken these stand. QuickBooks itself makes such: a balance that moves leaves the SyncToken as it was.
        Not of those that were proven when their second was over: whatever changed since has a later time.
        """
        self._learn_size(entity, records)
        expected = Expected.ANYTHING
        overwrite_equal_from = None
        if latest:
            proven_at = self.proven_at.get(entity.name)
            expected = self._expected_whole(proven_at, len(records))
            overwrite_equal_from = EVER if proven_at is None else proven_at - SETTLED
        elif checkpoint:
            expected = self.expected.get(entity.name, Expected.ANYTHING)
        landed = await self.store.land(
            self.lease,
            self.run_id,
            entity.name,
            records,
            refusals=refusals,
            checkpoint=checkpoint,
            overwrite_equal_from=overwrite_equal_from,
            settled_to=None if as_of is None else as_of - SETTLED,
            expected=expected,
        )
        self.observe(
            events.PageLanded(
                realm_id=self.realm_id,
                entity=entity.name,
                landed=landed.landed,
                unchanged=landed.unchanged,
                deleted=landed.deleted,
                quarantined=landed.quarantined,
            )
        )
        return landed

    def _expected_whole(self, proven_at: datetime | None, rows: int) -> Expected:
        if proven_at is not None:
            return Expected.KNOWN
        # Of a realm that nothing was ever proven of most likely nothing is held.
        return Expected.NEW if not self.proven_at and rows >= _COPIED_ROWS_MIN else Expected.ANYTHING

    def _learn_size(self, entity: Entity, records: Sequence[Record]) -> None:
        if len(records) <= self.page_rows // 10:
            return  # too few to say anything of the next page
        sample = records[:: max(1, len(records) // _SAMPLE_ROWS)]
        mean = doc_bytes(sample) / len(sample)
        self._bytes_per_row[entity.name] = max(mean, self._bytes_per_row.get(entity.name, 0.0))
