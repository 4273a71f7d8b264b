"""One run of extract, put together: the store, the way to Intuit, the jobs, progress, and the result."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import anyio
import msgspec

from backfill import events
from backfill.cli.compose import WayToRealm, keyring, now, open_api, open_store
from backfill.cli.output import say
from backfill.cli.progress import Progress
from backfill.cli.stopping import Stopping, until_stopped
from backfill.cli.tally import RATE_WINDOW_S, Tally
from backfill.config import Settings
from backfill.errors import UsageError
from backfill.jobs.beside import beside
from backfill.jobs.extract import ExtractOptions, extract_realm, outcome_of
from backfill.jobs.fleet import FleetOptions, FleetResult, RealmOutcome, Trouble, work_realms
from backfill.jobs.questions import Questions
from backfill.jobs.work import RealmWork
from backfill.model import Lease, Realm, RealmId, RunId
from backfill.pacing.byte_budget import ByteBudget
from backfill.qbo.catalogue import Entity
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


@dataclass(frozen=True, slots=True)
class Extraction:
    """How a run of extract ended."""

    run_id: RunId
    realms_total: int
    tally: Tally
    fleet: FleetResult
    wall_s: float

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
            "metered": self.tally.metered,
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
        for name, realms in (
            ("parked", fleet.parked),
            ("unproven", fleet.unproven),
            ("not finished: run the same command again to go on", fleet.stopped),
        ):
            if realms:
                lines.append(f"  {len(realms)} {name}: {', '.join(realms[:5])}{', ...' if len(realms) > 5 else ''}")
        for trouble in fleet.troubles[:20]:
            about = f" {trouble.entity}" if trouble.entity else ""
            lines.append(f"  realm {trouble.realm_id}{about}: {trouble.message}")
            if trouble.action:
                lines.append(f"      What to do: {trouble.action}")
        if len(fleet.troubles) > 20:
            lines.append(f"  and {len(fleet.troubles) - 20} more: backfill status")
        return "\n".join(lines)


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
    settings.pacing_limits()  # said before anything is begun, if they are wrong
    async with open_store(settings) as database:
        vault = TokenVault(database, keyring(settings))
        realms = select_realms(await Realms(database).list(), realm_ids)
        active = [realm.realm_id for realm in realms if realm.state == "active" or realm_ids]
        owner = Owner.current()
        runs = Runs(database, owner=owner, silence_s=settings.postgres.lease_s)
        scope = {
            "realms": sorted(realm_ids) or "all",
            "entities": sorted({entity.name for entity in chosen}),
            "since": since.isoformat() if since else None,
        }
        started = await runs.start("extract", scope, active)
        if started.resumed:
            say(f"Going on with run {started.run_id}, which was not finished.")
        store = PostgresStore(database, owner=owner, lease_s=settings.postgres.lease_s)
        run = _Run(settings, store, started.run_id, chosen, since, len(realms), wait)
        fleet = await run.work(active, database, vault, runs)
        for realm in realms:
            if realm.realm_id not in active:
                fleet.parked.append(realm.realm_id)
                fleet.troubles.append(Trouble(realm.realm_id, "", "parked", realm.parked_reason, realm.parked_action))
        extraction = Extraction(started.run_id, len(realms), run.tally, fleet, run.elapsed_s())
        await runs.finish(started.run_id, _status(fleet), extraction.as_json())
        return extraction


class _Run:
    """What the realms of one run share."""

    def __init__(
        self,
        settings: Settings,
        store: PostgresStore,
        run_id: RunId,
        entities: Sequence[Entity],
        since: datetime | None,
        realms_total: int,
        wait: bool,
    ) -> None:
        self.tally = Tally(anyio.current_time, realms_total, window_s=RATE_WINDOW_S / settings.limits_scale)
        self._settings = settings
        self._store = store
        self._run_id = run_id
        self._options = ExtractOptions(entities=entities, since=since, readers=settings.extract.readers_per_realm)
        self._fleet_options = FleetOptions(
            realms_at_once=settings.extract.realms_at_once,
            lease_renewal_s=settings.postgres.lease_s / 3,
            wait_for_lease=wait,
        )
        self._room = ByteBudget(settings.extract.memory_mb * 1024 * 1024)
        self._started_at = anyio.current_time()

    def elapsed_s(self) -> float:
        return anyio.current_time() - self._started_at

    async def work(
        self, realm_ids: Sequence[RealmId], database: Database, vault: TokenVault, runs: Runs
    ) -> FleetResult:
        observe = self.tally.observe
        progress = Progress(
            self.tally,
            title=f"backfill extract, run {self._run_id}",
            allowed_per_window=self._settings.pacing_limits().request_permits,
        )
        async with open_api(self._settings, database, vault, observe) as way:

            async def until(stopping: Stopping) -> FleetResult:
                return await work_realms(
                    realm_ids,
                    lambda lease: self._realm(lease, way, stopping),
                    store=self._store,
                    run_id=self._run_id,
                    observe=observe,
                    options=self._fleet_options,
                    stopping=stopping,
                )

            async def beat() -> None:
                """Say now and then that the run is alive, until it is another's."""
                alive = True
                while alive:
                    await anyio.sleep(self._fleet_options.lease_renewal_s)
                    alive = await runs.heartbeat(self._run_id)

            async with beside(beat, name="heartbeat of the run"), progress.shown():
                return await until_stopped(until)

    async def _realm(self, lease: Lease, way: WayToRealm, stopping: Stopping) -> RealmOutcome:
        scan = await self._store.scan(self._run_id, lease.realm_id)
        if scan.finished:
            return RealmOutcome(proven=True)
        self.tally.observe(events.RealmStarted(realm_id=lease.realm_id, resumed=scan.started_at is not None))
        async with way(lease.realm_id) as transport:
            work = RealmWork(
                lease=lease,
                run_id=self._run_id,
                ask=Questions(transport, lease.realm_id, call_s=CALL_S),
                store=self._store,
                room=self._room,
                observe=self.tally.observe,
                stopping=stopping,
                now=now,
                page_rows=self._settings.extract.page_rows,
            )
            proofs = await extract_realm(work, self._options, scan)
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
