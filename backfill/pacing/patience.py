"""Waits that are broken off from outside, all together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import inf
from types import TracebackType

from backfill.errors import StoppedError


class Patience:
    """Breaks off what only waits: for a permit, for room. What is under way goes on to its end.

    A request that was sent counts, so it is never broken off for a reason that can wait a moment; one that still waits
    may wait for minutes (a realm rests for sixty seconds after a refusal) and has cost nothing yet.
    """

    __slots__ = ("_lost", "_timer", "_waits")

    def __init__(self) -> None:
        self._lost = False
        self._waits: dict[_Wait, float] = {}  # of now, with their deadlines
        # For the earliest deadline that is known, and only while someone waits. One for all of them: nearly every wait
        # ends long before its deadline, and a timer for each costs more than the rest of the wait.
        self._timer: asyncio.TimerHandle | None = None

    def lose(self) -> None:
        """Break off every wait of now and of later."""
        self._lost = True
        for wait in self._waits:
            wait.lost = True
        if self._waits:
            # In a moment: whoever has what they waited for, and is only to be woken yet, is woken first and keeps it.
            asyncio.get_running_loop().call_soon(self._break_off, list(self._waits))

    def regain(self) -> None:
        """Waits are to be begun again. Those that were broken off stay so."""
        self._lost = False

    def check(self) -> None:
        """Raises `StoppedError` if no wait is to be begun any more."""
        if self._lost:
            raise _gave_way()

    def waiting(self, deadline: float = inf) -> _Wait:
        """The block only waits, and holds nothing when it is cancelled.

        It is left at loop time `deadline`. Raises `StoppedError` if it is broken off.
        """
        return _Wait(self, deadline)

    def begin(self, wait: _Wait, deadline: float) -> None:
        """A wait begins. Raises `StoppedError` if none is to be begun any more."""
        self.check()
        self._waits[wait] = deadline
        if deadline < inf and (self._timer is None or deadline < self._timer.when()):
            self._look_at(deadline)

    def end(self, wait: _Wait) -> None:
        """The wait is over."""
        del self._waits[wait]
        if not self._waits:
            self._look_at(inf)

    def _look_at(self, at: float) -> None:
        """Look after the deadlines at loop time `at` and not before."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if at == inf else asyncio.get_running_loop().call_at(at, self._look, at)

    def _look(self, now: float) -> None:
        self._break_off([wait for wait, deadline in self._waits.items() if deadline <= now])
        self._look_at(min((deadline for deadline in self._waits.values() if deadline > now), default=inf))

    def _break_off(self, waits: Sequence[_Wait]) -> None:
        """Cancel those of `waits` that go on, turn by turn of the loop until none does: one call may be overheard.

        (`asyncio.wait_for` does not hear it in the turn in which its own wait is over.)
        """
        going_on = [wait for wait in waits if wait in self._waits]
        for wait in going_on:
            wait.cancel()
        if going_on:
            asyncio.get_running_loop().call_soon(self._break_off, going_on)


class _Wait:
    """One wait.

    Every request waits, so it is as little as it can be, which is what `asyncio.timeout` does: an anyio scope in its
    place costs five times as much, a tenth of all that pacing costs.
    """

    __slots__ = ("_cancelling", "_cancels", "_deadline", "_patience", "_task", "lost")

    def __init__(self, patience: Patience, deadline: float) -> None:
        self._patience = patience
        self._deadline = deadline
        self._cancels = 0  # ours
        self.lost = False
        """If it is broken off, then not for its deadline."""

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._patience.begin(self, self._deadline)
        self._task = task
        self._cancelling = task.cancelling()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self._patience.end(self)
        if not self._cancels:
            return False
        for _ in range(self._cancels):
            self._task.uncancel()
        # One who is cancelled from elsewhere as well goes on being cancelled.
        if not isinstance(error, asyncio.CancelledError) or self._task.cancelling() > self._cancelling:
            return False
        if self.lost:
            raise _gave_way()
        return True

    def cancel(self) -> None:
        """Cancel the task that waits."""
        self._cancels += 1
        self._task.cancel()


def _gave_way() -> StoppedError:
    return StoppedError("The realm gave way before its request was sent.", action="Nothing: it goes on later.")
