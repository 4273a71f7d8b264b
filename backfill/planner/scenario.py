"""A scenario: the fleet that is planned for, Intuit, and the machine. TOML; see `configs/scenario.toml`."""

from __future__ import annotations

from math import exp, expm1, log
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidationError, field_validator

from backfill.config.faults import faults_of, refused
from backfill.config.sections import Section
from backfill.config.toml_file import read_toml

OBJECTS_MAX = 200_000
"""Of a company. It is simulated in memory, at some 4 kB an object."""

SAMPLES = 12
"""So many companies of a group are simulated, each for an equal part of it. What a company costs goes up in steps of a
page, and differs with what it uses of QuickBooks; twelve are within a hundredth of many (`benchmarks/bench_plan`)."""

SAMPLED_OBJECTS = 150_000
"""Of a group whose companies are alike no more are simulated than have so many objects together, but always two. A
large company is a hundred pages, one more or less of which is little."""

GROUPS_MAX = 100
"""Of companies that are alike."""

COMPANIES_MAX = 1_000_000
"""Together. Each is scheduled by itself, at some 10 microseconds and some hundred bytes."""

PROCESSORS_MAX = 1024
"""Of a machine. None that is rented has more."""

Seconds = Annotated[float, Field(ge=0, le=600)]
Processors = Annotated[int, Field(ge=1, le=PROCESSORS_MAX)]
Cost = Annotated[float, Field(gt=0, le=1e6)]


class _Table(Section):
    """Nothing in it comes from the environment, so that a number is written as one."""

    model_config = ConfigDict(strict=True)


class Companies(_Table):
    """Companies that are alike. `objects` of all entities together: a number, or a range, of which small are most.

    Of fewer than 90 there are none: with so many QuickBooks begins a company (`simulator.seed.profile.SMALLEST`).
    """

    name: Annotated[str, Field(min_length=1, max_length=40)]
    count: Annotated[int, Field(ge=1, le=COMPANIES_MAX)]
    objects: int | tuple[int, int]

    @field_validator("name")
    @classmethod
    def _a_line(cls, value: str) -> str:
        if not value.isprintable() or value.isspace():
            raise ValueError("letters, on one line")
        return value

    @field_validator("objects", mode="before")
    @classmethod
    def _possible(cls, value: Any) -> int | tuple[int, int]:
        sizes = value if isinstance(value, list | tuple) and len(value) == 2 else [value, value]
        if not (all(type(size) is int for size in sizes) and 1 <= sizes[0] <= sizes[1] <= OBJECTS_MAX):
            raise ValueError(f"a whole number, or [least, most]; 1 to {OBJECTS_MAX:,}")
        return value if isinstance(value, int) else (sizes[0], sizes[1])

    def samples(self) -> list[int]:
        """The sizes that are simulated. Of a range, whose logarithms are evenly spread: the mean of each equal part.

        So that together they have as many objects as all companies of the range.
        """
        samples = min(SAMPLES, self.count)
        least, most = (self.objects, self.objects) if isinstance(self.objects, int) else self.objects
        if least == most:
            return [least] * min(samples, max(2, SAMPLED_OBJECTS // least))
        step = log(most / least) / samples
        mean = least * expm1(step) / step  # of the part that begins at the least
        return [round(mean * exp(step * part)) for part in range(samples)]


class Intuit(_Table):
    """What Intuit's servers, and the books while they are read, are like."""

    latency_s: Seconds = 0.3
    """From a question to its answer, however short."""
    page_s: Seconds = 1.5
    """How much longer an answer of `PAGE_BYTES` takes, a page of a thousand objects; of others in proportion."""
    changes_per_minute: Annotated[float, Field(ge=0, le=1_000)] = 0.0
    """By people, in each company, while it is read. Each is simulated, which takes a millisecond and more."""
    other_requests_per_minute: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    """Of other apps, on each company, which use up its limits."""


class Machine(_Table):
    """What the program runs on, and what it costs there.

    The costs are those of `benchmarks/bench_extract` on the machine of its kept results: of a row from `extract-one`,
    of a company from what `extract-two-hundred` takes beyond its rows.
    """

    processors: Processors = 2
    """Of one machine, or of several together."""
    processes: Annotated[int, Field(ge=1, le=256)] = 1
    """That read: `extract`, and each `worker` that helps it. Each uses one processor at most, and has places and memory
    for pages of its own."""
    postgres_processors: Processors | None = None
    """Where Postgres is on a machine of its own; left out: it shares `processors`."""
    row_us: Cost = 7.5
    """Processor time of the program for a row, microseconds."""
    row_postgres_us: Cost = 27.0
    company_ms: Cost = 13.0
    """Of the program for a company beside its rows, milliseconds: token, lease, census, proof."""
    company_postgres_ms: Cost = 16.0


class Scenario(_Table):
    """All of the file."""

    companies: tuple[Companies, ...]
    intuit: Intuit = Intuit()
    machine: Machine = Machine()
    metered_elsewhere: Annotated[int, Field(ge=0)] = 0
    """Metered calls that the app's other work needs in a month."""
    seed: int = 1
    """The same seed, the same simulated companies."""

    @field_validator("companies", mode="before")
    @classmethod
    def _groups(cls, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or not 1 <= len(value) <= GROUPS_MAX:
            raise ValueError(f"1 to {GROUPS_MAX} groups, each a table that begins with [[companies]]")
        return tuple(value)

    @field_validator("companies")
    @classmethod
    def _told_apart(cls, value: tuple[Companies, ...]) -> tuple[Companies, ...]:
        names = [companies.name for companies in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two are called {', '.join(twice)}")
        if sum(companies.count for companies in value) > COMPANIES_MAX:
            raise ValueError(f"more than {COMPANIES_MAX:,} companies together")
        return value


def read_scenario(file: Path) -> Scenario:
    """The scenario in `file`. Raises `UsageError` that names every fault at once."""
    table = read_toml(file, "scenario")
    try:
        return Scenario.model_validate(table)
    except ValidationError as error:
        raise refused(f"The scenario {file}", faults_of(error, Scenario)) from None
