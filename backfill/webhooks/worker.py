"""Sees to it that what was told is read: each realm with waiting events is worked on, many at a time, until stopped."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio

from backfill.errors import BackfillError, RealmBusyError
from backfill.jobs.fleet import FleetResult, Trouble
from backfill.model import RealmId
from backfill.store.inbox import Inbox

_REALMS_REMEMBERED = 10_000
"""Realms whose last round is remembered: beyond that only those whose trouble lasts."""

_TROUBLES_SAID = 5
"""Of one round; the table of events has them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """How the worker goes about it."""

    gather_s: float = 5.0
    """A realm's events wait so long for others to share their calls with."""
    look_s: float = 0.5
    """Between two looks at who is due: a millisecond for 5,000 realms."""
    pause_s: float = 2.0
    """Before a realm is tried again that another process has, or whose work ended in trouble."""
    pause_longest_s: float = 300.0
    """Trouble that stays doubles the pause up to this, as it may cost a metered call each time."""
    realms_at_once: int = 200


class Worker:
    """Works the realms that are due. `work` does one realm's events, under its lease or not at all.

    `hindered` tells what keeps some of them from being read, such as the month's cap of their app: it is said once.
    """

    def __init__(
        self,
        inbox: Inbox,
        work: Callable[[RealmId], Awaitable[FleetResult]],
        *,
        options: WorkerOptions,
        stopping: Callable[[], bool],
        hindered: Callable[[], str],
        say: Callable[[str], None],
    ) -> None:
        self._inbox = inbox
        self._work = work
        self._options = options
        self._stopping = stopping
        self._hindered = hindered
        self._say = say
        self._present: set[RealmId] = set()
        self._last = RealmId("")  # that was begun
        self._pauses: dict[RealmId, tuple[float, float]] = {}
        """Realm to the loop time before which it is not tried, and how long its trouble made it wait."""
        self._told = self._away = ""

    async def run(self) -> None:
        """Until a stop is asked for; then what is at work finishes its page. The database may come and go."""
        async with anyio.create_task_group() as group:
            while not self._stopping():
                # Where places are few the next in order have them, or the first would come again before the last came.
                for realm_id in sorted(await self._due(), key=lambda realm_id: (realm_id <= self._last, realm_id)):
                    if len(self._present) >= self._options.realms_at_once:
                        break
                    if realm_id not in self._present and anyio.current_time() >= self._pause(realm_id)[0]:
                        self._present.add(realm_id)
                        self._last = realm_id
                        group.start_soon(self._realm, realm_id, name=f"webhook events of realm {realm_id}")
                await anyio.sleep(self._options.look_s)

    async def _due(self) -> list[RealmId]:
        """Whoever is due. What hinders is said when it begins or becomes more, and once that the database is away."""
        due: list[RealmId] = []
        hindered, away = self._hindered(), ""
        try:
            due = list(await self._inbox.due(gathered_s=self._options.gather_s))
        except BackfillError as error:
            away = error.message
        if hindered and hindered != self._told:
            self._say(f"{hindered} Events wait until that is over.")
        if away and not self._away:
            self._say(f"{away} Events wait until that is over.")
        self._told, self._away = hindered, away
        return due

    async def _realm(self, realm_id: RealmId) -> None:
        """One round of a realm, and when the next may be."""
        try:
            fleet = await self._work(realm_id)
            settled, troubles = realm_id in fleet.proven, list(fleet.troubles)
        except BackfillError as error:
            settled, troubles = False, [Trouble(realm_id, "", type(error).__name__, error.message, error.action)]
        finally:
            self._present.discard(realm_id)
        if settled:
            for trouble in troubles[:_TROUBLES_SAID]:
                self._say(f"Realm {realm_id}: {trouble.message}")
            # What waits on although it was read (its second was not over) is not to be read at once again.
            self._put_off(realm_id, self._options.gather_s, lasted_s=0.0)
            return
        lasted_s = self._pause(realm_id)[1]
        if not lasted_s and troubles:
            self._say(f"Realm {realm_id}: {troubles[0].message} Its events wait.")
        busy = any(trouble.code == RealmBusyError.__name__ for trouble in troubles)
        doubled_s = min(max(self._options.pause_s, lasted_s * 2), self._options.pause_longest_s)
        pause_s = self._options.pause_s if busy else doubled_s
        self._put_off(realm_id, pause_s, lasted_s=pause_s)

    def _put_off(self, realm_id: RealmId, pause_s: float, *, lasted_s: float) -> None:
        now = anyio.current_time()
        if len(self._pauses) >= _REALMS_REMEMBERED:
            self._pauses = {realm: pause for realm, pause in self._pauses.items() if pause[0] > now and pause[1]}
        self._pauses[realm_id] = (now + pause_s, lasted_s)

    def _pause(self, realm_id: RealmId) -> tuple[float, float]:
        return self._pauses.get(realm_id, (float("-inf"), 0.0))
