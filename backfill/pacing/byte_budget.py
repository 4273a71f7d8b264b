"""One budget of bytes for all pages in flight: memory does not grow with the work."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from backfill.model import RealmId
from backfill.pacing.fair import FairQueue
from backfill.pacing.patience import Patience

_Waiter = asyncio.Future[None]


class ByteBudget:
    """Bytes that may be held at once, taken before a page is asked for and given back when it has landed.

    Who waits is served fairly by `key` (a realm) and not by reader: bytes are handed out in the proportion of the
    keys' weights, however many readers each has waiting, and among one key's own first come first served. Whoever is
    next stays next until there is room: a large request is not passed by small ones. One that is larger than the
    whole budget is let in alone, since it can never fit.
    """

    __slots__ = ("_capacity_bytes", "_held_bytes", "_line", "_next", "_queue", "_waiting")

    def __init__(self, capacity_bytes: int) -> None:
        assert capacity_bytes > 0
        self._capacity_bytes = capacity_bytes
        self._held_bytes = 0
        self._queue: FairQueue[Hashable] = FairQueue()
        self._line: dict[Hashable, OrderedDict[_Waiter, int]] = {}  # by key, in order of arrival
        self._waiting = 0
        self._next: Hashable | None = None  # popped, and not served yet

    @property
    def held_bytes(self) -> int:
        return self._held_bytes

    @property
    def waiting(self) -> int:
        return self._waiting

    @asynccontextmanager
    async def take(self, size_bytes: int, *, key: Hashable = "", weight: float = 1.0) -> AsyncIterator[None]:
        """Hold `size_bytes` for the length of the block."""
        await self.acquire(size_bytes, key=key, weight=weight)
        try:
            yield
        finally:
            self.release(size_bytes)

    def acquire_nowait(self, size_bytes: int, *, key: Hashable = "", weight: float = 1.0) -> bool:
        """Take `size_bytes` if there is room and nobody is in line."""
        assert size_bytes >= 0
        if self._waiting or not self._fits(size_bytes):
            return False
        self._queue.push(key, weight=weight, cost=size_bytes)
        self._queue.pop()  # it is the only one; it is charged all the same
        self._held_bytes += size_bytes
        return True

    async def acquire(self, size_bytes: int, *, key: Hashable = "", weight: float = 1.0) -> None:
        """Wait for `size_bytes`, to be given back by `release`. Cancelling while waiting takes none."""
        if self.acquire_nowait(size_bytes, key=key, weight=weight):
            return
        self._queue.push(key, weight=weight, cost=size_bytes)
        waiter: _Waiter = asyncio.get_running_loop().create_future()
        self._line.setdefault(key, OrderedDict())[waiter] = size_bytes
        self._waiting += 1
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                self._give_up(key, waiter)
            else:  # its bytes had been handed over in the same turn
                self.release(size_bytes)
            raise

    def release(self, size_bytes: int) -> None:
        """Give back what was acquired."""
        self._held_bytes -= size_bytes
        self._serve()

    def _give_up(self, key: Hashable, waiter: _Waiter) -> None:
        """Leave the line. The turn in the queue stays: its key's next waiter has it, or nobody."""
        line = self._line.get(key)
        if line and line.pop(waiter, None) is not None:
            self._waiting -= 1
        self._serve()  # it may have stood in front of others

    def _fits(self, size_bytes: int) -> bool:
        return self._held_bytes == 0 or self._held_bytes + size_bytes <= self._capacity_bytes

    def _serve(self) -> None:
        while self._next is not None or self._queue:
            key = self._next if self._next is not None else self._queue.pop()
            line = self._line.get(key)
            if line:
                waiter, size_bytes = next(iter(line.items()))
                if not waiter.done():
                    if not self._fits(size_bytes):
                        self._next = key
                        return
                    self._held_bytes += size_bytes
                    waiter.set_result(None)
                del line[waiter]
                self._waiting -= 1
            if not line:
                self._line.pop(key, None)
            self._next = None


class RealmRoom:
    """The byte budget as one realm has it for one turn: in its name, by its weight, as long as it has `patience`."""

    __slots__ = ("_budget", "_realm_id", "_weight", "holds", "patience")

    def __init__(self, budget: ByteBudget, realm_id: RealmId, *, weight: float, patience: Patience) -> None:
        self._budget = budget
        self._realm_id = realm_id
        self._weight = weight
        self.patience = patience
        self.holds: dict[object, _Hold] = {}
        """By task: the room that it took last, for the page that it asks for."""

    def take(self, size_bytes: int) -> _Hold:
        """Hold `size_bytes` for the length of the block. Raises `StoppedError` if the realm gives way meanwhile."""
        return _Hold(self, size_bytes)

    @asynccontextmanager
    async def resting(self) -> AsyncIterator[None]:
        """What the running task holds is the others' for the length of the block, in which its realm rests.

        No page is there yet, and room that stands empty for a minute would make one realm's trouble that of all.
        Raises `StoppedError` if the realm gives way meanwhile.
        """
        hold = self.holds.get(asyncio.current_task())
        if hold is not None:
            self.release(hold)
        with self.patience.waiting():
            yield
        if hold is not None:
            await self.acquire(hold)

    async def acquire(self, hold: _Hold) -> None:
        """Wait for the room of `hold`. Raises `StoppedError` if the realm gives way meanwhile."""
        self.patience.check()
        if not self._budget.acquire_nowait(hold.size_bytes, key=self._realm_id, weight=self._weight):
            with self.patience.waiting():
                await self._budget.acquire(hold.size_bytes, key=self._realm_id, weight=self._weight)
        hold.held = True

    def release(self, hold: _Hold) -> None:
        """Give back the room of `hold`, if it is held."""
        if hold.held:
            hold.held = False
            self._budget.release(hold.size_bytes)


class _Hold:
    """Room for one page. A class of its own, since a generator in its place costs as much again."""

    __slots__ = ("_room", "_task", "held", "size_bytes")

    def __init__(self, room: RealmRoom, size_bytes: int) -> None:
        self._room = room
        self._task: object = None
        self.held = False
        self.size_bytes = size_bytes

    async def __aenter__(self) -> None:
        await self._room.acquire(self)
        self._task = asyncio.current_task()
        self._room.holds[self._task] = self

    async def __aexit__(self, *_raised: object) -> None:
        if self._room.holds.get(self._task) is self:
            del self._room.holds[self._task]
        self._room.release(self)
