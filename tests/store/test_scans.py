"""The state of a scan: stored all or nothing, fenced, and counted as the server would count."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec import structs

from backfill.errors import LeaseLostError
from backfill.model import Held, Lease, Proof, Record, Refusal, RunId, Scan, Slice
from backfill.store.database import Database, open_database
from backfill.store.owners import Owner
from backfill.store.realms import Realms
from backfill.store.runs import Runs
from backfill.store.scans import Scans
from tests.store.scene import NOW, OTHER_REALM, REALM, Work, at, deleted, live

SLICES = [Slice("Bill", 0, None, None), Slice("Invoice", 0, None, at(5)), Slice("Invoice", 1, at(5), None)]
PROVEN = Proof("Invoice", proven=True, method="count", counted=2, landed_live=2, quarantined=0, watermark=NOW)


def stale(work: Work) -> Lease:
    return Lease(realm_id=REALM, epoch=work.lease.epoch - 1, owner=work.lease.owner)


async def test_a_scan_not_begun_is_empty(work: Work) -> None:
    empty = Scan(started_at=None, census={}, slices=[], finished=False)
    assert await work.store.scan(work.run_id, REALM) == empty
    assert await work.store.scan(RunId(999), REALM) == empty


async def test_what_was_begun_is_read_back(work: Work) -> None:
    census = {"Invoice": 7, "Bill": 0}
    await work.store.begin_scan(work.lease, work.run_id, started_at=NOW, census=census, slices=SLICES)
    assert await work.store.scan(work.run_id, REALM) == Scan(NOW, census, SLICES, finished=False)
    assert (await work.store.scan(work.run_id, OTHER_REALM)).started_at is None


async def test_times_are_in_utc_wherever_the_server_is(work: Work, database: Database, database_dsn: str) -> None:
    await work.store.begin_scan(work.lease, work.run_id, started_at=NOW, census={}, slices=SLICES)
    async with database.control() as connection:
        name = await connection.fetchval("SELECT quote_ident(current_database())")
        await connection.execute(f"ALTER DATABASE {name} SET timezone = 'Asia/Kolkata'")
    async with open_database(database_dsn) as there:
        scan = await Scans(there).scan(work.run_id, REALM)
    times = [scan.started_at, *(time for part in scan.slices for time in (part.lower, part.upper, part.cursor))]
    assert {time.utcoffset() for time in times if time is not None} == {timedelta(0)}
    assert scan == Scan(NOW, {}, SLICES, finished=False)


async def test_a_scan_begun_again_has_its_new_plan_only(work: Work) -> None:
    await work.store.begin_scan(work.lease, work.run_id, started_at=NOW, census={"Bill": 1}, slices=SLICES)
    await work.store.begin_scan(work.lease, work.run_id, started_at=at(9), census={"Term": 2}, slices=SLICES[:1])
    assert await work.store.scan(work.run_id, REALM) == Scan(at(9), {"Term": 2}, SLICES[:1], finished=False)


async def test_a_plan_that_is_added_to_keeps_how_far_its_slices_are(work: Work) -> None:
    begun = [Slice("Bill", 0, None, None, cursor=at(3), rows=5), Slice("Invoice", 0, None, at(5), rows=2, done=True)]
    await work.store.begin_scan(work.lease, work.run_id, started_at=NOW, census={"Bill": 9}, slices=begun)
    more = [*begun, Slice("Term", 0, None, None)]
    await work.store.begin_scan(work.lease, work.run_id, started_at=NOW, census={"Bill": 9, "Term": 2}, slices=more)
    assert await work.store.scan(work.run_id, REALM) == Scan(NOW, {"Bill": 9, "Term": 2}, more, finished=False)


async def test_a_plan_that_cannot_be_stored_is_not_stored_in_part(work: Work) -> None:
    with pytest.raises(Exception, match="duplicate key"):
        await work.store.begin_scan(
            work.lease, work.run_id, started_at=NOW, census={"Bill": 1}, slices=[SLICES[0], SLICES[0]]
        )
    assert (await work.store.scan(work.run_id, REALM)).started_at is None


async def test_a_finished_scan_has_its_proofs(work: Work, database: Database) -> None:
    unproven = Proof("Bill", False, "count", 3, 2, 1, None, reason="one row is in quarantine")
    await work.store.begin_scan(work.lease, work.run_id, started_at=NOW, census={}, slices=[])
    await work.store.finish_scan(work.lease, work.run_id, [PROVEN, unproven])
    assert not (await work.store.scan(work.run_id, REALM)).finished, "something is not proven"
    async with database.control() as connection:
        rows = await connection.fetch("SELECT entity, proven, reason, run_id FROM backfill.proof ORDER BY entity")
    assert [tuple(row) for row in rows] == [
        ("Bill", False, "one row is in quarantine", work.run_id),
        ("Invoice", True, "", work.run_id),
    ]


async def test_what_only_the_latest_was_read_of_is_not_proven_whole(work: Work, database: Database) -> None:
    await work.store.begin_scan(work.lease, work.run_id, started_at=NOW, census={}, slices=[])
    await work.store.finish_scan(work.lease, work.run_id, [PROVEN])
    assert await work.store.proven_at(REALM) == {"Invoice": NOW}
    async with database.control() as connection:
        await connection.execute("""UPDATE backfill.run SET scope = '{"since": "2026-01-01T00:00:00+00:00"}'""")
    assert await work.store.proven_at(REALM) == {}


async def test_a_finished_run_of_a_part_says_what_was_set_aside(work: Work, database: Database) -> None:
    """Where its proof took none of all away: it may be stopped, and go on, and ends as it would have ended."""
    await work.store.finish_scan(work.lease, work.run_id, [PROVEN, structs.replace(PROVEN, entity="Term")])
    scope = {"entities": ["Bill", "Invoice"], "since": NOW.isoformat()}
    part = (await Runs(database, owner=Owner.current()).start("extract", scope, [REALM])).run_id
    bill = structs.replace(PROVEN, entity="Bill", method="count, since then")
    refusal = Refusal("7", "unreadable_row", "it cannot be read", b"{")
    await work.store.land(work.lease, part, "Invoice", [], refusals=[refusal])
    await work.store.finish_scan(work.lease, part, [bill, structs.replace(PROVEN, quarantined=1)])
    assert await work.store.proofs(REALM, of_run=part) == [bill, structs.replace(PROVEN, quarantined=1)]
    assert await work.store.proofs(REALM, of_run=work.run_id) == [PROVEN, structs.replace(PROVEN, entity="Term")]


async def test_a_stale_lease_neither_begins_nor_finishes(work: Work, database: Database) -> None:
    with pytest.raises(LeaseLostError):
        await work.store.begin_scan(stale(work), work.run_id, started_at=NOW, census={}, slices=[])
    with pytest.raises(LeaseLostError):
        await work.store.finish_scan(stale(work), work.run_id, [PROVEN])
    scan = await work.store.scan(work.run_id, REALM)
    assert (scan.started_at, scan.finished) == (None, False)
    async with database.control() as connection:
        assert await connection.fetchval("SELECT count(*) FROM backfill.proof") == 0


async def test_a_proof_says_why_not(work: Work) -> None:
    with pytest.raises(Exception, match="proof_unproven_with_reason"):
        await work.store.finish_scan(work.lease, work.run_id, [Proof("Bill", False, "count", 3, 2, 0, None)])


async def test_a_reason_may_quote_what_no_database_holds(work: Work) -> None:
    await work.store.finish_scan(work.lease, work.run_id, [Proof("Bill", False, "count", 3, 2, 0, None, "said 'a\0b'")])
    (proof,) = await work.store.proofs(REALM)
    assert proof.reason == "said 'a\N{REPLACEMENT CHARACTER}b'"


async def test_parking_marks_the_realm_and_its_part_of_the_run(work: Work, realms: Realms, database: Database) -> None:
    await work.store.park(REALM, work.run_id, code="3100", message="the company is closed", action="drop it")
    assert (await realms.get(REALM)).state == "parked"
    assert (await realms.get(OTHER_REALM)).state == "active"
    async with database.control() as connection:
        states = await connection.fetch("SELECT realm_id, state FROM backfill.realm_run ORDER BY realm_id")
    assert [tuple(row) for row in states] == [(REALM, "parked"), (OTHER_REALM, "pending")]


class TestHeld:
    @pytest.fixture(autouse=True)
    async def _landed(self, work: Work) -> None:
        created = [Record(str(second), 0, at(second), at(second + 10), b"{}") for second in range(5)]
        await work.store.land(
            work.lease, work.run_id, "Invoice", [*created, live("undated", None), deleted("gone", 3), deleted("4", 99)]
        )

    async def test_deleted_rows_do_not_count(self, work: Work) -> None:
        assert await work.store.held(REALM, "Invoice") == Held(live=5, quarantined=0)
        assert await work.store.held(OTHER_REALM, "Invoice") == Held(live=0, quarantined=0)

    async def test_bounds_are_inclusive_and_rows_without_the_time_are_inside(self, work: Work) -> None:
        assert (await work.store.held(REALM, "Invoice", created_to=at(1))).live == 3
        assert (await work.store.held(REALM, "Invoice", updated_from=at(12))).live == 3
        assert (await work.store.held(REALM, "Invoice", created_to=at(2), updated_from=at(12))).live == 2

    async def test_ids_of_live_rows(self, work: Work) -> None:
        async def ids(**bounds: object) -> list[str]:
            return sorted(await work.store.live_ids(REALM, "Invoice", **bounds))  # type: ignore[arg-type]  # the bounds

        assert await ids() == ["0", "1", "2", "3", "undated"]
        assert await ids(created_from=at(1), created_to=at(2)) == ["1", "2"]
        assert await ids(created_from=at(2)) == ["2", "3"]
        assert await ids(created_to=at(0)) == ["0"]
