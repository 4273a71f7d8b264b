"""The calls that Intuit bills, counted against the user's monthly cap."""

from __future__ import annotations

from collections.abc import Callable

from backfill.errors import UnavailableError
from backfill.wire import Lane, Request

METERED_LANES = frozenset(Lane) - {Lane.WRITE}
"""Single writes are free; reads, queries, CDC, reports and every batch call, even of writes, are billed."""


def one_a_call(_request: Request) -> int:
    """Intuit's unit as far as is known: an HTTP call. Whether a batch counts as its items instead is not confirmed."""
    return 1


class MeteredBudget:
    """What is left of the app's month. `cap` None: count, and never stop.

    Only answers with 2xx are billed. A call is counted when it is sent and taken back when its answer was another, so
    calls under way never pass the cap; a call without an answer stays counted, as it may have been billed.
    `units` says how many a call counts for; the default is one.
    """

    __slots__ = ("_cap", "_units", "_used")

    def __init__(self, cap: int | None, used: int = 0, *, units: Callable[[Request], int] = one_a_call) -> None:
        assert used >= 0
        self._cap = cap
        self._used = used
        self._units = units

    @property
    def used(self) -> int:
        """Metered calls of this month so far."""
        return self._used

    @property
    def left(self) -> int | None:
        return None if self._cap is None else max(0, self._cap - self._used)

    def spend(self, request: Request) -> int:
        """Count `request`, which is about to be sent; returns what it counts for.

        Raises `UnavailableError` (STOP) and counts nothing if that would pass the cap.
        """
        units = self._units(request) if request.lane in METERED_LANES else 0
        if units and self._cap is not None and self._used + units > self._cap:
            raise UnavailableError(
                f"the monthly cap of {self._cap} metered calls is reached ({self._used} used);"
                f" {request.method} {request.path} for realm {request.realm_id} was not sent",
                action="Raise the cap in the configuration, or run the same command again next month: it goes on where"
                " it stopped.",
            )
        self._used += units
        return units

    def take_back(self, units: int) -> None:
        """A call that was counted for `units` was not billed."""
        self._used -= units
        assert self._used >= 0
