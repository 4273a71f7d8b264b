"""One run of care, put together: tokens kept alive, their ends, and the sweep of what was not looked at for a day."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from backfill import events
from backfill.cli.chosen_realms import select_realms
from backfill.cli.compose import now, open_store
from backfill.cli.ending import exit_of, troubles_in_words
from backfill.cli.fleet_run import FleetRun
from backfill.cli.output import Exit, say
from backfill.cli.realm_work import realm_work
from backfill.cli.stopping import Stopping, until_stopped
from backfill.cli.tally import Tally
from backfill.cli.way_to_intuit import WayToRealm, open_tokens
from backfill.config import Settings
from backfill.errors import Disposition, RequestError, StoppedError
from backfill.jobs.extract import outcome_of
from backfill.jobs.fleet import FleetResult, RealmOutcome, Trouble
from backfill.jobs.proofs import is_of_a_part
from backfill.jobs.readers import share
from backfill.jobs.swept import SWEPT, sweep_realm
from backfill.jobs.turns import Turn
from backfill.jobs.work import RealmWork
from backfill.model import Lease, Proof, RealmId, RunId
from backfill.pacing.realm_room import PageMemory
from backfill.qbo.expiries import Expiry, TokenDates, Urgency, expiry
from backfill.qbo.token_keeper import TokenKeeper
from backfill.store.database import Database
from backfill.store.realms import Realms

IDLE = timedelta(days=30)
"""A refresh token dies after 100 days without use: three chances are left if a month's fails."""

STALE = timedelta(hours=20)
"""Intuit advises a daily sweep. The proofs of one are as much younger than a day as it took until then, when the next
begins; and a day on which clocks are put forward has 23 hours."""

_AT_ONCE = 20
"""Refreshes in flight; the keeper paces them."""

_NAMES_SHOWN = 5
"""Of entities that were never read: enough to tell all of them from a new one."""


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
    def exit_code(self) -> Exit:
        """Not done while a person must look at something. A token that ends soon is told, and is no failure yet."""
        over = any(end.urgency is Urgency.OVER for end in self.ending)
        return exit_of(self.fleet, well=not over and not self.tally.quarantined)

    def as_json(self) -> Mapping[str, object]:
        """The contract's object, with what is particular to care."""
        tally = self.tally
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
            "rows": tally.rows(),
            "requests": tally.requests_by_lane(),
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
        tokens = f"{len(self.refreshed)} token{'' if len(self.refreshed) == 1 else 's'} kept alive"
        lines = [
            f"Care, run {self.run_id}: {swept}; {tokens}.",
            f"  {rows}; {sum(tally.requests.values()):,} requests in {self.wall_s:.1f} s.",
        ]
        ending = [Trouble(RealmId(end.realm_id), "", "token", end.message, end.action) for end in self.ending]
        lines += troubles_in_words(ending, more="backfill realms list")
        return "\n".join([*lines, *troubles_in_words(fleet.troubles, more="backfill status")])


async def take_care(settings: Settings, *, realm_ids: Sequence[str], wait: bool) -> Cared:
    """Do what is due. Raises `BackfillError`."""
    settings.pacing_limits()  # said before anything is begun, if they are wrong
    async with open_store(settings) as database:
        stored = Realms(database)
        realms = select_realms(await stored.list(), realm_ids)
        chosen = {realm.realm_id for realm in realms}
        # Of a company that is parked for a while, too: its token must not be dead when the company comes back.
        used = {realm.realm_id for realm in realms if realm.parked_code != "invalid_grant"}
        known = await stored.proven([entity.name for entity in SWEPT], wanted=wanted_of(settings))
        proven = {realm: at for realm, at in known.items() if realm in chosen}
        stale = [realm_id for realm_id, at in proven.items() if at is None or at <= now() - STALE]
        run = FleetRun(
            settings,
            database,
            "care",
            [realm for realm in realms if realm.realm_id in stale],
            realms_at_once=settings.extract.realms_at_once,
            wait=wait,
        )
        await run.begin({"realms": sorted(realm_ids) or "all"}, stale)
        kept = _Kept(settings, database, run)
        dates = [TokenDates(**row) for row in await stored.token_dates()]
        async with run.beating():
            await kept.alive([each for each in dates if each.refreshed_at <= now() - IDLE and each.realm_id in used])
        sweep = _Sweep(settings, run, PageMemory(settings.extract.memory_mb * 1024 * 1024))
        swept = [realm_id for realm_id in stale if realm_id not in kept.parked]
        fleet = await run.work(swept, sweep.turn) if swept else FleetResult()
        fleet.parked += kept.parked
        fleet.troubles[:0] = kept.troubles
        for realm in realms:
            if realm.state == "parked" and realm.realm_id not in kept.parked:
                fleet.leave_out(realm)
        ends = [expiry(TokenDates(**row), now()) for row in await stored.token_dates() if row["realm_id"] in chosen]
        cared = Cared(
            run.run_id,
            len(realms),
            kept.refreshed,
            sorted((end for end in ends if end.message), key=lambda end: (end.urgency, end.realm_id)),
            run.tally,
            fleet,
            len(proven.keys() - {*stale, *kept.parked}),
            run.elapsed_s(),
            run.meters.used,
        )
        await run.end(cared)
        return cared


class _Kept:
    """Tokens that were not used for a month, used now."""

    def __init__(self, settings: Settings, database: Database, run: FleetRun) -> None:
        self.refreshed: list[RealmId] = []
        self.parked: list[RealmId] = []
        self.troubles: list[Trouble] = []
        self._settings = settings
        self._database = database
        self._run = run

    async def alive(self, idle: Sequence[TokenDates]) -> None:
        """Refresh each; a company whose token is refused is parked. What is wrong with one costs no other.

        Raises `StoppedError` once what Intuit was asked for is stored.
        """
        if not idle:
            return
        say(f"Tokens that were not used for {IDLE.days} days and are kept alive now: {len(idle)}.")

        async def until(asked_to_stop: Stopping) -> None:
            async def refresh(dates: TokenDates) -> None:
                if not asked_to_stop():
                    await self._refresh(keeper, dates)

            async with open_tokens(self._settings, self._database, self._run.vault, self._run.observe) as keeper:
                await share(idle, refresh, readers=_AT_ONCE, name="keep-alive")
            if asked_to_stop():
                raise StoppedError(
                    f"Stopped when {len(self.refreshed)} of {len(idle)} tokens were kept alive.",
                    action="Run the same command again to go on from there.",
                )

        await until_stopped(until)

    async def _refresh(self, keeper: TokenKeeper, dates: TokenDates) -> None:
        realm_id = RealmId(dates.realm_id)
        try:
            await keeper.access_token(realm_id)
            self.refreshed.append(realm_id)
        except RequestError as error:
            self.troubles.append(Trouble(realm_id, "", error.code, error.message, error.action))
            if error.disposition is Disposition.PARK:
                self.parked.append(realm_id)
                await self._run.store.park(
                    realm_id,
                    self._run.run_id,
                    code=error.code,
                    message=error.message,
                    action=error.action,
                    imported_at=dates.imported_at,
                )


@dataclass(frozen=True, slots=True)
class _Sweep:
    """What the realms of a sweep share."""

    settings: Settings
    run: FleetRun
    memory: PageMemory

    async def turn(self, lease: Lease, turn: Turn, way: WayToRealm, stopping: Callable[[], bool]) -> RealmOutcome:
        self.run.observe(events.RealmStarted(realm_id=lease.realm_id, resumed=False))
        async with realm_work(
            lease,
            turn,
            way,
            stopping,
            settings=self.settings,
            store=self.run.store,
            run_id=self.run.run_id,
            memory=self.memory,
            observe=self.run.observe,
        ) as work:
            outcome = outcome_of(lease.realm_id, await sweep_realm(work))
            left_out = await self._left_out(work)
            return RealmOutcome(outcome.proven and not left_out, [*outcome.troubles, *left_out])

    async def _left_out(self, work: RealmWork) -> Sequence[Trouble]:
        """What of the company was never looked at, or not proven whole, or too long ago: a sweep has nothing to go on
        from."""
        proofs = {proof.entity: proof for proof in await self.run.store.proofs(work.realm_id)}
        names = {entity.name for entity in SWEPT} - work.proven_at.keys()
        never = [name for name in wanted_of(self.settings) if name not in proofs]
        return [
            *(_left_out(work.realm_id, proof) for name, proof in proofs.items() if name in names),
            *([_never_read(work.realm_id, never)] if never else []),
        ]


def wanted_of(settings: Settings) -> Sequence[str]:
    """The entities that a sweep can bring up to date and an `extract` without more words reads."""
    return [entity.name for entity in SWEPT if entity.name in settings.extract.entities]


def _never_read(realm_id: RealmId, names: Sequence[str]) -> Trouble:
    be = "was" if len(names) == 1 else "were"
    more = f", and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return Trouble(
        realm_id=realm_id,
        entity="",
        code="unproven",
        message=f"There is nothing to go on from: {', '.join(names[:_NAMES_SHOWN])}{more} {be} never read to the end.",
        action=f"Read it whole: backfill extract --realm {realm_id}. If you want some entities only, name them in"
        " extract.entities in the configuration.",
    )


def _left_out(realm_id: RealmId, proof: Proof) -> Trouble:
    why = proof.reason or "only a part of it was read (--since)"
    if proof.proven and proof.watermark is not None and not is_of_a_part(proof):
        why = f"it was proven last as of {proof.watermark:%Y-%m-%d}, and CDC reaches back 30 days"
    return Trouble(
        realm_id=realm_id,
        entity=proof.entity,
        code="unproven",
        message=f"There is nothing to go on from: {why}.",
        action=f"Read it whole: backfill extract --realm {realm_id} --entity {proof.entity}",
    )
