"""Realms read by turns: what is landed and proven is the same, no page is asked for twice, whatever comes between."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from backfill.events import RealmPaused
from backfill.jobs.fleet import FleetOptions
from backfill.model import RealmId
from backfill.qbo.catalogue import CATALOGUE
from backfill.simulator.settings import SimulatorSettings
from backfill.wire import Request, Response
from tests.jobs.world import RUN, Tap, World, breaches, fault

pytestmark = pytest.mark.virtual

SHORT = FleetOptions(realms_at_once=1, turn_s=3.0, early_end_s=1.0)
SLICED = [CATALOGUE[name] for name in ("Invoice", "Bill", "Customer", "Payment", "TimeActivity", "Account")]


def world(**more: Any) -> World:
    settings = SimulatorSettings(**{"latency_s": 0.3} | more.pop("settings", {}))
    given = {"seed": 41, "realms": 2, "rows_min": 250, "rows_max": 250, "page_rows": 5, "fleet_options": SHORT}
    return World(settings=settings, **given | more)


def paused(of: World) -> int:
    return sum(isinstance(event, RealmPaused) for event in of.events)


def pages(of: World) -> Counter[tuple[RealmId, str]]:
    """The pages of rows that were asked for."""
    return Counter(
        (realm_id, said)
        for realm_id in of.realm_ids
        for said in of.statements(realm_id)
        if said.startswith("SELECT * FROM") and "CreateTime" in said
    )


async def test_what_is_read_is_the_same_and_no_page_is_asked_for_twice() -> None:
    whole = world(fleet_options=FleetOptions())
    await whole.extract()
    by_turns = world()
    result = await by_turns.extract()
    assert breaches(by_turns) == breaches(whole) == []
    assert sorted(result.proven) == sorted(by_turns.realm_ids)
    assert paused(by_turns) >= 4
    assert set(pages(by_turns).values()) == {1}
    # A page that begins within a second that a turn before had begun is asked for from the second's beginning.
    assert sum(pages(by_turns).values()) <= sum(pages(whole).values()) * 1.02


async def test_while_people_work_in_the_books() -> None:
    by_turns = world(settings={"changes_per_minute": 60})
    await by_turns.extract()
    assert breaches(by_turns) == []
    assert paused(by_turns) >= 4


async def test_a_second_that_takes_longer_than_a_turn_is_read_to_its_end() -> None:
    """It is read by offset, again and again until it adds up: broken off it would begin anew for ever."""
    whole, by_turns = (world(realms=2, entities=SLICED, fleet_options=options) for options in (FleetOptions(), SHORT))
    for of in (whole, by_turns):
        for realm_id in of.realm_ids:
            of.sow("Invoice", 120, second=lambda _: 90_000, realm_id=realm_id)
        with anyio.fail_after(600):
            await of.extract()
        assert breaches(of) == []
    assert paused(by_turns) >= 4
    assert sum(pages(by_turns).values()) <= sum(pages(whole).values()) * 1.02


async def test_a_crowded_page_that_takes_longer_than_a_turn_is_gone_on_from() -> None:
    """The turn is over when it comes, and it leaves no checkpoint: what follows belongs to the same turn."""
    short = FleetOptions(realms_at_once=1, turn_s=1.0)
    by_turns = world(fleet_options=short, settings={"latency_s": 1.5}, memory_bytes=1)
    with anyio.fail_after(3_600):
        await by_turns.extract()
    assert breaches(by_turns) == []


@pytest.mark.parametrize("seed", range(2))
async def test_a_crash_between_turns_and_within(seed: int) -> None:
    by_turns = world(seed=50 + seed, settings={"changes_per_minute": 30})
    await by_turns.extract(crashes_after_s=[4.1 + seed, 6.3, 7.7])
    assert breaches(by_turns) == []


async def test_another_process_goes_on_with_a_realm_between_two_turns() -> None:
    """Its permits count for it, and ours begin with what it used up: no window holds more than it may."""
    by_turns = world(realms=2)
    other = by_turns.store.seen_by("another process")
    async with by_turns.simulator.running(), anyio.create_task_group() as group:
        group.start_soon(lambda: by_turns._process(RUN, by_turns.store, lambda: False))
        await anyio.sleep(5)
        await by_turns._process(RUN, other, lambda: False)
    assert breaches(by_turns) == []
    assert max(pages(by_turns).values()) == 1


async def test_a_stop_in_the_middle_is_gone_on_from_in_the_next_run_of_the_process() -> None:
    by_turns = world()
    stop_at = anyio.current_time() + 12.5
    result = await by_turns.extract(stopping=lambda: anyio.current_time() >= stop_at)
    assert sorted(result.stopped) == sorted(by_turns.realm_ids)
    await by_turns.extract()
    assert breaches(by_turns) == []


async def test_rows_that_cannot_be_read_are_set_aside_whatever_a_turn_lasts() -> None:
    """A page that is halved down to the row takes as long as a turn, and is halved to its end all the same."""
    poisoned: dict[tuple[str, str], list[str]] = {}
    by_turns = world(
        realms=2,
        page_rows=100,
        settings={"poisoned": poisoned, "poison_code": "10000"},
        fleet_options=FleetOptions(realms_at_once=1),
    )
    for realm_id in by_turns.realm_ids:
        ids = by_turns.sow("Invoice", 300, second=lambda number: 90_000 + number, realm_id=realm_id)
        poisoned[realm_id, "Invoice"] = [ids[150]]
    with anyio.fail_after(3600):
        await by_turns.extract()
    assert breaches(by_turns) == []


class TestOneRealmRests:
    """Law 5: a realm that is refused waits a minute, and no other one waits with it."""

    def refusing(self, until_s: float, **more: Any) -> World:
        by_turns = world(realms=3, entities=SLICED, fleet_options=FleetOptions(realms_at_once=3), **more)
        refused, began_at = by_turns.realm_ids[0], anyio.current_time()

        def before(request: Request, _statement: str) -> Response | None:
            if request.realm_id == refused and 3 < anyio.current_time() - began_at < until_s:
                return fault("3001", "ThrottleExceeded", status=429)
            return None

        by_turns.wrap = lambda inner: Tap(inner, before=before)
        return by_turns

    def ended_at(self, of: World) -> float:
        """How long the other two took."""
        first = of.simulator.log.entries()[0].at_s
        return max(of.simulator.log.entries(realm_id)[-1].at_s - first for realm_id in of.realm_ids[1:])

    async def test_its_pages_room_is_the_others(self) -> None:
        """There is room for four pages, it has eight readers, and the others come when it already rests."""
        took = []
        for until_s in (0, 400):
            of = self.refusing(until_s, memory_bytes=4 * 5 * 2_048 * 3)
            of.late = of.realm_ids[1:]
            of.joining = self.later(of)
            await of.extract()
            assert breaches(of, throttled=True) == []
            took.append(self.ended_at(of))
        assert took[1] <= took[0] + 3

    async def later(self, of: World) -> AsyncIterator[RealmId]:
        await anyio.sleep(5)
        for realm_id in of.late:
            yield realm_id

    async def test_and_its_place(self) -> None:
        free = self.refusing(0)
        free.fleet_options = FleetOptions(realms_at_once=1)
        await free.extract()
        held_up = self.refusing(400)
        held_up.fleet_options = FleetOptions(realms_at_once=1)
        await held_up.extract()
        assert breaches(held_up, throttled=True) == []
        assert self.ended_at(held_up) <= self.ended_at(free) + 5


async def test_permits_that_were_not_used_are_not_lost_by_a_turns_end() -> None:
    """Two giants share a place: each pause gives back what was not sent, and no window's place is held in vain."""
    by_turns = world(fleet_options=FleetOptions(realms_at_once=1, turn_s=1.2))
    whole = world(fleet_options=FleetOptions(realms_at_once=1, turn_s=1e6))
    took = []
    for of in (whole, by_turns):
        began_at = anyio.current_time()
        await of.extract()
        assert breaches(of) == []
        took.append(anyio.current_time() - began_at)
    turns = paused(by_turns)
    assert turns >= 8
    # A turn's end costs the readers' drain: a page's time, 0.3 s, and no more.
    assert took[1] <= took[0] + turns * 0.4
