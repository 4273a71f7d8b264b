"""The call log: whole where it can be, never in the way, honest about its holes, a table a day."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import anyio
import asyncpg
import pytest

from backfill.events import Event, RequestAnswered, TokenAnswered, TokenRefreshed
from backfill.model import RealmId
from backfill.qbo.envelopes import redacted
from backfill.store import call_log
from backfill.store.call_log import CallLog, CallLogOptions
from backfill.store.call_search import Call, CallSearch, Wanted
from backfill.store.database import Database, open_database
from tests.postgres import SMALL_POOLS

NOON = datetime(2026, 11, 28, 12, 0, 0, tzinfo=UTC)
REALM = RealmId("4620816365")
PAGE = b'{"QueryResponse":{"Invoice":[{"Id":"1"}]},"time":"2026-11-28T12:00:00Z"}'


def answered(**changes: Any) -> RequestAnswered:
    fields: dict[str, Any] = {
        "realm_id": REALM,
        "lane": "query",
        "method": "GET",
        "path": "/query",
        "params": (("query", "SELECT * FROM Invoice"), ("minorversion", "75")),
        "status": 200,
        "code": "",
        "intuit_tid": "1-5f734f0e-58baa045003ab251111c54e6",
        "body_bytes": len(changes.get("body", PAGE)),
        "body": PAGE,
        "duration_s": 0.25,
    }
    return RequestAnswered(**fields | changes)


def log_of(database: Database, now: Callable[[], datetime] = lambda: NOON, **options: Any) -> CallLog:
    return CallLog(database, now=now, redact=redacted, options=CallLogOptions(**options))


async def logged(database: Database, *events: Event, **options: Any) -> list[Call]:
    """The events, observed and written, as the log tells them: the newest first."""
    log = log_of(database, **options)
    for event in events:
        log.observe(event)
    await log.settle()
    assert (log.lost, log.trouble) == (0, "")
    return await found(database)


async def found(database: Database, **wanted: Any) -> list[Call]:
    return [call async for call in CallSearch(database).calls(Wanted(**wanted))]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it holds: the database tells nobody."""
    with anyio.fail_after(60):
        while not await condition():  # noqa: ASYNC110  # as said
            await anyio.sleep(0.05)


async def until_logged(database: Database, calls: int) -> None:
    async def logged() -> bool:
        return len(await found(database)) == calls

    await until(logged)


@asynccontextmanager
async def kept(log: CallLog) -> AsyncIterator[None]:
    async with anyio.create_task_group() as group:
        group.start_soon(log.keep)
        yield
        group.cancel_scope.cancel()


async def test_a_call_is_logged_with_all_that_is_known_of_it(database: Database) -> None:
    (call,) = await logged(database, answered(attempt=2))
    assert call == Call(
        asked_at=NOON - timedelta(seconds=0.25),
        realm_id=REALM,
        lane="query",
        method="GET",
        path="/query",
        params="query=SELECT * FROM Invoice&minorversion=75",
        request_id="",
        attempt=2,
        status=200,
        code="",
        intuit_tid="1-5f734f0e-58baa045003ab251111c54e6",
        duration_s=0.25,
        request_bytes=0,
        response_bytes=len(PAGE),
        response_crc32=zlib.crc32(PAGE),
        request_body=None,
        response_body=None,
    )


CREATE = b'{"BatchItemRequest":[{"bId":"1","operation":"create","Invoice":{}}]}'
ASK = rb'{"BatchItemRequest":[{"bId":"1","Query":"SELECT * FROM Vendor WHERE X = \'\"operation\":\'"}]}'


@pytest.mark.parametrize(
    ("event", "is_kept"),
    [
        (answered(), False),
        (answered(lane="write", method="POST", path="/invoice", request_body=b"{}"), True),
        (answered(lane="batch", method="POST", path="/batch", request_body=CREATE), True),
        (answered(lane="batch", method="POST", path="/batch", request_body=ASK), False),
        (answered(status=400, code="4001"), True),
        (answered(status=None, code="timeout", body=b""), False),
    ],
    ids=["read", "write", "batch of writes", "batch of queries", "fault", "no answer"],
)
async def test_the_bodies_of_writes_and_of_failures_are_kept(
    database: Database, event: RequestAnswered, is_kept: bool
) -> None:
    (call,) = await logged(database, event)
    assert call.response_body == (event.body.decode() if is_kept else None)
    assert call.request_body == (event.request_body.decode() or None)


async def test_all_bodies_are_kept_if_that_is_wanted(database: Database) -> None:
    page = b'{"a":"' + b"x" * (3 * call_log.BODY_CHARS_KEPT) + b'"}'
    (call,) = await logged(database, answered(body=page), all_bodies=True)
    assert call.response_body == page.decode()


async def test_law_7_a_body_has_no_secrets_and_a_bound(database: Database) -> None:
    body = b'{"access_token":"opaque","Fault":"Token expired: opaque","SyncToken":"0","x":"' + b"\xff\0" * 99_999
    (call,) = await logged(database, answered(status=500, code="10000", body=body))
    assert call.response_body is not None
    assert call.response_body.startswith('{"access_token":"***","Fault":"Token expired: ***","SyncToken":"0"')
    assert "opaque" not in call.response_body
    assert len(call.response_body) == call_log.BODY_CHARS_KEPT < call.response_bytes


async def test_an_exchange_with_the_token_endpoint_is_logged_without_what_was_said(database: Database) -> None:
    told = TokenAnswered(realm_id=REALM, status=400, code="invalid_grant", intuit_tid="1-5f", duration_s=1.5)
    refreshed = TokenRefreshed(realm_id=REALM, rotated=True, gap_s=0.01)
    (call,) = await logged(database, told, refreshed)
    assert (call.lane, call.status, call.code, call.intuit_tid) == ("token", 400, "invalid_grant", "1-5f")
    assert (call.params, call.request_body, call.response_body) == ("", None, None)


async def test_what_no_database_takes_is_made_takeable(database: Database) -> None:
    odd = "\ud800\0" + "x" * 10**6
    event = answered(status=500, code=odd, intuit_tid=odd, path=odd, params=((odd, odd), ("requestid", odd)))
    (call,) = await logged(database, event)
    assert call.code == call.intuit_tid == call.request_id == "?" + "x" * 198
    assert len(call.path) == len(call.params) == call_log.TEXT_CHARS_KEPT


async def test_what_finds_no_room_is_counted_and_the_rest_is_written(database: Database) -> None:
    log = log_of(database)
    for _ in range(call_log.CALLS_HELD + 7):
        log.observe(answered())
    await log.settle()
    assert log.lost == 7
    assert len(await found(database)) == call_log.CALLS_HELD


async def test_bodies_have_a_bound_together_and_their_calls_are_logged_without_them(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = log_of(database)
    body = b"x" * call_log.BODY_CHARS_KEPT
    fit = 12
    monkeypatch.setattr(call_log, "BODY_BYTES_HELD", fit * call_log.BODY_CHARS_KEPT)
    for _ in range(2):  # what was written makes room again
        for _ in range(fit + 3):
            log.observe(answered(status=500, code="10000", body=body))
        assert await log._write()
    assert (log.lost, log.bodies_left_out) == (0, 6)
    calls = await found(database)
    assert sum(call.response_body is not None for call in calls) == 2 * fit
    assert len(calls) == 2 * fit + 6


async def test_it_is_written_while_the_work_goes_on_and_at_its_end(database: Database) -> None:
    log = log_of(database)
    async with kept(log):
        log.observe(answered())
        await until_logged(database, 1)
        log.observe(answered())
    await log.settle()
    assert len(await found(database)) == 2


async def test_a_copy_s_worth_is_written_at_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_log, "EVERY_S", 3600.0)
    log = log_of(database)
    async with kept(log):
        await anyio.sleep(0.05)
        for _ in range(call_log.ROWS_A_COPY):
            log.observe(answered())
        await until_logged(database, call_log.ROWS_A_COPY)


async def test_a_database_that_is_slow_holds_nobody_up(
    database: Database, database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_log, "WRITE_S", 0.2)
    log = log_of(database)
    blocker = await asyncpg.connect(database_dsn)
    async with blocker.transaction():
        await blocker.execute("LOCK TABLE backfill.call IN ACCESS EXCLUSIVE MODE")
        for _ in range(10):
            log.observe(answered())
        assert not await log._write()
        assert "within" in log.trouble
        assert log.lost == 0
    await blocker.close()
    monkeypatch.undo()
    assert await log._write()
    assert (len(await found(database)), log.trouble) == (10, "")


async def test_a_database_that_is_gone_costs_the_rows_and_nothing_else(
    database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_log, "SETTLE_S", 2.0)
    async with open_database(database_dsn, sizes=SMALL_POOLS) as own:
        log = log_of(own)
        async with kept(log):
            for _ in range(5):
                log.observe(answered())
            own._control.terminate()
            await anyio.sleep(0.1)
        await log.settle()
    assert log.lost == 5
    assert log.trouble


async def test_rows_that_are_refused_are_lost_and_the_next_are_not(database: Database) -> None:
    log = log_of(database)
    log.observe(answered(attempt=0))  # a mistake of ours, which the table's own check finds
    await log._write()
    assert (log.lost, log.trouble) == (1, "CheckViolationError")
    log.observe(answered())
    assert await log._write()
    assert len(await found(database)) == 1


async def tables(database: Database) -> list[str]:
    async with database.control() as connection:
        rows = await connection.fetch(
            "SELECT inhrelid::regclass::text AS part FROM pg_inherits WHERE inhparent = 'backfill.call'::regclass"
            " ORDER BY 1"
        )
    return [row["part"] for row in rows]


async def test_each_day_of_utc_has_its_table(database: Database) -> None:
    moments = [datetime(2026, 11, 28, 23, 59, 59, 900_000, tzinfo=UTC), datetime(2026, 11, 29, 0, 0, 1, tzinfo=UTC)]
    log = log_of(database, now=lambda: moments.pop(0))
    log.observe(answered(duration_s=0.5))
    log.observe(answered(duration_s=0.5))
    await log.settle()
    assert await tables(database) == ["backfill.call_20261128", "backfill.call_20261129"]
    async with database.control() as connection:
        counts = [await connection.fetchval(f"SELECT count(*) FROM {part}") for part in await tables(database)]
    assert counts == [1, 1]


async def test_processes_that_begin_a_day_together_make_its_table_once(database: Database) -> None:
    async def begin() -> None:
        log = log_of(database)
        log.observe(answered())
        await log.settle()
        assert (log.lost, log.trouble) == (0, "")

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(begin)
    assert len(await found(database)) == 8


async def test_days_that_are_over_are_dropped_whole(database: Database) -> None:
    for days_ago in (31, 30, 29, 0):
        log = log_of(database, now=lambda days_ago=days_ago: NOON - timedelta(days=days_ago))
        log.observe(answered())
        await log.settle()
    log = log_of(database, retention_days=30)

    async def dropped() -> bool:
        return len(await tables(database)) == 3

    async with kept(log):
        await until(dropped)
    assert await tables(database) == [f"backfill.call_{day}" for day in ("20261029", "20261030", "20261128")]


async def test_a_reader_keeps_a_day_from_being_dropped_and_nobody_waits(database: Database, database_dsn: str) -> None:
    old = log_of(database, now=lambda: NOON - timedelta(days=99))
    old.observe(answered())
    await old.settle()
    reader = await asyncpg.connect(database_dsn)
    async with reader.transaction():
        await reader.fetch("SELECT * FROM backfill.call")
        with anyio.fail_after(30):
            await log_of(database)._begin(date(2026, 11, 28))
    await reader.close()
    assert len(await tables(database)) == 2
    await log_of(database)._begin(date(2026, 11, 28))
    assert await tables(database) == ["backfill.call_20261128"]


async def test_a_day_has_its_table_before_its_first_call(database: Database) -> None:
    """Else a run's end waits until it is made."""

    async def made() -> bool:
        return await tables(database) == ["backfill.call_20261128"]

    log = log_of(database)
    async with kept(log):
        await until(made)
    log.observe(answered())
    async with database.control() as connection:
        await connection.execute("ALTER FUNCTION backfill.make_calls_of RENAME TO made_already")
    await log.settle()
    assert log.trouble == ""
