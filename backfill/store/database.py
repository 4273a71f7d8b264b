"""The way to Postgres: two pools, opened together, and every error of the driver translated on the way out."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

import anyio
import asyncpg
import msgspec

from backfill.errors import UnavailableError
from backfill.store.binaries import OLDEST_MAJOR
from backfill.store.migrate import migrate, require_migrated
from backfill.store.owners import Owner
from backfill.store.postgres_errors import POOLED, translated

if TYPE_CHECKING:  # the driver's generic types exist only in its stubs
    from asyncpg.pool import PoolConnectionProxy

    Connection = PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
    Driven = asyncpg.Connection[asyncpg.Record]

JSONB_VERSION = b"\x01"
"""The first byte of jsonb in the binary protocol; the document's text follows."""

CONTROL_COMMAND_TIMEOUT_S = 60.0
"""Statements on the control pool take milliseconds; this bounds a lost network and a lock held by another."""
LANDING_TIMEOUT_S = 180.0
"""For all statements of a page, and to wait for a connection. 1000 rows take 40 ms; a stalled disk may take minutes.

One bound around them: the driver's own is a timer for each statement and each message of a COPY, thirty a page."""
CONNECT_TIMEOUT_S = 15.0
"""A connection over TLS takes well under a second."""
IDLE_CONNECTION_LIFETIME_S = 300.0
"""Firewalls drop idle connections after minutes; ours go before."""
SEND_BUFFER_BYTES = 4 * 1024 * 1024
"""A page or two. The kernel gives less where its own bound (`net.core.wmem_max`) is lower, and says nothing."""
NO_FURTHER_S = 0.2
"""Before another try where the server had no connection left: a statement of ours takes milliseconds, and whatever is
given back is taken before a new one is asked for."""
STATEMENTS_KEPT = 500
"""Planned, by each session: more than there are, for most are another one for each of forty tables. `verify` has 160,
and of the hundred that the driver keeps of itself each drops one that the next company needs (measured: a third of all
were planned anew)."""
LONGEST_STATEMENT_BYTES = 64 * 1024
"""That a session keeps the plan of. One over all tables has 32,000, and takes longer to plan than to answer; the
driver of itself keeps none above 15,000."""
ABANDONED_TRANSACTION_S = 20
"""No transaction of ours waits for anything but the server: an idle one was abandoned.

A third of what a statement of the control pool waits for its locks: whoever waits outlasts it.
"""

NOT_THE_ROLES = {
    "default_transaction_isolation": "read committed",
    "lock_timeout": "0",
    "standard_conforming_strings": "on",
    "statement_timeout": "0",
}
"""What a role or a database may have set for other programs. Our statements wait for one another and then look again,
which other levels of isolation refuse; each has a bound of ours, after which we know what to do; and a backslash in
one is a backslash."""

TRANSACTION_TIMEOUT_SINCE = 17
"""The major version of Postgres that has the last of the time-outs, for a transaction as a whole."""
NO_TRANSACTION_TIMEOUT = "SET transaction_timeout = 0"
"""An older server would refuse it, so it cannot be among what a session begins with."""

ENCODING = "UTF8"
"""Of a database's texts."""

PLANS = "force_generic_plan"

SERVER = """
SELECT current_setting('server_version_num')::integer / 10000 AS major, current_setting('server_encoding') AS encoding,
    current_setting('plan_cache_mode') AS plans
"""

SETTING_REFUSED = (
    asyncpg.UndefinedObjectError,
    asyncpg.InvalidParameterValueError,
    asyncpg.CantChangeRuntimeParamError,
)
"""By a server that is connected to: what the driver does not know in an address, it hands on as the session's."""

UNREADABLE_ADDRESS = "(unreadable address)"


@dataclass(frozen=True, slots=True)
class PoolSizes:
    """How many connections each pool may open."""

    control: int = 10
    """Leases, tokens, bookkeeping: short statements of many realms."""
    landing: int = 3
    """Pages. Two writers fill the processors of two cores; a third has work for them while we decode (measured)."""


class Database:
    """The open pools. `control` commits durably; `landing` commits may be lost, latest first, if the *server* crashes.

    A lost landing takes its checkpoint with it, so the pages are read again; and a durable commit makes every
    earlier one durable, so a proof never outlives its rows.
    """

    def __init__(self, name: str, owner: Owner, control: Pool, landing: Pool) -> None:
        self.name = name
        """Host, port and database, for messages: no user, no password."""
        self.owner = owner
        """Whose sessions these are."""
        self.landing_size = landing.get_max_size()
        """How many connections for pages there may be."""
        self._control = control
        self._landing = landing

    @asynccontextmanager
    async def control(self) -> AsyncIterator[Connection]:
        """A connection whose commits are durable. Raises UnavailableError for the world's troubles within the block."""
        with translated(self.name):
            async with _lent(self._control, CONNECT_TIMEOUT_S + CONTROL_COMMAND_TIMEOUT_S) as connection:
                yield connection

    @asynccontextmanager
    async def landing(self, *, waits: bool = True) -> AsyncIterator[Connection]:
        """A connection for pages: `synchronous_commit` is off. Raises UnavailableError as `control` does.

        `waits`: for one of ours where the server has no further one. Whoever holds several must not.
        """
        with translated(self.name):
            # Both may wait for as long as a page takes: that is the backpressure on whoever reads.
            async with _lent(self._landing, LANDING_TIMEOUT_S, waits=waits) as connection:
                with anyio.fail_after(LANDING_TIMEOUT_S):
                    yield connection


@asynccontextmanager
async def _lent(pool: Pool, timeout_s: float, *, waits: bool = True) -> AsyncIterator[Connection]:
    """One of the pool's connections. Where the server has no further one for us, one that is there is waited for."""
    deadline = anyio.current_time() + timeout_s
    connection: Connection | None = None
    while connection is None:
        try:
            connection = await pool.acquire(timeout=deadline - anyio.current_time())
        except asyncpg.TooManyConnectionsError:
            if not waits or anyio.current_time() + NO_FURTHER_S >= deadline:
                raise
            await anyio.sleep(NO_FURTHER_S)
    try:
        yield connection
    finally:
        await pool.release(connection)


@asynccontextmanager
async def open_database(
    dsn: str,
    *,
    owner: Owner | None = None,
    sizes: PoolSizes | None = None,
    migrated: bool = True,
    read_only: bool = False,
) -> AsyncIterator[Database]:
    """Open the pools, see that the server is new enough, and bring the schema up to this program's.

    The sessions bear the name of `owner`: this process, unless a test says otherwise.
    `migrated=False` does not look at the schema at all. `read_only`: it must be there, for nothing can be written.
    Raises UnavailableError: unreachable, refused, too old, not in UTF-8, behind a pooler that drops what we set for
    our sessions, or a schema newer than this program.
    """
    sizes = sizes or PoolSizes()
    name = database_name(dsn)
    owner = owner or Owner.current()
    # No statement is worth compiling, which a server does as it comes: what is held of one entity by Id took 40 ms
    # without, and 210 with it. Within a JSON document times are in the session's zone; the driver's own are in UTC.
    common = {"application_name": owner.session_name, "jit": "off", "timezone": "UTC", **NOT_THE_ROLES}
    if read_only:
        common["default_transaction_read_only"] = "on"
    with translated(name):
        # What is asked there is asked by key, so the values do not matter to the plan. Else each session plans each
        # statement five times before it keeps a plan, and one over all tables takes longer to plan than to answer.
        # Nor is any worth a worker process to help, which takes longer to start than those that would have one take.
        by_key = {
            **common,
            "synchronous_commit": "on",
            "plan_cache_mode": PLANS,
            "max_parallel_workers_per_gather": "0",
        }
        control = await _open_pool(dsn, sizes.control, CONTROL_COMMAND_TIMEOUT_S, by_key, init=_set_up)
        try:
            async with control.acquire() as connection:
                _require_server(name, await connection.fetchrow(SERVER))
                if read_only:
                    await require_migrated(name, connection)
                elif migrated:
                    await migrate(connection)
            off = {**common, "synchronous_commit": "off"}
            with anyio.fail_after(LANDING_TIMEOUT_S):
                landing = await _open_pool(dsn, sizes.landing, None, off, init=_set_up_landing)
        except BaseException:
            control.terminate()
            raise
    try:
        yield Database(name, owner, control, landing)
    finally:
        # Whoever leaves has finished or was cancelled: nothing is worth waiting for.
        landing.terminate()
        control.terminate()


def database_name(dsn: str) -> str:
    """`host:port/database` of a DSN, or several hosts as they stand there, for messages. Never user or password."""
    try:
        parts = urlsplit(dsn)
        hosts = parts.netloc.rpartition("@")[2] or parse_qs(parts.query).get("host", ["local"])[0]
    except ValueError:
        return UNREADABLE_ADDRESS
    # A slash, ? or # in an unquoted password moves the rest of it behind the host, and a part of it into its place.
    cut_short = "@" in parts.path or ("@" not in parts.netloc and "@" in parts.query + parts.fragment)
    if parts.scheme not in {"postgresql", "postgres"} or cut_short:
        return UNREADABLE_ADDRESS
    return f"{hosts}/{unquote(parts.path.lstrip('/')) or 'postgres'}"


async def _open_pool(
    dsn: str,
    size: int,
    command_timeout_s: float | None,
    settings: dict[str, str],
    *,
    init: Callable[[Driven], Coroutine[None, None, None]],
) -> Pool:
    try:
        return await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=size,
            max_inactive_connection_lifetime=IDLE_CONNECTION_LIFETIME_S,
            command_timeout=command_timeout_s,
            timeout=CONNECT_TIMEOUT_S,
            init=init,
            reset=_leave_as_it_is,
            statement_cache_size=STATEMENTS_KEPT,
            max_cacheable_statement_size=LONGEST_STATEMENT_BYTES,
            server_settings={"idle_in_transaction_session_timeout": f"{ABANDONED_TRANSACTION_S}s", **settings},
        )
    except (ValueError, IndexError):
        # The driver's reading of an address, or of PGPORT, whose words may quote a password.
        raise asyncpg.ClientConfigurationError("the address cannot be read") from None
    except SETTING_REFUSED as error:
        # An address for another client may have what only that one knows, such as connect_timeout or channel_binding.
        raise UnavailableError(
            f"the database {database_name(dsn)} does not take a setting of this connection: {error}",
            action="take it out of BACKFILL_DATABASE_URL if it stands there; else see that this is Postgres"
            f" {OLDEST_MAJOR} or newer",
        ) from error


async def _leave_as_it_is(_connection: object) -> None:
    """Nothing of ours outlives its transaction in a session, and the pool itself rolls back one that is left open.

    The driver's own way asks the server after each use to forget what it was never told: a round trip for every page
    and every statement.
    """


async def _set_up_landing(connection: Driven) -> None:
    """Let a page be handed to the kernel at once, where the socket is local.

    Else the server runs out of work while we decode the next page: measured, a tenth of the whole time. TCP's buffers
    grow by themselves, and a size set by hand would end that.
    """
    await _set_up(connection)
    # The driver has no other way to its socket.
    pipe = connection._transport.get_extra_info("socket")  # type: ignore[attr-defined]  # noqa: SLF001
    if pipe is not None and pipe.family == getattr(socket, "AF_UNIX", None):
        pipe.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)


async def _set_up(connection: Driven) -> None:
    """Let jsonb travel as the bytes it is: no decoding, no re-encoding, numbers keep their scale."""
    if connection.get_server_version().major >= TRANSACTION_TIMEOUT_SINCE:
        await connection.execute(NO_TRANSACTION_TIMEOUT)
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", format="binary", encoder=JSONB_VERSION.__add__, decoder=_json_bytes
    )


def _json_bytes(value: bytes) -> msgspec.Raw:
    return msgspec.Raw(bytes(value[1:]))


def _require_server(name: str, server: asyncpg.Record | None) -> None:
    assert server is not None, "a SELECT of settings has a row"
    if server["major"] < OLDEST_MAJOR:
        raise UnavailableError(
            f"the database {name} is Postgres {server['major']}; backfill needs {OLDEST_MAJOR} or newer",
            action="upgrade it, or leave BACKFILL_DATABASE_URL out to use the embedded Postgres",
        )
    if server["encoding"] != ENCODING:
        # What it cannot hold, it would refuse row by row; and SQL_ASCII, every text that has an escape.
        raise UnavailableError(
            f"the database {name} keeps its texts in {server['encoding']}, which cannot hold all that companies write",
            action=f"make one that can: CREATE DATABASE ... ENCODING '{ENCODING}' TEMPLATE template0",
        )
    if server["plans"] != PLANS:
        raise UnavailableError(
            f"the database {name} {POOLED.sentence}: what is set for a session does not reach it", action=POOLED.action
        )
