"""One budget of bytes for all pages in flight: memory does not grow with the work."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class ByteBudget:
    """Bytes that may be held at once, taken before a page is asked for and given back when it has landed.

    First come first served: a large request is not passed by small ones. One that is larger than the whole budget is
    let in alone, since it can never fit.
    """

    __slots__ = ("_capacity_bytes", "_held_bytes", "_waiters")

    def __init__(self, capacity_bytes: int) -> None:
        assert capacity_bytes > 0
        self._capacity_bytes = capacity_bytes
        self._held_bytes = 0
        self._waiters: OrderedDict[asyncio.Future[None], int] = OrderedDict()

    @property
    def held_bytes(self) -> int:
        return self._held_bytes

    @property
    def waiting(self) -> int:
        return len(self._waiters)

    @asynccontextmanager
    async def take(self, size_bytes: int) -> AsyncIterator[None]:
        """Hold `size_bytes` for the length of the block."""
        assert size_bytes >= 0
        await self._acquire(size_bytes)
        try:
            yield
        finally:
            self._release(size_bytes)

    async def _acquire(self, size_bytes: int) -> None:
        if not self._waiters and self._fits(size_bytes):
            self._held_bytes += size_bytes
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[waiter] = size_bytes
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                self._waiters.pop(waiter, None)
                self._serve()  # it may have stood in front of smaller ones
            else:  # its bytes had been handed over in the same turn
                self._release(size_bytes)
            raise

    def _release(self, size_bytes: int) -> None:
        self._held_bytes -= size_bytes
        self._serve()

    def _fits(self, size_bytes: int) -> bool:
        return self._held_bytes == 0 or self._held_bytes + size_bytes <= self._capacity_bytes

    def _serve(self) -> None:
        while self._waiters:
            waiter, size_bytes = next(iter(self._waiters.items()))
            if not waiter.done():
                if not self._fits(size_bytes):
                    return
                self._held_bytes += size_bytes
                waiter.set_result(None)
            del self._waiters[waiter]
