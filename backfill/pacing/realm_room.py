"""One realm's part of the memory for pages: a little for each that is asked for, and its own room when it comes.

A page takes seconds to come and a tenth of one to land. Were all of its room taken before it is asked for, most of the
memory would stand empty, and of many realms it would bound the pace long before Intuit's limits do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

from msgspec import structs

from backfill.errors import BackfillError, RequestError
from backfill.model import RealmId
from backfill.pacing.byte_budget import ByteBudget
from backfill.pacing.patience import Patience
from backfill.wire import HEAD_BYTES, Request, Response, Transport

ASKED_SHARE = 10
"""A tenth of the memory is for what is asked for: of 32 MB, 102 beginnings. At three seconds a page these come faster
than Postgres takes them, and the rest is for 8 pages of a thousand invoices, which one realm has in hand by itself."""


class PageMemory:
    """The bytes that pages of all realms may take at once: a part for what is asked for, the rest for what has come.

    Two parts, so that nobody waits in a circle. Whoever has room for a page that came only lands it. Whoever has
    asked may wait for that, whatever they hold meanwhile: a permit, a connection, room for the beginning of an answer.
    """

    __slots__ = ("asked", "come", "head_bytes")

    def __init__(self, capacity_bytes: int, *, head_bytes: int = HEAD_BYTES) -> None:
        asked_bytes = capacity_bytes // ASKED_SHARE
        self.asked = ByteBudget(max(1, asked_bytes))
        self.come = ByteBudget(capacity_bytes - asked_bytes)
        self.head_bytes = head_bytes
        """What each page that is asked for takes, or as much as the page if it is smaller."""

    @property
    def held_bytes(self) -> int:
        """Of both parts."""
        return self.asked.held_bytes + self.come.held_bytes


class RealmRoom:
    """The memory as one realm has it for one turn: in its name, by its weight, as long as it has `patience`."""

    __slots__ = ("_memory", "_realm_id", "_weight", "holds", "patience")

    def __init__(self, memory: PageMemory, realm_id: RealmId, *, weight: float, patience: Patience) -> None:
        self._memory = memory
        self._realm_id = realm_id
        self._weight = weight
        self.patience = patience
        self.holds: dict[object, _Hold] = {}
        """By task: the room that it took last, for the page that it asks for."""

    def take(self, size_bytes: int) -> _Hold:
        """Room to ask for a page of `size_bytes` in the block, and for the page, until the block's end.

        Raises `StoppedError` if the realm gives way before it may ask.
        """
        return _Hold(self, size_bytes, min(size_bytes, self._memory.head_bytes))

    @property
    def hold(self) -> _Hold | None:
        """What the running task took."""
        return self.holds.get(asyncio.current_task())

    @asynccontextmanager
    async def resting(self) -> AsyncIterator[None]:
        """What the running task holds is the others' for the length of the block, in which its realm rests.

        No page is there yet, and room that stands empty for a minute would make one realm's trouble that of all.
        Raises `StoppedError` if the realm gives way meanwhile.
        """
        hold = self.hold
        if hold is not None:
            self.release(hold)
        with self.patience.waiting():
            yield
        if hold is not None:
            await self.ask(hold)

    async def ask(self, hold: _Hold) -> None:
        """Wait until a page may be asked for. Raises `StoppedError` if the realm gives way meanwhile."""
        self.patience.check()
        asked = self._memory.asked
        if not asked.acquire_nowait(hold.head_bytes, key=self._realm_id, weight=self._weight):
            with self.patience.waiting():
                await asked.acquire(hold.head_bytes, key=self._realm_id, weight=self._weight)
        hold.asks = True

    def come(self, hold: _Hold) -> Awaitable[None] | None:
        """The page begins to come: None where there is room for it, else what to wait for before it is read.

        One that is no larger than a beginning has its room already, so that no count stands in line behind pages.
        Nothing breaks the wait off: those before it are landing, and what has come is not thrown away.
        """
        if hold.size_bytes <= hold.head_bytes:
            return None
        if hold.has_come or self._memory.come.acquire_nowait(hold.size_bytes, key=self._realm_id, weight=self._weight):
            hold.has_come = True
            return None
        return self._wait_to_come(hold)

    async def _wait_to_come(self, hold: _Hold) -> None:
        await self._memory.come.acquire(hold.size_bytes, key=self._realm_id, weight=self._weight)
        hold.has_come = True

    def gone(self, hold: _Hold) -> None:
        """What came is landed, or was no page, or leaves too little to count: the next is asked for."""
        if hold.has_come:
            hold.has_come = False
            self._memory.come.release(hold.size_bytes)

    def release(self, hold: _Hold) -> None:
        """Give back what `hold` holds."""
        self.gone(hold)
        if hold.asks:
            hold.asks = False
            self._memory.asked.release(hold.head_bytes)


class _Hold:
    """Room for one page at a time. A class of its own, since a generator in its place costs as much again."""

    __slots__ = ("_room", "_task", "asks", "has_come", "head_bytes", "size_bytes")

    def __init__(self, room: RealmRoom, size_bytes: int, head_bytes: int) -> None:
        self._room = room
        self._task: object = None
        self.asks = self.has_come = False
        """Of which part some is held at present."""
        self.size_bytes = size_bytes
        self.head_bytes = head_bytes

    async def __aenter__(self) -> None:
        await self._room.ask(self)
        self._task = asyncio.current_task()
        self._room.holds[self._task] = self

    async def __aexit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, BackfillError | asyncio.CancelledError):
            _let_go(error)
        if self._room.holds.get(self._task) is self:
            del self._room.holds[self._task]
        self._room.release(self)


def _let_go(error: BaseException) -> None:
    """Take from `error`, and from those that it came of, the frames that they passed through.

    These hold the page for as long as the error is on its way, which may have a lease to give back and a realm to park
    first, while others come into the room. What happened the error says in words; a bug's frames are left to it.
    """
    found: list[BaseException] = [error]
    for each in found:  # which grows meanwhile
        each.__traceback__ = None
        if isinstance(each, RequestError):
            each.answer = b""  # the call log, which it is for, has it by now
        found += [one for one in (each.__cause__, each.__context__) if one is not None and one not in found]


class Roomed:
    """A transport whose answers wait for room before they are read, where whoever asks took some.

    Stands below `Retried`: while an attempt waits for its permits nothing may be held that others wait for.
    """

    __slots__ = ("_inner", "_room")

    def __init__(self, inner: Transport, room: RealmRoom) -> None:
        self._inner = inner
        self._room = room

    async def send(self, request: Request, *, deadline: float) -> Response:
        """As `Transport.send`."""
        hold = self._room.hold
        if hold is not None:
            self._room.gone(hold)
            request = structs.replace(request, coming=lambda: self._room.come(hold))
        return await self._inner.send(request, deadline=deadline)
