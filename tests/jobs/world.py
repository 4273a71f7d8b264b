"""A small world made of a seed: companies, the people in them, a store, the whole stack between; and its judge.

All on the virtual clock. The stack is the program's own (`retried(paced(observed(checked(authorized(...)))))`), over
the simulator in process; the store is the one in memory, which the contract suite holds to be Postgres' twin.
"""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterable, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import anyio
import anyio.lowlevel

from backfill import events
from backfill.jobs.costs import Costs
from backfill.jobs.extract import ExtractOptions, extract_realm, outcome_of
from backfill.jobs.fleet import FleetOptions, FleetResult, RealmOutcome, work_realms
from backfill.jobs.questions import Questions
from backfill.jobs.rates import RATES_OF_THE_DAY
from backfill.jobs.turns import Turn
from backfill.jobs.work import RealmWork, Room
from backfill.model import Lease, Proof, RealmId, RunId, Scan
from backfill.pacing.budget import RealmBudget, Resting
from backfill.pacing.limits import load_limits
from backfill.pacing.metering import MeteredBudget
from backfill.pacing.paced import Paced
from backfill.pacing.realm_room import PageMemory, RealmRoom, Roomed
from backfill.pacing.retried import READING, Retried
from backfill.qbo.auth import Authorized
from backfill.qbo.catalogue import CATALOGUE, Entity, Reading
from backfill.qbo.checked import Checked
from backfill.qbo.observed import Observed
from backfill.qbo.token_keeper import TokenKeeper
from backfill.simulator.company import Company
from backfill.simulator.core import Simulator
from backfill.simulator.documents import decode
from backfill.simulator.fleet import Fleet
from backfill.simulator.people import People
from backfill.simulator.settings import SimulatorSettings
from backfill.simulator.transport import SimulatedTokenEndpoint, SimulatedTransport
from backfill.store.memory_store import MemoryStore
from backfill.wire import Request, Response, Transport
from tests.jobs.vault import vault_of

BEGIN = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
RUN = RunId(1)
CALL_S = 3600.0

EXPIRING = ("TempDownloadUri", "ThumbnailTempDownloadUri")
"""Links that are not stored, so not compared."""


def now() -> datetime:
    """The wall clock of both sides: it goes with the loop's."""
    return BEGIN + timedelta(seconds=anyio.current_time())


@dataclass(kw_only=True)
class World:
    """Everything there is. Make it inside a virtual test, for it reads the loop's clock."""

    seed: int
    realms: int = 1
    rows_min: int = 90
    rows_max: int = 250
    settings: SimulatorSettings = field(default_factory=SimulatorSettings)
    page_rows: int = 1000
    readers: int = 8
    memory_bytes: int = 256 * 1024 * 1024
    entities: Sequence[Entity] = tuple(CATALOGUE.values())
    since: datetime | None = None
    costs: Costs = field(default_factory=Costs)
    metered: MeteredBudget = field(default_factory=lambda: MeteredBudget(cap=None))
    fleet_options: FleetOptions = field(default_factory=FleetOptions)
    weights: Mapping[RealmId, float] = field(default_factory=dict)
    joining: AsyncIterable[RealmId] | None = None
    late: Collection[RealmId] = ()
    """Realms that the run does not begin with."""
    wrap: Callable[[Transport], Transport] = lambda transport: transport
    """What stands between the client and the simulator."""
    task: Callable[[RealmWork, Scan], Awaitable[Sequence[Proof]]] | None = None
    """What is done for a realm in the place of extract."""
    companies: Mapping[str, Company] = field(default_factory=dict)
    """The companies themselves, where the seed's would not do."""

    def __post_init__(self) -> None:
        fleet = self._fleet()
        self.realm_ids = [RealmId(realm_id) for realm_id in fleet.realm_ids]
        self.simulator = Simulator(self.settings, fleet, now=now, seed=self.seed)
        self.store = MemoryStore(self.realm_ids, now=now)
        self.vault = vault_of(self.simulator, now)
        self.room = PageMemory(self.memory_bytes)
        self.events: list[events.Event] = []
        self.turns: dict[RealmId, Turn] = {}
        self._budgets: dict[RealmId, RealmBudget] = {}

    def _fleet(self) -> Fleet:
        if not self.companies:
            return Fleet(realms=self.realms, seed=self.seed, now=now, rows_min=self.rows_min, rows_max=self.rows_max)
        made = SimpleNamespace(
            realm_ids=tuple(self.companies),
            company=self.companies.__getitem__,
            size_of=lambda realm_id: self.companies[realm_id].rows,
        )
        return cast("Fleet", made)

    @property
    def realm(self) -> RealmId:
        return self.realm_ids[0]

    def company_of(self, realm_id: RealmId | None = None) -> Company:
        return self.simulator.fleet.company(realm_id or self.realm)

    def sow(
        self, entity: str, count: int, *, second: Callable[[int], int], realm_id: RealmId | None = None
    ) -> list[str]:
        """Put `count` objects like the first there is into the history, the nth created `second(n)` before BEGIN."""
        company = self.company_of(realm_id)
        like = next((decode(row.doc) for row in company.table(entity).all()), {"Note": "sown"})
        if "LinkedTxn" in like:
            like["LinkedTxn"] = []
        ids = []
        for number in range(count):
            created = int(BEGIN.timestamp()) - second(number)
            id_ = company.next_id(entity)
            company.load(entity, company.sealed(entity, id_, like, created=created, updated=created))
            ids.append(id_)
        return ids

    def people(self, realm_id: RealmId | None = None) -> People:
        return self.simulator.people(realm_id or self.realm)

    async def extract(
        self,
        *,
        run_id: RunId = RUN,
        store: MemoryStore | None = None,
        stopping: Callable[[], bool] = lambda: False,
        crashes_after_s: Sequence[float] = (),
    ) -> FleetResult:
        """One run of extract over all realms, while people work in the books.

        After each of `crashes_after_s` seconds the process is ended where it stands, and another one goes on.
        """
        async with self.simulator.running():
            for after_s in crashes_after_s:
                with anyio.move_on_after(after_s):
                    return await self._process(run_id, store or self.store, stopping)
            return await self._process(run_id, store or self.store, stopping)

    async def _process(self, run_id: RunId, store: MemoryStore, stopping: Callable[[], bool]) -> FleetResult:
        process = _Process(self, run_id, store, stopping)
        return await work_realms(
            [realm_id for realm_id in self.realm_ids if realm_id not in self.late],
            process.realm,
            store=store,
            run_id=run_id,
            observe=self.events.append,
            options=self.fleet_options,
            stopping=stopping,
            weights=self.weights,
            joining=self.joining,
        )

    def way(self, turn: Turn, once: Transport, room: Room) -> Retried:
        realm_id = turn.realm_id
        rng = random.Random(f"{self.seed}:{realm_id}")
        budget = self._budgets.get(realm_id)
        if budget is None:
            budget = RealmBudget(realm_id, load_limits(), rng=rng, observe=self._observed)
            budget.breaker = self.metered.quota
            self._budgets[realm_id] = budget
        resting: Resting = room.resting if isinstance(room, RealmRoom) else nullcontext
        inner: Transport = Paced(once, budget, metered=self.metered, patience=turn.patience, resting=resting)
        if isinstance(room, RealmRoom):
            inner = Roomed(inner, room)
        return Retried(inner, policy=READING, rng=rng, observe=self.events.append)

    def _observed(self, event: events.Event) -> None:
        self.events.append(event)
        if isinstance(event, events.Throttled):
            self.turns[event.realm_id].rest_until = anyio.current_time() + event.freeze_s

    def statements(self, realm_id: RealmId | None = None) -> list[str]:
        """What the simulator was asked, in the order of acting."""
        return [entry.asked for entry in self.simulator.log.entries(realm_id)]


class _Process:
    """What one process has for itself: its cache of tokens, its view of the store."""

    def __init__(self, world: World, run_id: RunId, store: MemoryStore, stopping: Callable[[], bool]) -> None:
        self.world = world
        self.run_id = run_id
        self.store = store
        self.stopping = stopping
        keeper = TokenKeeper(
            world.vault,
            SimulatedTokenEndpoint(world.simulator),
            None,
            now=now,
            rng=random.Random(f"{world.seed}:keeper"),
            observe=world.events.append,
        )
        transport = world.wrap(SimulatedTransport(world.simulator))
        self.once = Observed(Checked(Authorized(transport, keeper)), world.events.append)
        self.options = ExtractOptions(
            entities=world.entities, since=world.since, readers=world.readers, costs=world.costs
        )

    async def realm(self, lease: Lease, turn: Turn, /) -> RealmOutcome:
        self.world.turns[lease.realm_id] = turn
        scan = await self.store.scan(self.run_id, lease.realm_id)
        if scan.finished:
            return RealmOutcome(proven=True)
        room: Room | PageMemory = self.world.room
        if isinstance(room, PageMemory):
            room = RealmRoom(room, lease.realm_id, weight=turn.weight, patience=turn.patience)
        way = self.world.way(turn, self.once, room)
        work = RealmWork(
            lease=lease,
            run_id=self.run_id,
            ask=Questions(way, lease.realm_id, call_s=CALL_S, hasty=way.hasty()),
            store=self.store,
            room=room,
            observe=self.world.events.append,
            stopping=self.stopping,
            turn=turn,
            now=now,
            page_rows=self.world.page_rows,
        )
        if self.world.task is not None:
            return outcome_of(lease.realm_id, await self.world.task(work, scan))
        return outcome_of(lease.realm_id, await extract_realm(work, self.options, scan))


class Tap:
    """Stands between client and simulator: `before` may answer in its stead or change what is asked, `after` looks on.

    Both are told the statement (of a batch: its whole body), and act at the moment the simulator does.
    """

    def __init__(
        self,
        inner: Transport,
        *,
        before: Callable[[Request, str], Request | Response | None] | None = None,
        after: Callable[[Request, str], None] | None = None,
    ) -> None:
        self._inner = inner
        self._before = before
        self._after = after

    async def send(self, request: Request, *, deadline: float) -> Response:
        said = self._before(request, statement_of(request)) if self._before else None
        if isinstance(said, Response):
            await anyio.lowlevel.checkpoint()
            return said
        response = await self._inner.send(said or request, deadline=deadline)
        if self._after:
            self._after(request, statement_of(request))
        return response


class Garbled:
    """Stands between client and simulator: wherever `text` is answered a byte that is none stands behind it."""

    def __init__(self, inner: Transport, text: str) -> None:
        self._inner = inner
        self._text = text.encode()

    async def send(self, request: Request, *, deadline: float) -> Response:
        response = await self._inner.send(request, deadline=deadline)
        return replace(response, body=response.body.replace(self._text, self._text + b"\xc3"))


def statement_of(request: Request) -> str:
    """The statement asked, the entities of a CDC call, the body of a batch; else the path."""
    words = dict(request.params)
    return words.get("query") or words.get("entities") or request.body.decode() or request.path


def fault(code: str, detail: str, *, status: int = 400) -> Response:
    """A fault of the API, as it would answer."""
    error = {"Message": "a message", "Detail": detail, "code": code}
    body = {"Fault": {"Error": [error], "type": "ValidationFault"}, "time": now().isoformat(timespec="milliseconds")}
    return Response(status=status, headers={"content-type": "application/json"}, body=json.dumps(body).encode())


# The judge.


def breaches(world: World, *, unproven: Collection[str] = (), throttled: bool = False) -> list[str]:
    """What is wrong with the outcome, in words; nothing, if all laws were kept.

    `unproven`: entities that may be unproven, and no others. `throttled`: refusals are part of the story.
    """
    found = _breached_limits(world, throttled=throttled)
    for realm_id in world.realm_ids:
        proofs = world.store.proofs(realm_id)
        missing = {entity.name for entity in world.entities} - proofs.keys()
        found += [f"{realm_id}: no word on {', '.join(sorted(missing))}"] if missing else []
        for entity, proof in proofs.items():
            if proof.proven:
                found += differences(world, realm_id, entity)
            elif entity not in unproven:
                found.append(f"{realm_id} {entity}: unproven: {proof.reason}")
    return found


def _breached_limits(world: World, *, throttled: bool) -> list[str]:
    found = []
    for realm_id, summary in world.simulator.log.summary().items():
        for said, most, limit in (
            ("requests in a minute", summary.most_in_minute, 500),
            ("batches in a minute", summary.most_batches_in_minute, 40),
            ("in flight", summary.most_in_flight, 10),
            ("refused as too many", 0 if throttled else summary.throttled, 0),
        ):
            if most > limit:
                found.append(f"{realm_id}: {most} {said}")
    return found


def differences(world: World, realm_id: RealmId, entity: str) -> list[str]:
    """Law 2: what is landed of a proven entity against the company as it stood at the watermark."""
    proof = world.store.proofs(realm_id)[entity]
    landed = world.store.live_documents(realm_id, entity)
    for refusal in world.store.refusals(realm_id, entity):
        landed.pop(refusal.id, None)
    if proof.watermark is None:
        return []
    there = expected(world, realm_id, entity, proof.watermark)
    if proof.method == RATES_OF_THE_DAY:
        there = {id_: doc for id_, doc in there.items() if id_ in landed}
    aside = there.keys() & set(world.settings.poisoned.get((realm_id, entity), ()))
    if world.since is not None:
        changed = {id_ for id_, doc in there.items() if _updated(doc) >= world.since}
        landed = {id_: doc for id_, doc in landed.items() if id_ in changed or _updated(doc) >= world.since}
        there = {id_: doc for id_, doc in there.items() if id_ in landed or id_ in changed}
    found = [
        f"{realm_id} {entity} {id_}: {said}"
        for id_ in sorted((there.keys() | landed.keys()) - aside)
        if (said := _difference(landed.get(id_), there.get(id_)))
    ]
    if len(aside) != proof.quarantined:
        found.append(f"{realm_id} {entity}: {len(aside)} rows cannot be read, {proof.quarantined} are quarantined")
    return found


def _difference(landed: bytes | None, there: bytes | None) -> str:
    if landed is None:
        return "not landed"
    if there is None:
        return "landed, and not there"
    return "" if same(landed, there) else f"stale\n  landed {landed!r}\n  there  {there!r}"


def expected(world: World, realm_id: RealmId, entity: str, at: datetime) -> dict[str, bytes]:
    """The simulator's own word: Id to document as all stood at `at`, under the Ids that rows are filed under."""
    docs = world.company_of(realm_id).state_at(at, only=entity)[entity]
    if CATALOGUE[entity].reading is Reading.WRAPPED:
        return {f"{next(iter(json.loads(doc)))}:{id_}": doc for id_, doc in docs.items()}
    return dict(docs)


def same(landed: bytes, there: bytes) -> bool:
    """Equal as JSON, numbers to the last digit of their scale."""
    return landed == there or _exact(landed) == _exact(there)


def _exact(doc: bytes) -> object:
    parsed = json.loads(doc, parse_float=lambda text: ("number", text), parse_int=lambda text: ("number", text))
    return {key: value for key, value in parsed.items() if key not in EXPIRING}


def _updated(doc: bytes) -> datetime:
    parsed = json.loads(doc)
    if "MetaData" not in parsed:
        (parsed,) = parsed.values()
    return datetime.fromisoformat(parsed["MetaData"]["LastUpdatedTime"])
