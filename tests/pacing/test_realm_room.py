"""A realm's room: a little while a page is asked for, all of it when the page comes, and no circle of who waits."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import Callable
from contextlib import suppress
from weakref import ref

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfill.errors import LeaseLostError, RequestError, StoppedError, UnansweredError, UnreadableError
from backfill.model import RealmId
from backfill.pacing.patience import Patience
from backfill.pacing.realm_room import ASKED_SHARE, PageMemory, RealmRoom, Roomed
from backfill.pacing.virtual_clock import run_virtual
from backfill.wire import HEAD_BYTES, Lane, Request, Response

pytestmark = pytest.mark.virtual

REALM = RealmId("1")
ASKED = Request(realm_id=REALM, lane=Lane.QUERY, method="GET", path="/query")
PAGE_BYTES = 4 * (ASKED_SHARE - 1) * HEAD_BYTES


def room(memory: PageMemory, name: str = "1") -> RealmRoom:
    return RealmRoom(memory, RealmId(name), weight=1.0, patience=Patience())


class Server:
    """Answers after a while. The sender waits as it is told before it reads, and what is read then is in memory."""

    def __init__(self, latency_s: Callable[[], float], *, fails: Callable[[], bool] = lambda: False) -> None:
        self._latency_s = latency_s
        self._fails = fails
        self.asked = self.most_asked = 0

    async def send(self, request: Request, *, deadline: float) -> Response:  # the seam's own signature
        self.asked += 1
        self.most_asked = max(self.most_asked, self.asked)
        await anyio.sleep(self._latency_s())
        self.asked -= 1
        assert request.coming is not None
        waiting = request.coming()
        if waiting is not None:
            await waiting
        if self._fails():
            raise UnansweredError("cut", realm_id=REALM, asked="a page", code="cut", action="ask again")
        return Response(status=200)


async def test_many_are_asked_for_and_few_have_come_at_once() -> None:
    """Room for the beginnings of 16 answers, and for 4 pages: 16 are on the way, and no more than 4 are in hand."""
    memory = PageMemory(16 * ASKED_SHARE * HEAD_BYTES)
    assert memory.come._capacity_bytes == 4 * PAGE_BYTES
    server = Server(lambda: 10.0)
    mine = room(memory)
    in_hand = [0]

    async def reader() -> None:
        async with mine.take(PAGE_BYTES):
            await Roomed(server, mine).send(ASKED, deadline=1e9)
            in_hand.append(in_hand[-1] + 1)
            assert memory.come.held_bytes >= in_hand[-1] * PAGE_BYTES
            await anyio.sleep(1)  # it lands
            in_hand.append(in_hand[-1] - 1)

    async with anyio.create_task_group() as group:
        for _ in range(40):
            group.start_soon(reader)
    assert server.most_asked == 16
    assert max(in_hand) == 4
    assert memory.held_bytes == 0


async def test_what_came_is_given_back_when_the_next_is_asked_for() -> None:
    """A page that was cut, or that is landed, would else keep its room through the waits of the next attempt."""
    memory = PageMemory(2 * PAGE_BYTES)
    mine = room(memory)
    held: list[int] = []

    class Told(Server):
        async def send(self, request: Request, *, deadline: float) -> Response:
            held.append(memory.come.held_bytes)
            return await super().send(request, deadline=deadline)

    way = Roomed(Told(lambda: 1.0), mine)
    async with mine.take(PAGE_BYTES):
        for _ in range(3):
            await way.send(ASKED, deadline=1e9)
            assert memory.come.held_bytes == PAGE_BYTES
    assert held == [0, 0, 0]
    assert memory.held_bytes == 0


async def test_a_small_page_takes_no_more_than_it_is_to_be_asked_for() -> None:
    memory = PageMemory(10**9)
    async with room(memory).take(1_000):
        assert memory.held_bytes == 1_000
    async with room(memory).take(PAGE_BYTES):
        assert memory.held_bytes == HEAD_BYTES
    assert memory.held_bytes == 0


async def test_a_small_answer_does_not_stand_in_line_behind_pages() -> None:
    memory = PageMemory(ASKED_SHARE * PAGE_BYTES)
    server = Server(lambda: 1.0)
    page, count = room(memory), room(memory, "2")
    async with memory.come.take((ASKED_SHARE - 1) * PAGE_BYTES), anyio.create_task_group() as group:

        async def waits() -> None:
            async with page.take(PAGE_BYTES):
                await Roomed(server, page).send(ASKED, deadline=1e9)

        group.start_soon(waits)
        await anyio.sleep(2)
        assert memory.come.waiting == 1
        with anyio.fail_after(1.5):
            async with count.take(HEAD_BYTES):
                await Roomed(server, count).send(ASKED, deadline=1e9)
        group.cancel_scope.cancel()
    assert memory.held_bytes == 0


class Rows:
    """Of a page, in the frames of whoever reads it."""

    def read(self, error: BaseException) -> None:
        try:
            int("no number")
        except ValueError as cause:
            raise error from cause


@pytest.mark.parametrize(
    "error",
    [
        UnreadableError("not JSON", realm_id=REALM, asked="a page"),
        LeaseLostError("another process has the realm", realm_id=REALM),
        asyncio.CancelledError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_page_that_fails_is_gone_with_its_room(error: BaseException) -> None:
    """The error goes on, through whatever has to be given back on its way, and holds neither answer nor rows."""
    memory = PageMemory(ASKED_SHARE * HEAD_BYTES)
    pages: list[ref[Rows]] = []

    async def read() -> None:
        rows = Rows()
        pages.append(ref(rows))
        if isinstance(error, RequestError):
            error.answer = b"{,}"
        rows.read(error)

    gc.disable()  # nobody is to look for the page: it is to be gone
    try:
        with pytest.raises(type(error)):
            async with room(memory).take(PAGE_BYTES):
                await read()
        assert [page() for page in pages] == [None]
    finally:
        gc.enable()
    assert getattr(error, "answer", b"") == b""
    assert isinstance(error.__cause__, ValueError), "why it happened is still said"
    assert memory.held_bytes == 0


async def test_who_takes_none_waits_for_none() -> None:
    class Plain:
        async def send(self, request: Request, *, deadline: float) -> Response:
            assert request.coming is None
            return Response(status=200)

    memory = PageMemory(1)
    async with room(memory).take(PAGE_BYTES), anyio.create_task_group() as group:
        group.start_soon(lambda: Roomed(Plain(), room(memory, "2")).send(ASKED, deadline=1e9))


@given(seed=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_nobody_waits_in_a_circle(seed: int) -> None:
    """However small the memory, the permits of a realm and the pages: all come to an end, and nothing is kept.

    Readers ask several times within one room, hold their realm's permit until their answer is read, are cut and ask
    again, and are cancelled.
    """
    rng = random.Random(seed)

    async def world() -> None:
        memory = PageMemory(rng.choice((1, HEAD_BYTES, 2 * PAGE_BYTES, 6 * PAGE_BYTES)))
        most = memory.come._capacity_bytes
        permits = [anyio.Semaphore(rng.randint(1, 3)) for _ in range(3)]
        server = Server(lambda: rng.choice((0.0, rng.expovariate(1.0))), fails=lambda: rng.random() < 0.2)
        done: list[int] = []

        class Paced:
            def __init__(self, number: int) -> None:
                self._permits = permits[number % 3]

            async def send(self, request: Request, *, deadline: float) -> Response:
                async with self._permits:
                    return await server.send(request, deadline=deadline)

        async def asked(number: int, mine: RealmRoom) -> None:
            with suppress(UnansweredError):
                await Roomed(Paced(number), mine).send(ASKED, deadline=1e9)
            assert memory.come.held_bytes <= max(most, PAGE_BYTES)

        async def reader(number: int) -> None:
            mine = room(memory, str(number % 3))
            with anyio.move_on_after(rng.choice((1e6, rng.expovariate(0.2)))):
                async with mine.take(rng.choice((500, HEAD_BYTES, PAGE_BYTES))):
                    for _ in range(rng.randint(1, 3)):
                        await asked(number, mine)
                        await anyio.sleep(rng.choice((0.0, rng.expovariate(2.0))))
            done.append(number)

        with anyio.fail_after(100_000):
            async with anyio.create_task_group() as group:
                for number in range(30):
                    group.start_soon(reader, number)
        assert len(done) == 30
        assert (memory.held_bytes, memory.asked.waiting, memory.come.waiting) == (0, 0, 0)

    run_virtual(world())


class TestResting:
    async def test_what_a_resting_request_holds_is_the_others_until_it_goes_on(self) -> None:
        memory = PageMemory(200)
        mine, theirs = room(memory), room(memory, "2")
        told: list[tuple[str, float]] = []

        async def other() -> None:
            await anyio.sleep(1)
            async with theirs.take(100):
                told.append(("other", anyio.current_time()))
                await anyio.sleep(70)

        async with anyio.create_task_group() as group:
            group.start_soon(other)
            async with mine.take(100):
                async with mine.resting():
                    await anyio.sleep(60)
                told.append(("back", anyio.current_time()))
                assert memory.held_bytes == 100
        assert told == [("other", 1), ("back", 71)]
        assert memory.held_bytes == 0

    async def test_who_rests_without_room_needs_none(self) -> None:
        memory = PageMemory(200)
        async with room(memory).resting():
            await anyio.sleep(60)
        assert memory.held_bytes == 0

    @pytest.mark.parametrize("at_s", [0.5, 30.0])
    async def test_it_is_broken_off_while_it_waits_and_holds_nothing_then(self, at_s: float) -> None:
        """For room at first, and for the end of a rest."""
        memory = PageMemory(200)
        mine = room(memory)

        async def give_way() -> None:
            await anyio.sleep(at_s)
            mine.patience.lose()

        async def other() -> None:
            async with memory.asked.take(100):
                await anyio.sleep(1)

        async with anyio.create_task_group() as group:
            group.start_soon(other)
            group.start_soon(give_way)
            await anyio.sleep(0.1)
            with pytest.raises(StoppedError):
                async with mine.take(60), mine.resting():
                    await anyio.sleep(60)
            assert anyio.current_time() == pytest.approx(at_s, abs=1e-3)
        assert (memory.held_bytes, memory.asked.waiting) == (0, 0)
        with pytest.raises(StoppedError):
            async with mine.take(1):
                raise AssertionError("it has given way")
