"""What `doctor` looks at: each thing by itself, so that one that is not well hides no other."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import anyio

from backfill.cli.compose import keyring, now, open_store
from backfill.cli.output import counted
from backfill.cli.way_to_intuit import app_credentials
from backfill.config import Settings
from backfill.errors import BackfillError, TokenError, UnansweredError
from backfill.model import RealmId, Secret
from backfill.qbo.expiries import TokenDates, Urgency, expiry
from backfill.qbo.http import Http, open_http
from backfill.qbo.oauth import refresh
from backfill.store.database import Database
from backfill.store.realms import Realms
from backfill.store.tokens import keys_used
from backfill.wire import Lane, Request, Response

ANSWER_S = 30.0
"""For one question to Intuit: an answer takes a tenth of a second."""

UNREACHED = (
    "Check the network and the firewall (a proxy of the environment is not used: it would see tokens), then Intuit's"
    " status page."
)

CLOCK_S = 60.0
"""By our clock a token is refreshed ten minutes before its end; beyond a minute somebody's clock is simply wrong."""

FREE_BYTES = 2 * 1024**3
"""For an embedded database: a million documents take some 3 GB."""

NO_TOKEN = Secret("none")
"""What no company has: the endpoint looks at the app's secret first, and then refuses this."""
NO_REALM = RealmId("0")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    name: str
    well: bool
    message: str
    action: str = ""

    def as_json(self) -> Mapping[str, object]:
        return {"name": self.name, "well": self.well, "message": self.message, "action": self.action}

    def in_words(self) -> str:
        line = f"{'ok' if self.well else 'NOT WELL':<9} {self.name:<10} {self.message}"
        return f"{line}\n{'':<21}What to do: {self.action}" if self.action else line


Check = Callable[[], Awaitable[Finding]]


async def checkup(settings: Settings) -> Sequence[Finding]:
    """All findings, in the order in which a run would meet them."""
    findings = [await _looked("settings", lambda: _settings(settings))]
    own_apps = False
    try:
        async with open_store(settings) as database:
            findings.append(await _looked("database", lambda: _database(settings, database)))
            findings.append(await _looked("key", lambda: _key(settings, database)))
            findings.append(await _looked("companies", lambda: _companies(database)))
            own, connected = await Realms(database).apps_of_their_own()
            own_apps = 0 < own == connected
    except BackfillError as error:
        findings.append(_not_well("database", error))
    async with open_http(settings.api_url, settings.token_url) as http:
        findings.append(await _looked("app", lambda: _app(settings, http, own_apps=own_apps)))
        findings.append(await _looked("intuit", lambda: _intuit(settings, http)))
    return findings


async def _looked(name: str, check: Check) -> Finding:
    try:
        return await check()
    except UnansweredError as error:
        words = error.message.removeprefix(f"Realm {NO_REALM}: ").replace(f" for realm {NO_REALM}", "")
        return Finding(name, False, words.rstrip("."), UNREACHED)
    except BackfillError as error:
        return _not_well(name, error)


def _not_well(name: str, error: BackfillError) -> Finding:
    return Finding(name, False, error.message, error.action)


async def _settings(settings: Settings) -> Finding:
    settings.pacing_limits()
    scaled = f"; limits of {settings.limits_scale:g} times the pace" if settings.limits_scale != 1 else ""
    return Finding("settings", True, f"{settings.environment}: {settings.api_url}{scaled}")


async def _database(settings: Settings, database: Database) -> Finding:
    before = now()
    async with database.control() as connection:
        version, there = await connection.fetchval("SELECT (current_setting('server_version'), clock_timestamp())")
    said = f"{database.name}, Postgres {version}, with this program's schema"
    if ahead := _ahead(there, before, now()):
        return Finding("database", False, f"{said}; its clock is {ahead} ours", "Set both machines' clocks by NTP.")
    if settings.database_url is None:
        free = shutil.disk_usage(settings.data_folder).free
        if free < FREE_BYTES:
            return Finding(
                "database",
                False,
                f"{said}; only {free / 1024**3:.1f} GB are free below {settings.data_folder}",
                "Free space there, or give another place: BACKFILL_DATA_DIR.",
            )
    return Finding("database", True, said)


async def _key(settings: Settings, database: Database) -> Finding:
    used = await keys_used(database)
    if not used and settings.encryption_key is None and not settings.key_file.exists():
        return Finding("key", True, f"there are no tokens yet; the first import makes {settings.key_file}")
    ring = await keyring(settings, database)
    unread = sum(realms for key_id, realms in used.items() if key_id not in ring.key_ids)
    where = "BACKFILL_ENCRYPTION_KEY" if settings.encryption_key is not None else str(settings.key_file)
    if unread:
        return Finding(
            "key",
            False,
            f"the tokens of {counted(unread, 'realm')} were encrypted with another key than that of {where}",
            "Give that key as well: backfill keys list names the keys.",
        )
    return Finding("key", True, f"{where} reads all tokens")


async def _companies(database: Database) -> Finding:
    realms = await Realms(database).list()
    if not realms:
        return Finding("companies", False, "none are registered", "backfill realms import FILE, or backfill auth login")
    parked = sum(realm.state == "parked" for realm in realms)
    dates = [TokenDates(**row) for row in await Realms(database).token_dates()]
    ending = sum(expiry(each, now()).urgency is not Urgency.FINE for each in dates)
    said = f"{len(realms):,} registered, {parked:,} of them parked, {ending:,} with tokens that end soon or have ended"
    if parked or ending:
        return Finding("companies", False, said, "backfill realms list says of each what it waits for.")
    return Finding("companies", True, said)


async def _app(settings: Settings, http: Http, *, own_apps: bool) -> Finding:
    """Asked with a token that is none: whether the app is known is told before what the token is worth."""
    app = app_credentials(settings)
    if app is None:
        if own_apps:
            return Finding("app", True, "every company was imported with one of its own")
        return Finding(
            "app",
            False,
            "no app is set; only companies that were imported with one of their own can be read",
            "Set BACKFILL_CLIENT_ID and BACKFILL_CLIENT_SECRET, as Intuit's developer portal shows them.",
        )
    try:
        await refresh(http.tokens, NO_REALM, NO_TOKEN, app, deadline=anyio.current_time() + ANSWER_S)
    except TokenError as error:
        if error.code == "invalid_grant":
            return Finding("app", True, f"known at {settings.token_url}")
        if error.code == "invalid_client":
            raise
    return Finding("app", True, f"{settings.token_url} answers, and does not say whether it knows the app")


async def _intuit(settings: Settings, http: Http) -> Finding:
    """Asked without a token: any answer shows the way, and tells the time."""
    request = Request(realm_id=NO_REALM, lane=Lane.QUERY, method="GET", path=f"/companyinfo/{NO_REALM}")
    before = now()
    response = await http.api.send(request, deadline=anyio.current_time() + ANSWER_S)
    took_ms = (now() - before) / timedelta(milliseconds=1)
    said = f"{settings.api_url} answers, in {took_ms:,.0f} ms"
    if response.status >= 500:
        return Finding("intuit", False, f"{said}, HTTP {response.status}", "See Intuit's status page, and try again.")
    there = _told_time(response)
    if there is not None and (ahead := _ahead(there, before, now())):
        return Finding("intuit", False, f"{said}; its clock is {ahead} ours", "Set this machine's clock by NTP.")
    return Finding("intuit", True, said)


def _told_time(response: Response) -> datetime | None:
    try:
        return parsedate_to_datetime(response.headers.get("date", ""))
    except ValueError:
        return None


def _ahead(there: datetime, before: datetime, after: datetime) -> str:
    """How far a clock that said `there` between two moments of ours is off; empty where it is not by much."""
    off_s = max((there - after).total_seconds(), (before - there).total_seconds())
    return f"{off_s:,.0f} s {'ahead of' if there > after else 'behind'}" if off_s > CLOCK_S else ""
