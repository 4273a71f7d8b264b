"""Waits that are broken off from outside, all together."""

from __future__ import annotations

from math import inf
from types import TracebackType

import anyio

from backfill.errors import StoppedError


class Patience:
    """Breaks off what only waits: for a permit, for room. What is under way goes on to its end.

    A request that was sent counts, so it is never broken off for a reason that can wait a moment; one that still waits
    may wait for minutes (a realm rests for sixty seconds after a refusal) and has cost nothing yet.
    """

    __slots__ = ("_lost", "scopes")

    def __init__(self) -> None:
        self._lost = False
        self.scopes: set[anyio.CancelScope] = set()
        """Of the waits of now."""

    def lose(self) -> None:
        """Break off every wait of now and of later."""
        self._lost = True
        for scope in self.scopes:
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
        return _Wait(self, anyio.CancelScope(deadline=deadline))


class _Wait:
    """One wait. A class of its own, since a generator in its place costs as much again as the scope."""

    __slots__ = ("_patience", "_scope")

    def __init__(self, patience: Patience, scope: anyio.CancelScope) -> None:
        self._patience = patience
        self._scope = scope

    def __enter__(self) -> None:
        self._patience.check()
        self._scope.__enter__()
        self._patience.scopes.add(self._scope)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self._patience.scopes.discard(self._scope)
        suppressed = bool(self._scope.__exit__(kind, error, traceback))
        if self._scope.cancelled_caught:
            self._patience.check()
        return suppressed
