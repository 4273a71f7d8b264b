"""The goal of memory is judged as it is written: at most 200 MB, and the same whatever there is to read."""

from __future__ import annotations

import pytest

from benchmarks.bench_memory import LONG, SERIES, Case, Peak, fits, missed


def peaks(**peak_mb: float) -> dict[Case, Peak]:
    named = {"few": Case(1, 40_000), "many": Case(1, 400_000), "fleet": Case(50, 400_000)}
    return {named[name]: Peak(named[name], value, 1.0, 1.0, 1) for name, value in peak_mb.items()}


@pytest.mark.parametrize(
    ("measured", "found"),
    [
        ({"few": 100, "many": 109, "fleet": 100}, []),
        ({"few": 100, "many": 91, "fleet": 91}, []),
        ({"few": 100, "many": 111, "fleet": 111}, ["not the same by rows: 100, 111 MB"]),
        ({"few": 100, "many": 100, "fleet": 89}, ["not the same by companies: 100, 89 MB"]),
        ({"few": 199, "many": 201, "fleet": 199}, ["201 MB for 1 companies and 400,000 rows, above 200"]),
        ({"few": 100}, []),
    ],
)
def test_bounds(measured: dict[str, float], found: list[str]) -> None:
    assert missed(SERIES, peaks(**measured)) == found


def test_every_case_has_the_rows_that_it_says() -> None:
    for cases in (*SERIES.values(), *LONG.values()):
        for case in cases:
            assert case.rows_per_entity * 8 * case.realms == case.rows


def test_a_case_that_the_disk_has_no_room_for_is_not_begun() -> None:
    gigabyte = 10**9
    assert fits(Case(1, 4_000_000), 20 * gigabyte)
    assert not fits(Case(1, 4_000_000), 15 * gigabyte)
