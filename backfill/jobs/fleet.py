"""Many realms at once, by turns where they are more than there are places; one realm's trouble is its own."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

import anyio
from anyio.abc import TaskGroup
from msgspec import Struct

from backfill import events
from backfill.errors import (
    BackfillError,
    Disposition,
    LeaseLostError,
    RealmBusyError,
    RealmGoneError,
    RequestError,
    StoppedError,
    UnavailableError,
    UnprovenError,
)
from backfill.jobs.beside import beside
from backfill.jobs.ports import Store
from backfill.jobs.turns import Places, Turn
from backfill.model import Lease, Realm, RealmId, RunId

_RELEASE_S = 5.0
"""Long enough for one statement; a lease that is not given back runs out by itself."""

_LEASE_ASKED_S = 20.0
"""A new connection and a statement, with time to spare on a machine that has too much to do: such are overtaken. Only
a run that is about to end for want of its database waits for it."""

_LOOK_S = 1.0
"""Whether a stop was asked for or a realm has come to rest, nobody says: one look a second, for all realms together."""

_LOOK_SHARE_S = 0.02
"""Of thousands of realms that another process has, fifty a second are looked at: a hundredth of a processor."""

NO_WEIGHTS: Mapping[RealmId, float] = MappingProxyType({})
"""All realms weigh the same."""


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

    def leave_out(self, realm: Realm) -> None:
        """It was parked before the run began, and was not worked on."""
        self.parked.append(realm.realm_id)
        self.troubles.append(Trouble(realm.realm_id, "", "parked", realm.parked_reason, realm.parked_action))


class RealmJob(Protocol):
    """Does one realm's work under its lease, or a turn's part of it: then it raises `StoppedError` as `turn` says.

    The next turn begins with a new lease, and goes on from what was committed.
    """

    def __call__(self, lease: Lease, turn: Turn, /) -> Awaitable[RealmOutcome]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOptions:
    """How the realms are worked."""

    realms_at_once: int = 200
    """Places. An open realm takes some 50 KB besides its pages, which the byte budget bounds; and one realm's limits
    use up so little of a machine that many must be open to keep it busy."""
    turn_s: float = 30.0
    """How long a realm keeps its place while others wait. A turn costs half a dozen short statements, and the drain of
    its readers, which is a page's time: some hundredths of this."""
    early_end_s: float = 0.5
    """One turn is ended before its time each half second, if someone waits for a first one: so a new realm starts
    within this and a page's time."""
    rest_s: float = 5.0
    """A realm that rests for longer than this after a refusal need not keep its place meanwhile."""
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
    weights: Mapping[RealmId, float] = NO_WEIGHTS,
    joining: AsyncIterable[RealmId] | None = None,
) -> FleetResult:
    """Run `job` for every realm, `realms_at_once` at a time, and by turns if there are more: see `Places`.

    `weights`: a realm's share where realms compete, 1 for those that are not named. `joining` brings realms that come
    while others are worked on, those that were parked and are connected again among them; it ends with the last.
    Raises `BackfillError` for what no realm can go on without (the database is gone); all that was committed stays.
    """
    fleet = _Fleet(job, store=store, run_id=run_id, observe=observe, options=options, stopping=stopping)
    for realm_id in realms:
        fleet.places.join(realm_id, weight=weights.get(realm_id, 1.0))
    async with anyio.create_task_group() as group:
        if joining is not None:
            group.start_soon(fleet.join, joining, weights, group.cancel_scope, name="realms that join")
        await fleet.conduct(group)
        group.cancel_scope.cancel()  # nobody is left who could be joined
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
        self.places = Places(
            options.realms_at_once,
            turn_s=options.turn_s,
            early_end_s=options.early_end_s,
            rest_s=options.rest_s,
        )
        self._job = job
        self._store = store
        self._run_id = run_id
        self._observe = observe
        self._options = options
        self._stopping = stopping
        self._changed = anyio.Event()
        self._waited_for: set[RealmId] = set()  # realms of which it was said that another process has them

    async def join(
        self, joining: AsyncIterable[RealmId], weights: Mapping[RealmId, float], scope: anyio.CancelScope
    ) -> None:
        """Line up who comes later. One who comes again is no longer parked. What fails here stops everything."""
        try:
            async for realm_id in joining:
                if realm_id in self.result.parked:
                    self.result.parked.remove(realm_id)
                    self.result.troubles = [it for it in self.result.troubles if it.realm_id != realm_id]
                self.places.join(realm_id, weight=weights.get(realm_id, 1.0))
                self._changed.set()
        except BackfillError as error:
            self.fatal = self.fatal or error
            scope.cancel()

    async def conduct(self, group: TaskGroup) -> None:
        """Begin and end turns until nobody wants one any more.

        Looks up when something changed or is due, and each second, since a stop or a rest is not announced.
        """
        while not self.places.idle:
            now = anyio.current_time()
            if self._stopping():
                self.result.stopped += self.places.leave_all()
            while (turn := self.places.begin(now)) is not None:
                group.start_soon(self._turn, turn, group.cancel_scope, name=f"realm {turn.realm_id}")
            self.places.end_turns(now)
            if self._changed.is_set():
                self._changed = anyio.Event()
            with anyio.CancelScope(deadline=min(self.places.next_at(), now + _LOOK_S)) as look:
                await self._changed.wait()
            if look.cancelled_caught:
                self.places.look_again()

    async def _turn(self, turn: Turn, scope: anyio.CancelScope) -> None:
        """One realm's turn. What stops everything is kept in `fatal`."""
        try:
            again_at = await self._worked(turn)
        except BackfillError as error:
            self.fatal = self.fatal or error
            scope.cancel()
            return
        if again_at is None:
            self.places.leave(turn)
        else:
            self.places.leave_for_now(turn, anyio.current_time(), until=again_at)
        self._changed.set()

    async def _worked(self, turn: Turn) -> float | None:
        """Work on the realm for a turn. Returns the loop time from which on it wants another, if it does."""
        realm_id = turn.realm_id
        lease: Lease | None = None
        try:
            lease = await self._store.acquire(realm_id)
            self._waited_for.discard(realm_id)
            try:
                outcome = await self._leased(lease, turn)
            finally:
                await self._release(lease)
        except StoppedError:
            if turn.over:
                self._observe(events.RealmPaused(realm_id=realm_id))
                return turn.rest_until
            self.result.stopped.append(realm_id)
        except RealmBusyError as busy:
            if self._options.wait_for_lease:
                return self._looked_at_again(busy)
            await self._troubled(realm_id, busy, lease)
        except (RequestError, UnprovenError, LeaseLostError, RealmGoneError) as error:
            await self._troubled(realm_id, error, lease)
        else:
            self.result.troubles += outcome.troubles
            (self.result.proven if outcome.proven else self.result.unproven).append(realm_id)
            self._observe(events.RealmFinished(realm_id=realm_id, proven=outcome.proven))
        return None

    def _looked_at_again(self, busy: RealmBusyError) -> float:
        """When a realm of another process's is looked at again. It needs no place for that."""
        realm_id = RealmId(busy.realm_id)
        if realm_id not in self._waited_for:
            self._waited_for.add(realm_id)
            self._observe(events.LeaseAwaited(realm_id=realm_id, owner=busy.owner))
        return anyio.current_time() + max(self._options.lease_poll_s, len(self._waited_for) * _LOOK_SHARE_S)

    async def _troubled(self, realm_id: RealmId, error: BackfillError, lease: Lease | None) -> None:
        """Park the realm, or leave it unfinished to be gone on with."""
        code = error.code if isinstance(error, RequestError) else type(error).__name__
        self.result.troubles.append(
            Trouble(realm_id=realm_id, entity="", code=code, message=error.message, action=error.action)
        )
        if isinstance(error, RequestError) and error.disposition is Disposition.PARK:
            self.result.parked.append(realm_id)
            await self._store.park(
                realm_id,
                self._run_id,
                code=code,
                message=error.message,
                action=error.action,
                imported_at=None if lease is None else lease.imported_at,
            )
            self._observe(events.RealmParked(realm_id=realm_id, code=code, message=error.message, action=error.action))
        else:
            self.result.unproven.append(realm_id)
            self._observe(events.RealmFinished(realm_id=realm_id, proven=False))

    async def _leased(self, lease: Lease, turn: Turn) -> RealmOutcome:
        """Do the job while the lease is renewed beside it; losing the lease cancels the job.

        Whoever takes a realm over may end our session at the database. Only the lease tells that from lost connections.
        """

        async def renew() -> None:
            while True:
                await anyio.sleep(self._options.lease_renewal_s)
                await self._renewed(lease)

        async with beside(renew, name=f"lease of realm {lease.realm_id}"):
            try:
                return await self._job(lease, turn)
            except UnavailableError:
                with anyio.move_on_after(_LEASE_ASKED_S), suppress(UnavailableError):
                    await self._renewed(lease)
                raise

    async def _renewed(self, lease: Lease) -> None:
        """Prolong the lease, asked twice if need be. Raises LeaseLostError, or what the second time was answered.

        Whoever was paused wakes up with a statement half sent, or a connection half open, that is out of time by now.
        """
        try:
            await self._store.renew(lease)
        except UnavailableError:
            await self._store.renew(lease)

    async def _release(self, lease: Lease) -> None:
        """Give the lease back, also while being cancelled. If the database is gone, the lease ends by itself."""
        with anyio.move_on_after(_RELEASE_S, shield=True), suppress(UnavailableError):
            await self._store.release(lease)
