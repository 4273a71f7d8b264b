"""Many realms at once: long-lived workers take realms from a bounded stream; one realm's trouble is its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream
from msgspec import Struct

from backfill import events
from backfill.errors import (
    BackfillError,
    Disposition,
    LeaseLostError,
    RealmBusyError,
    RequestError,
    StoppedError,
    UnavailableError,
    UnprovenError,
)
from backfill.jobs.beside import beside
from backfill.jobs.ports import Store
from backfill.model import Lease, RealmId, RunId

_RELEASE_S = 5.0
"""Long enough for one statement; a lease that is not given back runs out by itself."""


class Trouble(Struct, frozen=True):
    """What went wrong with a realm (or one entity of it), in the words of the contract with scripts."""

    realm_id: RealmId
    entity: str
    code: str
    message: str
    action: str


class RealmOutcome(Struct, frozen=True):
    """How a realm's job ended: whether all of it is proven, and what a person should look at."""

    proven: bool
    troubles: Sequence[Trouble] = ()


@dataclass(slots=True)
class FleetResult:
    """How the realms of a run ended. A realm is in exactly one of the lists."""

    proven: list[RealmId] = field(default_factory=list)
    unproven: list[RealmId] = field(default_factory=list)
    parked: list[RealmId] = field(default_factory=list)
    stopped: list[RealmId] = field(default_factory=list)
    """Begun or waiting when the run was asked to stop."""
    troubles: list[Trouble] = field(default_factory=list)


class RealmJob(Protocol):
    """Does one realm's work under its lease."""

    def __call__(self, lease: Lease, /) -> Awaitable[RealmOutcome]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOptions:
    """How the realms are worked."""

    realms_at_once: int = 50
    """Realms held open together. Each has at most 10 requests in flight; the byte budget bounds their pages."""
    lease_renewal_s: float = 10.0
    """A third of the lease, so that two renewals may be lost."""
    wait_for_lease: bool = True
    lease_poll_s: float = 1.0
    """How often a realm that another process owns is looked at again."""


async def work_realms(
    realms: Sequence[RealmId],
    job: RealmJob,
    *,
    store: Store,
    run_id: RunId,
    observe: events.Observer,
    options: FleetOptions,
    stopping: Callable[[], bool],
) -> FleetResult:
    """Run `job` for every realm, `realms_at_once` at a time.

    Raises `BackfillError` for what no realm can go on without (the database is gone, the month's quota is spent);
    all that was committed stays.
    """
    fleet = _Fleet(job, store=store, run_id=run_id, observe=observe, options=options, stopping=stopping)
    send, receive = anyio.create_memory_object_stream[RealmId](0)
    async with anyio.create_task_group() as group:
        for number in range(min(options.realms_at_once, len(realms))):
            group.start_soon(fleet.worker, receive.clone(), group.cancel_scope, name=f"worker {number}")
        receive.close()
        async with send:
            for realm_id in realms:
                if stopping():
                    fleet.result.stopped.append(realm_id)
                else:
                    await send.send(realm_id)
    if fleet.fatal is not None:
        raise fleet.fatal
    return fleet.result


class _Fleet:
    def __init__(
        self,
        job: RealmJob,
        *,
        store: Store,
        run_id: RunId,
        observe: events.Observer,
        options: FleetOptions,
        stopping: Callable[[], bool],
    ) -> None:
        self.result = FleetResult()
        self.fatal: BackfillError | None = None
        self._job = job
        self._store = store
        self._run_id = run_id
        self._observe = observe
        self._options = options
        self._stopping = stopping

    async def worker(self, realms: MemoryObjectReceiveStream[RealmId], scope: anyio.CancelScope) -> None:
        """Work realm after realm until the stream ends. What stops everything is kept in `fatal`."""
        async with realms:
            async for realm_id in realms:
                if self._stopping():
                    self.result.stopped.append(realm_id)
                    continue
                try:
                    await self._realm(realm_id)
                except BackfillError as error:
                    self.fatal = self.fatal or error
                    scope.cancel()

    async def _realm(self, realm_id: RealmId) -> None:
        try:
            lease = await self._lease(realm_id)
            try:
                outcome = await self._leased(lease)
            finally:
                await self._release(lease)
        except StoppedError:
            self.result.stopped.append(realm_id)
            return
        except (RequestError, UnprovenError, LeaseLostError, RealmBusyError) as error:
            await self._troubled(realm_id, error)
            return
        self.result.troubles += outcome.troubles
        (self.result.proven if outcome.proven else self.result.unproven).append(realm_id)
        self._observe(events.RealmFinished(realm_id=realm_id, proven=outcome.proven))

    async def _troubled(self, realm_id: RealmId, error: BackfillError) -> None:
        """Park the realm, or leave it unfinished to be gone on with."""
        code = error.code if isinstance(error, RequestError) else type(error).__name__
        self.result.troubles.append(
            Trouble(realm_id=realm_id, entity="", code=code, message=error.message, action=error.action)
        )
        if isinstance(error, RequestError) and error.disposition is Disposition.PARK:
            self.result.parked.append(realm_id)
            await self._store.park(realm_id, self._run_id, code=code, message=error.message, action=error.action)
            self._observe(events.RealmParked(realm_id=realm_id, code=code, message=error.message, action=error.action))
        else:
            self.result.unproven.append(realm_id)
            self._observe(events.RealmFinished(realm_id=realm_id, proven=False))

    async def _lease(self, realm_id: RealmId) -> Lease:
        said = False
        while True:
            try:
                return await self._store.acquire(realm_id)
            except RealmBusyError as busy:
                if not self._options.wait_for_lease:
                    raise
                if not said:
                    self._observe(events.LeaseAwaited(realm_id=realm_id, owner=busy.owner))
                    said = True
            if self._stopping():
                raise StoppedError("The run was asked to stop.")
            await anyio.sleep(self._options.lease_poll_s)

    async def _leased(self, lease: Lease) -> RealmOutcome:
        """Do the job while the lease is renewed beside it; losing the lease cancels the job."""

        async def renew() -> None:
            while True:
                await anyio.sleep(self._options.lease_renewal_s)
                await self._store.renew(lease)

        async with beside(renew, name=f"lease of realm {lease.realm_id}"):
            return await self._job(lease)

    async def _release(self, lease: Lease) -> None:
        """Give the lease back, also while being cancelled. If the database is gone, the lease ends by itself."""
        with anyio.move_on_after(_RELEASE_S, shield=True), suppress(UnavailableError):
            await self._store.release(lease)
