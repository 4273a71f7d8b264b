"""A world to write into: the simulator, the stack, a ledger in memory; processes that die; and a judge.

All on the virtual clock. The judge counts what the companies hold against what the rows asked for.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio

from backfill import events
from backfill.jobs.fleet import FleetOptions, FleetResult, RealmOutcome, work_realms
from backfill.jobs.load.intake import row_of
from backfill.jobs.load.load import load_realm
from backfill.jobs.load.options import LoadOptions, Mode
from backfill.jobs.load.work import Learnt, LoadWork
from backfill.jobs.questions import Questions
from backfill.jobs.turns import Turn
from backfill.load_model import Imported, LoadId, NewRow, RowState
from backfill.model import Lease, RealmId, RunId
from backfill.pacing.budget import RealmBudget
from backfill.pacing.limits import Limits, load_limits
from backfill.pacing.paced import Paced
from backfill.pacing.retried import WRITING, Retried
from backfill.qbo.auth import Authorized, Prepared
from backfill.qbo.checked import Checked
from backfill.qbo.observed import Observed
from backfill.qbo.payloads import decode, encode
from backfill.qbo.token_keeper import TokenKeeper
from backfill.simulator.company import Company
from backfill.simulator.core import Simulator
from backfill.simulator.fleet import Fleet
from backfill.simulator.settings import SimulatorSettings
from backfill.simulator.transport import SimulatedTokenEndpoint, SimulatedTransport
from backfill.store.memory_ledger import KeptRow, MemoryLedger
from backfill.store.memory_store import MemoryStore
from backfill.wire import Transport
from tests.jobs.vault import vault_of
from tests.jobs.world import CALL_S, now

RUN = RunId(1)


@dataclass(kw_only=True)
class LoadWorld:
    """Make it inside a virtual test, for it reads the loop's clock."""

    seed: int = 1
    realms: int = 1
    rows_max: int = 120
    settings: SimulatorSettings = field(default_factory=SimulatorSettings)
    mode: Mode = Mode.FASTEST
    limits: Limits = field(default_factory=load_limits)
    options: Mapping[str, Any] = field(default_factory=dict)
    fleet: FleetOptions = field(default_factory=FleetOptions)
    wrap: Callable[[Transport], Transport] = lambda transport: transport
    """What stands between the client and the simulator."""

    def __post_init__(self) -> None:
        fleet = Fleet(realms=self.realms, seed=self.seed, now=now, rows_min=90, rows_max=self.rows_max)
        self.realm_ids = [RealmId(realm_id) for realm_id in fleet.realm_ids]
        self.simulator = Simulator(self.settings, fleet, now=now, seed=self.seed)
        self.store = MemoryStore(self.realm_ids, now=now)
        self.ledger = MemoryLedger(self.store, now=now)
        self.vault = vault_of(self.simulator, now)
        self.transport = self.wrap(SimulatedTransport(self.simulator))
        self.events: list[events.Event] = []
        self.loads: tuple[LoadId, ...] = ()
        self.killed = 0
        """Processes that were gone before they were done."""
        self._processes = 0
        self._budgets: dict[RealmId, RealmBudget] = {}

    @property
    def run_id(self) -> RunId:
        return RUN

    @property
    def realm(self) -> RealmId:
        return self.realm_ids[0]

    def company(self, realm_id: RealmId | None = None) -> Company:
        return self.simulator.fleet.company(realm_id or self.realm)

    def objects(self, entity: str, realm_id: RealmId | None = None) -> list[dict[str, Any]]:
        """What the company holds, inactive ones included."""
        return [json.loads(row.doc) for row in self.company(realm_id).table(entity).all()]

    def ref(self, entity: str, realm_id: RealmId | None = None, **wanted: Any) -> dict[str, str]:
        """A reference to the first active object with these attributes."""
        for doc in self.objects(entity, realm_id):
            if doc.get("Active", True) and all(doc.get(key) == value for key, value in wanted.items()):
                return {"value": doc["Id"]}
        raise AssertionError(f"no {entity} with {wanted}")

    def set_preference(self, group: str, **values: Any) -> None:
        for realm_id in self.realm_ids:
            company = self.company(realm_id)
            row = company.table("Preferences").all()[0]
            doc = json.loads(row.doc)
            doc = {key: value for key, value in doc.items() if key not in {"Id", "SyncToken", "MetaData"}}
            company.replace("Preferences", row.id, doc | {group: {**doc.get(group, {}), **values}})

    async def add(self, *records: Mapping[str, Any]) -> Imported:
        """Import records as they stand in a file; realm and operation may be left out."""
        rows: list[NewRow] = []
        for line, record in enumerate(records, start=1):
            read = row_of(line, decode(encode({"realm_id": self.realm, **record})))
            assert isinstance(read, NewRow), (record, read)
            rows.append(read)
        imported = await self.ledger.add(rows)
        self.loads = tuple(sorted({*self.loads, *imported.loads}))
        return imported

    async def load(
        self, *, kills_after_s: Sequence[float] = (), stopping: Callable[[], bool] = lambda: False
    ) -> FleetResult:
        """Run the load; after each of `kills_after_s` seconds the process is gone, and the next one begins."""
        async with self.simulator.running():
            for after_s in kills_after_s:
                with anyio.move_on_after(after_s) as life:
                    return await self._process(stopping, life)
                self.killed += 1
                self._budgets.clear()
            return await self._process(stopping, anyio.CancelScope())

    async def _process(self, stopping: Callable[[], bool], life: anyio.CancelScope) -> FleetResult:
        self._processes += 1
        # A dead process gives no lease back: the next one waits until it has run out.
        store = self.store.seen_by(f"process {self._processes}")
        process = _Process(self, store, stopping)
        return await work_realms(
            self.realm_ids,
            process.realm,
            store=_Mortal(store, life),  # type: ignore[arg-type]  # a store that its process may die with
            run_id=RUN,
            observe=self.events.append,
            options=self.fleet,
            stopping=stopping,
        )

    def budget(self, realm_id: RealmId) -> RealmBudget:
        if realm_id not in self._budgets:
            rng = random.Random(f"{self.seed}:{realm_id}")
            self._budgets[realm_id] = RealmBudget(realm_id, self.limits, rng=rng, observe=self.events.append)
        return self._budgets[realm_id]

    # The judge

    def kept(self, **wanted: Any) -> list[KeptRow]:
        return [
            row
            for row in self.ledger.kept_rows()
            if all(getattr(row.new, key, getattr(row, key, None)) == value for key, value in wanted.items())
        ]

    def states(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for row in self.ledger.kept_rows():
            found[row.state.value] = found.get(row.state.value, 0) + 1
        return found

    def breaches(self, *, may_be_rejected: Callable[[KeptRow], bool] = lambda row: False) -> list[str]:
        """What is wrong with the outcome, in words: every create exactly once, every rejection one that was due."""
        found = []
        for row in self.ledger.kept_rows():
            name = f"{row.new.realm_id} {row.new.entity} {row.new.source_key}"
            if row.state is RowState.REJECTED:
                if not may_be_rejected(row):
                    found.append(f"{name}: rejected: {row.outcome}")
            elif row.state not in {RowState.APPLIED, RowState.ADOPTED, RowState.UNDONE}:
                found.append(f"{name}: {row.state.value}")
            elif may_be_rejected(row):
                found.append(f"{name}: should have been rejected")
        found += self._miscounted()
        return found

    def _miscounted(self) -> list[str]:
        """Objects that exist more than once, or that no row owns, among those that rows made."""
        found = []
        made = [row for row in self.ledger.kept_rows() if row.new.operation == "create"]
        for realm_id in self.realm_ids:
            for entity in {row.new.entity for row in made}:
                owners: dict[str, int] = {}
                for row in made:
                    if (row.new.realm_id, row.new.entity) == (realm_id, entity) and row.object_id:
                        owners[row.object_id] = owners.get(row.object_id, 0) + 1
                found += [f"{realm_id} {entity} {id_} has {n} rows" for id_, n in owners.items() if n > 1]
                there = {doc["Id"] for doc in self.objects(entity, realm_id)}
                new = there - self.before[realm_id, entity]
                done = {
                    row.object_id
                    for row in made
                    if (row.new.realm_id, row.new.entity) == (realm_id, entity)
                    and row.state in {RowState.APPLIED, RowState.ADOPTED}
                }
                found += [f"{realm_id} {entity} {id_}: there, and of no row" for id_ in sorted(new - done)]
                found += [f"{realm_id} {entity} {id_}: a row's, and not there" for id_ in sorted(done - there)]
        return found

    def remember(self, *entities: str) -> None:
        """What is there before the load."""
        self.before = {
            (realm_id, entity): {doc["Id"] for doc in self.objects(entity, realm_id)}
            for realm_id in self.realm_ids
            for entity in entities
        }


class _Mortal:
    """The store as a process sees it that may be killed: then it gives no lease back."""

    def __init__(self, store: MemoryStore, life: anyio.CancelScope) -> None:
        self._store = store
        self._life = life

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def release(self, lease: Lease) -> None:
        if not self._life.cancel_called:
            await self._store.release(lease)


class _Process:
    """What one process has for itself."""

    def __init__(self, world: LoadWorld, store: MemoryStore, stopping: Callable[[], bool]) -> None:
        self.world = world
        self.stopping = stopping
        self.learnt: dict[RealmId, Learnt] = {}
        self.ledger = world.ledger.seen_by(store)
        rng = random.Random(f"{world.seed}:keeper")
        endpoint = SimulatedTokenEndpoint(world.simulator)
        self.keeper = TokenKeeper(world.vault, endpoint, None, now=now, rng=rng, observe=world.events.append)
        self.once = Observed(Checked(Authorized(world.transport, self.keeper)), world.events.append)

    async def realm(self, lease: Lease, turn: Turn, /) -> RealmOutcome:
        world = self.world
        rng = random.Random(f"{world.seed}:{lease.realm_id}")
        paced = Paced(self.once, world.budget(lease.realm_id), patience=turn.patience)
        way = Retried(Prepared(paced, self.keeper), policy=WRITING, rng=rng, observe=world.events.append)
        limits = world.limits
        standard = {
            "loads": world.loads,
            "mode": world.mode,
            "settled_s": limits.abandoned_s + limits.late_arrival_s,
            "single_window": limits.request_permits - limits.batch_permits,
            "window_s": limits.window_s,
            "request_permits": limits.request_permits,
        }
        options = LoadOptions(**(standard | dict(world.options)))
        work = LoadWork(
            lease=lease,
            ask=Questions(way, lease.realm_id, call_s=CALL_S),
            transport=way,
            ledger=self.ledger,
            options=options,
            observe=world.events.append,
            stopping=self.stopping,
            turn=turn,
            learnt=self.learnt.setdefault(lease.realm_id, Learnt()),
        )
        return await load_realm(work)
