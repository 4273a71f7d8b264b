"""How the receiver fares, for whoever watches over it. Anybody who reaches its port may ask, so asking costs little."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import anyio

from backfill.errors import UnavailableError

LOOK_EVERY_S = 1.0
"""Whoever asks."""

LOOK_SHARE = 10
"""A look counts all events that wait, in a database that has deliveries to store. One that takes long is good for so
many times as long: a tenth of one connection is all that it ever costs."""

ASKING_MOST = 32
"""Waiting for a look. Watchers are few; whoever asks more often than this is none."""


class Health:
    """What `look` said within the last second, or a little longer. Who asks meanwhile is told the same."""

    def __init__(self, look: Callable[[], Awaitable[Mapping[str, object]]]) -> None:
        self._look = look
        self._looking = anyio.Lock()
        self._said: Mapping[str, object] = {}
        self._good_until = float("-inf")

    async def now(self) -> Mapping[str, object]:
        """Raises `UnavailableError` as `look` does, and where too many ask."""
        if self._looking.statistics().tasks_waiting >= ASKING_MOST:
            raise UnavailableError("Too many ask how the receiver fares.", action="Ask again later.")
        async with self._looking:
            if anyio.current_time() >= self._good_until:
                asked_at = anyio.current_time()
                self._said = await self._look()
                said_at = anyio.current_time()
                self._good_until = said_at + max(LOOK_EVERY_S, LOOK_SHARE * (said_at - asked_at))
            return self._said
