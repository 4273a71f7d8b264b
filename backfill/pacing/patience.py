"""Waits that are broken off from outside, all together."""

from __future__ import annotations

import asyncio
from math import inf
from types import TracebackType

import anyio

from backfill.errors import StoppedError


class Patience:
    """Breaks off what only waits: for a permit, for room. What is under way goes on to its end.

    A request that was sent counts, so it is never broken off for a reason that can wait a moment; one that still waits
    may wait for minutes (a realm rests for sixty seconds after a refusal) and has cost nothing yet.
    """

    __slots__ = ("_lost", "_timer", "_waits")

    def __init__(self) -> None:
        self._lost = False
        self._waits: dict[anyio.CancelScope, float] = {}  # of now, with their deadlines
        # For the earliest deadline that is known, and only while someone waits. One for all of them: nearly every wait
        # ends long before its deadline, and a timer for each costs more than the rest of the wait.
        self._timer: asyncio.TimerHandle | None = None

    def lose(self) -> None:
        """Break off every wait of now and of later."""
        self._lost = True
        for scope in self._waits:
            scope.cancel()

    def regain(self) -> None:
        """Waits are to be begun again. Those that were broken off stay so."""
        self._lost = False

    def check(self) -> None:
        """Raises `StoppedError` if no wait is to be begun any more."""
        if self._lost:
            raise StoppedError("The realm gave way before its request was sent.", action="Nothing: it goes on later.")

    def waiting(self, deadline: float = inf) -> _Wait:
        """The block only waits, and holds nothing when it is cancelled.

        It is left at loop time `deadline`. Raises `StoppedError` if it is broken off.
        """
        return _Wait(self, deadline)

    def begin(self, scope: anyio.CancelScope, deadline: float) -> None:
        """A wait begins, which `scope` can break off."""
        self._waits[scope] = deadline
        if deadline < inf and (self._timer is None or deadline < self._timer.when()):
            self._look_at(deadline)

    def end(self, scope: anyio.CancelScope) -> None:
        """The wait is over."""
        del self._waits[scope]
        if not self._waits:
            self._look_at(inf)

    def _look_at(self, at: float) -> None:
        """Look after the deadlines at loop time `at` and not before."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if at == inf else asyncio.get_running_loop().call_at(at, self._look, at)

    def _look(self, now: float) -> None:
        for scope, deadline in self._waits.items():
            if deadline <= now:
                scope.cancel()
        self._look_at(min((deadline for deadline in self._waits.values() if deadline > now), default=inf))


class _Wait:
    """One wait. A class of its own, since a generator in its place costs as much again as the scope."""

    __slots__ = ("_deadline", "_patience", "_scope")

    def __init__(self, patience: Patience, deadline: float) -> None:
        self._patience = patience
        self._deadline = deadline
        self._scope = anyio.CancelScope()

    def __enter__(self) -> None:
        self._patience.check()
        self._scope.__enter__()
        self._patience.begin(self._scope, self._deadline)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self._patience.end(self._scope)
        suppressed = bool(self._scope.__exit__(kind, error, traceback))
        if self._scope.cancelled_caught:
            self._patience.check()
        return suppressed
