"""What a machine's rows and companies cost, from readings of a few simulated companies. Pure.

A run takes so much to begin, and so much for each company and each row. Runs of one company, of many small ones, and of
a few large ones tell these apart. A row costs the more the fewer there are in an answer, so that companies in between
are read as well; each run is made more than once, and what fits all of them best is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isqrt

import numpy as np

from backfill.planner.scenario import Companies, Intuit, Machine, Scenario
from backfill.simulator.seed.profile import SMALLEST

COMPANIES_MAX = 100
"""Of a sample. They cost 3 s of processor time, a hundred times what is lost to the clock's ticks; and the simulator
keeps as many in memory: more would be made anew for each reading, which takes it ten times as long as to serve them."""

LARGE_LEAST = 4
"""Large companies: of fewer, how fast each is read would be Intuit's limits' doing, and not the machine's."""

UNLIKE = 10
"""A large company has so many times the objects of a small one, or rows and companies could not be told apart."""

SIZES = 3
"""Of companies: the smallest, the largest, and between them."""

ROWS_MIN = SIZES * LARGE_LEAST * UNLIKE * SMALLEST
"""Of a pass: with fewer there is no room for companies that are unlike."""

FLOOR = 1e-3
"""The lowest cost that is said: a scenario has none of nothing."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Companies of one size that are read together."""

    companies: int
    objects: int

    def scenario(self, machine: Machine, seed: int) -> Scenario:
        """The same for the planner: an Intuit that answers at once, as the simulator here does."""
        alike = Companies(name="the sample", count=self.companies, objects=self.objects)
        return Scenario(companies=(alike,), intuit=Intuit(latency_s=0, page_s=0), machine=machine, seed=seed)


def samples(scenario: Scenario, rows: int) -> Sequence[Sample]:
    """Many of the smallest companies of a scenario, a few of the largest, and some between, of no more than `rows` in
    all; a third of them of each size, at most.

    Its own smallest and largest, so that its other companies lie between them, or what comes nearest.
    """
    assert rows >= ROWS_MIN, rows
    sizes = [size for group in scenario.companies for size in group.samples()]
    each = rows // SIZES
    small = min(max(SMALLEST, min(sizes)), each // (LARGE_LEAST * UNLIKE))
    large = max(min(max(sizes), each // LARGE_LEAST), UNLIKE * small)
    return [Sample(min(COMPANIES_MAX, each // size), size) for size in (small, isqrt(small * large), large)]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one run used of something, be it seconds or bytes."""

    companies: int
    rows: int
    used: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run costs of something: to begin, and for each company and row."""

    run: float
    company: float
    row: float

    def of(self, companies: int, rows: int) -> float:
        """What so much costs, without the beginning."""
        return companies * self.company + rows * self.row


def fitted(readings: Sequence[Reading]) -> Cost:
    """The cost that comes nearest to the readings, none of its parts below nothing.

    Nearest in proportion: a run that takes long is off by more. By least squares, over every choice of parts that are
    nothing, of which there are few.
    """
    used = np.array([reading.used for reading in readings])
    scale = np.maximum(used, max(used.max() / 1000, 1e-9))  # a run that used nothing would count for ever
    terms = np.array([(1.0, reading.companies, reading.rows) for reading in readings]) / scale[:, None]
    best, least = np.zeros(3), np.inf
    for parts in (list(chosen) for number in (3, 2, 1) for chosen in combinations(range(3), number)):
        found = np.linalg.lstsq(terms[:, parts], used / scale)[0]
        off = float(np.sum((terms[:, parts] @ found - used / scale) ** 2))
        if found.min() >= 0 and off < least:
            best, least = np.zeros(3), off
            best[parts] = found
    return Cost(*(float(part) for part in best))


def measured(machine: Machine, program: Cost, postgres: Cost | None) -> Machine:
    """The machine with what was measured on it, in three digits; of Postgres None: its own figures stay."""
    costs = {"row_us": program.row * 1e6, "company_ms": program.company * 1e3}
    if postgres is not None:
        costs |= {"row_postgres_us": postgres.row * 1e6, "company_postgres_ms": postgres.company * 1e3}
    return machine.model_copy(update={name: float(f"{max(FLOOR, cost):.3g}") for name, cost in costs.items()})
