"""A budget of bytes, shared fairly: memory does not grow with the work."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from backfill.pacing.fair import FairQueue

_Waiter = asyncio.Future[None]


class ByteBudget:
    """Bytes that may be held at once.

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
    def capacity_bytes(self) -> int:
        """What there is in all."""
        return self._capacity_bytes

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
        self._queue.pass_by(key, weight=weight, cost=size_bytes)
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
