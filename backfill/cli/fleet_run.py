"""One run over many realms, put together: the way to Intuit, the fleet, progress, a stop, the month's cap."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Protocol

import anyio

from backfill import events
from backfill.cli.compose import fitting_keyring
from backfill.cli.ending import STATUSES
from backfill.cli.output import Exit, say
from backfill.cli.progress import Progress
from backfill.cli.stopping import Stopping, until_stopped
from backfill.cli.tally import RATE_WINDOW_S, Tally
from backfill.cli.way_to_intuit import WayToRealm, meters, open_api
from backfill.config import Settings
from backfill.errors import UnavailableError
from backfill.jobs.beside import beside
from backfill.jobs.fleet import FleetOptions, FleetResult, RealmOutcome, Trouble, work_realms
from backfill.jobs.turns import Turn
from backfill.model import Lease, Realm, RealmId, RunId
from backfill.pacing.metering import Capped, MeteredBudget
from backfill.pacing.retried import READING, RetryPolicy
from backfill.store.database import Database
from backfill.store.metered import RunMeteredCounts
from backfill.store.owners import Owner
from backfill.store.postgres_store import PostgresStore
from backfill.store.realms import Realms
from backfill.store.runs import HELPED, Runs, Started
from backfill.store.tokens import TokenVault

TurnJob = Callable[[Lease, Turn, WayToRealm, Callable[[], bool]], Awaitable[RealmOutcome]]
"""A realm's turn: its lease, its place, its way to Intuit, and whether the run was asked to stop."""


class RunResult(Protocol):
    """How a run ended."""

    @property
    def exit_code(self) -> Exit: ...
    def as_json(self) -> Mapping[str, object]: ...


class Beating(Protocol):
    """The table of runs, as far as a heart needs it."""

    async def heartbeat(self, run_id: RunId) -> bool: ...
    async def forget(self) -> bool: ...


async def beat(runs: Beating, run_id: RunId, *, every_s: float) -> None:
    """Say now and then that the run is alive, until it is another's. What is kept of old runs goes beside that.

    A beat may be lost: that the database is gone, the realms find out by what they cannot do without.
    """
    alive = more = True
    while alive:
        with suppress(UnavailableError):
            more = more and await runs.forget()
        await anyio.sleep(every_s)
        with suppress(UnavailableError):
            alive = await runs.heartbeat(run_id)


class FleetRun:
    """What the realms of one run share, whatever is done with them."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        kind: str,
        realms: Sequence[Realm],
        *,
        realms_at_once: int,
        wait: bool,
        policy: RetryPolicy = READING,
    ) -> None:
        """`kind`: the command that it is a run of."""
        owner, lease_s = Owner.current(), settings.postgres.lease_s
        self.vault: TokenVault
        """Once it is begun."""
        self.store = PostgresStore(database, owner=owner, lease_s=lease_s)
        self.runs = Runs(database, owner=owner, silence_s=lease_s)
        self.run_id = RunId(0)
        """Once it is begun: the run that the work is for."""
        self.resumed = False
        """Another process has done a part of it."""
        self.meters = meters(settings, database)
        self.tally = Tally(anyio.current_time, len(realms), window_s=RATE_WINDOW_S / settings.limits_scale)
        self._settings = settings
        self._database = database
        self._kind = kind
        self._own_run_id = RunId(0)  # the run that is ours to keep alive and to end
        self._policy = policy
        self._options = FleetOptions(realms_at_once=realms_at_once, lease_renewal_s=lease_s / 3, wait_for_lease=wait)
        self.weights = {realm.realm_id: realm.weight for realm in realms}
        """Of realms that join later, too: whoever brings them says it here."""
        self._plan: MeteredBudget | None = None
        self._turns: dict[RealmId, Turn] = {}
        self._started_at = anyio.current_time()

    async def begin(
        self, scope: Mapping[str, object], realm_ids: Sequence[RealmId], *, metered_max: int | None = None
    ) -> None:
        """Go on with a run of the same kind and scope that was not finished, or begin one, of these realms.

        Raises `BackfillError` if the key of the tokens is not to be had: then no run is begun.
        """
        started = await self._begun(scope, realm_ids, metered_max)
        self.run_id, self.resumed = started.run_id, started.resumed
        if self.resumed:
            say(f"Going on with run {self.run_id}, which was not finished.")

    async def help(self, run_id: RunId) -> None:
        """Work for a run that another process has begun, and will end. Our own says that we are at it, and how it went.

        Raises as `begin` does.
        """
        await self._begun({HELPED: run_id}, [], None)
        self.run_id = run_id

    async def _begun(
        self, scope: Mapping[str, object], realm_ids: Sequence[RealmId], metered_max: int | None
    ) -> Started:
        self.vault = TokenVault(self._database, await fitting_keyring(self._settings, self._database))
        started = await self.runs.start(self._kind, scope, realm_ids, metered_max=metered_max)
        self._own_run_id = started.run_id
        return started

    def hold_to(self, calls_max: int, capped: Capped) -> None:
        """Make no more metered calls in this run, once it is begun, whatever processes work on it."""
        counts = RunMeteredCounts(self._database, self.run_id)
        counted_as = self._settings.metered.counted_as
        self._plan = MeteredBudget(calls_max, batch_counts_as=counted_as, ledger=counts, capped=capped)
        self.meters = meters(self._settings, self._database, within=self._plan)

    async def end(self, result: RunResult) -> None:
        """Write down how it ended."""
        await self.runs.finish(self._own_run_id, STATUSES[result.exit_code], result.as_json())

    def elapsed_s(self) -> float:
        return anyio.current_time() - self._started_at

    async def work(
        self,
        realm_ids: Sequence[RealmId],
        job: TurnJob,
        *,
        joining: AsyncIterator[RealmId] | None = None,
        enough: Callable[[], bool] = lambda: False,
        asked: Stopping | None = None,
    ) -> FleetResult:
        """Do `job` for every realm. Ends before all are done if the user or `enough` says so, or at the plan's cap.

        The month's cap and the quota are an app's: its realms are stopped, and those of other apps go on. `asked`: who
        else listens to the user already.
        """
        plan = self._plan
        own_apps, _ = await Realms(self._database).apps_of_their_own()
        progress = Progress(
            self.tally,
            title=f"backfill {self._kind}, run {self.run_id}",
            allowed_per_window=self._settings.pacing_limits().request_permits,
        )
        async with open_api(
            self._settings, self._database, self.vault, self.observe, self.meters, policy=self._policy
        ) as way:

            async def until(asked_to_stop: Stopping) -> FleetResult:
                def stopping() -> bool:
                    # Where all are of one app, thousands need not find out one by one.
                    spent = plan is not None and plan.reached if own_apps else self.meters.reached
                    return asked_to_stop() or bool(spent) or enough()

                return await work_realms(
                    realm_ids,
                    lambda lease, turn: self._turn(lease, turn, job, way, stopping),
                    store=self.store,
                    run_id=self.run_id,
                    observe=self.observe,
                    options=self._options,
                    stopping=stopping,
                    weights=self.weights,
                    joining=joining,
                )

            async with self.beating(), progress.shown():
                fleet = await (until_stopped(until) if asked is None else until(asked))
        told = [Trouble(RealmId(""), "", why.code, why.message, why.action) for why in self.meters.reached]
        fleet.troubles[:0] = told
        return fleet

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Say that the run is alive for as long as the block lasts: who is silent is taken for dead."""

        async def heart() -> None:
            await beat(self.runs, self._own_run_id, every_s=self._options.lease_renewal_s)

        async with beside(heart, name="heartbeat of the run"):
            yield

    def observe(self, event: events.Event) -> None:
        """Count it; and a realm that is refused need not keep its place while it rests."""
        self.tally.observe(event)
        if isinstance(event, events.Throttled) and event.realm_id in self._turns:
            self._turns[event.realm_id].rest_until = anyio.current_time() + event.freeze_s

    async def _turn(
        self, lease: Lease, turn: Turn, job: TurnJob, way: WayToRealm, stopping: Callable[[], bool]
    ) -> RealmOutcome:
        self._turns[lease.realm_id] = turn
        try:
            return await job(lease, turn, way, stopping)
        finally:
            del self._turns[lease.realm_id]
