"""Law 2: nothing lost, nothing stale. What is landed equals the company as it stood at the watermark."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import anyio
import msgspec
import pytest

from backfill.events import PageLanded
from backfill.jobs.costs import Costs, Optimise
from backfill.model import RunId
from backfill.pacing.metering import BatchCountsAs
from backfill.simulator.company import Company
from backfill.simulator.settings import SimulatorSettings
from backfill.wire import Request, Response, Transport
from tests.jobs.world import RUN, Tap, World, breaches, now

pytestmark = pytest.mark.virtual


def drawn(seed: int) -> tuple[World, list[float]]:
    """A world, and the moments at which its process dies: all of it follows from the seed."""
    rng = random.Random(f"world {seed}")
    # Who reads three rows in a second and a half can never catch up with people who change thirty.
    slow = rng.random() < 0.5
    settings = SimulatorSettings(
        latency_s=rng.choice((0.3, 1.5) if slow else (0.0, 0.05, 0.3)),
        jitter_s=rng.choice((0.0, 0.05, 0.1)),
        window=rng.choice(("sliding", "fixed")),
        id_sort=rng.choice(("ignored", "error", "honoured")),
        limit_plus_one=rng.random() < 0.3,
        batch_object_cap=rng.choice((1000, None)),
        batch_shuffled=rng.random() < 0.5,
        changes_per_minute=rng.choice((0, 20, 60) if slow else (120, 600, 1800)),
    )
    world = World(
        seed=seed,
        realms=rng.choice((1, 1, 2, 5)),
        rows_max=rng.choice((100, 200, 400)),
        settings=settings,
        page_rows=rng.choice((3, 7, 1000) if slow else (20, 100, 1000)),
        readers=rng.choice((1, 3, 8)),
        memory_bytes=rng.choice((1, 10_000) if slow else (50_000, 256 * 1024 * 1024)),
    )
    crashes = [rng.uniform(0, 6) for _ in range(rng.choice((0, 0, 1, 3)))]
    world.costs = Costs(optimise=rng.choice(list(Optimise)), batch_counts_as=rng.choice(list(BatchCountsAs)))
    return world, crashes


@pytest.mark.parametrize("seed", range(40))
async def test_whatever_people_do_meanwhile(seed: int) -> None:
    """Created, edited, deleted, voided, back-dated: at any rate, with crashes, under every undocumented behaviour."""
    world, crashes = drawn(seed)
    with anyio.fail_after(3600):
        await world.extract(crashes_after_s=crashes)
    assert breaches(world) == []


async def test_a_quiet_company_is_read_whole_at_the_first_look() -> None:
    """Every entity has a proof; what nobody touched is proven without a second count."""
    world = World(seed=1, realms=5)
    result = await world.extract()
    assert breaches(world) == []
    assert sorted(result.proven) == sorted(world.realm_ids)
    assert result.troubles == []
    for realm_id in world.realm_ids:
        proofs = world.store.proofs(realm_id)
        assert {proof.method for proof in proofs.values()} <= {
            "census, none", "snapshot", "listing", "rates of all days", "no foreign currency",
        }  # fmt: skip
        assert sum(proof.landed_live for proof in proofs.values()) == world.company_of(realm_id).rows


async def test_a_quiet_company_of_many_pages_needs_no_second_count() -> None:
    world = World(seed=1, page_rows=5, rows_min=300, rows_max=300)
    await world.extract()
    assert breaches(world) == []
    assert world.store.proofs(world.realm)["Invoice"].method == "census, nothing changed"


async def test_an_empty_company_is_proven_empty() -> None:
    company = Company(realm_id="42", name="New", country="US", home_currency="USD", multicurrency=False, now=now)
    company.create("CompanyInfo", {"CompanyName": "New"})
    company.create("Preferences", {"CurrencyPrefs": {"MultiCurrencyEnabled": False}})
    world = World(seed=1, companies={"42": company})
    result = await world.extract()
    assert breaches(world) == []
    assert result.proven == ["42"]
    assert world.store.proofs(world.realm)["Invoice"].counted == 0


async def test_what_was_deleted_between_two_runs_is_marked() -> None:
    """Also by a catalogue of entities that CDC does not carry, and longer ago than CDC looks back."""
    world = World(seed=3, realms=5, rows_min=300, rows_max=400)
    await world.extract()
    for realm_id in world.realm_ids:
        world.people(realm_id).act(200)
    await anyio.sleep(40 * 86_400)
    await world.extract(run_id=RunId(2))
    assert breaches(world) == []
    assert any(isinstance(event, PageLanded) and event.deleted for event in world.events)


async def test_a_scan_too_old_for_change_data_capture_is_begun_anew() -> None:
    world = World(seed=4, settings=SimulatorSettings(latency_s=0.3), page_rows=20)
    await world.extract(crashes_after_s=[2.0])
    started = (await world.store.scan(RUN, world.realm)).started_at
    other = World(seed=4, settings=SimulatorSettings(latency_s=0.3), page_rows=20)
    async with other.simulator.running():
        with anyio.move_on_after(2.0):
            await other.extract()
    began = (await other.store.scan(RUN, other.realm)).started_at
    assert started is not None
    assert began is not None
    other.people().act(50)
    await anyio.sleep(29 * 86_400)
    await other.extract()
    again = (await other.store.scan(RUN, other.realm)).started_at
    assert again is not None
    assert again - began > timedelta(days=28)
    assert breaches(other) == []


class TestLargeAndPolled:
    """TimeActivity is not carried by CDC; above 900 rows it is read in slices and swept by LastUpdatedTime."""

    def world(self, **more: Any) -> World:
        world = World(seed=5, settings=SimulatorSettings(latency_s=0.1), **more)
        self.ids = world.sow("TimeActivity", 1200, second=lambda number: 90_000 + 13 * number)
        return world

    async def test_quiet(self) -> None:
        world = self.world()
        await world.extract()
        assert breaches(world) == []
        assert world.store.proofs(world.realm)["TimeActivity"].method == "count and sweep"

    async def test_edits_creations_and_deletes_behind_and_before_the_reader(self) -> None:
        world = self.world(page_rows=100)
        rng = random.Random(1)
        company = world.company_of()

        def meddle(_request: Request, statement: str) -> None:
            if "FROM TimeActivity" in statement and "ORDERBY" in statement:
                rows = company.table("TimeActivity").all()
                company.delete("TimeActivity", rng.choice(rows).id)
                company.replace("TimeActivity", rng.choice(company.table("TimeActivity").all()).id, {"Note": "edited"})
                company.create("TimeActivity", {"Note": "new"})

        world.wrap = lambda inner: Tap(inner, after=meddle)
        await world.extract()
        assert breaches(world, unproven={"TimeActivity"}) == []
        world.wrap = lambda inner: inner
        await world.extract(run_id=RunId(2))
        assert breaches(world) == []

    async def test_one_delete_is_found_by_the_count(self) -> None:
        world = self.world()
        done = []

        def meddle(_request: Request, statement: str) -> None:
            if "SELECT * FROM TimeActivity" in statement and not done:
                done.append(statement)
                world.company_of().delete("TimeActivity", self.ids[7])

        world.wrap = lambda inner: Tap(inner, after=meddle)
        await world.extract()
        assert breaches(world) == []
        assert self.ids[7] not in world.store.live_documents(world.realm, "TimeActivity")

    async def test_a_count_and_a_sweep_that_were_answered_apart_prove_nothing(self) -> None:
        """The sweep fails and is asked again a moment later: the count beside it is of before a row went."""
        world = self.world()
        company = world.company_of()
        failed = []

        class Failing:
            def __init__(self, inner: Transport) -> None:
                self.inner = inner

            async def send(self, request: Request, *, deadline: float) -> Response:
                response = await self.inner.send(request, deadline=deadline)
                if request.path != "/batch" or b"LastUpdatedTime" not in request.body or failed:
                    return response
                failed.append(request)
                company.delete("TimeActivity", ids[7])
                body = msgspec.json.decode(response.body, type=dict[str, msgspec.Raw])
                items = msgspec.json.decode(body["BatchItemResponse"], type=list[dict[str, msgspec.Raw]])
                error = {"Message": "down", "Detail": "for maintenance", "code": "150"}
                items[1] = {
                    "bId": items[1]["bId"],
                    "Fault": msgspec.Raw(msgspec.json.encode({"Error": [error], "type": "SystemFault"})),
                }
                return replace(response, body=msgspec.json.encode({**body, "BatchItemResponse": items}))

        ids = self.ids
        world.wrap = Failing
        await world.extract()
        assert failed
        assert breaches(world) == []

    async def test_an_import_of_more_than_an_answer_during_the_scan(self) -> None:
        """The sweep is cut at 999: then all changes are walked."""
        world = self.world()
        done = []

        def meddle(_request: Request, statement: str) -> None:
            if "SELECT * FROM TimeActivity" in statement and not done:
                done.append(statement)
                for number in range(1500):
                    world.company_of().create("TimeActivity", {"Note": str(number)})

        world.wrap = lambda inner: Tap(inner, after=meddle)
        await world.extract()
        assert breaches(world) == []
        assert len(world.store.live_documents(world.realm, "TimeActivity")) >= 2700
        looks = [entry.at_s for entry in world.simulator.log.entries() if "MAXRESULTS 999" in entry.asked]
        assert looks[-1] - looks[0] > 60, "what came last had its minute to be seen"

    async def test_more_edits_during_the_scan_than_an_answer_holds(self) -> None:
        world = self.world()
        done = []

        def meddle(_request: Request, statement: str) -> None:
            if "SELECT * FROM TimeActivity" in statement and not done:
                done.append(statement)
                for id_ in self.ids[::-1]:
                    world.company_of().replace("TimeActivity", id_, {"Note": "edited"})

        world.wrap = lambda inner: Tap(inner, after=meddle)
        await world.extract()
        assert breaches(world) == []


async def test_change_data_capture_that_is_full() -> None:
    """More than a thousand changes, deletes cut first: one entity alone, and still full, by time and count."""
    world = World(seed=6, settings=SimulatorSettings(latency_s=0.1))
    ids = world.sow("Invoice", 1500, second=lambda number: 90_000 + number)
    company = world.company_of()
    done = []

    def meddle(_request: Request, statement: str) -> None:
        if "SELECT * FROM Invoice" in statement and not done:
            done.append(statement)
            for id_ in ids[:1100]:
                company.replace("Invoice", id_, {"PrivateNote": "changed"})
            for id_ in ids[1100:1200]:
                company.delete("Invoice", id_)
            for number in range(5):
                company.create("Bill", {"PrivateNote": str(number)})

    world.wrap = lambda inner: Tap(inner, after=meddle)
    await world.extract()
    assert breaches(world) == []
    assert world.store.proofs(world.realm)["Invoice"].method == "count and sweep"
    assert world.store.proofs(world.realm)["Bill"].method == "snapshot", "small: it needs no CDC"


class TestCrowdedSeconds:
    """A bulk import gives more rows one CreateTime than a page holds."""

    @pytest.mark.parametrize("rows", [6, 7, 8, 14, 15, 40])
    async def test_more_than_a_page_in_one_second(self, rows: int) -> None:
        world = World(seed=7, page_rows=7)
        world.sow("Invoice", 20, second=lambda number: 99_000 - number)
        world.sow("Invoice", rows, second=lambda _: 95_000)
        world.sow("Invoice", 20, second=lambda number: 94_999 - number)
        await world.extract()
        assert breaches(world) == []

    async def test_at_both_ends_of_the_slice(self) -> None:
        world = World(seed=7, page_rows=5)
        world.sow("Invoice", 23, second=lambda _: 400 * 86_400 * 20)
        world.sow("Invoice", 23, second=lambda _: 1)
        await world.extract()
        assert breaches(world) == []

    async def test_of_full_size(self) -> None:
        """1500 rows in a second, in a company that makes several slices of its invoices."""
        world = World(seed=7, settings=SimulatorSettings(latency_s=0.1, changes_per_minute=120))
        world.sow("Invoice", 6000, second=lambda number: 90_000 + 61 * number)
        world.sow("Invoice", 1500, second=lambda _: 90_000 + 61 * 2500)
        await world.extract()
        assert {part.entity for part in (await world.store.scan(RUN, world.realm)).slices} == {"Invoice"}
        assert breaches(world) == []


class TestUnordered:
    """Some entities take an ORDERBY and do nothing with it, as TaxAgency was seen to."""

    @pytest.mark.parametrize("entity", ["Invoice", "Customer", "Item"])
    @pytest.mark.parametrize("people", [0, 60])
    async def test_answers_in_no_order_are_read_by_offset(self, entity: str, people: int) -> None:
        def unordered(request: Request, statement: str) -> Request | None:
            if f"FROM {entity} " not in statement or request.path != "/query":
                return None
            return msgspec.structs.replace(
                request, params=(("query", re.sub(r" ORDERBY \S+", "", statement)), *request.params[1:])
            )

        settings = SimulatorSettings(latency_s=0.1, changes_per_minute=people)
        world = World(seed=8, rows_min=300, rows_max=300, page_rows=7, settings=settings)
        world.wrap = lambda inner: Tap(inner, before=unordered)
        await world.extract()
        assert breaches(world) == []

    async def test_so_few_rows_at_a_time_that_no_answer_shows_it(self) -> None:
        world = World(seed=8, page_rows=1)
        world.sow("TaxAgency", 910, second=lambda number: 90_000 + number % 7)
        await world.extract()
        assert breaches(world) == []

    async def test_tax_agencies_of_more_than_a_page(self) -> None:
        world = World(seed=8, settings=SimulatorSettings(latency_s=0.1, changes_per_minute=60))
        world.sow("TaxAgency", 1100, second=lambda number: 90_000 + number % 7)
        await world.extract()
        assert breaches(world) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"limit_plus_one": True},
        {"batch_object_cap": None},
        {"batch_shuffled": True},
        {"id_sort": "error"},
        {"id_sort": "honoured"},
        {"window": "fixed"},
        {"not_equal": True},
        {"unnamed_sku": "left_out"},
        {"gzip": False},
    ],
    ids=str,
)
@pytest.mark.parametrize("page_rows", [1, 2, 7, 1000])
async def test_every_undocumented_behaviour(settings: dict[str, Any], page_rows: int) -> None:
    people = SimulatorSettings(changes_per_minute=120, latency_s=0.05)
    world = World(seed=9, rows_max=120, settings=replace(people, **settings), page_rows=page_rows)
    world.sow("Invoice", 12, second=lambda _: 90_000)
    await world.extract()
    assert breaches(world) == []


async def test_two_versions_in_one_second_and_of_one_sync_token() -> None:
    """QuickBooks moves balances by itself: LastUpdatedTime moves, SyncToken does not. What came later stands."""
    world = World(seed=10)
    company = world.company_of()
    customer = company.table("Customer").all()[0].id
    agency = company.table("TaxCode").all()[0].id
    done: set[str] = set()

    def before(_request: Request, statement: str) -> None:
        if "SELECT COUNT" in statement and not done:
            done.add("first")
            company.replace("Customer", customer, {"DisplayName": "A", "Balance": 1}, counted=False)

    def after(_request: Request, statement: str) -> None:
        if "SELECT * FROM Customer" in statement and "second" not in done:
            done.add("second")
            held = company.table("Customer").get(customer)
            assert held is not None
            twin = company.sealed(
                "Customer", customer, {"DisplayName": "A", "Balance": 2}, created=held.created, updated=held.updated
            )
            company.replace("Customer", customer, {"DisplayName": "A", "Balance": 2}, counted=False)
            company.load("Customer", twin)

    assert agency
    world.wrap = lambda inner: Tap(inner, before=before, after=after)
    await world.extract()
    assert breaches(world) == []
