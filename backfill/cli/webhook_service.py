"""The receiver of webhooks, put together: HTTP in front, the inbox, and the worker that reads what was told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field

import anyio
import msgspec

from backfill.cli.compose import fitting_keyring, open_store
from backfill.cli.output import say
from backfill.cli.realm_work import realm_work
from backfill.cli.stopping import Stopping, until_stopped
from backfill.cli.tally import RATE_WINDOW_S, Tally
from backfill.cli.way_to_intuit import WayToRealm, meters, open_api
from backfill.config import Settings
from backfill.errors import UnavailableError, UsageError
from backfill.jobs.beside import beside
from backfill.jobs.fleet import FleetOptions, FleetResult, RealmOutcome, work_realms
from backfill.jobs.told import apply_events
from backfill.jobs.turns import Turn
from backfill.model import Lease, RealmId, RunId, Secret
from backfill.pacing.metering import Meters
from backfill.pacing.realm_room import PageMemory
from backfill.qbo.signatures import Verifier
from backfill.store.database import Database
from backfill.store.inbox import FORGOTTEN_AT_ONCE, Inbox, InboxCounts
from backfill.store.owners import Owner
from backfill.store.postgres_store import PostgresStore
from backfill.store.runs import Runs, RunStatus
from backfill.store.tokens import TokenVault
from backfill.webhooks.intake import Intake, ReceiverCounts
from backfill.webhooks.receiver import HEALTH, PATH, Receiver, serve_application
from backfill.webhooks.worker import Worker, WorkerOptions

_FORGET_EVERY_S = 3600.0
"""What is older than the retention is dropped each hour, in pieces."""

_REALMS_SAID = 1_000
"""Unknown realms that are said once each; there should be none."""


@dataclass(frozen=True, slots=True)
class WebhookService:
    """What the receiver did, from start to stop."""

    run_id: RunId
    received: ReceiverCounts
    inbox: InboxCounts
    tally: Tally
    metered: int
    unknown_realms: Sequence[RealmId] = field(default=())

    def as_json(self) -> Mapping[str, object]:
        return {
            "run_id": self.run_id,
            "received": asdict(self.received),
            "events": msgspec.structs.asdict(self.inbox),
            "unknown_realms": list(self.unknown_realms),
            "rows": self.tally.rows(),
            "requests": self.tally.requests_by_lane(),
            "throttled": self.tally.throttled,
            "metered": self.metered,
        }

    def in_words(self) -> str:
        received, tally = self.received, self.tally
        taken = (
            f"{received.deliveries:,} deliveries with {received.events:,} events ({received.duplicates:,} told before)"
        )
        refused = f"{received.forged:,} forged, {received.oversized:,} too large, {received.failed:,} to be sent again"
        rows = f"{tally.landed:,} rows landed, {tally.unchanged:,} unchanged, {tally.deleted:,} marked deleted"
        waiting = f"{self.inbox.waiting:,} events wait for the next start"
        lines = [
            f"{taken}; {refused}.",
            f"  {rows}, with {sum(tally.requests.values()):,} requests.",
            f"  {waiting}; {self.inbox.unread:,} parts of deliveries could not be understood.",
        ]
        if self.unknown_realms:
            lines.append(f"  Events wait for realms that are not registered: {', '.join(self.unknown_realms[:5])}")
        return "\n".join(lines)


async def serve_webhooks(settings: Settings, *, port: int | None) -> WebhookService:
    """Serve until a stop is asked for. Raises `BackfillError`."""
    settings.pacing_limits()  # said before anything is begun, if they are wrong
    tokens = [Secret(token.get_secret_value()) for token in settings.webhooks.verifier_tokens]
    if not tokens:
        raise UsageError(
            "There is no verifier token, so nobody could tell Intuit's deliveries from forged ones.",
            action="Set BACKFILL_WEBHOOK_VERIFIER_TOKENS to the one in your app's webhooks page at Intuit.",
        )
    async with open_store(settings) as database:
        vault = TokenVault(database, await fitting_keyring(settings, database))
        owner = Owner.current()
        runs = Runs(database, owner=owner, silence_s=settings.postgres.lease_s)
        started = await runs.start("webhooks", {}, [])
        metered = meters(settings, database)
        service = _Service(
            settings,
            database,
            PostgresStore(database, owner=owner, lease_s=settings.postgres.lease_s),
            started.run_id,
            Verifier(tokens),
        )
        async with open_api(settings, database, vault, service.tally.observe, metered) as way:

            async def work(asked: Stopping) -> None:
                async with beside(lambda: service.beat(runs), name="heartbeat of the run"):
                    await service.serve(way, asked, metered, port)

            await until_stopped(work)
        ended = await service.ended(metered.used)
        status = RunStatus.STOPPED if ended.inbox.waiting else RunStatus.DONE
        await runs.finish(started.run_id, status, ended.as_json())
        return ended


class _Service:
    """What the receiver and the worker share."""

    def __init__(
        self, settings: Settings, database: Database, store: PostgresStore, run_id: RunId, verifier: Verifier
    ) -> None:
        self.tally = Tally(anyio.current_time, 0, window_s=RATE_WINDOW_S / settings.limits_scale)
        self._settings = settings
        self._store = store
        self._inbox = Inbox(database)
        self._run_id = run_id
        intake = Intake(verifier, self._inbox, told=self._say_unknown)
        self._receiver = Receiver(intake, body_bytes=settings.webhooks.body_kb * 1024)
        self._memory = PageMemory(settings.extract.memory_mb * 1024 * 1024)
        self._fleet_options = FleetOptions(
            realms_at_once=1, lease_renewal_s=settings.postgres.lease_s / 3, wait_for_lease=False
        )
        self._unknown_said: set[RealmId] = set()

    async def serve(self, way: WayToRealm, asked: Stopping, metered: Meters, port: int | None) -> None:
        """Take in and read until a stop is asked for. At its app's cap a realm's events are taken in, and not read."""

        async def work(realm_id: RealmId) -> FleetResult:
            return await work_realms(
                [realm_id],
                lambda lease, turn: self._events(lease, turn, way, asked),
                store=self._store,
                run_id=self._run_id,
                observe=self.tally.observe,
                options=self._fleet_options,
                stopping=asked,
            )

        webhooks = self._settings.webhooks
        options = WorkerOptions(gather_s=webhooks.gather_s, realms_at_once=self._settings.extract.realms_at_once)

        def hindered() -> str:
            return " ".join(f"{why.message} {why.action}" for why in metered.reached)

        worker = Worker(self._inbox, work, options=options, stopping=asked, hindered=hindered, say=say)
        app = self._receiver.application(self._health)
        chosen = webhooks.port if port is None else port
        async with serve_application(app, host=webhooks.host, port=chosen) as bound:
            say(f"Taking in webhooks at http://{webhooks.host}:{bound}{PATH}; how it goes: {HEALTH}. Ctrl-C stops.")
            self._say_unknown(await self._inbox.unknown_realms())
            await worker.run()

    async def _events(self, lease: Lease, turn: Turn, way: WayToRealm, stopping: Callable[[], bool]) -> RealmOutcome:
        async with realm_work(
            lease,
            turn,
            way,
            stopping,
            settings=self._settings,
            store=self._store,
            run_id=self._run_id,
            memory=self._memory,
            observe=self.tally.observe,
        ) as work:
            return await apply_events(work, self._inbox, self._settings.costs)

    async def beat(self, runs: Runs) -> None:
        """Say that the run is alive, and drop what is old. The database may be away for a while."""
        forget_at = anyio.current_time()
        while True:
            self.tally.requests_in_window()  # forgets the requests of earlier windows
            with suppress(UnavailableError):
                await runs.heartbeat(self._run_id)
                if anyio.current_time() >= forget_at:
                    dropped = await self._inbox.forget(older_than_days=self._settings.webhooks.retention_days)
                    if dropped < FORGOTTEN_AT_ONCE:  # else there may be more, for the next beat
                        forget_at = anyio.current_time() + _FORGET_EVERY_S
            await anyio.sleep(self._settings.postgres.lease_s / 3)

    async def ended(self, metered: int) -> WebhookService:
        return WebhookService(
            self._run_id,
            self._receiver.counts,
            await self._inbox.counts(),
            self.tally,
            metered,
            await self._inbox.unknown_realms(),
        )

    async def _health(self) -> dict[str, object]:
        return {
            "events": msgspec.structs.asdict(await self._inbox.counts()),
            "unknown_realms": len(await self._inbox.unknown_realms()),  # not which: anybody may ask
            "requests": sum(self.tally.requests.values()),
        }

    def _say_unknown(self, realm_ids: Sequence[RealmId]) -> None:
        new = [realm_id for realm_id in realm_ids if realm_id not in self._unknown_said]
        for realm_id in new[: max(0, _REALMS_SAID - len(self._unknown_said))]:
            self._unknown_said.add(realm_id)
            say(f"Webhooks tell of realm {realm_id}, which is not registered. They are kept: backfill realms import.")
