"""The life of one simulated process: it can be killed at any await, and stopped for a while and let go on.

A killed process is cancelled, and whatever its cleaning up would still do has no effect: everything that leads out of
it (store, tokens, permits, network) stands behind its life and refuses once that is over.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn, TypeVar

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from backfill.errors import UnavailableError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """When a process ends: so many seconds and then steps of the event loop after it reached outside for the nth time.

    Together these are any await: what happens in between follows from what came from outside, or from a timer.
    """

    reach: int
    wait_s: float
    steps: int
    restart_s: float
    """How long it takes until the next process begins."""
    elsewhere: bool
    """The next begins on another machine, and cannot see that this one is dead."""


class Life:
    """Whether the process is there, and how often it has reached outside."""

    def __init__(self, kill: Kill | None, group: TaskGroup, *, died: Callable[[], None]) -> None:
        """`group` is the world's: what ends a process is not part of it. `died` is told at that very moment."""
        self.over = False
        """It was killed."""
        self._closed = False
        self.scope = anyio.CancelScope()
        """Around all that the process does."""
        self._kill = kill
        self._group = group
        self._died = died
        self._reached = 0
        self._paused_until = 0.0
        self._waits: dict[anyio.CancelScope, None] = {}

    def end(self) -> None:
        """Kill it, now."""
        if not (self.over or self._closed):
            self.over = True
            self.scope.cancel()
            for wait in self._waits:
                wait.cancel()
            self._died()

    def close(self) -> None:
        """It has come to its end of itself: nothing is left to be killed."""
        self._closed = True

    def pause(self, for_s: float) -> None:
        """Nothing gets out of it or into it for so long, as after SIGSTOP."""
        self._paused_until = anyio.current_time() + for_s

    async def reach(self, what: Callable[[], Awaitable[T]]) -> T:
        """Do something outside: the process may die before it, between, and before it knows the result."""
        await self.enter()
        result = await what()
        await self.leave()
        return result

    async def enter(self) -> None:
        """Step out of the process."""
        self._look()
        self._count()
        await self._awake()

    async def leave(self) -> None:
        """Step back into it with a result."""
        await self._awake()

    async def outlive(self, event: anyio.Event, *, deadline: float) -> bool:
        """Wait for what comes from outside, also where the process shields itself. False: not until `deadline`."""
        with self._waiting(deadline) as wait:
            await event.wait()
        self._look()
        await self._awake()
        return not wait.cancelled_caught

    async def _awake(self) -> None:
        """A step of the loop, at least: here the process may die; and the end of a pause."""
        await anyio.lowlevel.checkpoint()
        while anyio.current_time() < self._paused_until:  # it may be paused again meanwhile
            with self._waiting(self._paused_until):
                await anyio.sleep_forever()
            self._look()
        self._look()

    @contextmanager
    def _waiting(self, deadline: float) -> Iterator[anyio.CancelScope]:
        with anyio.CancelScope(deadline=deadline) as wait:
            self._waits[wait] = None
            try:
                yield wait
            finally:
                del self._waits[wait]

    def _count(self) -> None:
        self._reached += 1
        kill = self._kill
        if kill is not None and self._reached == kill.reach:
            self._group.start_soon(self._ending, kill)

    async def _ending(self, kill: Kill) -> None:
        await anyio.sleep(kill.wait_s)
        for _ in range(kill.steps):
            await anyio.lowlevel.checkpoint()
        self.end()

    def _look(self) -> None:
        if self.over:
            _gone()


def _gone() -> NoReturn:
    raise UnavailableError("the process was killed: nothing of it reaches the world any more")
