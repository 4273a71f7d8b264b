"""Calls, found again by whatever is known of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from backfill.model import RealmId
from backfill.store.call_search import FIND, CallSearch, Wanted
from backfill.store.database import Database
from tests.store.test_call_log import ASK, NOON, REALM, answered, found, log_of


async def test_calls_are_found_by_what_is_wanted_of_them(database: Database) -> None:
    moments = iter(NOON + timedelta(minutes=number) for number in range(10))
    log = log_of(database, now=lambda: next(moments))
    other = RealmId("999")
    log.observe(answered(intuit_tid="t0", duration_s=0.0))
    log.observe(answered(intuit_tid="t1", status=429, code="3001", duration_s=0.0))
    log.observe(answered(intuit_tid="t2", status=None, code="timeout", duration_s=30.0))
    log.observe(
        answered(intuit_tid="t3", realm_id=other, lane="cdc", path="/cdc", params=(("entities", "Vendor,Bill"),))
    )
    log.observe(answered(intuit_tid="t4", lane="batch", path="/batch", params=(), request_body=ASK))
    log.observe(answered(intuit_tid="t5", path="/billpayment/7", params=(), status=503, code="503"))
    await log.settle()

    async def tids(**wanted: Any) -> list[str]:
        return sorted(call.intuit_tid for call in await found(database, **wanted))

    assert await tids() == ["t0", "t1", "t2", "t3", "t4", "t5"]
    assert await tids(realm_ids=[other]) == ["t3"]
    assert await tids(realm_ids=[other, REALM], lane="batch") == ["t4"]
    assert await tids(since=NOON + timedelta(minutes=4)) == ["t5"], "t4 was begun a quarter of a second before"
    assert await tids(until=NOON + timedelta(minutes=1)) == ["t0"]
    assert await tids(statuses=(429, 429)) == ["t1"]
    assert await tids(statuses=(500, 599)) == ["t5"]
    assert await tids(unanswered=True) == ["t2"]
    assert await tids(failed=True) == ["t1", "t2", "t5"]
    assert await tids(code="3001") == ["t1"]
    assert await tids(intuit_tid="t4") == ["t4"]
    assert await tids(slower_than_s=30.0) == ["t2"]
    assert await tids(entity="Vendor") == ["t3", "t4"]
    assert await tids(entity="Bill") == ["t3"], "a word, not a part of one"
    assert await tids(entity="BillPayment") == ["t5"]
    newest = [call.intuit_tid async for call in CallSearch(database).calls(Wanted(), limit=2)]
    assert newest == ["t5", "t4"]


async def test_one_call_is_found_by_its_id_without_reading_the_others(database: Database) -> None:
    log = log_of(database)
    for number in range(2000):
        log.observe(answered(intuit_tid=f"1-{number}"))
    await log.settle()
    async with database.control() as connection:
        await connection.execute("ANALYZE backfill.call")
        plan = await connection.fetch("EXPLAIN SELECT * FROM backfill.call WHERE intuit_tid = '1-77'")
    assert "call_20261128_intuit_tid_idx" in "\n".join(row[0] for row in plan)
    assert [call.intuit_tid async for call in CallSearch(database).calls(Wanted(intuit_tid="1-77"))] == ["1-77"]
    async with database.control() as connection:
        plans = "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement = $1"
        assert [tuple(row) for row in await connection.fetch(plans, FIND)] == [(0, 1)], "planned for what is wanted"
