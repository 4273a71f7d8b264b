"""One simulated run of the program: the production jobs and pacing, and everything that a process has for itself."""

from __future__ import annotations

from random import Random

import anyio

from backfill import events
from backfill.errors import BackfillError, StoppedError
from backfill.jobs.fleet import FleetOptions, FleetResult, work_realms
from backfill.jobs.load.ports import Ledger
from backfill.jobs.ports import Store
from backfill.jobs.report_ports import ReportStore
from backfill.jobs.turns import Turn
from backfill.jobs.way import Ways
from backfill.model import Lease, RealmId, RunId
from backfill.pacing.metering import MeteredBudget, Meters
from backfill.pacing.realm_room import PageMemory, RealmRoom
from backfill.qbo.token_keeper import KeeperOptions
from backfill.rehearsal.ground import Ground
from backfill.rehearsal.life import Kill, Life
from backfill.rehearsal.network import Network
from backfill.rehearsal.oracles import judge
from backfill.rehearsal.oracles.oracle import Ending
from backfill.rehearsal.pages_in_hand import PagesInHand
from backfill.rehearsal.ports import VaultBehind, behind
from backfill.rehearsal.stage import Stage


class Process:
    """`backfill extract`, say, for all realms that are not parked. `number` tells it from all others of its world."""

    def __init__(self, stage: Stage, ground: Ground, number: int, run_id: RunId, kill: Kill | None = None) -> None:
        self.stage = stage
        self.run_id = run_id
        self.owner = f"process {number}"
        self._kill = kill
        self.life = Life(kill, stage.group, died=self._died)
        self.pages = PagesInHand(stage.world.head_bytes)
        self.store: Store = behind(ground.store(self.owner, self.pages), self.life)
        self.inbox = behind(ground.inbox(self.owner), self.life)
        self.verifications = behind(ground.verifications(self.owner), self.life)
        self.reports: ReportStore = behind(ground.reports(self.owner), self.life)
        self.ledger: Ledger = behind(ground.ledger, self.life)
        world = stage.world
        network = Network(stage, self.life, self.pages)
        ledger = behind(ground.metered, self.life)
        self._rng = Random(f"process {number} of world {world.seed}")
        self._meters = Meters(lambda app: MeteredBudget(None, ledger=ledger, app=app))
        self.ways = Ways(
            network,
            network,
            VaultBehind(ground.vault, self.life, stage.refreshes),
            credentials=None,
            ledger=behind(ground.permits, self.life),
            meters=self._meters,
            limits=world.limits,
            policy=world.job.policy.scaled(world.scale),
            keeping=KeeperOptions().scaled(world.scale),
            rng=self._rng,
            now=stage.our_clock,
            observe=self.observe,
        )
        self._room = PageMemory(world.memory_bytes, head_bytes=world.head_bytes)
        self._turns: dict[RealmId, Turn] = {}
        self.result: FleetResult | None = None
        self.failure: BackfillError | None = None
        """Why it ended without a result, if nobody killed it."""

    async def run(self) -> None:
        """Work until all realms are done, or until it is killed."""
        world = self.stage.world
        self.stage.trace.add("begins", self.owner)
        with self.life.scope:
            try:
                result = await work_realms(
                    self.stage.working_realms(),
                    world.job.realm_job(self),
                    store=self.store,
                    run_id=self.run_id,
                    observe=self.observe,
                    options=FleetOptions(
                        realms_at_once=world.realms_at_once,
                        turn_s=world.turn_s,
                        lease_renewal_s=FleetOptions().lease_renewal_s / world.scale,
                        lease_poll_s=FleetOptions().lease_poll_s / world.scale,
                    ),
                    stopping=lambda: False,
                )
                for why in self._meters.reached:  # the month's quota: its user is told so, and tries again later
                    raise StoppedError(why.message, action=why.action)
                self.result = result
            except BackfillError as error:
                if not self.life.over:
                    self.failure = error
        if not self.life.over:
            self.life.close()
            self._tell(killed=False)

    def observe(self, event: events.Event) -> None:
        """As the command does: a realm that is refused need not keep its place while it rests."""
        if self.life.over:
            return
        if isinstance(event, events.Throttled) and event.realm_id in self._turns:
            self._turns[event.realm_id].rest_until = anyio.current_time() + event.freeze_s

    def room_of(self, lease: Lease, turn: Turn) -> RealmRoom:
        """The realm's part of the memory for pages, for a turn."""
        self._turns[lease.realm_id] = turn
        return RealmRoom(self._room, lease.realm_id, weight=turn.weight, patience=turn.patience)

    def _died(self) -> None:
        self.stage.died(self.owner, seen_to_be_dead=self._kill is None or not self._kill.elsewhere)
        self._tell(killed=True)

    def _tell(self, *, killed: bool) -> None:
        stage = self.stage
        stage.trace.add("ends", self.owner, killed, self.failure)
        ending = Ending(
            run_id=self.run_id,
            killed=killed,
            result=self.result,
            pages=self.pages,
            memory_bytes=stage.world.memory_bytes,
        )
        judge(stage, lambda oracle: oracle.process_ended(stage, ending))
