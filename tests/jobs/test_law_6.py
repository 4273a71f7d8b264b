"""Law 6: memory does not grow with the work. Room is taken for each page and given back once it landed."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from backfill.jobs.fleet import FleetOptions
from backfill.jobs.pages import PageRead
from backfill.jobs.whole_answer import WholeAnswer
from backfill.model import Landed, RunId
from backfill.pacing.realm_room import ASKED_SHARE, PageMemory
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import CATALOGUE
from backfill.simulator.settings import SimulatorSettings
from backfill.store.memory_store import MemoryStore
from backfill.wire import Request
from tests.jobs.world import Tap, World, breaches

pytestmark = pytest.mark.virtual

PLAIN = ("COUNT", "taxclassification", "CompanyCurrency")
"""Questions whose answers are no pages: numbers, the short lists that tell which rates to ask for."""

SOWN = ("Invoice", "Bill", "TimeActivity", "Payment", "Estimate", "Purchase")


class CountedRoom:
    """A byte budget that only counts."""

    def __init__(self) -> None:
        self.held = self.most = self.takers = self.most_takers = 0

    @asynccontextmanager
    async def take(self, size_bytes: int) -> AsyncIterator[None]:
        self.held += size_bytes
        self.takers += 1
        self.most, self.most_takers = max(self.most, self.held), max(self.most_takers, self.takers)
        try:
            yield
        finally:
            self.held -= size_bytes
            self.takers -= 1


@pytest.mark.parametrize("realms", [1, 8])
async def test_a_room_for_one_page_lets_one_page_in_at_a_time(realms: int) -> None:
    """However many realms and readers there are; and nobody waits for room while holding some."""
    world = World(
        seed=31,
        realms=realms,
        rows_min=150,
        rows_max=250,
        memory_bytes=1,
        page_rows=20,
        fleet_options=FleetOptions(realms_at_once=8),
        settings=SimulatorSettings(latency_s=0.1, changes_per_minute=60),
    )
    in_flight = [0, 0]

    def before(request: Request, statement: str) -> None:
        if not any(word in statement for word in PLAIN):
            in_flight[0] += 1
            in_flight[1] = max(in_flight)

    def after(request: Request, statement: str) -> None:
        if not any(word in statement for word in PLAIN):
            in_flight[0] -= 1

    world.wrap = lambda inner: Tap(inner, before=before, after=after)
    await world.extract()
    assert breaches(world) == []
    for realm_id in world.realm_ids:
        world.people(realm_id).act(60)
    await anyio.sleep(3600)
    await world.extract(run_id=RunId(2))  # what is gone is asked for by Id: those answers are pages, too
    assert breaches(world) == []
    assert in_flight == [0, 1]
    assert world.room.held_bytes == 0


@pytest.mark.parametrize("rows", [500, 4000])
async def test_what_is_taken_at_once_does_not_grow_with_the_rows(rows: int) -> None:
    world = World(seed=32, page_rows=100, settings=SimulatorSettings(latency_s=0.1))
    for entity in ("Invoice", "Bill", "TimeActivity"):
        world.sow(entity, rows, second=lambda number: 90_000 + 10 * number)
    room = CountedRoom()
    world.room = room  # type: ignore[assignment]  # as the protocol asks
    await world.extract()
    assert breaches(world) == []
    assert room.most_takers <= 8, "a page of each reader"
    # Eight pages of 100 rows; or one answer of 1000 objects, at 2 to 3 kB each, three times over.
    assert room.most <= 1000 * 3_000 * 3
    assert (room.held, room.takers) == (0, 0)


async def test_rows_are_gone_when_their_room_is() -> None:
    """There is room for one page: when the next is asked for, no reader has kept its last one."""
    world = World(seed=34, realms=3, rows_min=250, rows_max=250, memory_bytes=1, page_rows=20, readers=4)
    kept: Counter[int] = Counter()

    def alive() -> set[int]:
        pages = (found for found in gc.get_objects() if isinstance(found, Page | PageRead))
        return {id(page) for page in pages if len(page.records) > 1}

    def before(_request: Request, statement: str) -> None:
        if statement.startswith("SELECT * FROM"):
            kept[len(alive())] += 1

    gc.collect()
    gc.freeze()  # what stands of tests before this one is not looked through each time
    world.wrap = lambda inner: Tap(inner, before=before)
    await world.extract()
    assert breaches(world) == []
    assert kept.total() > 30
    assert set(kept) == {0}


async def test_ids_are_gone_before_the_next_answer_is_waited_for() -> None:
    """Of entities that are read whole, several answers of them."""
    names = SOWN[:3]
    world = World(seed=36, entities=[CATALOGUE[name] for name in names])
    for name in names:
        world.sow(name, 500, second=lambda number: 90_000 + 10 * number)
    kept: Counter[int] = Counter()

    def before(_request: Request, statement: str) -> None:
        if "SELECT * FROM" in statement:
            alive = (found for found in gc.get_objects() if isinstance(found, WholeAnswer) and found.received > 400)
            kept[len({id(found) for found in alive})] += 1

    gc.collect()
    gc.freeze()  # as above
    world.wrap = lambda inner: Tap(inner, before=before)
    await world.extract()
    assert breaches(world) == []
    assert kept.total() >= len(names)
    assert set(kept) == {0}


async def test_many_pages_are_on_the_way_and_few_are_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """While Postgres is slow to land what came, the others wait unread, and no reader waits for what none gives."""
    rows, head_bytes = 50, 5_000
    page_bytes = 2 * rows * 2_048  # what is taken at first for a page and the pieces that it is made of
    world = World(
        seed=35,
        page_rows=rows,
        entities=[CATALOGUE[name] for name in SOWN],
        settings=SimulatorSettings(latency_s=2.0),
    )
    # All but a tenth is room for two that came, and the tenth for more than all may ask for.
    world.room = PageMemory(2 * page_bytes * ASKED_SHARE // (ASKED_SHARE - 1), head_bytes=head_bytes)
    for name in SOWN:
        world.sow(name, 300, second=lambda number: 90_000 + 10 * number)
    asked, in_hand = [0], [0]
    land = MemoryStore.land

    async def slowly(self: MemoryStore, *arguments: Any, **more: Any) -> Landed:
        await anyio.sleep(5.0)
        landed = await land(self, *arguments, **more)
        in_hand.append(in_hand[-1] - bool(arguments[3]))
        return landed

    def before(_request: Request, statement: str) -> None:
        if statement.startswith("SELECT * FROM"):
            asked.append(asked[-1] + 1)

    def after(_request: Request, statement: str) -> None:
        if statement.startswith("SELECT * FROM"):
            asked.append(asked[-1] - 1)
            in_hand.append(in_hand[-1] + 1)

    monkeypatch.setattr(MemoryStore, "land", slowly)
    world.wrap = lambda inner: Tap(inner, before=before, after=after)
    await world.extract()
    assert breaches(world) == []
    assert max(in_hand) <= 3 < max(asked), "they are smaller than was thought at first, so that a third has room"
    assert world.room.held_bytes == 0


async def test_room_is_learned_from_what_came() -> None:
    """Large objects take more of it from the second page on."""
    world = World(seed=33, page_rows=50, entities=[CATALOGUE["Customer"]])
    company = world.company_of()
    for _ in range(200):
        company.create("Customer", {"DisplayName": "x", "Notes": "n" * 20_000})
    room = CountedRoom()
    world.room = room  # type: ignore[assignment]  # as the protocol asks
    await world.extract()
    assert room.most >= 1000 * 20_000 * 2, "an answer of changes, if all were customers"
