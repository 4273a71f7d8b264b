"""Where a world's parts meet: the simulated Intuit, what outlasts a process, the processes, and what was seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Protocol

import anyio
from anyio.abc import TaskGroup

from backfill.model import RealmId, RunId, Tokens
from backfill.rehearsal.books_seen import BooksSeen
from backfill.rehearsal.faults.fault import Fault
from backfill.rehearsal.life import Kill, Life
from backfill.rehearsal.load_plan import LoadPlan
from backfill.rehearsal.refreshes import Refreshes
from backfill.rehearsal.runs import FIRST_RUN, RIVALS_RUN
from backfill.rehearsal.served_reports import ServedReports
from backfill.rehearsal.trace import Trace
from backfill.rehearsal.world import BEGIN, World
from backfill.simulator.core import Simulator
from backfill.simulator.fleet import Fleet
from backfill.store.memory_inbox import MemoryInbox
from backfill.store.memory_ledger import MemoryLedger
from backfill.store.memory_reports import MemoryReports
from backfill.store.memory_store import MemoryStore
from backfill.store.memory_tokens import MemoryTokenVault, imported
from backfill.webhooks.intake import Intake

ROWS_MIN = 90
"""The smallest company that there is."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A law that was broken: who says so, and what was seen."""

    oracle: str
    seen: str


class Living(Protocol):
    """A process at work, as a fault sees it."""

    @property
    def life(self) -> Life: ...


class Launch(Protocol):
    """Begins one more process and waits for its end. False: it was killed."""

    def __call__(self, run_id: RunId, kill: Kill | None = None) -> Awaitable[bool]: ...


class Stage:
    """One world, set up. Make it on the virtual clock; `group` is the world's own, which outlasts every process."""

    def __init__(self, world: World, group: TaskGroup, launch: Launch) -> None:
        self.world = world
        self.group = group
        self.launch = launch
        self.rng = Random(f"faults of world {world.seed}")
        fleet = Fleet(
            realms=world.realms, seed=world.seed, now=now, rows_min=ROWS_MIN, rows_max=max(ROWS_MIN, world.rows_max)
        )
        self.realm_ids = tuple(RealmId(realm_id) for realm_id in fleet.realm_ids)
        self.simulator = Simulator(world.settings, fleet, now=now, seed=world.seed)
        self.books = BooksSeen()
        fleet.watch = self.books.beside(fleet.watch)
        self.store = MemoryStore(self.realm_ids, now=now)
        self.inbox = MemoryInbox(self.store, now=now)
        self.receivers: dict[Life, Intake] = {}
        """Of webhooks, by the life of the process that listens."""
        self.reports = MemoryReports(self.store)
        self.served = ServedReports(world.settings, fleet)
        self.ledger = MemoryLedger(self.store, now=now)
        self.load = LoadPlan()
        self.vault = MemoryTokenVault({realm_id: self._consent(realm_id) for realm_id in self.realm_ids})
        self.refreshes = Refreshes(self.vault, self.realm_ids, self._generation)
        self.trace = Trace()
        self.healed = False
        self.people_done = anyio.Event()
        """Those who work in the books have made all their changes."""
        self.clock_off = timedelta()
        """How far our machines' clocks are off the server's."""
        self.deaths = 0
        self.pauses = 0
        self.kills: list[Kill] = []
        """When the processes of the command end, one after the other."""
        self.rivals = 0
        """Processes that were begun beside another, with a run of their own."""
        self.helpers = 0
        """Those that work on its run."""
        self.living: dict[Living, None] = {}
        """Processes at work now, in the order in which they began."""
        self.struck: Counter[str] = Counter()
        """How often each fault was injected."""
        self.told: set[str] = set()
        """Intuit's fault codes that came in answers."""
        self.troubles: dict[Fault, RealmId] = {}
        """Fault to the realm that a person has to see to because of it. One realm may have several: each ends alone."""
        self.on_death: list[Callable[[], None]] = []
        """Told of every process that is killed while faults strike."""
        self.breaches: list[Breach] = []
        for fault in world.faults:
            fault.open(self)
            for injection in fault.injections():
                self.simulator.injections.add(injection)

    async def rival(self) -> None:
        """Begin a process beside the command, with a run of its own, and wait for its end."""
        self.rivals += 1
        await self.launch(RIVALS_RUN)

    async def helper(self) -> None:
        """Begin a process beside the command that works on the same run, and wait for its end."""
        self.helpers += 1
        await self.launch(FIRST_RUN)

    @property
    def successions(self) -> int:
        """How often, at most, a process may have taken over what another's calls were still worked on for."""
        return self.deaths + self.pauses + self.rivals + self.helpers

    def died(self, owner: str, *, seen_to_be_dead: bool) -> None:
        """A process is killed."""
        self.deaths += 1
        if seen_to_be_dead:
            self.store.end(owner)
        for tell in self.on_death:
            tell()

    def injected(self, fault: Fault) -> None:
        """A fault struck once more."""
        self.struck[fault.name] += 1
        self.trace.add("fault", fault.name)

    def cuts_off(self, realm_id: RealmId) -> bool:
        """Whether a connection for the realm is refused."""
        return not self.healed and any(fault.cuts_off(self, realm_id) for fault in self.world.faults)

    def broken(self, oracle: str, seen: Iterable[str]) -> None:
        """An oracle saw a law broken."""
        self.breaches += [breach for words in seen if (breach := Breach(oracle, words)) not in self.breaches]

    def heal(self) -> None:
        """Phase one is over: nothing strikes any more, and what a person has to do is done."""
        self.healed = True
        self.clock_off = timedelta()
        self.trace.add("healed")
        for fault in self.world.faults:
            fault.heal(self)
        for count in self.simulator.injections.clear():
            self.struck[count.injection.mishap.kind().replace("_", " ")] += count.struck
        self.reconnect_parked()

    def reconnect_parked(self) -> None:
        """Do what is asked for where a realm is parked, if it can be done."""
        for realm_id in self.realm_ids:
            if realm_id not in self.troubled and self.store.parked(realm_id) is not None:
                self.reconnect(realm_id)

    def reconnect(self, realm_id: RealmId) -> None:
        """The company's administrator gives the app consent again, and the new tokens are imported."""
        oauth = self.simulator.oauth
        app = oauth.apps.ready_made
        grant = oauth.grants.of(realm_id, app.client_id)
        assert grant is not None, "every company is connected to the ready-made app"
        oauth.grants.consented(realm_id, app.client_id, grant.scopes, at=now().timestamp())
        self.vault.replace(realm_id, self._consent(realm_id))
        self.store.reconnect(realm_id)

    @property
    def troubled(self) -> Collection[RealmId]:
        """Realms that a person has to see to, whatever the program does: until the last of their troubles is over."""
        return self.troubles.values()

    def working_realms(self) -> Sequence[RealmId]:
        """Those that are not set aside."""
        return [realm_id for realm_id in self.realm_ids if self.store.parked(realm_id) is None]

    @property
    def may_be_refused(self) -> bool:
        """Somebody else uses up the limits, or a process that is no more."""
        others = any(fault.refuses for fault in self.world.faults)
        return others or self.successions > 0

    def may_be_parked(self, realm_id: RealmId) -> bool:
        """A person has to see to the realm, or Intuit said so."""
        excused = any(fault.parks for fault in self.world.faults)
        return excused or realm_id in self.troubled or self.refreshes.was_lost(realm_id)

    def our_clock(self) -> datetime:
        """The time as our machines have it."""
        return now() + self.clock_off

    def _generation(self, realm_id: RealmId) -> int:
        grant = self.simulator.oauth.grants.of(realm_id, self.simulator.oauth.apps.ready_made.client_id)
        return 0 if grant is None else grant.generation

    def _consent(self, realm_id: RealmId) -> Tokens:
        held = self.simulator.credentials(realm_id)
        return imported(held.refresh_token, held.client_id, held.client_secret, at=now())


def now() -> datetime:
    """The server's wall clock: it goes with the loop's."""
    return BEGIN + timedelta(seconds=anyio.current_time())
