"""The way to Intuit, or to what stands in for it, put together from the settings.

Apart from `compose`: a third of the time that a command which asks Intuit nothing takes to start would be its.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import anyio

from backfill.cli.compose import now
from backfill.cli.output import say
from backfill.config import Settings
from backfill.errors import UnavailableError
from backfill.events import Event, Observer
from backfill.jobs.beside import beside
from backfill.jobs.way import Ways
from backfill.model import Lease, Secret
from backfill.pacing.ledger import HeldPermits
from backfill.pacing.metering import MeteredBudget, Meters
from backfill.pacing.realm_room import RealmRoom
from backfill.pacing.retried import READING, Retried, RetryPolicy
from backfill.qbo.envelopes import redacted
from backfill.qbo.http import open_http
from backfill.qbo.oauth import Credentials
from backfill.qbo.token_keeper import KeeperOptions, TokenKeeper, Vault
from backfill.store.call_log import CallLog, CallLogOptions
from backfill.store.database import Database
from backfill.store.metered import MeteredCounts
from backfill.store.permits import PostgresPermitLedger

_SETTLE_S = 5.0
"""For one statement an app. What is not given back of a block stays counted, which wastes some calls of the month."""

WayToRealm = Callable[[Lease, RealmRoom], AbstractAsyncContextManager[Retried]]
"""A realm's whole stack while its lease is held: see `Ways`."""


def meters(settings: Settings, database: Database, *, within: MeteredBudget | None = None) -> Meters:
    """The metered calls of each app, counted in the database with those of all other processes.

    `within`: what all of them together need room in, too.
    """
    counts = MeteredCounts(database)
    return Meters(
        lambda app: MeteredBudget(
            settings.metered.monthly_cap,
            batch_counts_as=settings.metered.counted_as,
            ledger=counts,
            app=app,
            month=lambda: settings.metered.month_at(now()),
            within=within,
        )
    )


@asynccontextmanager
async def logged_calls(settings: Settings, database: Database, observe: Observer) -> AsyncIterator[Observer]:
    """An observer that tells `observe` and the call log, which is written beside the block."""
    if not settings.call_log.enabled:
        yield observe
        return
    log = CallLog(
        database,
        now=now,
        redact=redacted,
        options=CallLogOptions(
            all_bodies=settings.call_log.log_bodies == "all", retention_days=settings.call_log.retention_days
        ),
    )

    def both(event: Event) -> None:
        log.observe(event)
        observe(event)

    try:
        async with beside(log.keep, name="call log"):
            yield both
    finally:
        await log.settle()
        if log.lost:
            say(f"{log.lost:,} calls are missing in the call log: {log.trouble or 'the database was too slow for it'}.")
        if log.bodies_left_out:
            say(f"{log.bodies_left_out:,} bodies found no room in the call log; their calls are there without them.")


@asynccontextmanager
async def open_api(
    settings: Settings,
    database: Database,
    vault: Vault,
    observe: Observer,
    metered: Meters,
    *,
    policy: RetryPolicy = READING,
) -> AsyncIterator[WayToRealm]:
    """The way to Intuit, or to what stands in for it. Each realm's budget begins with what the last one used up.

    Whatever goes this way is in the call log.
    """
    async with (
        logged_calls(settings, database, observe) as told,
        open_http(settings.api_url, settings.token_url) as http,
    ):
        ways = Ways(
            http.api,
            http.tokens,
            vault,
            credentials=app_credentials(settings),
            ledger=PostgresPermitLedger(database, HeldPermits),
            meters=metered,
            limits=settings.pacing_limits(),
            policy=policy.scaled(settings.limits_scale),
            keeping=KeeperOptions().scaled(settings.limits_scale),
            rng=random.Random(),  # noqa: S311  # jitter only has to differ between processes; nothing secret is drawn
            now=now,
            observe=told,
        )
        try:
            yield ways.to
        finally:
            with anyio.move_on_after(_SETTLE_S, shield=True), suppress(UnavailableError):
                await metered.settle()


@asynccontextmanager
async def open_tokens(
    settings: Settings, database: Database, vault: Vault, observe: Observer
) -> AsyncIterator[TokenKeeper]:
    """The way to the token endpoint alone. What is asked there is in the call log."""
    async with (
        logged_calls(settings, database, observe) as told,
        open_http(settings.api_url, settings.token_url) as http,
    ):
        yield TokenKeeper(
            vault,
            http.tokens,
            app_credentials(settings),
            now=now,
            rng=random.Random(),  # noqa: S311  # as above
            observe=told,
            options=KeeperOptions().scaled(settings.limits_scale),
        )


def app_credentials(settings: Settings) -> Credentials | None:
    """The app's own, from the environment; realms may have been imported with theirs."""
    if settings.qbo.client_id is None or settings.qbo.client_secret is None:
        return None
    return Credentials(Secret(settings.qbo.client_id), Secret(settings.qbo.client_secret.get_secret_value()))
