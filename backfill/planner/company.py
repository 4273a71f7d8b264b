"""What one company takes: a simulated one is read whole by the real job, with the real pacing, under virtual time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

import anyio
from msgspec import structs

from backfill import events
from backfill.config import Settings
from backfill.errors import BackfillError, StoppedError, UnansweredError, UnavailableError
from backfill.jobs.beside import beside
from backfill.jobs.extract import ExtractOptions, extract_realm, outcome_of
from backfill.jobs.fleet import FleetOptions, RealmOutcome, work_realms
from backfill.jobs.questions import Questions
from backfill.jobs.reports_beside import ReportsBeside
from backfill.jobs.turns import Turn
from backfill.jobs.way import Ways
from backfill.jobs.work import RealmWork
from backfill.model import (
    Checkpoint,
    Expected,
    Landed,
    Lease,
    RealmId,
    Record,
    Refusal,
    RunId,
)
from backfill.pacing.ledger import MemoryPermitLedger
from backfill.pacing.metering import Count, MeteredBudget, Meters
from backfill.pacing.realm_room import PageMemory, RealmRoom
from backfill.pacing.retried import READING
from backfill.pacing.virtual_clock import WallLimitError, run_virtual
from backfill.planner.scenario import Scenario
from backfill.qbo.catalogue import entity as find_entity
from backfill.qbo.token_keeper import KeeperOptions
from backfill.simulator.core import Simulator
from backfill.simulator.fleet import Fleet
from backfill.simulator.settings import SimulatorSettings
from backfill.simulator.transport import SimulatedTokenEndpoint, SimulatedTransport, come
from backfill.store.memory_reports import MemoryReports
from backfill.store.memory_store import MemoryStore
from backfill.store.memory_tokens import MemoryTokenVault, imported
from backfill.wire import Request, Response

PAGE_BYTES = 1_650_000
"""A thousand documents of 1.65 kB, as the benchmarks have them."""

WALL_LIMIT_S = 600.0
"""Of real time for one company. One of the most objects takes some 20 s."""

_BEGIN = datetime(2026, 1, 5, 9, tzinfo=UTC)
"""When the simulated run begins, on any working day: the same plan for the same scenario, whenever it is made."""

_LOOK_S = 0.05
"""How often the memory for pages is looked at: an answer takes longer than this."""

PARTICULAR = 10
"""The first companies of a simulated fleet are each of a particular kind; from here on they are as it comes."""

_RUN = RunId(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyCost:
    """What reading one company took, with the whole machine and nobody else on it."""

    rows: int
    requests: Mapping[str, int]
    """Lane to how many."""
    metered: Count
    """Calls that Intuit bills, in both readings."""
    seconds: float
    asked_bytes: float
    """Of the memory for pages, taken by those that are asked for: the mean over the time."""
    come_bytes: float
    """By those that have come."""
    breakable_s: float
    """The first of these seconds, until its slices are read: in them its turn can end between two pages while others
    wait. None of a small one, which has no slices."""


def cost_of(
    objects: int,
    number: int,
    scenario: Scenario,
    settings: Settings,
    stopping: Callable[[], bool] = lambda: False,
) -> CompanyCost:
    """Read a company of so many objects; `number` tells it from others of its size.

    Raises `StoppedError` if `stopping` says so meanwhile, and `UnavailableError` if it cannot be read to its end in
    such a world.
    """
    try:
        return run_virtual(_read(objects, number, scenario, settings, stopping), wall_limit_s=WALL_LIMIT_S)
    except WallLimitError as error:
        raise _impossible(objects, f"it is simulated for more than {WALL_LIMIT_S:g} s.") from error


async def _read(
    objects: int, number: int, scenario: Scenario, settings: Settings, stopping: Callable[[], bool]
) -> CompanyCost:
    fleet = Fleet(realms=PARTICULAR + number + 1, seed=scenario.seed, now=_now, rows_min=objects, rows_max=objects)
    realm_id = RealmId(fleet.realm_ids[-1])
    simulator = Simulator(_simulated(scenario, settings), fleet, now=_now, seed=scenario.seed)
    run = _Run(simulator, realm_id, scenario, settings)
    # What `beside` raises comes as it is only from the outermost of the two.
    async with beside(lambda: run.look(stopping), name="memory for pages"), simulator.running():
        why_not = await run.to_its_end(realm_id)
    if why_not:
        raise _impossible(objects, why_not)
    await run.meters.settle()
    machine = scenario.machine
    return CompanyCost(
        rows=run.rows,
        requests=dict(run.requests),
        metered=run.metered.count,
        seconds=anyio.current_time() + (machine.company_ms + machine.company_postgres_ms) / 1000,
        asked_bytes=run.asked_bytes / max(1, run.looks),
        come_bytes=run.come_bytes / max(1, run.looks),
        breakable_s=run.store.sliced_until_s,
    )


def _impossible(objects: int, why: str) -> UnavailableError:
    return UnavailableError(
        f"A simulated company of {objects:,} objects cannot be read to its end in this scenario: {why}",
        action="Where calls are refused, other apps use the limits up: lower other_requests_per_minute. Where there is"
        " no answer in time, lower latency_s or page_s. Else see the message.",
    )


def _simulated(scenario: Scenario, settings: Settings) -> SimulatorSettings:
    intuit = scenario.intuit
    return SimulatorSettings(
        latency_s=intuit.latency_s,
        gzip=False,
        limits_scale=settings.limits_scale,
        changes_per_minute=intuit.changes_per_minute,
        other_requests_per_minute=intuit.other_requests_per_minute,
    )


class _Run:
    """As `backfill extract` puts it together, on the virtual clock, for one company."""

    def __init__(self, simulator: Simulator, realm_id: RealmId, scenario: Scenario, settings: Settings) -> None:
        machine, held = scenario.machine, simulator.credentials(realm_id)
        tokens = imported(held.refresh_token, held.client_id, held.client_secret, at=_now())
        self._settings = settings
        self._memory = PageMemory(settings.extract.memory_mb * 1024 * 1024)
        self.store = _Landing([realm_id], now=_now, row_s=(machine.row_us + machine.row_postgres_us) / 1e6)
        self._beside = ReportsBeside(MemoryReports(self.store), settings.reports.options())
        self.requests: Counter[str] = Counter()
        self.rows = 0
        self.looks = self.asked_bytes = self.come_bytes = 0
        self.metered = _Metered()
        self.meters = Meters(lambda app: MeteredBudget(None, ledger=self.metered, app=app))
        self._ways = Ways(
            _Distant(SimulatedTransport(simulator), scenario.intuit.page_s),
            SimulatedTokenEndpoint(simulator),
            MemoryTokenVault({realm_id: tokens}),
            credentials=None,
            ledger=MemoryPermitLedger(),
            meters=self.meters,
            limits=settings.pacing_limits(),
            policy=READING.scaled(settings.limits_scale),
            keeping=KeeperOptions().scaled(settings.limits_scale),
            rng=Random(scenario.seed),  # noqa: S311  # the same plan for the same scenario; nothing secret is drawn
            now=_now,
            observe=self.observe,
        )
        self._options = ExtractOptions(
            entities=[find_entity(name) for name in settings.extract.entities],
            readers=settings.extract.readers_per_realm,
            costs=settings.costs,
        )

    async def to_its_end(self, realm_id: RealmId) -> str:
        """Read the company; why that is not possible, or nothing."""
        try:
            result = await work_realms(
                [realm_id],
                self._realm,
                store=self.store,
                run_id=_RUN,
                observe=self.observe,
                options=FleetOptions(),
                stopping=lambda: False,
            )
        except BackfillError as error:
            return error.message
        reasons = [*(why.message for why in self.meters.reached), *(trouble.message for trouble in result.troubles)]
        return "" if result.proven else "; ".join(reasons)

    async def _realm(self, lease: Lease, turn: Turn, /) -> RealmOutcome:
        room = RealmRoom(self._memory, lease.realm_id, weight=turn.weight, patience=turn.patience)
        async with self._ways.to(lease, room) as way:
            work = RealmWork(
                lease=lease,
                run_id=_RUN,
                ask=Questions(way, lease.realm_id, hasty=way.hasty()),
                store=self.store,
                room=room,
                observe=self.observe,
                stopping=lambda: False,
                turn=turn,
                now=_now,
                page_rows=self._settings.extract.page_rows,
            )
            scan = await self.store.scan(_RUN, lease.realm_id)
            proofs = await extract_realm(work, self._options, scan, beside=await self._beside.read(work))
        return outcome_of(lease.realm_id, proofs)

    async def look(self, stopping: Callable[[], bool]) -> None:
        """Add up what pages take of the memory, all along, until asked to stop. Raises `StoppedError`."""
        while True:
            await anyio.sleep(_LOOK_S)
            if stopping():
                raise StoppedError("The plan was stopped.", action="Run the same command again.")
            self.looks += 1
            self.asked_bytes += self._memory.asked.held_bytes
            self.come_bytes += self._memory.come.held_bytes

    def observe(self, event: events.Event) -> None:
        if isinstance(event, events.RequestAnswered):
            self.requests[event.lane] += 1
        elif isinstance(event, events.PageLanded):
            self.rows += event.landed


class _Landing(MemoryStore):
    """Rows take as long to land as they do in Postgres."""

    def __init__(self, realm_ids: Sequence[RealmId], *, now: Callable[[], datetime], row_s: float) -> None:
        super().__init__(realm_ids, now=now)
        self._row_s = row_s
        self.sliced_until_s = 0.0
        """When the last page of a slice had landed; 0 where there is none."""

    async def land(
        self,
        lease: Lease,
        run_id: RunId,
        entity: str,
        records: Sequence[Record],
        *,
        refusals: Sequence[Refusal] = (),
        checkpoint: Checkpoint | None = None,
        overwrite_equal_from: datetime | None = None,
        settled_to: datetime | None = None,
        expected: Expected = Expected.ANYTHING,
    ) -> Landed:
        await anyio.sleep(len(records) * self._row_s)
        landed = await super().land(
            lease,
            run_id,
            entity,
            records,
            refusals=refusals,
            checkpoint=checkpoint,
            overwrite_equal_from=overwrite_equal_from,
            settled_to=settled_to,
            expected=expected,
        )
        if checkpoint is not None:
            self.sliced_until_s = anyio.current_time()
        return landed


class _Distant:
    """A transport whose answers take the longer the more is in them."""

    def __init__(self, inner: SimulatedTransport, page_s: float) -> None:
        self._inner = inner
        self._byte_s = page_s / PAGE_BYTES

    async def send(self, request: Request, *, deadline: float) -> Response:
        """As `Transport.send`. Raises `UnansweredError` at the deadline."""
        response = await self._inner.send(structs.replace(request, coming=None), deadline=deadline)
        late_s = anyio.current_time() + len(response.body) * self._byte_s - deadline
        await anyio.sleep_until(min(deadline, deadline + late_s))
        if late_s > 0:
            raise UnansweredError(
                f"{request.method} {request.path} of realm {request.realm_id} was not answered within its time",
                realm_id=request.realm_id,
                asked=f"{request.method} {request.path}",
                code="timeout",
                action="Ask for less at a time.",
            )
        await come(request, response)
        return response


class _Metered:
    """A ledger of metered calls for one company, whose app and month do not matter."""

    def __init__(self) -> None:
        self.count = Count()

    async def add(self, app: str, month: object, more: Callable[[int, int], tuple[int, int]]) -> tuple[int, int]:  # noqa: ARG002  # the port's
        self.count = self.count.plus(Count(*more(*self.count)))
        return self.count


def _now() -> datetime:
    """The clock of both sides: it goes with the loop's."""
    return _BEGIN + timedelta(seconds=anyio.current_time())
