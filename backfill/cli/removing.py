"""Customers who leave: their consent ended, all that is kept of them deleted, and that written down."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import msgspec

from backfill.cli.chosen_realms import select_realms
from backfill.cli.compose import open_store
from backfill.cli.ending import STATUSES, troubles_in_words
from backfill.cli.fleet_run import beat
from backfill.cli.input import typed
from backfill.cli.output import Exit, counted, say
from backfill.cli.revoking import WORDS, open_revoker, with_tokens
from backfill.cli.stopping import Stopping, until_stopped
from backfill.config import Settings
from backfill.errors import RequestError, StoppedError, UsageError
from backfill.events import Event, LeaseAwaited
from backfill.jobs.beside import beside
from backfill.jobs.fleet import FleetOptions, FleetResult, RealmOutcome, Trouble, work_realms
from backfill.jobs.turns import Turn
from backfill.model import Lease, Realm, RealmId, RunId
from backfill.qbo.revocation import Consent, Revoker
from backfill.store.database import Database
from backfill.store.owners import Owner, owner_in_words
from backfill.store.postgres_store import PostgresStore
from backfill.store.realms import Realms
from backfill.store.removal import KIND, Removal
from backfill.store.runs import Runs

REALMS_AT_ONCE = 4
"""Of the ten connections for short statements: two processors of the server have enough to do with them."""
SAID_EVERY_S = 10.0
"""How far it is with a large company."""
CALLS_WRITTEN_S = 2.0
"""Other processes write what they asked of a company within a second, also after they gave it back; see `CallLog`."""
TYPED_BYTES_MAX = 1_000
"""A realm's id has some twenty digits."""

KEEP_CONSENT = (
    "Nothing of it was deleted. To remove it all the same, and leave the consent to the customer, who ends it in"
    " QuickBooks under Apps: --keep-consent"
)


@dataclass(frozen=True, slots=True)
class Counted:
    """What would go."""

    rows: Mapping[RealmId, Mapping[str, int]]
    doubtful: Mapping[RealmId, int]

    def as_json(self) -> Mapping[str, object]:
        return {
            "realms": [
                {"realm_id": realm_id, "rows": rows, "in_doubt": self.doubtful[realm_id]}
                for realm_id, rows in self.rows.items()
            ]
        }

    def in_words(self) -> str:
        lines: list[str] = []
        for realm_id, rows in self.rows.items():
            lines.append(
                f"Of company {realm_id} {counted(sum(rows.values()), 'row')} would go, and the company itself:"
            )
            lines += [f"  {number:>12,}  {table}" for table, number in sorted(rows.items())]
            if self.doubtful[realm_id]:
                lines.append(f"  {_in_doubt(self.doubtful[realm_id])}")
        return "\n".join(lines)


@dataclass(slots=True)
class Removed:
    """Which companies are gone, and which are not."""

    run_id: RunId | None
    before: Sequence[RealmId]
    """Those that were removed before this command."""
    consents: dict[RealmId, Consent] = field(default_factory=dict)
    rows: dict[RealmId, Counter[str]] = field(default_factory=dict)
    """Deleted by this command, of each."""
    gone: Sequence[RealmId] = ()
    fleet: FleetResult = field(default_factory=FleetResult)
    unrevoked: set[RealmId] = field(default_factory=set)
    wall_s: float = 0.0

    @property
    def exit_code(self) -> Exit:
        if self.fleet.stopped:
            return Exit.STOPPED
        return Exit.UNPROVEN if self.fleet.troubles else Exit.DONE

    def as_json(self) -> Mapping[str, object]:
        return {
            "run_id": self.run_id,
            "realms": {
                "total": len(self.before) + len(self.gone) + len(self.left),
                "removed": len(self.gone),
                "removed_before": len(self.before),
                "left": len(self.left),
            },
            "removed": [
                {
                    "realm_id": realm_id,
                    "consent": self.consents.get(realm_id),
                    "rows": dict(sorted(self.rows.get(realm_id, {}).items())),
                }
                for realm_id in self.gone
            ],
            "wall_s": round(self.wall_s, 3),
            "errors": [msgspec.to_builtins(trouble) for trouble in self.fleet.troubles],
        }

    @property
    def left(self) -> Sequence[RealmId]:
        fleet = self.fleet
        return [*fleet.proven, *fleet.unproven, *fleet.parked, *fleet.stopped]

    def in_words(self) -> str:
        lines = [f"Company {realm_id} was removed before." for realm_id in self.before]
        for realm_id in self.gone:
            rows = sum(self.rows.get(realm_id, Counter()).values())
            consent = self.consents.get(realm_id)
            lines.append(
                f"Company {realm_id} is removed: {counted(rows, 'row')} deleted"
                f"{f'; {WORDS[consent]}' if consent else ''}."
            )
        if self.fleet.stopped:
            lines.append(f"Stopped; not removed yet: {', '.join(self.fleet.stopped)}. The same command goes on.")
        return "\n".join([*lines, *troubles_in_words(self.fleet.troubles, more="--json names all")])


async def count_rows(settings: Settings, realm_ids: Sequence[str]) -> Counted:
    """What removing the companies would delete."""
    async with open_store(settings) as database:
        removal = Removal(database)
        chosen = [realm.realm_id for realm in select_realms(await Realms(database).list(), realm_ids)]
        return Counted(
            {realm_id: await removal.count(realm_id) for realm_id in chosen},
            {realm_id: await removal.doubtful(realm_id) for realm_id in chosen},
        )


async def remove_realms(
    settings: Settings, realm_ids: Sequence[str], *, yes: bool, keep_consent: bool, wait: bool
) -> Removed:
    """Remove the companies. What goes wrong with one costs no other. Raises `BackfillError`."""
    async with open_store(settings) as database:
        removal, begun_at = Removal(database), anyio.current_time()
        named = [RealmId(realm_id) for realm_id in dict.fromkeys(realm_ids)]
        before = await removal.removed(named)
        left = [realm_id for realm_id in named if realm_id not in before]
        chosen = select_realms(await Realms(database).list(), left) if left else []
        if not yes:
            await _confirmed(chosen)
        removed = Removed(None, before)
        if chosen:
            await _Work(settings, database, removed, keep_consent=keep_consent, wait=wait).through(chosen)
        await anyio.sleep(CALLS_WRITTEN_S)
        for realm_id in (*before, *removed.gone):
            await removal.sweep_calls(realm_id)
        removed.wall_s = anyio.current_time() - begun_at
        return removed


class _Work:
    def __init__(
        self, settings: Settings, database: Database, removed: Removed, *, keep_consent: bool, wait: bool
    ) -> None:
        self._settings = settings
        self._database = database
        self._removed = removed
        self._keep_consent = keep_consent
        owner, lease_s = Owner.current(), settings.postgres.lease_s
        self._removal = Removal(database)
        self._runs = Runs(database, owner=owner, silence_s=lease_s)
        self._store = PostgresStore(database, owner=owner, lease_s=lease_s, removes=True)
        self._options = FleetOptions(realms_at_once=REALMS_AT_ONCE, lease_renewal_s=lease_s / 3, wait_for_lease=wait)
        self._revoker: Revoker | None = None
        self._connected: frozenset[RealmId] = frozenset()

    async def through(self, realms: Sequence[Realm]) -> None:
        """Remove each, and write down how it went."""
        removed, realm_ids = self._removed, [realm.realm_id for realm in realms]
        async with self._revoking(realm_ids):
            started = await self._runs.start(KIND, {"realms": sorted({*removed.before, *realm_ids})}, [])
            removed.run_id = started.run_id
            if started.resumed:
                say(f"Going on with run {started.run_id}, which was not finished.")

            async def until(stopping: Stopping) -> FleetResult:
                return await work_realms(
                    realm_ids,
                    lambda lease, _turn: self._remove(lease, _turn, stopping),
                    store=self._store,
                    run_id=started.run_id,
                    observe=self._observe,
                    options=self._options,
                    stopping=stopping,
                )

            async def heart() -> None:
                await beat(self._runs, started.run_id, every_s=self._options.lease_renewal_s)

            async with beside(heart, name="heartbeat of the run"):
                removed.fleet = await until_stopped(until)
        # Also what another process removed while this one waited for it, or what was gone when its lease was renewed.
        removed.gone = await self._removal.removed(realm_ids)
        _leave_out(removed.fleet, removed.gone)
        removed.fleet.troubles = [self._with_advice(trouble) for trouble in removed.fleet.troubles]
        await self._runs.finish(started.run_id, STATUSES[removed.exit_code], removed.as_json())

    @asynccontextmanager
    async def _revoking(self, realm_ids: Sequence[RealmId]) -> AsyncIterator[None]:
        """The way to revoke, where there is anything to. The log of its calls is written when the block ends."""
        self._connected = (await with_tokens(self._database)) & frozenset(realm_ids)
        if self._keep_consent or not self._connected:
            yield
            return
        async with open_revoker(self._settings, self._database, self._observe) as self._revoker:
            yield

    async def _remove(self, lease: Lease, _turn: Turn, stopping: Callable[[], bool]) -> RealmOutcome:
        """One company, under its lease."""
        realm_id = lease.realm_id
        rows = self._removed.rows.setdefault(realm_id, Counter())
        self._removed.consents[realm_id] = await self._consent(realm_id)
        await self._removal.mark(lease)
        say_at = anyio.current_time() + SAID_EVERY_S
        over = False
        while not over:
            async for table, number in self._removal.pieces(lease):
                rows[table] += number
                if stopping():
                    raise StoppedError("Stopped.", action="Give the same command again.")
                if anyio.current_time() >= say_at:
                    say_at += SAID_EVERY_S
                    say(f"Company {realm_id}: {sum(rows.values()):,} rows deleted so far; now {table}.")
            over = await self._removal.end(lease)
        return RealmOutcome(proven=True)

    async def _consent(self, realm_id: RealmId) -> Consent:
        if self._keep_consent:
            return Consent.KEPT
        if self._revoker is None or realm_id not in self._connected:
            return Consent.NONE
        try:
            return await self._revoker.revoked(realm_id)
        except RequestError:
            self._removed.unrevoked.add(realm_id)
            raise

    def _with_advice(self, trouble: Trouble) -> Trouble:
        if trouble.realm_id not in self._removed.unrevoked:
            return trouble
        return msgspec.structs.replace(trouble, action=f"{trouble.action} {KEEP_CONSENT}".strip())

    def _observe(self, event: Event) -> None:
        if isinstance(event, LeaseAwaited):
            say(f"Company {event.realm_id} is being worked on by {owner_in_words(event.owner)}; waiting for it.")


def _leave_out(fleet: FleetResult, gone: Sequence[RealmId]) -> None:
    """What is gone is nobody's trouble any more."""
    for some in (fleet.proven, fleet.unproven, fleet.parked, fleet.stopped):
        some[:] = [realm_id for realm_id in some if realm_id not in gone]
    fleet.troubles = [trouble for trouble in fleet.troubles if trouble.realm_id not in gone]


async def _confirmed(realms: Sequence[Realm]) -> None:
    """Ask for each company's id. Raises `UsageError` unless each is typed, or where nobody can be asked."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(
            "What is removed cannot be had back, and there is no terminal to ask in.",
            action="See what would go: --dry-run. Then give --yes.",
        )
    lines = typed(sys.stdin.fileno(), bytes_max=TYPED_BYTES_MAX)
    for realm in realms:
        say(f"All that is kept of {realm.name or 'company'} ({realm.realm_id}) will be deleted. Type its id to go on:")
        if (await anext(lines, "")).strip() != realm.realm_id:
            raise UsageError("That is not its id: nothing was deleted.", action="Give the command again.")


def _in_doubt(rows: int) -> str:
    return (
        f"{counted(rows, 'row')} of them were sent, and it is not known whether they took effect: to have that found"
        " out first, give backfill load again"
    )
