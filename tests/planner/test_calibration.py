"""What rows and companies cost comes out of readings as it went in, and samples are such that it can."""

from __future__ import annotations

from random import Random

import pytest

from backfill.planner.calibration import (
    COMPANIES_MAX,
    LARGE_LEAST,
    ROWS_MIN,
    UNLIKE,
    Cost,
    Reading,
    fitted,
    measured,
    samples,
)
from backfill.planner.scenario import Companies, Machine, Scenario
from backfill.simulator.seed.profile import SMALLEST

KNOWN = Cost(run=0.8, company=0.013, row=7.5e-6)
COUNTS = ((1, 100), (100, 10_000), (4, 100_000))
"""Companies and rows, as they are read."""


def readings(cost: Cost, off: float = 0.0, rng: Random | None = None, rounds: int = 1) -> list[Reading]:
    """What runs use at a cost, each `off` by as much at most."""
    rng = rng or Random(1)
    return [
        Reading(companies, rows, (cost.run + cost.of(companies, rows)) * (1 + rng.uniform(-off, off)))
        for companies, rows in COUNTS * rounds
    ]


def test_known_costs_come_out_as_they_went_in() -> None:
    found = fitted(readings(KNOWN))
    assert (found.run, found.company, found.row) == pytest.approx((KNOWN.run, KNOWN.company, KNOWN.row))


@pytest.mark.parametrize("seed", range(20))
def test_noise_does_not_grow(seed: int) -> None:
    """Every reading may be a twentieth off; what is planned with it, of companies in between, a tenth at most."""
    found = fitted(readings(KNOWN, 0.05, Random(seed), rounds=2))
    for companies, rows in ((1000, 100_000), (1000, 1_000_000), (150, 4_000_000)):
        assert found.of(companies, rows) == pytest.approx(KNOWN.of(companies, rows), rel=0.1)


def test_no_part_is_below_nothing() -> None:
    """A run of many companies that, by chance, took less than one."""
    found = fitted([Reading(1, 100, 1.0), Reading(100, 10_000, 0.9), Reading(4, 100_000, 1.5)])
    assert min(found.run, found.company, found.row) == 0
    assert found.row == pytest.approx(5e-6, rel=0.3)


@pytest.mark.parametrize("part", [Cost(1, 0, 0), Cost(0, 1, 0), Cost(0, 0, 1), Cost(0, 0, 0)])
def test_what_costs_nothing_is_found_to(part: Cost) -> None:
    found = fitted(readings(part))
    assert (found.run, found.company, found.row) == pytest.approx((part.run, part.company, part.row), abs=1e-9)


def test_where_there_are_no_rows_none_cost_anything() -> None:
    """Of an entity that no company has."""
    found = fitted([Reading(companies, 0, 0.5 + companies * 0.01) for companies in (1, 100, 4)])
    assert (found.run, found.company, found.row) == pytest.approx((0.5, 0.01, 0))


@pytest.mark.parametrize("rows", [ROWS_MIN, 50_000, 200_000, 10_000_000])
@pytest.mark.parametrize(
    "objects", [(100, 5_000), (100, 100), (1, 1), (200_000, 200_000), (90, 200_000), (30_000, 60_000)]
)
def test_samples_are_unlike_enough_and_within_their_bounds(objects: tuple[int, int], rows: int) -> None:
    fleet = Scenario(companies=(Companies(name="all", count=1000, objects=objects),))
    small, middling, large = samples(fleet, rows)
    assert sum(sample.companies * sample.objects for sample in (small, middling, large)) <= rows
    assert small.objects >= SMALLEST
    assert middling.objects / small.objects == pytest.approx(large.objects / middling.objects, rel=0.02)
    assert large.objects >= UNLIKE * small.objects
    assert LARGE_LEAST <= large.companies <= middling.companies <= small.companies <= COMPANIES_MAX


def test_samples_are_the_smallest_and_the_largest_of_all_groups() -> None:
    groups = (
        Companies(name="middling", count=10, objects=2_000),
        Companies(name="large", count=1, objects=20_000),
        Companies(name="small", count=5, objects=150),
    )
    chosen = samples(Scenario(companies=groups), 300_000)
    assert [sample.objects for sample in chosen] == [150, 1_732, 20_000]


def test_a_machine_is_given_what_was_measured_in_three_digits() -> None:
    before = Machine(processors=8, row_postgres_us=27, company_postgres_ms=16)
    program = Cost(1, 0.0123456, 7.54321e-6)
    after = measured(before, program, Cost(0, 0.5, 0))
    assert after == Machine(
        processors=8, row_us=7.54, company_ms=12.3, row_postgres_us=0.001, company_postgres_ms=500
    ), "none is nothing: a scenario may not say so"
    assert Machine.model_validate(after.model_dump()) == after
    unseen = measured(before, program, None)
    assert (unseen.row_us, unseen.row_postgres_us, unseen.company_postgres_ms) == (7.54, 27, 16)
