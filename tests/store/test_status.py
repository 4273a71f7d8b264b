"""What is shown is what is stored."""

from __future__ import annotations

import msgspec
import pytest

from backfill.model import Checkpoint, Proof, Refusal, Slice
from backfill.store.database import Database
from backfill.store.owners import Owner
from backfill.store.runs import HELPED, WORKER, Runs, RunStatus
from backfill.store.status import PROGRESS, ROWS_LIMIT, Status
from tests.store.plans import rows_read
from tests.store.scene import NOW, OTHER_REALM, REALM, Work, at, live

PROVEN = Proof("Bill", True, "count", 2, 2, 0, NOW)
UNPROVEN = Proof("Invoice", False, "count", 2, 1, 0, None, reason="one is missing")


async def test_runs_are_listed_newest_first_with_their_realms(work: Work, database: Database) -> None:
    runs, status = Runs(database, owner=Owner.current()), Status(database)
    await runs.finish(work.run_id, RunStatus.INCOMPLETE, {"rows": {"landed": 3}})
    later = await runs.start("verify", {"realm": [REALM]}, [REALM])
    await work.store.park(OTHER_REALM, work.run_id, code="c", message="m", action="a")
    newest, oldest = await status.runs(limit=5)
    assert (newest.run_id, newest.kind, newest.status) == (later.run_id, "verify", RunStatus.RUNNING)
    assert msgspec.json.decode(newest.scope) == {"realm": [REALM]}
    assert newest.summary is None
    assert (oldest.realms, oldest.realms_done, oldest.realms_parked, oldest.owner) == (2, 0, 1, None)
    assert oldest.summary is not None
    assert msgspec.json.decode(oldest.summary) == {"rows": {"landed": 3}}
    assert await status.runs(limit=1) == [newest]


async def test_a_run_whose_process_is_gone_is_not_said_to_run(work: Work, database: Database) -> None:
    here = Owner.current()
    dead = Owner(here.host, here.boot, here.pid, here.start_time + 1)
    elsewhere = Owner("another-machine", "boot", 1, 1)
    status = Status(database)
    for owner, shown in ((dead, RunStatus.INTERRUPTED), (elsewhere, RunStatus.RUNNING), (here, RunStatus.RUNNING)):
        await Runs(database, owner=owner).start(f"verify {owner.host} {owner.start_time}", {}, [REALM])
        (newest,) = await status.runs(limit=1)
        assert newest.status is shown
    silent = [run.status for run in await status.runs(limit=3, silence_s=0)]
    assert silent == [RunStatus.INTERRUPTED] * 3, "of another machine nothing else is known"
    await Runs(database, owner=here).finish(newest.run_id, RunStatus.DONE, {})
    (newest,) = await status.runs(limit=1, silence_s=0)
    assert newest.status is RunStatus.DONE


async def test_who_helps_with_a_run_is_told_with_it(work: Work, database: Database) -> None:
    here, status = Owner.current(), Status(database)
    dead = Owner(here.host, here.boot, here.pid, here.start_time + 1)
    for owner in (here, Owner("another-machine", "boot", 1, 1), dead):
        await Runs(database, owner=owner).start(WORKER, {HELPED: work.run_id}, [])
    ended = await Runs(database, owner=here).start(WORKER, {HELPED: work.run_id, "again": True}, [])
    await Runs(database, owner=here).finish(ended.run_id, RunStatus.DONE, {})
    other = await Runs(database, owner=here).start("verify", {}, [REALM])
    assert [(run.run_id, run.helpers) for run in await status.runs(limit=5)] == [(other.run_id, 0), (work.run_id, 2)]


async def test_progress_counts_each_thing_once(work: Work, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    slices = [Slice("Invoice", 0, None, at(5)), Slice("Invoice", 1, at(5), None), Slice("Bill", 0, None, None)]
    await work.store.begin_scan(
        work.lease, work.run_id, started_at=NOW, census={"Invoice": 30, "Bill": 12}, slices=slices
    )
    for number in (0, 1):
        checkpoint = Checkpoint("Invoice", number, at(1), 10 + number, done=False)
        await work.store.land(
            *(work.lease, work.run_id, "Invoice", [live(str(number), 1)]),
            checkpoint=checkpoint,
            refusals=[Refusal(f"bad{number}", "c", "m", b"x")],
        )
    await work.store.finish_scan(work.lease, work.run_id, [PROVEN, UNPROVEN])
    await work.store.park(OTHER_REALM, work.run_id, code="610", message="gone", action="drop it")
    status = Status(database)
    mine, other = await status.progress(work.run_id)
    assert (mine.realm_id, mine.state, mine.scan_started_at) == (REALM, "running", NOW)
    assert (mine.counted, mine.rows_read, mine.quarantined) == (42, 21, 2)
    assert (mine.entities_proven, mine.entities_unproven) == (1, 1)
    assert mine.rows_held == PROVEN.landed_live + UNPROVEN.landed_live
    assert (other.state, other.counted, other.rows_read) == ("parked", 0, 0)
    assert (other.parked_code, other.parked_message, other.parked_action) == ("610", "gone", "drop it")
    for of_run, state in ((RunStatus.STOPPED, "stopped"), (RunStatus.INTERRUPTED, "interrupted")):
        assert [part.state for part in await status.progress(work.run_id, of_run=of_run)] == [state, "parked"]
    for rows in (1, 2, 3):  # of thousands of realms all are told
        monkeypatch.setattr("backfill.store.status.ROWS_LIMIT", rows)
        assert await status.progress(work.run_id) == [mine, other]


async def test_of_a_realm_that_was_not_begun_is_told_whether_it_still_may_be(work: Work, database: Database) -> None:
    status = Status(database)
    told = {of_run: [part.state for part in await status.progress(work.run_id, of_run=of_run)] for of_run in RunStatus}
    assert {of_run for of_run, states in told.items() if states == ["pending"] * 2} == {
        *(RunStatus.RUNNING, RunStatus.STOPPED, RunStatus.INTERRUPTED, RunStatus.DONE)
    }
    assert told[RunStatus.INCOMPLETE] == ["incomplete"] * 2


async def test_proofs_and_quarantine_are_listed(work: Work, database: Database) -> None:
    await work.store.begin_scan(work.lease, work.run_id, started_at=NOW, census={}, slices=[])
    await work.store.land(work.lease, work.run_id, "Bill", [], refusals=[Refusal("9", "22P05", "zero", b"x")])
    await work.store.finish_scan(work.lease, work.run_id, [PROVEN, UNPROVEN])
    status = Status(database)
    assert [row.proof for row in await status.proofs(REALM)] == [PROVEN, UNPROVEN]
    assert await status.proofs(OTHER_REALM) == []
    (refused,) = await status.quarantine(REALM)
    assert (refused.entity, refused.id, refused.code, refused.run_id) == ("Bill", "9", "22P05", work.run_id)
    assert await status.quarantine(OTHER_REALM) == []


async def test_what_a_fleet_has_is_read_once_where_the_planner_knows_nothing_yet(
    work: Work, database: Database
) -> None:
    """As after a restore, or where the server has not come to look at the tables: each realm's was read for each."""
    realms, entities = 200, 40
    async with database.control() as connection:
        await connection.execute(
            "INSERT INTO backfill.realm (realm_id) SELECT 'fleet' || n FROM generate_series(1, $1::integer) AS n",
            realms,
        )
        await connection.execute(
            "INSERT INTO backfill.realm_run (run_id, realm_id) SELECT $1, realm_id FROM backfill.realm"
            " WHERE realm_id LIKE 'fleet%'",
            work.run_id,
        )
        await connection.execute(
            "INSERT INTO backfill.proof (realm_id, entity, run_id, proven, method, landed_live, quarantined, proven_at)"
            " SELECT realm_id, 'E' || n, $1, true, 'count', 1, 0, now()"
            " FROM backfill.realm, generate_series(1, $2::integer) AS n WHERE realm_id LIKE 'fleet%'",
            work.run_id,
            entities,
        )
    read = await rows_read(database, "proof", PROGRESS, [work.run_id, "", ROWS_LIMIT])
    assert realms * entities * 0.9 < read < realms * entities * 3
