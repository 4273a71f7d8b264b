"""One run of care, put together: tokens kept alive, their ends, and the sweep of what was not looked at for a day."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import anyio
import msgspec

from backfill import events
from backfill.cli.compose import WayToRealm, keyring, meters, now, open_store, open_tokens
from backfill.cli.extraction import select_realms
from backfill.cli.fleet_run import FleetRun
from backfill.cli.output import say
from backfill.cli.realm_work import realm_work
from backfill.cli.tally import Tally
from backfill.config import Settings
from backfill.errors import Disposition, RequestError
from backfill.jobs.extract import outcome_of
from backfill.jobs.fleet import FleetResult, RealmOutcome, Trouble
from backfill.jobs.swept import SWEPT, sweep_realm
from backfill.jobs.turns import Turn
from backfill.model import Lease, RealmId, RunId
from backfill.pacing.byte_budget import ByteBudget
from backfill.qbo.expiries import Expiry, TokenDates, Urgency, expiry
from backfill.qbo.token_keeper import TokenKeeper
from backfill.store.database import Database
from backfill.store.owners import Owner
from backfill.store.postgres_store import PostgresStore
from backfill.store.realms import Realms
from backfill.store.runs import Runs, RunStatus
from backfill.store.tokens import TokenVault
from backfill.wire import Lane

IDLE = timedelta(days=30)
"""A refresh token dies after 100 days without use: three chances are left if a month's fails."""

STALE = timedelta(days=1)
"""Intuit advises a daily sweep."""

_AT_ONCE = 20
"""Refreshes in flight; the keeper paces them."""


@dataclass(frozen=True, slots=True)
class Cared:
    """What a run of care did and found."""

    run_id: RunId
    realms_total: int
    refreshed: Sequence[RealmId]
    """Whose tokens had not been used for a month."""
    ending: Sequence[Expiry]
    tally: Tally
    fleet: FleetResult
    fresh: int
    """Realms that were proven within the day and left alone."""
    wall_s: float
    metered: int

    @property
    def is_well(self) -> bool:
        """Whether nobody need look at anything now. A token that ends soon is told, and is no failure yet."""
        over = any(end.urgency is Urgency.OVER for end in self.ending)
        return not (over or self.fleet.parked or self.fleet.unproven or self.fleet.troubles or self.tally.quarantined)

    def as_json(self) -> Mapping[str, object]:
        """The contract's object, with what is particular to care."""
        tally = self.tally
        requests = {lane.value: tally.requests[lane.value] for lane in Lane}
        return {
            "run_id": self.run_id,
            "realms": {
                "total": self.realms_total,
                "proven": len(self.fleet.proven) + self.fresh,
                "swept": len(self.fleet.proven),
                "unproven": len(self.fleet.unproven) + len(self.fleet.stopped),
                "parked": len(self.fleet.parked),
            },
            "tokens": {"refreshed": list(self.refreshed), "ending": [msgspec.to_builtins(end) for end in self.ending]},
            "rows": {
                "landed": tally.landed,
                "unchanged": tally.unchanged,
                "deleted": tally.deleted,
                "quarantined": tally.quarantined,
            },
            "requests": {"total": sum(requests.values()), **requests},
            "throttled": tally.throttled,
            "metered": self.metered,
            "wall_s": round(self.wall_s, 3),
            "errors": [msgspec.to_builtins(trouble) for trouble in self.fleet.troubles],
        }

    def in_words(self) -> str:
        """The same for a person, or for cron's mail."""
        tally, fleet = self.tally, self.fleet
        swept = f"{len(fleet.proven)} realms swept, {self.fresh} of {self.realms_total} were proven within the day"
        rows = f"{tally.landed:,} rows landed, {tally.deleted:,} marked deleted"
        lines = [
            f"Care, run {self.run_id}: {swept}; {len(self.refreshed)} tokens kept alive.",
            f"  {rows}; {sum(tally.requests.values()):,} requests in {self.wall_s:.1f} s.",
        ]
        for end in self.ending[:20]:
            lines += [f"  realm {end.realm_id}: {end.message}", f"      What to do: {end.action}"]
        for trouble in fleet.troubles[:20]:
            about = f" {trouble.entity}" if trouble.entity else ""
            lines += [f"  realm {trouble.realm_id}{about}: {trouble.message}", f"      What to do: {trouble.action}"]
        if len(self.ending) > 20 or len(fleet.troubles) > 20:
            lines.append("  and more: backfill care --json, backfill status")
        return "\n".join(lines)


async def take_care(settings: Settings, *, realm_ids: Sequence[str], wait: bool) -> Cared:
    """Do what is due. Raises `BackfillError`."""
    settings.pacing_limits()  # said before anything is begun, if they are wrong
    async with open_store(settings) as database:
        vault = TokenVault(database, keyring(settings))
        stored = Realms(database)
        realms = select_realms(await stored.list(), realm_ids)
        chosen = {realm.realm_id for realm in realms}
        active = {realm.realm_id for realm in realms if realm.state == "active"}
        proven = {realm: at for realm, at in (await stored.proven([e.name for e in SWEPT])).items() if realm in chosen}
        stale = [realm_id for realm_id, at in proven.items() if at is None or at <= now() - STALE]
        owner = Owner.current()
        runs = Runs(database, owner=owner, silence_s=settings.postgres.lease_s)
        started = await runs.start("care", {"realms": sorted(realm_ids) or "all"}, stale)
        store = PostgresStore(database, owner=owner, lease_s=settings.postgres.lease_s)
        metered = meters(settings, database)
        run = FleetRun(
            settings,
            store,
            started.run_id,
            [realm for realm in realms if realm.realm_id in stale],
            metered,
            title="backfill care",
            realms_at_once=settings.extract.realms_at_once,
            wait=wait,
        )
        kept = _Kept(settings, database, vault, store, run)
        idle = [row["realm_id"] for row in await stored.token_dates() if row["refreshed_at"] <= now() - IDLE]
        await kept.alive([realm_id for realm_id in idle if realm_id in active])
        sweep = _Sweep(settings, store, run, ByteBudget(settings.extract.memory_mb * 1024 * 1024))
        swept = [realm_id for realm_id in stale if realm_id not in kept.parked]
        fleet = await run.work(swept, sweep.turn, database=database, vault=vault, runs=runs)
        fleet.parked += [*kept.parked, *(realm.realm_id for realm in realms if realm.state == "parked")]
        fleet.troubles[:0] = kept.troubles
        fleet.troubles += [
            Trouble(realm.realm_id, "", "parked", realm.parked_reason, realm.parked_action)
            for realm in realms
            if realm.state == "parked"
        ]
        ends = [expiry(TokenDates(**row), now()) for row in await stored.token_dates() if row["realm_id"] in chosen]
        cared = Cared(
            started.run_id,
            len(realms),
            kept.refreshed,
            sorted((end for end in ends if end.message), key=lambda end: (end.urgency, end.realm_id)),
            run.tally,
            fleet,
            len(proven.keys() - {*stale, *kept.parked}),
            run.elapsed_s(),
            metered.used,
        )
        await runs.finish(started.run_id, _status(cared), cared.as_json())
        return cared


class _Kept:
    """Tokens that were not used for a month, used now."""

    def __init__(
        self, settings: Settings, database: Database, vault: TokenVault, store: PostgresStore, run: FleetRun
    ) -> None:
        self.refreshed: list[RealmId] = []
        self.parked: list[RealmId] = []
        self.troubles: list[Trouble] = []
        self._settings = settings
        self._database = database
        self._vault = vault
        self._store = store
        self._run = run

    async def alive(self, realm_ids: Sequence[RealmId]) -> None:
        """Refresh each; a company whose token is refused is parked. Raises `RequestError` for what stops everything."""
        if not realm_ids:
            return
        say(f"Keeping {len(realm_ids)} tokens alive that were not used for {IDLE.days} days.")
        waiting = list(realm_ids)
        fatal: list[RequestError] = []
        async with open_tokens(self._settings, self._database, self._vault, self._run.observe) as keeper:

            async def refresh() -> None:
                while waiting and not fatal:
                    await self._refresh(keeper, waiting.pop(), fatal)

            async with anyio.create_task_group() as group:
                for number in range(min(_AT_ONCE, len(waiting))):
                    group.start_soon(refresh, name=f"keep-alive {number}")
        if fatal:
            raise fatal[0]

    async def _refresh(self, keeper: TokenKeeper, realm_id: RealmId, fatal: list[RequestError]) -> None:
        try:
            await keeper.access_token(realm_id)
            self.refreshed.append(realm_id)
        except RequestError as error:
            if error.disposition is Disposition.STOP:
                fatal.append(error)
                return
            self.troubles.append(Trouble(realm_id, "", error.code, error.message, error.action))
            if error.disposition is Disposition.PARK:
                self.parked.append(realm_id)
                await self._store.park(
                    realm_id, self._run.run_id, code=error.code, message=error.message, action=error.action
                )


@dataclass(frozen=True, slots=True)
class _Sweep:
    """What the realms of a sweep share."""

    settings: Settings
    store: PostgresStore
    run: FleetRun
    memory: ByteBudget

    async def turn(self, lease: Lease, turn: Turn, way: WayToRealm, stopping: Callable[[], bool]) -> RealmOutcome:
        self.run.observe(events.RealmStarted(realm_id=lease.realm_id, resumed=False))
        async with realm_work(
            lease,
            turn,
            way,
            stopping,
            settings=self.settings,
            store=self.store,
            run_id=self.run.run_id,
            memory=self.memory,
            observe=self.run.observe,
        ) as work:
            return outcome_of(lease.realm_id, await sweep_realm(work))


def _status(cared: Cared) -> RunStatus:
    if cared.fleet.stopped:
        return RunStatus.STOPPED
    return RunStatus.DONE if cared.is_well else RunStatus.INCOMPLETE
