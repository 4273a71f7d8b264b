"""One run over realms, put together: the store, the way to Intuit, the jobs, progress, and the result."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import anyio
import msgspec

from backfill import events
from backfill.cli.chosen_realms import select_realms
from backfill.cli.compose import open_store
from backfill.cli.ending import exit_of, troubles_in_words
from backfill.cli.fleet_run import FleetRun
from backfill.cli.output import Exit, counted, say
from backfill.cli.plan_file import PlannedRun, capped, read_plan
from backfill.cli.realm_work import realm_work
from backfill.cli.tally import Tally
from backfill.cli.way_to_intuit import WayToRealm
from backfill.config import Settings
from backfill.errors import UnavailableError
from backfill.jobs.beside import beside
from backfill.jobs.extract import ExtractOptions, extract_realm, outcome_of
from backfill.jobs.fleet import FleetResult, RealmOutcome
from backfill.jobs.report_options import ReportOptions
from backfill.jobs.reports_beside import ReportsBeside
from backfill.jobs.turns import Turn
from backfill.jobs.work import RealmWork
from backfill.model import Lease, Proof, RealmId, RunId, Scan
from backfill.pacing.realm_room import PageMemory
from backfill.qbo.catalogue import Entity
from backfill.qbo.catalogue import entity as find_entity
from backfill.store.postgres_store import PostgresStore
from backfill.store.realms import Realms

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
    good: str = "proven complete"
    """What the realms are that nothing is wrong with."""
    also: str = ""
    """What else a person wants to know."""
    elsewhere: int = 0
    """Realms that were done when this process came to them: before, or by another process of the run."""
    planned: PlannedRun | None = None
    resumed: bool = False
    """A part of the run was done before; what is counted here is the rest."""

    @property
    def exit_code(self) -> Exit:
        return exit_of(self.fleet, well=not self.tally.quarantined)

    def as_json(self) -> Mapping[str, object]:
        """The contract's object."""
        return {
            "run_id": self.run_id,
            "realms": {
                "total": self.realms_total,
                "proven": len(self.fleet.proven),
                "unproven": len(self.fleet.unproven) + len(self.fleet.stopped),
                "parked": len(self.fleet.parked),
                **({"elsewhere": self.elsewhere} if self.elsewhere else {}),
            },
            "rows": self.tally.rows(),
            "requests": self.tally.requests_by_lane(),
            "throttled": self.tally.throttled,
            "metered": self.metered,
            "wall_s": round(self.wall_s, 3),
            **({} if self.planned is None else {"planned": self.planned.as_json()}),
            "errors": [msgspec.to_builtins(trouble) for trouble in self.fleet.troubles],
        }

    def in_words(self) -> str:
        """The same for a person."""
        tally, fleet = self.tally, self.fleet
        requests = sum(tally.requests.values())
        proven = f"{len(fleet.proven)} of {self.realms_total} realms {self.good}"
        rows = f"{tally.landed:,} rows landed, {tally.unchanged:,} unchanged, {tally.deleted:,} marked deleted"
        lines = [
            f"Run {self.run_id}: {proven} in {self.wall_s:.1f} s.",
            f"  {rows}, {tally.quarantined:,} quarantined; {requests:,} requests, {tally.throttled} throttled.",
        ]
        if self.elsewhere:
            done = counted(self.elsewhere, "realm was", "realms were")
            lines.append(f"  {done} finished before, or by another process of the run, and not counted in that.")
        if self.also:
            lines.append(f"  {self.also}")
        if self.planned is not None:
            rest = self.resumed or self.elsewhere > 0
            lines.append(f"  {self.planned.against(requests=requests, wall_s=self.wall_s, resumed=rest)}")
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
        return "\n".join([*lines, *troubles_in_words(fleet.troubles, more="backfill status")])


Task = Callable[[RealmWork, Scan], Awaitable[Sequence[Proof]]]
"""What is done for one realm: from how far it is, to what is proven of it."""

TaskOf = Callable[[PostgresStore], Task]
"""The task of a run, once it has its store."""


async def run_extraction(
    settings: Settings,
    *,
    realm_ids: Sequence[str],
    entities: Sequence[str],
    since: datetime | None,
    wait: bool,
    plan: Path | None = None,
) -> Extraction:
    """Read the realms (none named: all) and return how it went; held to the plan in a file. Raises `BackfillError`."""
    chosen = [find_entity(name) for name in (entities or settings.extract.entities)]
    # Who names entities, or asks for what is new, does not mean the reports.
    reports = None if entities or since else settings.reports.options()
    task = extract_task(settings, chosen, since, reports)
    scope: dict[str, object] = {
        "entities": sorted({entity.name for entity in chosen}),
        "since": since.isoformat() if since else None,
    }
    if reports is not None:
        scope["reports"] = settings.reports.scope()
    extraction = await run_realms(settings, "extract", scope, realm_ids=realm_ids, wait=wait, task=task, plan=plan)
    return replace(extraction, good=f"proven complete since {since:%Y-%m-%d %H:%M}") if since else extraction


def extract_task(
    settings: Settings, entities: Sequence[Entity], since: datetime | None, reports: ReportOptions | None
) -> TaskOf:
    """Reads entities, and reports beside them."""
    options = ExtractOptions(
        entities=entities, since=since, readers=settings.extract.readers_per_realm, costs=settings.costs
    )

    def task(store: PostgresStore) -> Task:
        beside = ReportsBeside(store, reports)

        async def extract(work: RealmWork, scan: Scan) -> Sequence[Proof]:
            return await extract_realm(work, options, scan, beside=await beside.read(work))

        return extract

    return task


async def run_realms(
    settings: Settings,
    kind: str,
    scope: Mapping[str, object],
    *,
    realm_ids: Sequence[str],
    wait: bool,
    task: TaskOf,
    plan: Path | None = None,
) -> Extraction:
    """Do a task for the realms (none named: all), going on with a run of the same kind and scope that was not finished.

    Raises `BackfillError`.
    """
    settings.pacing_limits()  # said before anything is begun, if they are wrong
    planned = None if plan is None else read_plan(plan)
    async with open_store(settings) as database:
        realms = select_realms(await Realms(database).list(), realm_ids)
        active = [realm.realm_id for realm in realms if realm.state == "active" or realm_ids]
        run = FleetRun(settings, database, kind, realms, realms_at_once=settings.extract.realms_at_once, wait=wait)
        metered_max = None if planned is None else planned.calls_max(settings.metered.counted_as)
        await run.begin({"realms": sorted(realm_ids) or "all", **scope}, active, metered_max=metered_max)
        if plan is not None and planned is not None and metered_max is not None:
            run.hold_to(metered_max, capped(plan))
            if warning := planned.too_small_for(len(active)):
                say(warning)
        come: list[RealmId] = []
        reading = Reading(settings, run, task(run.store))
        async with beside(run.store.prepare_landing, name="connections for pages"):
            fleet = await run.work(
                active,
                reading.turn,
                joining=None if realm_ids else newcomers(run, come),
            )
        worked = {*active, *come}
        for realm in realms:
            if realm.realm_id not in worked:
                fleet.leave_out(realm)
        total = run.tally.realms_total
        extraction = Extraction(
            run.run_id,
            total,
            run.tally,
            fleet,
            run.elapsed_s(),
            run.meters.used,
            elsewhere=reading.elsewhere,
            planned=planned,
            resumed=run.resumed,
        )
        await run.end(extraction)
        return extraction


async def newcomers(run: FleetRun, come: list[RealmId]) -> AsyncIterator[RealmId]:
    """Realms that are imported, or connected again, while the run goes on; they are added to `come`, too.

    A look may be lost, as a heartbeat may.
    """
    while True:
        await anyio.sleep(_NEWCOMERS_POLL_S)
        seen: Mapping[RealmId, float] = {}
        with suppress(UnavailableError):
            seen = await run.runs.newcomers(run.run_id)
        for realm_id, weight in seen.items():
            if realm_id not in run.weights:
                run.tally.realms_total += 1
            run.weights[realm_id] = weight
            come.append(realm_id)
            yield realm_id


class Reading:
    """What the realms of one run read with."""

    def __init__(self, settings: Settings, run: FleetRun, task: Task) -> None:
        self._settings = settings
        self._run = run
        self._task = task
        self._memory = PageMemory(settings.extract.memory_mb * 1024 * 1024)
        self.elsewhere = 0
        """Realms that were done when this process came to them."""

    async def turn(self, lease: Lease, turn: Turn, way: WayToRealm, stopping: Callable[[], bool]) -> RealmOutcome:
        scan = await self._run.store.scan(self._run.run_id, lease.realm_id)
        if scan.finished:  # by this run, before it was stopped or elsewhere: what was set aside then still is
            self.elsewhere += 1
            return outcome_of(lease.realm_id, await self._run.store.proofs(lease.realm_id, of_run=self._run.run_id))
        self._run.observe(events.RealmStarted(realm_id=lease.realm_id, resumed=scan.started_at is not None))
        async with realm_work(
            lease,
            turn,
            way,
            stopping,
            settings=self._settings,
            store=self._run.store,
            run_id=self._run.run_id,
            memory=self._memory,
            observe=self._run.observe,
        ) as work:
            proofs = await self._task(work, scan)
        return outcome_of(lease.realm_id, proofs)
