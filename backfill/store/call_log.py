"""The call log: every exchange with Intuit, written in bulk beside the work, and never in its way.

An observer of events puts each call into a bounded buffer; a task of its own copies the buffer into Postgres about
once a second. Where Postgres is slow or away the buffer fills, and what finds no room in it is counted as lost: the
log may have holes, and says how many, but no run ever waits for it or fails for it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import anyio
import asyncpg
from isal import isal_zlib

from backfill.errors import UnavailableError
from backfill.events import Answered, Event, RequestAnswered
from backfill.store.database import Database

if TYPE_CHECKING:  # the driver's generic types exist only in its stubs
    from backfill.store.database import Connection

COLUMNS = (
    "asked_at",
    "realm_id",
    "lane",
    "method",
    "path",
    "params",
    "request_id",
    "attempt",
    "status",
    "code",
    "intuit_tid",
    "duration_s",
    "request_bytes",
    "response_bytes",
    "response_crc32",
    "request_body",
    "response_body",
)
"""The columns of backfill.call, in the order of a row's values."""

BODY_CHARS_KEPT = 64 * 1024
"""Of one body: a batch of thirty invoices, or the longest fault many times over."""
WHOLE_BODY_CHARS_KEPT = 4 * 1024 * 1024
"""Of one body where all are wanted: twice a page of a thousand invoices."""
TEXT_CHARS_KEPT = 4000
"""Of parameters: a statement is at most 2000 bytes before it travels in a body."""
WORD_CHARS_KEPT = 200
"""Of an id or a code: an intuit_tid has 35 characters, a requestid at most 36."""
CALLS_HELD = 10_000
"""Waiting to be written: at a thousand calls a second, which no machine reaches, ten seconds of them."""
BODY_BYTES_HELD = 8 * 1024 * 1024
"""Of their bodies. A second of full speed writing of one realm has a tenth of it."""
ROWS_A_COPY = 1000
EVERY_S = 1.0
"""Between two writes, unless a copy's worth of rows is waiting: a reader of the log is a second behind."""
WRITE_S = 15.0
"""A thousand rows take some 20 ms. After this the database is not there for us, and the rows wait for the next try."""
SETTLE_S = 5.0
"""At the end of a command, for what is left."""

MAKE_DAY = "SELECT backfill.make_calls_of($1)"
DROP_OLD = "SELECT backfill.drop_calls_before($1)"

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLogOptions:
    """What is kept, and for how long."""

    all_bodies: bool = False
    """Also those of reads that went well, and whole ones; else only their checksum."""
    retention_days: int = 30


class CallLog:
    """Pass `observe` as an observer, let `keep` run beside the work, and call `settle` at its end."""

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[], datetime],
        redact: Callable[[str], str],
        options: CallLogOptions | None = None,
    ) -> None:
        """`now` is the wall clock; `redact` takes out of a body what is secret, and what no database takes."""
        self._database = database
        self._now = now
        self._redact = redact
        self._options = options or CallLogOptions()
        self._rows: list[Row] = []
        self._body_bytes = 0
        self._due = anyio.Event()
        self._days_made: set[date] = set()
        self.lost = 0
        """Calls that are not in the log and never will be."""
        self.bodies_left_out = 0
        """Bodies that would have been kept and found no room; their calls are in the log."""
        self.trouble = ""
        """Why the last write failed; empty if it did not."""

    def observe(self, event: Event) -> None:
        """Remember a call, or count it as lost where there is no room. Other events are nobody's here."""
        if not isinstance(event, Answered):
            return
        if len(self._rows) >= CALLS_HELD:
            self.lost += 1
            return
        self._rows.append(self._row(event))
        if len(self._rows) >= ROWS_A_COPY:
            self._due.set()

    async def keep(self) -> None:
        """Write what was observed, until cancelled. Begins each day with its table, and without what is too old."""
        begun: date | None = None
        while True:
            today = self._now().astimezone(UTC).date()
            if begun != today:
                begun = today
                await self._begin(today)
            with anyio.move_on_after(EVERY_S):
                await self._due.wait()
            self._due = anyio.Event()
            await self._write()
            if self.trouble:
                await anyio.sleep(EVERY_S)  # a full buffer must not make us knock without a pause

    async def settle(self) -> None:
        """Write what is left, within some seconds; the rest is lost."""
        with anyio.move_on_after(SETTLE_S, shield=True):
            while self._rows and await self._write():
                pass
        self.lost += len(self._rows)
        self._rows.clear()

    async def _write(self) -> bool:
        """Write all that waits, a copy at a time. Returns whether nothing went wrong."""
        while self._rows:
            rows = self._rows[:ROWS_A_COPY]
            # Not to be cancelled half-way, for then nobody knows whether these rows are in.
            with anyio.move_on_after(WRITE_S, shield=True):
                try:
                    await self._copy(rows)
                    self.trouble = ""
                except (UnavailableError, TimeoutError) as error:
                    self.trouble = str(error)
                    return False
                except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                    # These rows will never be taken, and the next ones must not wait behind them.
                    self.trouble = type(error).__name__
                    self.lost += len(rows)
                self._forget(rows)
                continue
            self.trouble = f"the database did not take them within {WRITE_S:.0f} s"
            return False
        return True

    def _forget(self, rows: list[Row]) -> None:
        del self._rows[: len(rows)]
        self._body_bytes -= sum(_held_bytes(row) for row in rows)

    async def _copy(self, rows: list[Row]) -> None:
        days = {_day(row) for row in rows} - self._days_made
        async with self._database.control() as connection:
            for day in sorted(days):
                await self._make(connection, day)
            async with connection.transaction():
                await connection.execute("SET LOCAL synchronous_commit = off")
                await connection.copy_records_to_table("call", schema_name="backfill", columns=COLUMNS, records=rows)

    async def _begin(self, today: date) -> None:
        """Make the day's table, for which else the run's end would wait, and drop the days that are over.

        Where somebody reads these, or the database is away, they go tomorrow, and the table is made when it is needed.
        """
        with suppress(UnavailableError):
            async with self._database.control() as connection:
                await self._make(connection, today)
                await connection.execute(DROP_OLD, today - timedelta(days=self._options.retention_days))

    async def _make(self, connection: Connection, day: date) -> None:
        await connection.execute(MAKE_DAY, day)
        self._days_made.add(day)

    def _row(self, event: Answered) -> Row:
        asked_at = self._now() - timedelta(seconds=event.duration_s)
        outcome = (event.attempt, event.status, _word(event.code), _word(event.intuit_tid), event.duration_s)
        if not isinstance(event, RequestAnswered):  # the token endpoint, of which all else is secret
            return (asked_at, _word(event.realm_id), "token", "POST", "", "", "", *outcome, 0, 0, None, None, None)
        failed = bool(event.code) or event.status is None
        kept = self._options.all_bodies or failed or _writes(event)
        return (
            asked_at,
            _word(event.realm_id),
            event.lane,
            event.method,
            self._redact(event.path)[:TEXT_CHARS_KEPT],
            self._redact("&".join(f"{name}={value}" for name, value in event.params))[:TEXT_CHARS_KEPT],
            _word(dict(event.params).get("requestid", "")),
            *outcome,
            len(event.request_body),
            event.body_bytes,
            isal_zlib.crc32(event.body) if event.body else None,
            # What was asked is short but for writes, and says which entities a batch was about.
            self._kept(event.request_body),
            self._kept(event.body) if kept else None,
        )

    def _kept(self, body: bytes) -> str | None:
        """The body without secrets, cut to its bound; None where there is none, or no room."""
        if not body:
            return None
        if self._body_bytes >= BODY_BYTES_HELD:
            self.bodies_left_out += 1
            return None
        bound = WHOLE_BODY_CHARS_KEPT if self._options.all_bodies else BODY_CHARS_KEPT
        # Cut again after it is redacted: a secret that the first cut goes through would not be known for one.
        text = self._redact(body[: 2 * bound].decode("utf-8", "replace"))[:bound]
        self._body_bytes += len(text)
        return text


def _writes(event: RequestAnswered) -> bool:
    """Whether the call changes the company. A batch of queries has no operation: a quote within one is escaped."""
    return event.lane == "write" or (event.lane == "batch" and b'"operation":' in event.request_body)


def _word(text: str) -> str:
    """What comes from a header or a fault, as a database takes it."""
    return text[:WORD_CHARS_KEPT].encode("utf-8", "replace").decode().replace("\0", "")


def _day(row: Row) -> date:
    asked_at = row[0]
    assert isinstance(asked_at, datetime), "the first column"
    return asked_at.astimezone(UTC).date()


def _held_bytes(row: Row) -> int:
    return sum(len(body) for body in row[-2:] if isinstance(body, str))
