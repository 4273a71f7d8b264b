"""One run over realms, put together: the store, the way to Intuit, the jobs, progress, and the result."""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import anyio
import msgspec

from backfill import events
from backfill.cli.compose import WayToRealm, keyring, meters, now, open_api, open_store
from backfill.cli.output import say
from backfill.cli.progress import Progress
from backfill.cli.stopping import Stopping, until_stopped
from backfill.cli.tally import RATE_WINDOW_S, Tally
from backfill.config import Settings
from backfill.errors import UsageError
from backfill.jobs.beside import beside
from backfill.jobs.company_facts import company_facts
from backfill.jobs.extract import ExtractOptions, extract_realm, outcome_of
from backfill.jobs.fleet import FleetOptions, FleetResult, RealmOutcome, Trouble, work_realms
from backfill.jobs.questions import Questions
from backfill.jobs.reports import read_reports
from backfill.jobs.turns import Turn
from backfill.jobs.work import RealmWork
from backfill.model import Lease, Proof, Realm, RealmId, RunId, Scan
from backfill.pacing.byte_budget import ByteBudget, RealmRoom
from backfill.pacing.metering import Meters
from backfill.qbo.catalogue import entity as find_entity
from backfill.store.database import Database
from backfill.store.owners import Owner
from backfill.store.postgres_store import PostgresStore
from backfill.store.realms import Realms
from backfill.store.runs import Runs, RunStatus
from backfill.store.tokens import TokenVault
from backfill.wire import Lane

CALL_S = 3600.0
"""Bound on one question with all its waits: a realm whose limits others use up may keep it waiting for long."""

_NEWCOMERS_POLL_S = 0.5
"""A new realm starts within a second; one look at 5,000 realms costs Postgres some milliseconds."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """How a run ended."""

    run_id: RunId
    realms_total: int
    tally: Tally
    fleet: FleetResult
    wall_s: float
    metered: int = 0
    """Calls that Intuit bills, as the configuration counts a batch."""

    def as_json(self) -> Mapping[str, object]:
        """The contract's object."""
        requests = {lane.value: self.tally.requests[lane.value] for lane in Lane}
        return {
            "run_id": self.run_id,
            "realms": {
                "total": self.realms_total,
                "proven": len(self.fleet.proven),
                "unproven": len(self.fleet.unproven) + len(self.fleet.stopped),
                "parked": len(self.fleet.parked),
            },
            "rows": {
                "landed": self.tally.landed,
                "unchanged": self.tally.unchanged,
                "deleted": self.tally.deleted,
                "quarantined": self.tally.quarantined,
            },
            "requests": {"total": sum(requests.values()), **requests},
            "throttled": self.tally.throttled,
            "metered": self.metered,
            "wall_s": round(self.wall_s, 3),
            "errors": [msgspec.to_builtins(trouble) for trouble in self.fleet.troubles],
        }

    def in_words(self) -> str:
        """The same for a person."""
        tally, fleet = self.tally, self.fleet
        requests = sum(tally.requests.values())
        proven = f"{len(fleet.proven)} of {self.realms_total} realms proven complete"
        rows = f"{tally.landed:,} rows landed, {tally.unchanged:,} unchanged, {tally.deleted:,} marked deleted"
        lines = [
            f"Run {self.run_id}: {proven} in {self.wall_s:.1f} s.",
            f"  {rows}, {tally.quarantined:,} quarantined; {requests:,} requests, {tally.throttled} throttled.",
        ]
        if tally.refreshed:
            gap = f"the longest {tally.longest_gap_s * 1000:.0f} ms from Intuit's answer to our commit"
            lines.append(f"  {tally.refreshed:,} tokens refreshed, {tally.rotated:,} of them rotated, {gap}.")
        for name, realms in (
            ("parked", fleet.parked),
            ("unproven", fleet.unproven),
            ("not finished: run the same command again to go on", fleet.stopped),
        ):
            if realms:
                lines.append(f"  {len(realms)} {name}: {', '.join(realms[:5])}{', ...' if len(realms) > 5 else ''}")
        for trouble in fleet.troubles[:20]:
            about = f" {trouble.entity}" if trouble.entity else ""
            of_realm = f"realm {trouble.realm_id}{about}: " if trouble.realm_id else ""
            lines.append(f"  {of_realm}{trouble.message}")
            if trouble.action:
                lines.append(f"      What to do: {trouble.action}")
        if len(fleet.troubles) > 20:
            lines.append(f"  and {len(fleet.troubles) - 20} more: backfill status")
        return "\n".join(lines)


Task = Callable[[RealmWork, Scan], Awaitable[Sequence[Proof]]]
"""What is done for one realm: from how far it is, to what is proven of it."""


async def run_extraction(
    settings: Settings,
    *,
    realm_ids: Sequence[str],
    entities: Sequence[str],
    since: datetime | None,
    wait: bool,
) -> Extraction:
    """Read the realms (none named: all) and return how it went. Raises `BackfillError`."""
    chosen = [find_entity(name) for name in (entities or settings.extract.entities)]
    # Who names entities, or asks for what is new, does not mean the reports.
    reports = None if entities or since else settings.reports.options()
    options = ExtractOptions(
        entities=chosen, since=since, readers=settings.extract.readers_per_realm, costs=settings.costs
    )

    def task(store: PostgresStore) -> Task:
        async def extract(work: RealmWork, scan: Scan) -> Sequence[Proof]:
            beside = [] if reports is None else await read_reports(work, store, reports, await company_facts(work))
            return await extract_realm(work, options, scan, beside=beside)

        return extract

    scope: dict[str, object] = {
        "entities": sorted({entity.name for entity in chosen}),
        "since": since.isoformat() if since else None,
    }
    if reports is not None:
        scope["reports"] = settings.reports.scope()
    return await run_realms(settings, "extract", scope, realm_ids=realm_ids, wait=wait, task=task)


async def run_realms(
    settings: Settings,
    kind: str,
    scope: Mapping[str, object],
    *,
    realm_ids: Sequence[str],
    wait: bool,
    task: Callable[[PostgresStore], Task],
) -> Extraction:
    """Do a task for the realms (none named: all), going on with a run of the same kind and scope that was not finished.

    Raises `BackfillError`.
    """
    settings.pacing_limits()  # said before anything is begun, if they are wrong
    async with open_store(settings) as database:
        vault = TokenVault(database, keyring(settings))
        realms = select_realms(await Realms(database).list(), realm_ids)
        active = [realm.realm_id for realm in realms if realm.state == "active" or realm_ids]
        owner = Owner.current()
        runs = Runs(database, owner=owner, silence_s=settings.postgres.lease_s)
        started = await runs.start(kind, {"realms": sorted(realm_ids) or "all", **scope}, active)
        if started.resumed:
            say(f"Going on with run {started.run_id}, which was not finished.")
        store = PostgresStore(database, owner=owner, lease_s=settings.postgres.lease_s)
        title = f"backfill {kind}, run {started.run_id}"
        run = _Run(settings, store, started.run_id, title, task(store), realms, wait, meters(settings, database))
        come: list[RealmId] = []
        joining = None if realm_ids else run.newcomers(runs, come)
        fleet = await run.work(active, database, vault, runs, joining)
        worked = {*active, *come}
        for realm in realms:
            if realm.realm_id not in worked:
                fleet.parked.append(realm.realm_id)
                fleet.troubles.append(Trouble(realm.realm_id, "", "parked", realm.parked_reason, realm.parked_action))
        total = run.tally.realms_total
        extraction = Extraction(started.run_id, total, run.tally, fleet, run.elapsed_s(), run.meters.used)
        await runs.finish(started.run_id, _status(fleet), extraction.as_json())
        return extraction


class _Run:
    """What the realms of one run share."""

    def __init__(
        self,
        settings: Settings,
        store: PostgresStore,
        run_id: RunId,
        title: str,
        task: Task,
        realms: Sequence[Realm],
        wait: bool,
        metered: Meters,
    ) -> None:
        self.meters = metered
        self.tally = Tally(anyio.current_time, len(realms), window_s=RATE_WINDOW_S / settings.limits_scale)
        self._settings = settings
        self._store = store
        self._run_id = run_id
        self._title = title
        self._task = task
        self._fleet_options = FleetOptions(
            realms_at_once=settings.extract.realms_at_once,
            lease_renewal_s=settings.postgres.lease_s / 3,
            wait_for_lease=wait,
        )
        self._weights = {realm.realm_id: realm.weight for realm in realms}
        self._turns: dict[RealmId, Turn] = {}
        self._room = ByteBudget(settings.extract.memory_mb * 1024 * 1024)
        self._started_at = anyio.current_time()

    def elapsed_s(self) -> float:
        return anyio.current_time() - self._started_at

    async def newcomers(self, runs: Runs, come: list[RealmId]) -> AsyncIterator[RealmId]:
        """Realms that are imported, or connected again, while the run goes on; they are added to `come`, too."""
        while True:
            await anyio.sleep(_NEWCOMERS_POLL_S)
            for realm_id, weight in (await runs.newcomers(self._run_id)).items():
                if realm_id not in self._weights:
                    self.tally.realms_total += 1
                self._weights[realm_id] = weight
                come.append(realm_id)
                yield realm_id

    async def work(
        self,
        realm_ids: Sequence[RealmId],
        database: Database,
        vault: TokenVault,
        runs: Runs,
        joining: AsyncIterator[RealmId] | None,
    ) -> FleetResult:
        progress = Progress(
            self.tally,
            title=self._title,
            allowed_per_window=self._settings.pacing_limits().request_permits,
        )
        async with open_api(self._settings, database, vault, self._observe, self.meters) as way:

            async def until(asked_to_stop: Stopping) -> FleetResult:
                def stopping() -> bool:
                    return asked_to_stop() or self.meters.reached is not None

                return await work_realms(
                    realm_ids,
                    lambda lease, turn: self._realm(lease, turn, way, stopping),
                    store=self._store,
                    run_id=self._run_id,
                    observe=self._observe,
                    options=self._fleet_options,
                    stopping=stopping,
                    weights=self._weights,
                    joining=joining,
                )

            async def beat() -> None:
                """Say now and then that the run is alive, until it is another's."""
                alive = True
                while alive:
                    await anyio.sleep(self._fleet_options.lease_renewal_s)
                    alive = await runs.heartbeat(self._run_id)

            async with beside(beat, name="heartbeat of the run"), progress.shown():
                fleet = await until_stopped(until)
        if self.meters.reached is not None:
            reached = self.meters.reached
            fleet.troubles.insert(0, Trouble(RealmId(""), "", "metered_cap", reached.message, reached.action))
        return fleet

    def _observe(self, event: events.Event) -> None:
        """Count it; and a realm that is refused need not keep its place while it rests."""
        self.tally.observe(event)
        if isinstance(event, events.Throttled) and event.realm_id in self._turns:
            self._turns[event.realm_id].rest_until = anyio.current_time() + event.freeze_s

    async def _realm(self, lease: Lease, turn: Turn, way: WayToRealm, stopping: Callable[[], bool]) -> RealmOutcome:
        self._turns[lease.realm_id] = turn
        try:
            return await self._turn(lease, turn, way, stopping)
        finally:
            del self._turns[lease.realm_id]

    async def _turn(self, lease: Lease, turn: Turn, way: WayToRealm, stopping: Callable[[], bool]) -> RealmOutcome:
        scan = await self._store.scan(self._run_id, lease.realm_id)
        if scan.finished:
            return RealmOutcome(proven=True)
        self._observe(events.RealmStarted(realm_id=lease.realm_id, resumed=scan.started_at is not None))
        room = RealmRoom(self._room, lease.realm_id, weight=turn.weight, patience=turn.patience)
        async with way(lease, room) as transport:
            work = RealmWork(
                lease=lease,
                run_id=self._run_id,
                ask=Questions(transport, lease.realm_id, call_s=CALL_S, hasty=transport.hasty()),
                store=self._store,
                room=room,
                observe=self._observe,
                stopping=stopping,
                turn=turn,
                now=now,
                page_rows=self._settings.extract.page_rows,
            )
            proofs = await self._task(work, scan)
        return outcome_of(lease.realm_id, proofs)


def select_realms(realms: Sequence[Realm], named: Sequence[str]) -> Sequence[Realm]:
    """The named realms, or all. Raises `UsageError` with near matches for one that is not registered."""
    if not realms:
        raise UsageError("No realms are registered.", action="Import some first: backfill realms import FILE")
    known = {realm.realm_id: realm for realm in realms}
    unknown = [name for name in named if name not in known]
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, n=3)
        raise UsageError(
            f"There is no realm {unknown[0]}.",
            action=f"Did you mean {' or '.join(near)}?" if near else "See which there are: backfill realms list",
        )
    return [known[RealmId(name)] for name in dict.fromkeys(named)] if named else realms


def _status(fleet: FleetResult) -> RunStatus:
    if fleet.stopped:
        return RunStatus.STOPPED
    return RunStatus.INCOMPLETE if fleet.unproven or fleet.parked or fleet.troubles else RunStatus.DONE
