"""Runs: an interrupted one is taken over by the same command, and by one command only."""

from __future__ import annotations

import subprocess
import sys

import anyio
import msgspec
import pytest

from backfill.model import Proof, RealmId, RunId, Secret, Slice
from backfill.store import runs as runs_module
from backfill.store.database import Database
from backfill.store.owners import Owner
from backfill.store.postgres_store import PostgresStore
from backfill.store.realms import RealmGrant, Realms
from backfill.store.runs import Runs, RunStatus, Started
from backfill.store.status import Status
from backfill.store.tokens import TokenVault
from tests.store.scene import NOW, OTHER_REALM, REALM

ELSEWHERE = Owner("another-machine", "boot", 1, 1)
SCOPE = {"entities": None, "since": None}


@pytest.fixture(autouse=True)
def _registered(realms: Realms) -> None:
    """Every test here works on registered realms."""


def dead_owner() -> Owner:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    here = Owner.current()
    return Owner(here.host, here.boot, child.pid, here.start_time)


def runs(database: Database, owner: Owner | None = None, *, silence_s: float = 30) -> Runs:
    return Runs(database, owner=owner or Owner.current(), silence_s=silence_s)


async def unfinished(database: Database, run_id: RunId) -> list[RealmId]:
    """The realms that are neither done nor parked."""
    return [part.realm_id for part in await Status(database).progress(run_id) if part.state in {"pending", "running"}]


async def test_a_run_begins_with_all_its_realms_pending(database: Database) -> None:
    started = await runs(database).start("extract", SCOPE, [OTHER_REALM, REALM])
    assert not started.resumed
    assert await unfinished(database, started.run_id) == [REALM, OTHER_REALM]


async def test_the_run_of_a_dead_process_is_taken_over_at_once(database: Database) -> None:
    first = await runs(database, dead_owner()).start("extract", SCOPE, [REALM])
    again = await runs(database).start("extract", dict(reversed(SCOPE.items())), [REALM, OTHER_REALM])
    assert again == Started(first.run_id, resumed=True)
    assert await unfinished(database, first.run_id) == [REALM, OTHER_REALM], "new realms are added"


async def test_a_run_is_taken_over_from_a_process_that_is_stopped_in_a_transaction(database: Database) -> None:
    """As it begins to read a realm. That transaction is ended when its realm is taken, which comes after the run."""
    first = await runs(database, dead_owner()).start("extract", SCOPE, [REALM])
    async with database.control() as stopped, stopped.transaction():
        await stopped.execute(
            "UPDATE backfill.realm_run SET state = 'running', scan_started_at = now() WHERE run_id = $1", first.run_id
        )
        again = await runs(database).start("extract", SCOPE, [REALM, OTHER_REALM])
    assert again == Started(first.run_id, resumed=True)
    assert await unfinished(database, first.run_id) == [REALM, OTHER_REALM]


async def test_the_run_of_a_live_process_is_left_to_it(database: Database) -> None:
    first = await runs(database).start("extract", SCOPE, [REALM])
    again = await runs(database, ELSEWHERE).start("extract", SCOPE, [REALM])
    assert (again.resumed, again.run_id != first.run_id) == (False, True)


async def pass_time(database: Database, seconds: float) -> None:
    """As if so much time went by since each run's last heartbeat: no test waits, nor hangs on the machine's pace."""
    async with database.control() as connection:
        await connection.execute(
            "UPDATE backfill.run SET heartbeat_at = heartbeat_at - $1 * interval '1 second'", seconds
        )


async def test_the_run_of_another_machine_is_taken_over_when_it_is_silent(database: Database) -> None:
    elsewhere = runs(database, ELSEWHERE)
    first = await elsewhere.start("extract", SCOPE, [REALM])
    await pass_time(database, 1500)
    assert await elsewhere.heartbeat(first.run_id)
    await pass_time(database, 500)
    assert not (await runs(database, silence_s=1000).start("extract", SCOPE, [REALM])).resumed
    await pass_time(database, 1500)
    third = await runs(database, dead_owner(), silence_s=1000).start("extract", SCOPE, [REALM])
    assert third.resumed
    assert third.run_id != first.run_id, "the newest goes first"


async def test_who_was_taken_over_notices_and_ends_nothing(database: Database) -> None:
    former = runs(database, dead_owner())
    started = await former.start("extract", SCOPE, [REALM])
    await runs(database).start("extract", SCOPE, [REALM])
    assert not await former.heartbeat(started.run_id)
    assert not await former.finish(started.run_id, RunStatus.DONE, {})
    assert await runs(database).finish(started.run_id, RunStatus.DONE, {})


async def test_a_run_that_a_live_process_is_at_can_be_helped_with(database: Database) -> None:
    ours = runs(database)
    first = await ours.start("extract", SCOPE, [REALM], metered_max=7)
    await runs(database, dead_owner()).start("extract", {"dead": True}, [REALM])
    await ours.start("load", SCOPE, [REALM])
    stopped = await ours.start("extract", {"stopped": True}, [REALM])
    await ours.finish(stopped.run_id, RunStatus.STOPPED, {})
    last = await ours.start("resync", SCOPE, [REALM])
    under_way = await runs(database, ELSEWHERE).under_way(["extract", "resync"])
    assert [(run.run_id, run.kind, run.metered_max) for run in under_way] == [
        (first.run_id, "extract", 7),
        (last.run_id, "resync", None),
    ]
    assert under_way[0].owner == str(Owner.current())
    assert msgspec.json.decode(under_way[0].scope) == SCOPE
    assert [await ours.is_running(run_id) for run_id in (first.run_id, stopped.run_id)] == [True, False]


async def test_a_plan_holds_the_run_that_is_gone_on_with_and_no_other(database: Database) -> None:
    await runs(database, dead_owner()).start("extract", SCOPE, [REALM], metered_max=7)
    await runs(database).start("extract", SCOPE, [REALM])
    (run,) = await runs(database).under_way(["extract"])
    assert run.metered_max is None, "it is gone on with without one"


async def test_realms_that_are_done_or_parked_are_not_open(database: Database) -> None:
    ours = runs(database)
    started = await ours.start("extract", SCOPE, [REALM, OTHER_REALM])
    store = PostgresStore(database, owner=Owner.current())
    assert await ours.open_realms(started.run_id) == {REALM: 1.0, OTHER_REALM: 1.0}
    lease = await store.acquire(REALM)
    await store.begin_scan(lease, started.run_id, started_at=NOW, census={}, slices=[])
    assert set(await ours.open_realms(started.run_id)) == {REALM, OTHER_REALM}, "its process may die"
    await store.finish_scan(lease, started.run_id, [])
    assert set(await ours.open_realms(started.run_id)) == {OTHER_REALM}
    await store.park(OTHER_REALM, started.run_id, code="c", message="m", action="a")
    assert await ours.open_realms(started.run_id) == {}


async def test_several_who_help_begin_with_different_realms(database: Database, vault: TokenVault) -> None:
    grants = [RealmGrant(RealmId(f"{number}"), Secret("token")) for number in range(100, 140)]
    await Realms(database).import_grants(grants, vault, granted_at=NOW)
    started = await runs(database).start("extract", SCOPE, [grant.realm_id for grant in grants])
    orders = {
        tuple(await runs(database, Owner(host, "boot", 1, 1)).open_realms(started.run_id))[:5] for host in "abcdef"
    }
    assert len(orders) == 6


@pytest.mark.parametrize(
    "change", [("load", SCOPE), ("extract", {**SCOPE, "since": "2026-01-01"})], ids=["kind", "scope"]
)
async def test_a_run_of_another_kind_or_scope_is_another_run(
    database: Database, change: tuple[str, dict[str, str]]
) -> None:
    await runs(database, dead_owner()).start("extract", SCOPE, [REALM])
    assert not (await runs(database).start(*change, [REALM])).resumed


async def test_a_stopped_run_goes_on(database: Database) -> None:
    first = await runs(database).start("extract", SCOPE, [REALM])
    await runs(database).finish(first.run_id, RunStatus.STOPPED, {"rows": 1})
    assert await runs(database).start("extract", SCOPE, [REALM]) == Started(first.run_id, resumed=True)


@pytest.mark.parametrize("status", [RunStatus.DONE, RunStatus.INCOMPLETE])
async def test_a_finished_run_does_not(database: Database, status: RunStatus) -> None:
    first = await runs(database).start("extract", SCOPE, [REALM])
    await runs(database).finish(first.run_id, status, {})
    assert not (await runs(database).start("extract", SCOPE, [REALM])).resumed


async def test_what_is_done_stays_done_and_what_was_parked_is_tried_after_a_new_import(
    database: Database, realms: Realms, vault: TokenVault
) -> None:
    await realms.import_grants([RealmGrant(RealmId("3"), Secret("r"))], vault, granted_at=NOW)
    owner = dead_owner()
    first = await runs(database, owner).start("extract", SCOPE, [REALM, OTHER_REALM, RealmId("3")])
    store = PostgresStore(database, owner=owner)
    lease = await store.acquire(REALM)
    await store.begin_scan(lease, first.run_id, started_at=NOW, census={}, slices=[])
    await store.finish_scan(lease, first.run_id, [])
    for realm_id in (OTHER_REALM, RealmId("3")):
        await store.park(realm_id, first.run_id, code="c", message="m", action="a")
    assert await unfinished(database, first.run_id) == []
    await realms.import_grants([RealmGrant(OTHER_REALM, Secret("new"))], vault, granted_at=NOW)
    await runs(database).start("extract", SCOPE, [REALM, OTHER_REALM, RealmId("3")])
    assert await unfinished(database, first.run_id) == [OTHER_REALM]


async def test_newcomers_are_those_it_does_not_have_and_those_it_parked_that_are_connected_again(
    database: Database, realms: Realms, vault: TokenVault
) -> None:
    owner = dead_owner()
    run_id = (await runs(database, owner).start("extract", SCOPE, [REALM])).run_id
    assert await runs(database).newcomers(run_id) == {OTHER_REALM: 1.0}
    assert await runs(database).newcomers(run_id) == {}, "it has it now"
    store = PostgresStore(database, owner=owner)
    await store.park(OTHER_REALM, run_id, code="c", message="m", action="a")
    assert await runs(database).newcomers(run_id) == {}
    await realms.import_grants([RealmGrant(OTHER_REALM, Secret("new"), weight=3)], vault, granted_at=NOW)
    assert await runs(database).newcomers(run_id) == {OTHER_REALM: 3.0}
    assert set(await unfinished(database, run_id)) == {REALM, OTHER_REALM}


async def test_how_far_runs_of_long_ago_were_is_forgotten_piece_by_piece(
    database: Database, realms: Realms, vault: TokenVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fleet that is read every day would keep the plans of all its days."""
    monkeypatch.setattr(runs_module, "FORGOTTEN_AT_ONCE", 2)
    third = RealmId("3")
    await realms.import_grants([RealmGrant(third, Secret("r"))], vault, granted_at=NOW)
    everyone = [REALM, OTHER_REALM, third]
    store = PostgresStore(database)
    done = await runs(database).start("extract", SCOPE, everyone)
    lease = await store.acquire(REALM)
    plan = [Slice("Invoice", 0, None, NOW)]
    await store.begin_scan(lease, done.run_id, started_at=NOW, census={"Invoice": 3}, slices=plan)
    proof = Proof("Invoice", True, "count", 3, 3, 0, NOW)
    await store.finish_scan(lease, done.run_id, [proof])
    await runs(database).finish(done.run_id, RunStatus.DONE, {})
    left = await runs(database).start("reports", SCOPE, everyone)
    await pass_time(database, 31 * 86_400)
    newest = await runs(database).start("care", SCOPE, everyone)
    assert [await runs(database).forget() for _ in range(4)] == [True, True, True, False]
    async with database.control() as connection:
        kept = {
            table: await connection.fetchval(f"SELECT count(*) FROM backfill.{table}")
            for table in ("run", "realm_run", "census", "slice", "proof")
        }
    assert kept == {"run": 3, "realm_run": 3, "census": 0, "slice": 0, "proof": 1}
    assert await unfinished(database, newest.run_id) == sorted(everyone)
    assert not (await store.scan(left.run_id, REALM)).finished
    again = await runs(database).start("reports", SCOPE, everyone)
    assert (again.run_id, await unfinished(database, again.run_id)) == (left.run_id, sorted(everyone))


async def test_of_two_commands_at_once_one_takes_it_over(database: Database) -> None:
    await runs(database, dead_owner()).start("extract", SCOPE, [REALM])
    outcomes: list[Started] = []

    async def start(number: int) -> None:
        outcomes.append(await runs(database, Owner("machine", "boot", number, 1)).start("extract", SCOPE, [REALM]))

    async with anyio.create_task_group() as group:
        for number in range(4):
            group.start_soon(start, number)
    assert sum(outcome.resumed for outcome in outcomes) == 1
    assert len({outcome.run_id for outcome in outcomes}) == 4
