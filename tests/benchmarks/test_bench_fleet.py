"""The goals of the fleet's benchmark, on a tenth of its realms; what a request costs only roughly."""

from __future__ import annotations

import pytest

from benchmarks import bench_fleet


@pytest.mark.parametrize(
    ("part", "sizes"),
    [("fair", (400, 10, 120, 5)), ("memory", (500,)), ("idle", (200,))],
    ids=["fair", "memory", "idle"],
)
def test_goals(part: str, sizes: tuple[int, ...]) -> None:
    figures = getattr(bench_fleet, part)(*sizes)
    judged = {name: value for name, value in figures.items() if name in bench_fleet.GOALS}
    assert judged, "some figure has a goal"
    assert {name: value for name, value in judged.items() if value > bench_fleet.GOALS[name]} == {}


def test_places_stand_empty_for_no_time() -> None:
    assert bench_fleet.fair(100, 5, 100, 5)["wall_over_least"] <= 1.1


def test_scheduler_and_pacing_cost_no_more_than_a_few_times_the_bare_calls() -> None:
    figures = bench_fleet.cost(100, 30)
    assert figures["cpu_us_a_request"] <= 10 * figures["bare_us_a_request"]
