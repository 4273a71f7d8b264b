"""How fast a run is and how long it takes yet, by looks that come when somebody looks."""

from __future__ import annotations

import pytest

from backfill.dashboard.snapshot import MEASURED_S, Speed, meaning
from backfill.store.fleet_status import RunProgress


def progress(met: int = 0, to_come: int = 0, *, uncounted: int = 0, counted: int = 0, done: int = 0) -> RunProgress:
    """Of a hundred companies, as many rows counted as were met and are to come."""
    return RunProgress(
        waiting=uncounted,
        working=100 - uncounted - done,
        proven=done,
        unproven=0,
        parked=0,
        rows_counted=met + to_come,
        realms_counted=counted,
        realms_uncounted=uncounted,
        rows_met=met,
        rows_to_come=to_come,
    )


def speed(*looks: tuple[float, RunProgress]) -> Speed:
    made = Speed()
    for at, seen in looks:
        made.add(at, seen)
    return made


def test_nothing_is_said_before_two_looks() -> None:
    assert Speed().seconds_left() is None
    once = speed((0, progress(100, 100, counted=100)))
    assert (once.rows_a_second(), once.seconds_left()) == (None, None)


def test_rows_that_are_not_counted_yet_are_reckoned_by_the_others() -> None:
    seen = speed((0, progress(0, 1000, counted=50, uncounted=50)), (10, progress(500, 500, counted=50, uncounted=50)))
    assert seen.rows_a_second() == 50
    assert seen.seconds_left() == (500 + 50 * 1000 / 50) / 50


def test_only_the_last_minute_counts() -> None:
    looks = [(float(second), progress(second * 10 if second < 100 else 1000, 10)) for second in range(0, 200, 5)]
    assert speed(*looks).rows_a_second() == pytest.approx(0.0), "it has stood still for a minute"
    assert speed(*looks[:21]).rows_a_second() == pytest.approx(10.0)


def test_two_looks_that_are_far_apart_are_better_than_none() -> None:
    assert speed((0, progress(0, 10)), (MEASURED_S * 10, progress(600, 10))).rows_a_second() == pytest.approx(1.0)


def test_a_run_that_counts_no_rows_is_reckoned_by_its_companies() -> None:
    seen = speed((0, progress(done=10)), (20, progress(done=30)))
    assert seen.seconds_left() == 70.0


def test_a_scan_that_was_begun_again_makes_no_time_that_runs_backwards() -> None:
    back = speed((0, progress(500, 500, counted=100)), (10, progress(100, 900, counted=100)))
    assert (back.rows_a_second(), back.seconds_left()) == (None, None)


def test_a_run_that_stands_still_has_no_end_in_sight() -> None:
    still = speed((0, progress(5, 5, counted=100)), (10, progress(5, 5, counted=100)))
    assert (still.rows_a_second(), still.seconds_left()) == (0.0, None)


@pytest.mark.parametrize(
    ("code", "said"),
    [("003001", "too many requests"), ("3001", "too many requests"), ("timeout", ""), ("", ""), ("000", "")],
)
def test_what_a_code_means(code: str, said: str) -> None:
    assert meaning(code) == said
