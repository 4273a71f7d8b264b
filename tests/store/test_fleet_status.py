"""What the dashboard is told of a fleet is what is stored, and a fleet of thousands costs little to look at."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from backfill.errors import UnavailableError
from backfill.model import Checkpoint, Proof, Slice
from backfill.store.database import Database, PoolSizes, open_database
from backfill.store.fleet_status import (
    CODES_AT_MOST,
    COUNTED_AT_MOST,
    FAULTS,
    PROGRESS,
    RATE,
    CompanyCounts,
    FleetStatus,
    RateSeen,
)
from tests.store.plans import rows_read
from tests.store.scene import NOW, OTHER_REALM, REALM, Work, at
from tests.store.sown_fleet import CALLS, COMPANIES, ENTITIES, called, calls_read

PROVEN = Proof("Bill", True, "count", 12, 12, 0, NOW)
UNPROVEN = Proof("Invoice", False, "count", 30, 29, 0, NOW, reason="one is missing")


async def begun(work: Work) -> None:
    """The realm's scan, with a census of 42 rows of which 21 were met."""
    slices = [Slice("Invoice", 0, None, at(5)), Slice("Invoice", 1, at(5), None)]
    await work.store.begin_scan(
        work.lease, work.run_id, started_at=NOW, census={"Invoice": 30, "Bill": 12}, slices=slices
    )
    for number in (0, 1):
        checkpoint = Checkpoint("Invoice", number, at(1), 10 + number, done=False)
        await work.store.land(*(work.lease, work.run_id, "Invoice", []), checkpoint=checkpoint)


async def test_how_far_a_run_is(work: Work, database: Database) -> None:
    fleet = FleetStatus(database)
    before = await fleet.progress(work.run_id)
    assert (before.waiting, before.realms, before.ended, before.rows_counted) == (2, 2, 0, 0)
    assert before.realms_uncounted == 2
    await begun(work)
    half = await fleet.progress(work.run_id)
    assert (half.waiting, half.working, half.realms) == (1, 1, 2)
    assert (half.rows_counted, half.realms_counted, half.realms_uncounted) == (42, 1, 1)
    assert (half.rows_met, half.rows_to_come) == (21, 21)
    await work.store.finish_scan(work.lease, work.run_id, [PROVEN, UNPROVEN])
    read = await fleet.progress(work.run_id)
    assert (read.proven, read.unproven, read.working, read.waiting, read.ended) == (0, 1, 0, 1, 1)
    assert (read.rows_met, read.rows_to_come) == (42, 0)
    await work.store.finish_scan(work.lease, work.run_id, [PROVEN, msgspec.structs.replace(UNPROVEN, proven=True)])
    done = await fleet.progress(work.run_id)
    assert (done.proven, done.unproven, done.waiting, done.ended) == (1, 0, 1, 1)
    assert (done.rows_met, done.rows_to_come) == (42, 0), "all that was counted is held, small entities too"
    await work.store.park(OTHER_REALM, work.run_id, code="c", message="m", action="a")
    ended = await fleet.progress(work.run_id)
    assert (ended.parked, ended.ended, ended.realms_uncounted) == (1, 2, 0)


async def test_how_the_companies_are_and_who_needs_a_person(work: Work, database: Database) -> None:
    fleet = FleetStatus(database)
    assert await fleet.companies() == CompanyCounts(registered=2, parked=0, unread=2, unproven=0, proven=0)
    await begun(work)
    await work.store.finish_scan(work.lease, work.run_id, [PROVEN, UNPROVEN])
    await work.store.park(OTHER_REALM, work.run_id, code="610", message="it is gone", action="drop it")
    assert await fleet.companies() == CompanyCounts(registered=2, parked=1, unread=1, unproven=1, proven=0)
    (unproven,) = await fleet.unproven(limit=5)
    assert (unproven["realm_id"], unproven["entities"], unproven["entity"], unproven["reason"]) == (
        *(REALM, 1, "Invoice", "one is missing"),
    )
    (parked,), (code,) = await fleet.parked(limit=5)
    assert (parked["realm_id"], parked["code"], parked["message"], parked["action"]) == (
        *(OTHER_REALM, "610", "it is gone", "drop it"),
    )
    assert code == {"code": "610", "realms": 1}
    assert await fleet.parked(limit=0) == ([], [code])
    assert await fleet.differing(limit=5) == []


async def test_the_rate_is_of_the_window_and_of_intuit_alone(database: Database) -> None:
    await called(database, 10, times=7)
    await called(database, 20, realm=OTHER_REALM, status=429, code="003001", times=2)
    await called(database, 30, lane="token")
    await called(database, 61, times=50)
    fleet = FleetStatus(database)
    assert await fleet.rate(window_s=60) == RateSeen(9, 2, 2, REALM, 7)
    assert await fleet.rate(window_s=5) == RateSeen(0, 0, 0, "", 0)


async def test_faults_are_counted_by_code(database: Database) -> None:
    await called(database, 60, code="003001", status=429, times=3)
    await called(database, 2 * 3600, realm=OTHER_REALM, code="003001", status=429, times=2)
    await called(database, 30, code="timeout", status=None)
    await called(database, 7 * 3600, code="610", status=400)
    await called(database, 60, times=9)
    throttled, unanswered = await FleetStatus(database).faults(hours=6)
    assert (throttled["code"], throttled["calls"], throttled["within_the_hour"], throttled["realms"]) == (
        *("003001", 5, 3, 2),
    )
    assert (throttled["status"], throttled["realm_id"]) == (429, REALM)
    assert (unanswered["code"], unanswered["status"], unanswered["calls"]) == ("timeout", None, 1)


async def test_a_night_with_a_million_faults_is_counted_to_a_bound(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await called(database, 60, code="003001", status=429, times=COUNTED_AT_MOST + 5)
    for number in range(CODES_AT_MOST + 5):
        await called(database, 60, code=f"code {number:03}", status=400)
    found = await FleetStatus(database).faults(hours=6)
    assert len(found) == CODES_AT_MOST
    assert found[0]["calls"] == COUNTED_AT_MOST


async def test_loads_and_webhooks(work: Work, database: Database) -> None:
    fleet = FleetStatus(database)
    assert await fleet.webhooks() == {"waiting": 0, "unread": 0, "last_received_at": None}
    assert await fleet.loads(limit=5) == []
    row = """INSERT INTO backfill.load_row (
        load_id, line, realm_id, entity, operation, source_key, payload, payload_hash, needs, object_key, natural_key,
        rank, state
    )
    SELECT load_id, $1, $2, 'Customer', 'create', $1::bigint::text, '{}', '', '{}', '', '', 0, $3 FROM backfill.load"""
    async with database.control() as connection:
        await connection.execute("INSERT INTO backfill.load (source) VALUES ('rows.jsonl')")
        for number, state in enumerate(("waiting", "waiting", "undone")):
            await connection.execute(row, number, REALM, state)
        await connection.execute(
            "INSERT INTO backfill.webhook_event (key, realm_id, entity, object_id, operation, occurred_at)"
            " VALUES ('a', $1, 'Invoice', '1', 'update', now())",
            REALM,
        )
        await connection.execute("INSERT INTO backfill.webhook_unread (key, reason, raw) VALUES ('a', 'no', 'x')")
    (load,) = await fleet.loads(limit=5)
    assert (load["source"], load["rows"]) == ("rows.jsonl", {"waiting": 2, "undone": 1})
    told = await fleet.webhooks()
    assert (told["waiting"], told["unread"]) == (1, 1)
    assert told["last_received_at"] is not None


async def test_tokens_are_asked_for_that_may_end(work: Work, database: Database) -> None:
    fleet = FleetStatus(database)
    bounds = (timedelta(days=100), timedelta(days=31), timedelta(days=1825), timedelta(days=62))
    statement = "UPDATE backfill.token SET refreshed_at = now(), refresh_expires_at = now() + $2 WHERE realm_id = $1"
    async with database.control() as connection:
        for realm, days in ((REALM, 20), (OTHER_REALM, 40)):
            await connection.execute(statement, realm, timedelta(days=days))
    (ending,) = await fleet.tokens_ending(*bounds)
    assert ending["realm_id"] == REALM
    async with database.control() as connection:
        await connection.execute("UPDATE backfill.token SET consent_expires_at = now() - interval '1 day'")
    assert [row["realm_id"] for row in await fleet.tokens_ending(*bounds)] == [REALM, OTHER_REALM]


class TestCost:
    """What is read does not grow with what is not shown."""

    async def test_the_rate_reads_the_window_alone(self, sown: Database) -> None:
        async with sown.control() as connection:
            await connection.execute("ANALYZE backfill.call")
        assert await calls_read(sown, RATE, 3600) <= CALLS / 24 * 1.1

    async def test_faults_read_what_failed_within_the_hours_alone(self, sown: Database) -> None:
        failed = CALLS / 50 / 24 * 6
        assert await calls_read(sown, FAULTS, 6) <= failed * 1.1 + 10

    async def test_a_run_is_read_once_through(self, sown: Database) -> None:
        proofs = COMPANIES * ENTITIES
        for table, rows in (("proof", proofs), ("census", proofs), ("slice", proofs), ("realm_run", COMPANIES)):
            assert await rows_read(sown, table, PROGRESS, [1]) <= rows, table


async def test_a_database_of_another_version_is_no_traceback(database: Database) -> None:
    async with database.control() as connection:
        await connection.execute("ALTER TABLE backfill.realm RENAME parked_at TO parked_since")
    with pytest.raises(UnavailableError, match="another version's schema"):
        await FleetStatus(database).parked(limit=1)


async def test_nothing_can_be_written_where_only_is_looked(database_dsn: str) -> None:
    async with open_database(database_dsn, sizes=PoolSizes(control=1, landing=1), read_only=True) as database:
        assert (await FleetStatus(database).companies()).registered == 0
        for pool in (database.control, database.landing):
            with pytest.raises(UnavailableError, match="read-only"):
                async with pool() as connection:
                    await connection.execute("INSERT INTO backfill.realm (realm_id) VALUES ('1')")
