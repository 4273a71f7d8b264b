"""The month's quota: when it is spent, every call of the app is refused until the first of the next month."""

from __future__ import annotations

from dataclasses import dataclass

import anyio

from backfill.errors import StoppedError
from backfill.model import RealmId

TRY_AGAIN_S = 3600.0
"""Nobody says when the quota is raised or renewed. Whoever goes on meanwhile finds out within the hour, and is refused
once an hour until then."""


@dataclass(frozen=True, slots=True)
class NoMoreCalls:
    """Why no call of an app is sent any more, and what to do about it. `code` is for scripts."""

    code: str
    message: str
    action: str


class QuotaBreaker:
    """Shared by the budgets of all realms of one app. Open: no budget lets a request go, until an hour has passed.

    A realm whose every answer was a refusal for ten minutes, at one request a rest, suspects the quota. That is an
    app's matter, so one such call answered for any other realm in that time is an alibi: then the realm is busy with
    somebody else's app, which is its own trouble and stops nothing. Of a metered call only another metered one is: free
    ones may be answered although the quota is spent. Of a free one any is.
    """

    __slots__ = ("_answered_at", "_metered_at", "_opened_at", "_opened_by")

    def __init__(self) -> None:
        self._answered_at = self._metered_at = self._opened_at = float("-inf")
        self._opened_by: RealmId | None = None

    def answered(self, now: float, *, metered: bool) -> None:
        """A call was answered with 2xx at loop time `now`."""
        self._answered_at = now
        if metered:
            self._metered_at = now

    def suspect(self, realm_id: RealmId, *, since: float, metered: bool) -> None:
        """The realm has had nothing but refusals from loop time `since` until now, the last one of such a call."""
        if (self._metered_at if metered else self._answered_at) < since:
            self._opened_by = realm_id
            self._opened_at = anyio.current_time()

    @property
    def spent(self) -> NoMoreCalls | None:
        """What to say while the quota is known to be spent."""
        if self._opened_by is None or anyio.current_time() >= self._opened_at + TRY_AGAIN_S:
            return None
        return NoMoreCalls(
            "quota",
            f"Intuit refuses every call of the app of realm {self._opened_by}: this realm was refused for ten minutes"
            " at one request a minute, and no such call of any other realm of the app was answered meanwhile. The"
            " month's quota of metered calls is probably spent.",
            "Look at the app's usage in Intuit's developer portal; upgrade the tier or wait for the first of the"
            " month, then run the same command again: it goes on where it stopped.",
        )

    def check(self) -> None:
        """Raises `StoppedError` once the quota is known to be spent."""
        if (spent := self.spent) is not None:
            raise StoppedError(spent.message, action=spent.action)
