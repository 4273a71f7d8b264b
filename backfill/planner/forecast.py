"""A scenario's forecast: its companies simulated once for those that are like them, and the fleet of them scheduled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf
from random import Random

from backfill.config import Settings
from backfill.config.sections import REALMS_AT_ONCE_MAX
from backfill.jobs.fleet import FleetOptions
from backfill.pacing.metering import BatchCountsAs, Count
from backfill.pacing.realm_room import PageMemory
from backfill.planner.company import CompanyCost, cost_of
from backfill.planner.scenario import Companies, Machine, Scenario
from backfill.planner.schedule import Bound, Capacity, Resource, Schedule, Work, scheduled
from backfill.planner.tiers import Charge, charges
from backfill.wire import Lane


@dataclass(frozen=True, slots=True)
class GroupForecast:
    """What the companies of one group take together. `seconds`: of the quickest and the slowest, alone."""

    name: str
    companies: int
    rows: int
    requests: Mapping[str, int]
    metered: Count
    seconds: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What the whole run takes."""

    groups: Sequence[GroupForecast]
    schedule: Schedule
    program_s: float
    """Processor seconds of the program."""
    postgres_s: float
    instead: Mapping[str, Schedule]
    """What bounds it and could be had twice, as it would be set, to how long the run takes then."""
    charges: Mapping[BatchCountsAs, Sequence[Charge]]
    """In both readings of what a batch counts as."""

    @property
    def companies(self) -> int:
        return sum(group.companies for group in self.groups)

    @property
    def rows(self) -> int:
        return sum(group.rows for group in self.groups)

    @property
    def requests(self) -> Mapping[str, int]:
        """Lane to how many: those of the groups, and what companies that pause ask beyond that."""
        of_groups = sum((Counter(group.requests) for group in self.groups), Counter())
        return of_groups + Counter({Lane.BATCH.value: self.schedule.paused})

    @property
    def metered(self) -> Count:
        return _metered(self.groups, self.schedule)


def forecast(
    scenario: Scenario,
    settings: Settings,
    *,
    tell: Callable[[str], None] = lambda _: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Forecast:
    """Simulate and schedule. `tell` is told of each group that is begun, in words; `stopping` is asked all along.

    Takes processor time: a second for 8,000 simulated objects, and one for 100,000 companies. Raises
    `StoppedError`, `UnavailableError` if a company cannot be read to its end, and `UsageError` for limits that
    contradict themselves.
    """
    sampled: list[tuple[Companies, Sequence[CompanyCost]]] = []
    for group in scenario.companies:
        samples = group.samples()
        tell(f"{group.name}: {len(samples)} of {group.count:,} companies are simulated")
        costs = [cost_of(objects, number, scenario, settings, stopping) for number, objects in enumerate(samples)]
        sampled.append((group, costs))
    works = [
        work
        for group, costs in sampled
        for cost, companies in _shared_out(group.count, costs)
        for work in [_work(cost, scenario)] * companies
    ]
    Random(scenario.seed).shuffle(works)  # noqa: S311  # in which order companies were registered tells nothing
    groups = [_group(group.name, _shared_out(group.count, costs)) for group, costs in sampled]
    now = _Deployment(scenario.machine, settings.extract.realms_at_once, settings.extract.memory_mb)
    schedule = now.schedule(works)
    metered = _metered(groups, schedule)
    companies = len(works)
    return Forecast(
        groups=groups,
        schedule=schedule,
        program_s=sum(work.uses[_PROGRAM] * work.seconds for work in works),
        postgres_s=sum(work.uses[_POSTGRES] * work.seconds for work in works),
        instead={words: other.schedule(works) for words, other in now.others(_of_weight(schedule)).items()},
        charges={
            reading: charges(metered.read(reading), elsewhere=scenario.metered_elsewhere, connections=companies)
            for reading in BatchCountsAs
        },
    )


BOUND_SHARE = 0.01
"""What bounds a run for less of its time is not worth a word, nor having twice."""


def _of_weight(schedule: Schedule) -> Collection[Bound]:
    return [bound for bound, bound_s in schedule.bound_s.items() if bound_s >= BOUND_SHARE * schedule.wall_s]


_PROGRAM: Resource = (Bound.PROGRAM, "")
_SHARED: Resource = (Bound.PROCESSORS, "")
_POSTGRES: Resource = (Bound.POSTGRES, "")
_ASKED: Resource = (Bound.MEMORY, "asked")
_COME: Resource = (Bound.MEMORY, "come")


@dataclass(frozen=True, slots=True)
class _Deployment:
    """What a run has: the machine, the places, the memory for pages."""

    machine: Machine
    places: int
    memory_mb: int

    def schedule(self, works: Sequence[Work]) -> Schedule:
        options = FleetOptions()
        return scheduled(
            works,
            self._capacity(),
            realms_at_once=self.places * self.machine.processes,
            turn_s=options.turn_s,
            early_end_s=options.early_end_s,
        )

    def others(self, bounds: Collection[Bound]) -> Mapping[str, _Deployment]:
        """The same with twice of what bounds it, or as much as can be set; by how that is written."""
        machine = self.machine
        places = min(2 * self.places, REALMS_AT_ONCE_MAX)
        twice: Mapping[Bound, tuple[str, _Deployment]] = {
            Bound.PLACES: (f"extract.realms_at_once = {places}", replace(self, places=places)),
            Bound.MEMORY: (f"extract.memory_mb = {2 * self.memory_mb}", replace(self, memory_mb=2 * self.memory_mb)),
            Bound.PROGRAM: (
                f"{2 * machine.processes} processes (backfill worker)",
                replace(self, machine=machine.model_copy(update={"processes": 2 * machine.processes})),
            ),
            Bound.PROCESSORS: (
                f"{2 * machine.processors} processors",
                replace(self, machine=machine.model_copy(update={"processors": 2 * machine.processors})),
            ),
        }
        if machine.postgres_processors is not None:
            more = {"postgres_processors": 2 * machine.postgres_processors}
            of_postgres = replace(self, machine=machine.model_copy(update=more))
            twice = {**twice, Bound.POSTGRES: (f"{more['postgres_processors']} processors for Postgres", of_postgres)}
        return dict(other for bound, other in twice.items() if bound in bounds and other[1] != self)

    def _capacity(self) -> Capacity:
        memory = PageMemory(self.memory_mb * 1024 * 1024)
        machine = self.machine
        apart = machine.postgres_processors is not None
        return {
            _PROGRAM: machine.processes,
            _SHARED: inf if apart else machine.processors,
            _POSTGRES: machine.postgres_processors or inf,
            _ASKED: machine.processes * memory.asked.capacity_bytes,
            _COME: machine.processes * memory.come.capacity_bytes,
        }


def _metered(groups: Iterable[GroupForecast], schedule: Schedule) -> Count:
    """Who was paused asks for its currencies once more, in a batch: what the census had of them is not kept."""
    metered = Count(schedule.paused, schedule.paused)
    for group in groups:
        metered = metered.plus(group.metered)
    return metered


def _shared_out(companies: int, costs: Sequence[CompanyCost]) -> list[tuple[CompanyCost, int]]:
    """Each sample with the number of companies that it stands for. What is over is spread: samples go up in size."""
    samples = len(costs)
    before = [(2 * number * companies + samples) // (2 * samples) for number in range(samples + 1)]  # rounded
    return [(cost, end - begin) for cost, (begin, end) in zip(costs, pairwise(before), strict=True)]


def _work(cost: CompanyCost, scenario: Scenario) -> Work:
    machine, intuit = scenario.machine, scenario.intuit
    program = (cost.rows * machine.row_us / 1e6 + machine.company_ms / 1000) / cost.seconds
    postgres = (cost.rows * machine.row_postgres_us / 1e6 + machine.company_postgres_ms / 1000) / cost.seconds
    uses = {
        _PROGRAM: program,
        _SHARED: program + postgres,
        _POSTGRES: postgres,
        _ASKED: cost.asked_bytes,
        _COME: cost.come_bytes,
    }
    return Work(cost.seconds, uses, cost.breakable_s, pause_s=intuit.latency_s + intuit.page_s)


def _group(name: str, costs: Sequence[tuple[CompanyCost, int]]) -> GroupForecast:
    requests: Counter[str] = Counter()
    metered = Count()
    for cost, companies in costs:
        for lane, count in cost.requests.items():
            requests[lane] += count * companies
        metered = metered.plus(Count(cost.metered.calls * companies, cost.metered.items * companies))
    seconds = [cost.seconds for cost, _ in costs]
    return GroupForecast(
        name=name,
        companies=sum(companies for _, companies in costs),
        rows=sum(cost.rows * companies for cost, companies in costs),
        requests=requests,
        metered=metered,
        seconds=(min(seconds), max(seconds)),
    )
