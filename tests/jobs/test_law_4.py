"""Law 4: effect and bookmark commit together. Restarting is ordinary: it goes on where the last page was landed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from backfill.events import PageLanded
from backfill.jobs.fleet import FleetOptions
from backfill.model import Checkpoint, Landed, Lease, Record, RunId
from backfill.pacing.metering import MeteredBudget
from backfill.simulator.settings import SimulatorSettings
from backfill.wire import Request
from tests.jobs.test_offered import of_items
from tests.jobs.world import RUN, Tap, World, breaches, differences

pytestmark = pytest.mark.virtual


class Watched:
    """A world whose pages are followed: which statement brought the page that was last landed with a checkpoint."""

    def __init__(self, seed: int) -> None:
        self.world = World(
            seed=seed,
            settings=SimulatorSettings(latency_s=0.3, jitter_s=0.05),
            rows_min=200,
            rows_max=300,
            page_rows=7,
        )
        self.world.wrap = lambda inner: Tap(inner, after=self.answered)
        self.last: dict[str, str] = {}
        self.landed: set[str] = set()
        self.written: set[str] = set()
        self.asked: Counter[str] = Counter()
        land = self.world.store.land

        async def watched(
            lease: Lease,
            run_id: RunId,
            entity: str,
            records: Sequence[Record],
            *,
            checkpoint: Checkpoint | None = None,
            **more: Any,
        ) -> Landed:
            done = await land(lease, run_id, entity, records, checkpoint=checkpoint, **more)
            if entity in self.last:
                self.written.add(self.last[entity])
                if checkpoint is not None:
                    self.landed.add(self.last[entity])
            return done

        self.world.store.land = watched  # type: ignore[method-assign]  # to look on

    def answered(self, request: Request, statement: str) -> None:
        if request.path == "/query" and "ORDERBY MetaData.CreateTime" in statement:
            self.last[statement.split()[3]] = statement
            self.asked[statement] += 1


@pytest.mark.parametrize("seed", range(8))
async def test_a_crash_at_any_moment_costs_no_checkpointed_page(seed: int) -> None:
    """Same result as without the crash, and no statement whose page was landed with its checkpoint is asked again."""
    watched = Watched(seed)
    rng = random.Random(f"crash {seed}")
    for _ in range(3):
        async with watched.world.simulator.running():
            with anyio.move_on_after(rng.uniform(0.5, 4)):
                await watched.world.extract()
        done, watched.asked = set(watched.landed), Counter()
        scan = await watched.world.store.scan(RUN, watched.world.realm)
        finished = {part.entity for part in scan.slices if part.done}
        await watched.world.extract(crashes_after_s=[rng.uniform(0.5, 4)])
        assert not done & watched.asked.keys()
        assert not [statement for statement in watched.asked if statement.split()[3] in finished]
    await watched.world.extract()
    assert breaches(watched.world) == []
    untouched = World(seed=seed, rows_min=200, rows_max=300)
    await untouched.extract()
    for entity in untouched.store.proofs(untouched.realm):
        assert watched.world.store.live_documents(watched.world.realm, entity) == untouched.store.live_documents(
            untouched.realm, entity
        )


async def test_a_finished_realm_is_not_asked_again() -> None:
    world = World(seed=1, realms=3)
    await world.extract()
    asked = len(world.statements())
    result = await world.extract()
    assert len(world.statements()) == asked
    assert sorted(result.proven) == sorted(world.realm_ids)


async def test_the_census_is_kept_over_a_crash() -> None:
    """It says when the scan began, which is where catching up begins: it is not taken twice."""
    world = World(seed=2, rows_min=200, rows_max=200, page_rows=7, settings=SimulatorSettings(latency_s=0.2))
    await world.extract(crashes_after_s=[2.0, 1.0])
    counts = [entry for entry in world.simulator.log.entries() if entry.lane == "batch" and "COUNT" in entry.asked]
    assert len(counts) == 1, "what is not read outright"
    assert "SELECT * FROM CompanyInfo STARTPOSITION 1 MAXRESULTS 1000" not in world.statements(), "nor the time asked"
    assert breaches(world) == []


async def test_what_is_counted_late_is_planned_late() -> None:
    """It is read by slices, like all others: with checkpoints, and with a row set aside that nobody can read."""
    poisoned: dict[tuple[str, str], frozenset[str]] = {}
    settings = SimulatorSettings(poison_code="4002", poisoned=poisoned)
    world = World(seed=2, rows_min=200, rows_max=200, page_rows=7, settings=settings)
    invoices = world.company_of().table("Invoice").by_created()
    poisoned[world.realm, "Invoice"] = frozenset({invoices[len(invoices) // 2].id})
    refused = world.simulator.injections.add(of_items("2050", "Invoice"))
    assert (await world.extract()).unproven == [world.realm]
    before = await world.store.scan(RUN, world.realm)
    assert "Invoice" not in {part.entity for part in before.slices}, "nobody knew how many there are"

    world.simulator.injections.remove(refused)
    assert (await world.extract()).proven == [world.realm]
    after = await world.store.scan(RUN, world.realm)
    assert [part for part in after.slices if part.entity != "Invoice"] == before.slices
    (invoice,) = (part for part in after.slices if part.entity == "Invoice")
    assert invoice.done
    proof = world.store.proofs(world.realm)["Invoice"]
    assert (proof.landed_live, proof.quarantined) == (len(invoices) - 1, 1)


class TestTheMonthsCap:
    """Metered calls run out in the middle: what is landed stays, and the run goes on with the next month's."""

    @pytest.mark.parametrize("cap", [1, 2, 3, 10, 40])
    async def test_a_run_that_reaches_it_is_stopped_and_goes_on(self, cap: int) -> None:
        watched = Watched(seed=5)
        world = watched.world
        world.metered = MeteredBudget(cap)
        first = await world.extract(stopping=lambda: world.metered.reached is not None)
        assert (first.stopped, first.proven, first.unproven, first.parked) == ([world.realm], [], [], [])
        assert world.metered.reached is not None
        assert world.simulator.log.summary()[world.realm].requests == world.metered.used == cap
        done, watched.asked = set(watched.landed), Counter()

        world.metered = MeteredBudget(None)
        second = await world.extract()
        assert second.proven == [world.realm]
        assert breaches(world) == []
        assert not done & watched.asked.keys(), "no checkpointed page is paid for twice"

    async def test_pages_under_way_are_landed_and_not_thrown_away(self) -> None:
        """They are paid for. Eight readers ask, the cap allows a few: their pages are landed."""
        world = World(seed=5, page_rows=7, rows_min=300, rows_max=300, settings=SimulatorSettings(latency_s=2.0))
        world.metered = MeteredBudget(6)
        await world.extract(stopping=lambda: world.metered.reached is not None)
        asked = [text.split()[3] for text in world.statements() if "ORDERBY MetaData.CreateTime" in text]
        assert len(asked) >= 3
        assert [entity for entity in asked if not world.store.live_documents(world.realm, entity)] == []


class TestStopping:
    @pytest.mark.parametrize("seed", range(4))
    async def test_it_stops_at_a_pages_boundary_and_goes_on_from_there(self, seed: int) -> None:
        watched = Watched(seed)
        world = watched.world
        asked = 2 + 9 * seed

        def stopping() -> bool:
            return len(world.simulator.log.entries()) >= asked

        result = await world.extract(stopping=stopping)
        assert result.stopped == [world.realm]
        assert result.troubles == []
        assert all(entry.status == 200 for entry in world.simulator.log.entries())
        acted = {entry.asked for entry in world.simulator.log.entries() if "ORDERBY" in entry.asked}
        assert {asked for asked in acted if asked.startswith("SELECT *")} == watched.written, "none was thrown away"
        assert len(world.simulator.log.entries()) < asked + 10, "at most what was in flight"
        watched.asked.clear()
        landed = set(watched.landed)
        result = await world.extract()
        assert result.proven == [world.realm]
        assert not landed & watched.asked.keys()
        assert breaches(world) == []

    async def test_realms_not_begun_are_not_begun(self) -> None:
        world = World(seed=3, realms=5, fleet_options=FleetOptions(realms_at_once=2))

        def stopping() -> bool:
            return len(world.simulator.log.entries()) > 3

        result = await world.extract(stopping=stopping)
        assert sorted(result.stopped + result.proven) == sorted(world.realm_ids)
        touched = {entry.realm_id for entry in world.simulator.log.entries()}
        assert len(touched) <= 2


class TestALostLease:
    """Whoever takes a realm over raises its epoch; from then on nothing of ours is written."""

    @pytest.mark.parametrize("after_s", [0.4, 1.5, 2.5, 3.5])
    async def test_in_the_middle(self, after_s: float) -> None:
        world = World(seed=5, rows_min=200, rows_max=200, page_rows=7, settings=SimulatorSettings(latency_s=0.2))
        theirs = world.store.seen_by("another process")
        landed_at_takeover: list[int] = []

        async def take_over() -> None:
            await anyio.sleep(after_s)
            realm = world.store._realms[world.realm]
            realm.lease_until = anyio.current_time()  # it was paused, or cut off, for longer than its lease
            await theirs.acquire(world.realm)
            landed_at_takeover.append(len(pages(world)))

        async with anyio.create_task_group() as group:
            group.start_soon(take_over)
            result = await world.extract()
        assert len(pages(world)) == landed_at_takeover[0], "nothing was written after the takeover"
        assert result.unproven == [world.realm]
        assert [trouble.code for trouble in result.troubles] == ["LeaseLostError"]
        assert world.store.proofs(world.realm) == {}
        assert world.store._realms[world.realm].owner == "another process", "and theirs was not given back"

    async def test_a_renewal_that_fails_ends_the_job_at_once(self) -> None:
        """Also where nothing is landed for long: the job does not go on asking."""
        world = World(seed=5, fleet_options=FleetOptions(lease_renewal_s=1.0))
        theirs = world.store.seen_by("another process")
        asked = []

        async def slow(_request: Request) -> None:
            asked.append(anyio.current_time())
            if len(asked) == 3:
                world.store._realms[world.realm].lease_until = anyio.current_time()
                await theirs.acquire(world.realm)
                await anyio.sleep(20)

        class Slow:
            def __init__(self, inner: object) -> None:
                self.inner = inner

            async def send(self, request: Request, *, deadline: float) -> object:
                await slow(request)
                return await self.inner.send(request, deadline=deadline)  # type: ignore[attr-defined]  # a transport

        world.wrap = Slow  # type: ignore[assignment]  # looser than the protocol
        result = await world.extract()
        assert anyio.current_time() < 5
        assert [trouble.code for trouble in result.troubles] == ["LeaseLostError"]

    async def test_the_other_goes_on_where_we_were(self) -> None:
        world = World(seed=6, rows_min=200, rows_max=200, page_rows=7, settings=SimulatorSettings(latency_s=0.2))
        async with world.simulator.running():
            with anyio.move_on_after(3):
                await world.extract()
        theirs = world.store.seen_by("another process")
        rows = sum(event.landed for event in pages(world))
        await world.extract(store=theirs)
        assert breaches(world) == []
        again = sum(event.landed for event in pages(world)) - rows
        assert rows > 0
        assert rows + again <= world.company_of().rows + 60, "a page of each of eight readers at most was read again"


async def test_a_proof_is_never_there_before_what_it_proves() -> None:
    """Whenever the process dies: what is said to be proven is landed."""
    for tenth in range(1, 80, 6):
        world = World(seed=7, settings=SimulatorSettings(latency_s=0.2, changes_per_minute=600), page_rows=7)
        async with world.simulator.running():
            with anyio.move_on_after(tenth / 10):
                await world.extract()
        for entity, proof in world.store.proofs(world.realm).items():
            assert proof.proven
            assert differences(world, world.realm, entity) == []


def pages(world: World) -> list[PageLanded]:
    return [event for event in world.events if isinstance(event, PageLanded)]
