"""One run of load, put together: the ledger, the guards, the jobs, progress, and the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from backfill import events
from backfill.cli.chosen_realms import select_realms
from backfill.cli.ending import exit_of, troubles_in_words
from backfill.cli.fleet_run import FleetRun
from backfill.cli.output import Exit, say
from backfill.cli.tally import Tally
from backfill.cli.way_to_intuit import WayToRealm
from backfill.config import Settings
from backfill.errors import UsageError
from backfill.jobs.fleet import FleetResult, RealmOutcome, Trouble
from backfill.jobs.load.load import load_realm
from backfill.jobs.load.options import Mode
from backfill.jobs.load.work import Learnt, LoadWork
from backfill.jobs.questions import Questions
from backfill.jobs.turns import Turn
from backfill.load_model import Imported, LoadId
from backfill.model import Lease, Realm, RealmId, RunId
from backfill.pacing.realm_room import PageMemory, RealmRoom
from backfill.pacing.retried import WRITING
from backfill.store.database import Database
from backfill.store.ledger import PostgresLedger
from backfill.store.ledger_status import LedgerStatus
from backfill.store.realms import Realms


@dataclass(slots=True)
class Loading:
    """How a run of load ended."""

    run_id: RunId
    loads: Sequence[LoadId]
    imported: Imported | None
    realms_total: int
    tally: Tally
    fleet: FleetResult
    rows: Mapping[str, int]
    """State to rows of these loads."""
    metered: int
    wall_s: float
    warnings: Sequence[str]

    def as_json(self) -> Mapping[str, object]:
        states = ("applied", "adopted", "rejected", "undone", "waiting", "sealed")
        found = self.imported
        return {
            "run_id": self.run_id,
            "load_ids": list(self.loads),
            "realms": {
                "total": self.realms_total,
                "done": len(self.fleet.proven),
                "unfinished": len(self.fleet.unproven) + len(self.fleet.stopped),
                "parked": len(self.fleet.parked),
            },
            "imported": None if found is None else {k: getattr(found, k) for k in ("added", "replaced", "known")},
            "rows": {state: self.rows.get(state, 0) for state in states},
            "requests": self.tally.requests_by_lane(),
            "throttled": self.tally.throttled,
            "metered": self.metered,
            "wall_s": round(self.wall_s, 3),
            "warnings": list(self.warnings),
            "errors": [msgspec.to_builtins(trouble) for trouble in self.fleet.troubles],
        }

    def in_words(self) -> str:
        rows, tally = self.rows, self.tally
        done, rejected = rows.get("applied", 0) + rows.get("adopted", 0), rows.get("rejected", 0)
        lines = []
        if self.imported is not None:
            found = self.imported
            lines.append(f"Imported {found.added:,} rows, {found.replaced:,} replaced, {found.known:,} were there.")
        named = ", ".join(map(str, self.loads)) or "none"
        found_again = f" ({tally.adopted:,} of them found after a lost answer)" if tally.adopted else ""
        lines.append(
            f"Load {named}: {tally.written:,} {'row' if tally.written == 1 else 'rows'} written{found_again}, "
            f"{tally.rejected:,} rejected in {self.wall_s:.1f} s; "
            f"{sum(tally.requests.values()):,} requests, {tally.throttled} throttled."
        )
        if (done, rejected) != (tally.written, tally.rejected):
            lines.append(f"  With what was done before: {done:,} written, {rejected:,} rejected.")
        left = rows.get("waiting", 0) + rows.get("sealed", 0)
        if left:
            lines.append(f"  {left:,} are not at their end: give the same command again, or load retry.")
        return "\n".join([*lines, *troubles_in_words(self.fleet.troubles, more="backfill load status")])

    @property
    def exit_code(self) -> Exit:
        return exit_of(self.fleet)


_ROWS_MIN = 100
"""A share of fewer rows says nothing."""


class StopRule:
    """Stops a load too many of whose rows are wrong, before all of them have been tried.

    The share is taken of at least `of_rows` (of all rows, if they are fewer, but never of less than a hundred): rows
    that need nothing come first, and the wrong ones may be among them.
    """

    def __init__(self, share: float, *, of_rows: int) -> None:
        self._share = share
        self._of_rows = max(of_rows, _ROWS_MIN)
        self.settled = 0
        self.rejected = 0

    def observe(self, event: events.Event) -> None:
        if isinstance(event, events.RowsSettled):
            self.settled += event.applied + event.adopted + event.rejected
            self.rejected += event.rejected

    def reached(self) -> bool:
        return self.rejected > self._share * max(self.settled, self._of_rows)

    def trouble(self) -> Trouble:
        of_rows = max(self.settled, self._of_rows)
        words = f"{self.rejected:,} rows were rejected, more than {self._share:.0%} of {of_rows:,}, so the load stopped"
        return Trouble(
            RealmId(""), "", "stop_at_rejected", words,
            "See why: backfill load status. Then correct the source and give the command again.",
        )  # fmt: skip


async def run_load(
    settings: Settings,
    database: Database,
    *,
    loads: Sequence[LoadId],
    imported: Imported | None,
    mode: Mode,
    allow_duplicate_numbers: bool,
    wait: bool,
) -> Loading:
    """Write what waits of the loads. Raises `BackfillError`."""
    settings.pacing_limits()  # said before anything is begun, if they are wrong
    ledger_status = LedgerStatus(database)
    named = await ledger_status.realms(loads)
    registry = Realms(database)
    realms = select_realms(await registry.list(), named) if named else []
    refused = await _refused(settings, registry, realms)
    active = [realm.realm_id for realm in realms if realm.state == "active" and realm.realm_id not in refused]
    run = FleetRun(
        settings,
        database,
        "load",
        realms,
        realms_at_once=settings.load.realms_at_once,
        wait=wait,
        policy=WRITING,
    )
    await run.begin({"loads": sorted(loads), "realms": sorted(active)}, active)
    rows = sum((await ledger_status.states(loads)).values())
    rule = StopRule(settings.load.stop_at_rejected, of_rows=min(rows, settings.load.stop_of_rows))
    writing = _Writing(
        settings, run, PostgresLedger(database), rule, loads, mode, allow_duplicate_numbers=allow_duplicate_numbers
    )
    fleet = await run.work(active, writing.turn, enough=rule.reached)
    for realm in realms:
        if realm.realm_id in refused:
            fleet.unproven.append(realm.realm_id)
            fleet.troubles.append(refused[realm.realm_id])
        elif realm.realm_id not in active:
            fleet.leave_out(realm)
    if rule.reached():
        fleet.troubles.insert(0, rule.trouble())
    loading = Loading(
        run_id=run.run_id,
        loads=loads,
        imported=imported,
        realms_total=len(realms),
        tally=run.tally,
        fleet=fleet,
        rows=await ledger_status.states(loads),
        metered=run.meters.used,
        wall_s=run.elapsed_s(),
        warnings=writing.warnings,
    )
    await run.end(loading)
    return loading


async def _refused(settings: Settings, registry: Realms, realms: Sequence[Realm]) -> Mapping[str, Trouble]:
    """Realms in which nothing may be written yet: in production every one has to be armed."""
    if not settings.writes_to_production:
        return {}
    armed = await registry.armed()
    words = "it is not armed: in production nothing is written into a realm before somebody says so"
    return {
        realm.realm_id: Trouble(
            realm.realm_id,
            "",
            "not_armed",
            words,
            f"See what would be written (--dry-run), then: backfill realms arm {realm.realm_id}",
        )
        for realm in realms
        if realm.realm_id not in armed
    }


class _Writing:
    """What the realms of one run write with."""

    def __init__(
        self,
        settings: Settings,
        run: FleetRun,
        ledger: PostgresLedger,
        rule: StopRule,
        loads: Sequence[LoadId],
        mode: Mode,
        *,
        allow_duplicate_numbers: bool,
    ) -> None:
        self.warnings: list[str] = []
        self._run = run
        self._ledger = ledger
        self._rule = rule
        self._options = settings.load_options(loads, mode=mode, allow_duplicate_numbers=allow_duplicate_numbers)
        self._learnt: dict[RealmId, Learnt] = {}
        self._room = PageMemory(settings.extract.memory_mb * 1024 * 1024)

    def _observe(self, event: events.Event) -> None:
        self._run.observe(event)
        self._rule.observe(event)
        if isinstance(event, events.Warned) and event.message not in self.warnings:
            self.warnings.append(event.message)
            say(event.message)

    async def turn(self, lease: Lease, turn: Turn, way: WayToRealm, stopping: Callable[[], bool]) -> RealmOutcome:
        room = RealmRoom(self._room, lease.realm_id, weight=turn.weight, patience=turn.patience)
        async with way(lease, room) as transport:
            outcome = await load_realm(
                LoadWork(
                    lease=lease,
                    ask=Questions(transport, lease.realm_id, hasty=transport.hasty()),
                    transport=transport,
                    ledger=self._ledger,
                    options=self._options,
                    observe=self._observe,
                    stopping=stopping,
                    turn=turn,
                    learnt=self._learnt.setdefault(lease.realm_id, Learnt()),
                )
            )
        if outcome.proven:
            await self._run.store.finish_scan(lease, self._run.run_id, [])
        return outcome


def required_loads(loads: Sequence[LoadId], what: str) -> Sequence[LoadId]:
    """Raises `UsageError` if there is nothing to do."""
    if not loads:
        raise UsageError(f"There is nothing to {what}.", action="See what there is: backfill load status")
    return loads
