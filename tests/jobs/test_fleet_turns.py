"""More realms than places: giants share, the small and the new come at once, and nobody holds a place for nothing."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import anyio
import pytest

from backfill.errors import BackfillError, Disposition, LeaseLostError, RealmBusyError, TokenError, UnavailableError
from backfill.events import Event, LeaseAwaited, RealmPaused
from backfill.jobs.fleet import FleetOptions, FleetResult, RealmOutcome, work_realms
from backfill.jobs.turns import Turn
from backfill.model import Lease, RealmId, RunId
from backfill.store.memory_store import MemoryStore

pytestmark = pytest.mark.virtual

GIANT = 10**6
"""Pages: more than any of these tests sees the end of."""


class Books:
    """Realms of so many pages each, one after another in `page_s` seconds; what was read stays read."""

    def __init__(self, pages: Mapping[str, int], *, page_s: float = 0.3, **options: Any) -> None:
        self.left = {RealmId(realm_id): count for realm_id, count in pages.items()}
        self.page_s = page_s
        self.store = MemoryStore(self.left, now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
        self.options = FleetOptions(**options)
        self.events: list[Event] = []
        self.turns: list[tuple[RealmId, float, float]] = []
        """Realm, and when its turn began and ended."""
        self.stop_at_s = float("inf")
        self.errors: dict[RealmId, BackfillError] = {}

    async def job(self, lease: Lease, turn: Turn, /) -> RealmOutcome:
        realm_id, began_at = lease.realm_id, anyio.current_time()
        try:
            with turn.breakable():
                while self.left[realm_id]:
                    turn.check()
                    await anyio.sleep(self.page_s)
                    self.left[realm_id] -= 1
                    if realm_id in self.errors:
                        raise self.errors[realm_id]
                    if anyio.current_time() >= self.stop_at_s:
                        turn.end()
        finally:
            self.turns.append((realm_id, began_at, anyio.current_time()))
        return RealmOutcome(proven=True)

    async def work(self, realms: Sequence[RealmId] | None = None, **more: Any) -> FleetResult:
        return await work_realms(
            list(self.left) if realms is None else realms,
            self.job,
            store=self.store,
            run_id=RunId(1),
            observe=self.events.append,
            options=self.options,
            stopping=lambda: anyio.current_time() >= self.stop_at_s,
            **more,
        )

    async def work_for(self, seconds: float, **more: Any) -> None:
        with anyio.move_on_after(seconds):
            await self.work(**more)

    def held_s(self) -> Counter[str]:
        held: Counter[str] = Counter()
        for realm_id, began_at, ended_at in self.turns:
            held[realm_id] += ended_at - began_at  # type: ignore[assignment]  # seconds
        return held

    def began_s(self, realm_id: str) -> float:
        return min(began_at for of, began_at, _ in self.turns if of == realm_id)


def giants(number: int) -> dict[str, int]:
    return {f"giant {n}": GIANT for n in range(number)}


def small(number: int) -> dict[str, int]:
    return {f"small {n}": 5 for n in range(number)}


async def test_giants_in_front_of_the_small_do_not_starve_them() -> None:
    """Fifty giants have all fifty places, and before: two hundred small ones are done in a few turns' time."""
    books = Books(giants(50) | small(200), realms_at_once=50)
    await books.work_for(120)
    assert all(books.left[realm_id] == 0 for realm_id in small(200))
    last = max(ended for realm_id, _, ended in books.turns if realm_id.startswith("small"))
    # A place comes free each half second and then goes through small ones, 1.5 s each: n places after n / 2 seconds.
    assert last <= 40
    assert max(Counter(realm for realm, _, _ in books.turns).values()) <= 4, "turns are not broken off for nothing"


async def test_giants_share_by_weight() -> None:
    books = Books(giants(9), realms_at_once=3, turn_s=10)
    weights = {RealmId("giant 0"): 2.0, RealmId("giant 1"): 0.5}
    await books.work_for(950, weights=weights)
    held = books.held_s()
    share = 3 * 950 / (2 + 0.5 + 7)
    for realm_id in giants(9):
        assert held[realm_id] == pytest.approx(share * weights.get(RealmId(realm_id), 1.0), abs=2 * 11), realm_id


@pytest.mark.parametrize("places", [1, 2, 10, 50])
async def test_a_newcomer_starts_within_a_second_at_any_time(places: int) -> None:
    """All places are giants', and as many wait: a page takes 0.3 s, and one turn is ended each half second."""
    late = {f"late {n}": 3 for n in range(20)}
    books = Books(giants(2 * places) | late, realms_at_once=places)
    came: dict[str, float] = {}

    async def newcomers() -> AsyncIterator[RealmId]:
        await anyio.sleep(80)  # until each giant has had a turn, for they were new themselves
        for number, realm_id in enumerate(late):
            await anyio.sleep(1.0 + number * 0.37)
            came[realm_id] = anyio.current_time()
            yield RealmId(realm_id)
        await anyio.sleep_forever()

    await books.work_for(80 + 120, realms=[RealmId(name) for name in giants(2 * places)], joining=newcomers())
    assert len(came) == 20
    waits = [books.began_s(realm_id) - at for realm_id, at in came.items()]
    assert max(waits) <= 1.0, waits


async def test_a_burst_of_newcomers_has_the_places_of_all_who_had_a_turn() -> None:
    books = Books(giants(20) | small(20), realms_at_once=20)

    async def newcomers() -> AsyncIterator[RealmId]:
        await anyio.sleep(60)
        for realm_id in small(20):
            yield RealmId(realm_id)

    await books.work_for(100, realms=[RealmId(name) for name in giants(20)], joining=newcomers())
    assert max(books.began_s(realm_id) for realm_id in small(20)) <= 61


async def test_with_as_many_places_as_realms_nobody_is_interrupted() -> None:
    books = Books({f"realm {n}": 1000 for n in range(5)}, realms_at_once=5)
    result = await books.work()
    assert len(result.proven) == 5
    assert len(books.turns) == 5
    assert not [event for event in books.events if isinstance(event, RealmPaused)]


async def test_every_page_is_read_once_and_every_realm_proven_once() -> None:
    books = Books({f"realm {n}": 20 * n for n in range(12)}, realms_at_once=3, turn_s=5)
    total = sum(books.left.values())
    result = await books.work()
    assert sorted(result.proven) == sorted(books.left)
    assert sum(books.left.values()) == 0
    assert len(books.turns) > 20
    assert sum(ended - began for _, began, ended in books.turns) == pytest.approx(total * 0.3), "no page was lost"


async def test_places_stand_empty_for_no_time() -> None:
    books = Books(giants(10), realms_at_once=4, turn_s=5)
    await books.work_for(300)
    assert sum(books.held_s().values()) == pytest.approx(4 * 300, abs=4)


async def test_a_realm_never_has_two_turns_at_once() -> None:
    books = Books(giants(7), realms_at_once=3, turn_s=2)
    await books.work_for(200)
    for realm_id in books.left:
        turns = sorted((began, ended) for of, began, ended in books.turns if of == realm_id)
        assert all(ended <= began for (_, ended), (began, _) in pairwise(turns))


class TestTrouble:
    async def test_between_turns_it_is_the_realms_own(self) -> None:
        books = Books({f"realm {n}": 100 for n in range(6)}, realms_at_once=2, turn_s=3)
        dead, lost = RealmId("realm 1"), RealmId("realm 4")

        async def later() -> None:
            await anyio.sleep(20)
            books.errors[dead] = TokenError("dead", realm_id=dead, code="invalid_grant", disposition=Disposition.PARK)
            books.errors[lost] = LeaseLostError("lost", realm_id=lost)

        async with anyio.create_task_group() as group:
            group.start_soon(later)
            result = await books.work()
        assert (result.parked, result.unproven) == ([dead], [lost])
        assert len(result.proven) == 4

    async def test_what_no_realm_can_go_on_without_ends_the_run_with_realms_waiting(self) -> None:
        books = Books(giants(6), realms_at_once=2)
        books.errors[RealmId("giant 0")] = UnavailableError("the database is gone")
        with pytest.raises(UnavailableError):
            await books.work()
        assert anyio.current_time() < 1

    async def test_a_stop_while_turns_end_leaves_each_realm_in_one_list(self) -> None:
        books = Books(giants(5) | small(3), realms_at_once=2, turn_s=1, early_end_s=0.5)
        books.stop_at_s = 10.2
        result = await books.work()
        assert sorted([*result.proven, *result.stopped]) == sorted(books.left)
        assert set(result.stopped) >= set(giants(5))
        assert anyio.current_time() <= 12

    async def test_a_realm_that_another_process_takes_between_two_turns_is_waited_for_without_a_place(self) -> None:
        books = Books({f"realm {n}": 60 for n in range(4)}, realms_at_once=1, turn_s=3)
        theirs = books.store.seen_by("another process")

        async def take() -> None:
            await anyio.sleep(20)
            while True:
                with suppress(RealmBusyError):
                    lease = await theirs.acquire(RealmId("realm 2"))
                    break
                await anyio.sleep(0.01)
            await anyio.sleep(25)
            await theirs.release(lease)

        async with anyio.create_task_group() as group:
            group.start_soon(take)
            result = await books.work()
        assert len(result.proven) == 4
        assert [event.realm_id for event in books.events if isinstance(event, LeaseAwaited)] == ["realm 2"]
        # The one place was never held for it: all pages took their time and no more.
        assert anyio.current_time() == pytest.approx(4 * 60 * 0.3, abs=3)

    async def test_realms_of_another_process_hold_no_place(self) -> None:
        books = Books({f"realm {n}": 3 for n in range(100)}, realms_at_once=10)
        theirs = books.store.seen_by("another process")
        leases = [await theirs.acquire(RealmId(f"realm {n}")) for n in range(90)]

        async def give_back() -> None:
            await anyio.sleep(20)
            for lease in leases:
                await theirs.release(lease)

        async with anyio.create_task_group() as group:
            group.start_soon(give_back)
            result = await books.work()
        assert len(result.proven) == 100
        assert max(books.began_s(f"realm {n}") for n in range(90, 100)) <= 1

    async def test_a_realm_that_rests_gives_its_place_up_until_its_rest_is_over(self) -> None:
        books = Books(giants(1) | {"other": 100}, realms_at_once=1)
        rested: list[float] = []

        async def job(lease: Lease, turn: Turn, /) -> RealmOutcome:
            if lease.realm_id == "giant 0" and not rested:
                with turn.breakable(), turn.patience.waiting():
                    rested.append(anyio.current_time())
                    turn.rest_until = anyio.current_time() + 60
                    await anyio.sleep(60)
            return await Books.job(books, lease, turn)

        books.job = job  # type: ignore[method-assign]  # refused at first
        await books.work_for(100)
        assert books.began_s("other") <= 2, "one look a second tells that it rests"
        assert books.began_s("giant 0") == pytest.approx(60, abs=1)


class TestWaitingCosts:
    async def test_little_memory_and_no_task(self) -> None:
        """At most 20 KB a realm that waits: it is an entry of a queue."""
        realms = {f"91303500000{n:05}": GIANT for n in range(5000)}
        books = Books(realms, realms_at_once=2)
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            async with anyio.create_task_group() as group:
                group.start_soon(books.work)
                await anyio.sleep(10)
                after = tracemalloc.get_traced_memory()[0]
                assert len(asyncio.all_tasks()) <= 2 * 3 + 5
                group.cancel_scope.cancel()
        finally:
            tracemalloc.stop()
        assert (after - before) / 5000 <= 1000

    async def test_no_timer_but_one_look_a_second(self) -> None:
        """Where all rest, or all wait for other processes, the loop sleeps."""
        books = Books({f"realm {n}": 1 for n in range(1000)}, realms_at_once=10, lease_poll_s=60.0)
        theirs = books.store.seen_by("another process")
        for realm_id in books.left:
            await theirs.acquire(realm_id)
        loop = asyncio.get_running_loop()
        turns = 0
        run_once = loop._run_once  # type: ignore[attr-defined]  # what a turn of the loop is

        def counted() -> None:
            nonlocal turns
            turns += 1
            run_once()

        async with anyio.create_task_group() as group:
            group.start_soon(books.work)
            await anyio.sleep(5)
            loop._run_once = counted  # type: ignore[attr-defined]  # until the end of this test
            await anyio.sleep(20)
            del loop._run_once  # type: ignore[attr-defined]  # the class's own again
            group.cancel_scope.cancel()
        assert turns <= 20 * 3 + 10
