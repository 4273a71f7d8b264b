"""After an outage: document for document what the company has, for fewer calls than to read it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

import anyio
import pytest

from backfill import events
from backfill.jobs.extract import ExtractOptions
from backfill.jobs.outage import Outage
from backfill.jobs.ports import Store
from backfill.jobs.resync import jobs_of, resync_realm
from backfill.jobs.swept import SWEPT, sweep_realm
from backfill.jobs.work import RealmWork
from backfill.model import Proof, RunId, Scan
from backfill.simulator.changes import deactivated
from backfill.simulator.documents import decode
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.rows import FlaggedDeleted
from backfill.simulator.settings import SimulatorSettings
from backfill.wire import Request
from tests.jobs.verifying import rows as held_rows
from tests.jobs.world import BEGIN, Tap, World, breaches, now

pytestmark = pytest.mark.virtual

DAY_S = 86_400


def resyncing(world: World, since: datetime, until: datetime | None = None) -> None:
    options = ExtractOptions(entities=world.entities, readers=world.readers, costs=world.costs)

    async def task(work: RealmWork, scan: Scan) -> Sequence[Proof]:
        return await resync_realm(work, Outage(since=since, until=until), options, scan)

    world.task = task


def calls(world: World) -> int:
    return sum(isinstance(event, events.RequestAnswered) for event in world.events)


async def outage(world: World, *, days: int, changes: int) -> None:
    """So many changes in each company, spread over the days, while we are down."""
    for _ in range(days):
        await anyio.sleep(DAY_S)
        for realm_id in world.realm_ids:
            world.people(realm_id).act(changes // days)


async def resynced(world: World, since: datetime, **more: datetime) -> int:
    """Resync; the calls that it took."""
    world.events.clear()
    resyncing(world, since, **more)
    await world.extract(run_id=RunId(2))
    assert breaches(world) == []
    return calls(world)


@pytest.mark.parametrize(("seed", "days", "most"), [(0, 3, 8), (2, 3, 8), (1, 45, 18)])
async def test_what_the_outage_hid_is_found(seed: int, days: int, most: int) -> None:
    world = World(seed=seed, rows_min=2500, rows_max=3500)
    await world.extract()
    await outage(world, days=days, changes=90)
    assert await resynced(world, BEGIN) <= most


async def test_a_small_company_is_read_again_in_two_calls() -> None:
    world = World(seed=5, rows_min=300, rows_max=400)
    await world.extract()
    await outage(world, days=3, changes=30)
    assert await resynced(world, BEGIN) <= 6


@pytest.mark.parametrize("days", [3, 45])
async def test_more_changes_than_an_answer_holds(days: int) -> None:
    """An import of thousands of rows, deletes among them, which a full answer cuts first."""
    world = World(seed=7, rows_min=200, rows_max=300)
    world.sow("Invoice", 5200, second=lambda number: 10_000_000 + number * 60)
    await world.extract()
    await outage(world, days=days, changes=10)
    company = world.company_of()
    invoices = company.table("Invoice").all()
    for row in invoices[:1100]:
        company.replace("Invoice", row.id, decode(row.doc) | {"PrivateNote": "imported"})
    for row in invoices[3000:3004]:
        company.delete("Invoice", row.id)
    await resynced(world, BEGIN)


async def test_a_void_and_an_inactive_one_stay_rows() -> None:
    world = World(seed=3, rows_min=1500, rows_max=2000)
    await world.extract()
    await anyio.sleep(DAY_S)
    company = world.company_of()
    customer = company.table("Customer").all(active=True)[0]
    company.replace("Customer", customer.id, deactivated("Customer", decode(customer.doc)))
    await resynced(world, BEGIN)
    row = world.store.rows(world.realm, "Customer")[customer.id]
    assert row.deleted_at is None
    assert b'"Active":false' in row.doc.replace(b" ", b"")


async def test_a_row_that_is_deleted_while_it_is_read_hides_none_that_cannot_be() -> None:
    """It was met and is gone, and what moved to its place is met in its stead: as many as there are, with it."""
    poisoned: dict[tuple[str, str], Sequence[str]] = {}
    settings = SimulatorSettings(poisoned=poisoned, poison_code="4002")
    world = World(seed=3, rows_min=300, rows_max=300, page_rows=7, settings=settings)
    ids = world.sow("TaxCode", 40, second=lambda number: DAY_S - number)
    poisoned[world.realm, "TaxCode"] = [ids[20]]
    await world.extract()
    await anyio.sleep(DAY_S)

    def delete(_request: Request, statement: str) -> None:
        is_there = world.company_of().table("TaxCode").get(ids[0]) is not None
        if "FROM TaxCode" in statement and "STARTPOSITION 8 " in statement and is_there:
            world.company_of().delete("TaxCode", ids[0])

    world.wrap = lambda inner: Tap(inner, after=delete)
    await resynced(world, BEGIN)
    assert ids[0] not in world.store.live_documents(world.realm, "TaxCode")
    assert world.store.proofs(world.realm)["TaxCode"].quarantined == 1


async def with_flagged(count: int) -> tuple[World, list[str]]:
    """A company that was read whole, so many of whose invoices were edited since; they are flagged as deleted."""
    world = World(seed=6, rows_min=1500, rows_max=2000)
    await world.extract()
    await anyio.sleep(DAY_S)
    company = world.company_of()
    flagged = company.table("Invoice").all()[:count]
    for row in flagged:
        company.replace("Invoice", row.id, decode(row.doc) | {"PrivateNote": "flagged"})
    world.simulator.injections.add(Injection(FlaggedDeleted(share=1.0)))
    return world, [row.id for row in flagged]


async def test_a_live_object_that_is_flagged_as_deleted_stays() -> None:
    """Seen of change data capture: whatever it says was deleted is asked for by its Id before it is marked."""
    world, flagged = await with_flagged(3)
    company = world.company_of()
    company.delete("Invoice", company.table("Invoice").all()[5].id)
    await resynced(world, BEGIN)
    assert all(world.store.rows(world.realm, "Invoice")[id_].deleted_at is None for id_ in flagged)


@pytest.mark.parametrize("edits", [1, 2, 3, 4, 40])
async def test_what_is_read_by_its_id_is_not_ahead_of_the_watermark(edits: int) -> None:
    """Somebody edits an object just when it is asked for, once the changes were told: they do not vouch for that."""
    world = World(seed=6, rows_min=1500, rows_max=2000)
    await world.extract()
    await anyio.sleep(DAY_S)
    company = world.company_of()
    invoice = company.table("Invoice").all()[0]
    notes = iter([f"edit {number}" for number in range(edits)])

    def edited(_request: Request, statement: str) -> None:
        if "FROM Invoice WHERE Id IN" in statement and (note := next(notes, None)) is not None:
            company.replace("Invoice", invoice.id, decode(invoice.doc) | {"PrivateNote": note})

    company.replace("Invoice", invoice.id, decode(invoice.doc) | {"PrivateNote": "flagged"})
    world.simulator.injections.add(Injection(FlaggedDeleted(share=1.0)))
    world.wrap = lambda inner: Tap(inner, before=edited)
    await resynced(world, BEGIN)


async def test_what_is_deleted_just_when_it_is_asked_for_is_not_ahead_of_the_watermark() -> None:
    """It was said to be gone while it lived, like another that still does: the answer's time does not vouch for it."""
    world, (going, _) = await with_flagged(2)
    await resynced(world, BEGIN)
    table = world.company_of().table("Invoice")

    def deleted(_request: Request, statement: str) -> None:
        if "FROM Invoice WHERE Id IN" in statement and going in {row.id for row in table.all()}:
            world.company_of().delete("Invoice", going)

    world.wrap = lambda inner: Tap(inner, before=deleted)
    await world.extract(run_id=RunId(3))
    assert breaches(world) == []
    assert world.store.rows(world.realm, "Invoice")[going].deleted_at is not None


async def test_a_live_object_that_was_never_held_is_asked_for_as_well() -> None:
    """Made during the outage and flagged as deleted: a mark on what was never seen would hide it."""
    world = World(seed=6, rows_min=1500, rows_max=2000)
    await world.extract()
    await anyio.sleep(DAY_S)
    company = world.company_of()
    like = decode(company.table("Invoice").all()[0].doc) | {"LinkedTxn": []}
    made = company.create("Invoice", like)
    company.delete("Invoice", company.create("Invoice", like).id)
    world.simulator.injections.add(Injection(FlaggedDeleted(share=1.0)))
    await resynced(world, BEGIN)
    assert world.store.rows(world.realm, "Invoice")[made.id].deleted_at is None
    assert f"'{made.id}'" in "".join(asked for asked in world.statements() if "Id IN" in asked)


async def test_room_for_one_answer_is_room_enough() -> None:
    """Who waits for room gives back the answer that it holds first, or would wait for ever."""
    world = World(seed=6, rows_min=1500, rows_max=1600, memory_bytes=1)
    await world.extract()
    await outage(world, days=3, changes=60)
    with anyio.fail_after(DAY_S):
        await resynced(world, BEGIN)


async def test_what_was_proven_after_the_outage_is_not_asked_for() -> None:
    world = World(seed=2)
    await world.extract()
    await outage(world, days=1, changes=20)
    over = now()
    await resynced(world, BEGIN, until=over)
    world.events.clear()
    await world.extract(run_id=RunId(3))
    assert calls(world) == 0


async def test_what_was_never_proven_is_read_whole() -> None:
    world = World(seed=2, rows_min=1500, rows_max=2000)
    await resynced(world, BEGIN - timedelta(days=3))


async def test_an_older_proof_moves_the_beginning_back() -> None:
    """What came between the last proof and the outage was never known to be landed."""
    world = World(seed=4, rows_min=1500, rows_max=2000)
    await world.extract()
    await outage(world, days=2, changes=40)
    await resynced(world, now())


async def test_it_goes_on_after_a_crash() -> None:
    world = World(seed=8, rows_min=1500, rows_max=2500, page_rows=50)
    world.sow("Invoice", 3000, second=lambda number: 10_000_000 + number * 60)
    await world.extract()
    await outage(world, days=40, changes=40)
    company = world.company_of()
    for row in company.table("Invoice").all()[:2000]:
        company.replace("Invoice", row.id, decode(row.doc) | {"PrivateNote": "imported"})
    world.events.clear()
    resyncing(world, BEGIN)
    await world.extract(run_id=RunId(2), crashes_after_s=[1, 3, 5])
    assert breaches(world) == []
    pages = [asked for asked in world.statements() if "FROM Invoice" in asked and "LastUpdatedTime >=" in asked]
    assert len(pages) > 3


async def swept(work: RealmWork, _scan: Scan) -> Sequence[Proof]:
    return await sweep_realm(work)


@pytest.mark.parametrize("job", ["extract", "resync", "care"])
@pytest.mark.parametrize("rows", [300, 3000])
async def test_what_was_marked_deleted_and_lives_is_not_unproven_for_ever(job: str, rows: int) -> None:
    """An index of Intuit's may lag: by its Id, too, it was not there. No newer version ever comes to revive it."""
    world = World(seed=6, rows_min=rows, rows_max=rows, entities=SWEPT)
    await world.extract()
    await anyio.sleep(DAY_S)
    for entity in ("Customer", "Invoice"):
        held = held_rows(world, entity)
        id_ = next(iter(held))
        held[id_] = replace(held[id_], deleted_at=BEGIN + timedelta(minutes=5))
    if job == "resync":
        await resynced(world, BEGIN + timedelta(hours=12))
        return
    world.task = swept if job == "care" else None
    await world.extract(run_id=RunId(2))
    assert breaches(world) == []


@pytest.mark.parametrize("entity", ["ExchangeRate", "TaxClassification"])
async def test_what_is_proven_by_what_came_has_none_of_it_marked_deleted(entity: str) -> None:
    world = World(seed=1, realms=2)
    world.realm_ids = world.realm_ids[1:]  # one with currencies
    await world.extract()
    held = held_rows(world, entity)
    id_ = next(iter(held))
    held[id_] = replace(held[id_], deleted_at=BEGIN + timedelta(minutes=5))
    await anyio.sleep(DAY_S)
    await world.extract(run_id=RunId(2))
    assert (world.store.proofs(world.realm)[entity].proven, held[id_].deleted_at) == (True, None)


@pytest.mark.parametrize("rows", [300, 3000])
async def test_a_company_that_was_restored_is_read_as_it_is_now(rows: int) -> None:
    """What was landed is of a later version than the company has: it was proven all the same, by its number."""
    world = World(seed=6, rows_min=rows, rows_max=rows)
    await world.extract()
    await anyio.sleep(2 * DAY_S)
    for entity in ("Customer", "Invoice"):
        held = held_rows(world, entity)
        for id_, row in held.items():
            later = BEGIN + timedelta(hours=12)
            held[id_] = replace(
                row, sync_token=99, updated_at=later, doc=row.doc.replace(b'"Id":', b'"Gone":1,"Id":', 1)
            )
    await world.extract(run_id=RunId(2))
    assert breaches(world) == []


async def test_people_at_work_meanwhile() -> None:
    world = World(seed=9, rows_min=1500, rows_max=2500)
    await world.extract()
    await outage(world, days=3, changes=60)
    world.wrap = lambda inner: Tap(inner, after=lambda _request, _statement: world.people().act(2))
    await resynced(world, BEGIN)


@pytest.mark.parametrize("entity", ["Invoice", "TaxAgency", "TimeActivity"])
async def test_a_row_that_nobody_could_name_and_that_is_gone_counts_no_longer(entity: str) -> None:
    """Nothing that comes tells that it is gone, but that all was read again without it."""
    poisoned: dict[tuple[str, str], Sequence[str]] = {}
    world = World(
        seed=21, settings=SimulatorSettings(poisoned=poisoned, poison_code="4002"), rows_min=300, rows_max=300
    )
    ids = world.sow(entity, 20, second=lambda number: 90_000 + number)
    poisoned[world.realm, entity] = [ids[5]]
    await world.extract()
    assert world.store.proofs(world.realm)[entity].quarantined == 1
    since = now()
    await anyio.sleep(DAY_S)
    world.company_of().delete(entity, ids[5])
    await resynced(world, since)
    assert world.store.proofs(world.realm)[entity].quarantined == 0


async def test_what_is_to_be_done_is_asked_of_the_database_at_once_for_all_entities() -> None:
    """Of thousands of companies, two statements for each entity are minutes of Postgres."""
    world = World(seed=5, rows_min=300, rows_max=400)
    await world.extract()
    (realm_id,) = world.realm_ids
    asked: list[str] = []

    class Counted:
        def __getattr__(self, name: str) -> object:
            asked.append(name)
            return getattr(world.store, name)

    jobs = await jobs_of(
        cast("Store", Counted()), realm_id, world.entities, Outage(since=BEGIN), now=now(), costs=world.costs
    )
    assert len(jobs) == len(world.entities) > 30
    assert sorted(asked) == ["held_since", "proven_at"]
