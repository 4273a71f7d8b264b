"""How much of a report is asked for at once."""

from __future__ import annotations

from datetime import date, timedelta

from backfill.jobs.report_sizes import Size, remembered
from backfill.model import RunId
from backfill.qbo.report_answers import CELLS_MAX
from backfill.report_model import HeldReport, Period, ReportPart

HALF = Period(date(2026, 1, 1), date(2026, 6, 30))


def held(first: int, days: int, *, cells: int, cut: str = "") -> HeldReport:
    dates = Period(HALF.start + timedelta(days=first), HALF.start + timedelta(days=first + days - 1))
    return HeldReport(ReportPart("GeneralLedger", "", HALF, dates, cut=cut), RunId(1), cells, cells * 30)


def test_of_what_nothing_is_known_all_is_asked_for() -> None:
    assert Size().days() is None
    assert Size().room_bytes(181) > 1_000_000


def test_an_answer_is_filled_to_four_fifths() -> None:
    size = Size()
    size.came(100, cells=100_000, fixed_cells=0, body_bytes=3_000_000)
    assert size.days() == 320
    assert size.room_bytes(10) == 8 * 300_000


def test_what_every_answer_has_is_not_of_the_days() -> None:
    size = Size()
    size.came(1, cells=161_000, fixed_cells=160_000, body_bytes=1)
    assert size.days() == 192, "two would be what the cells of one day alone tell"


def test_what_was_cut_is_halved_and_the_cap_is_what_came() -> None:
    size = Size()
    size.was_cut(181, cells=CELLS_MAX)
    assert size.days() == 90
    size.was_cut(90, cells=8_000)
    assert size.days() == 45
    size.came(45, cells=8_000, fixed_cells=0, body_bytes=1)
    assert size.days() == 36, "four fifths of eight thousand"


def test_what_took_too_long_is_halved_whatever_its_cells() -> None:
    size = Size()
    size.failed(181)
    size.came(90, cells=10, fixed_cells=0, body_bytes=1)
    assert size.days() == 90
    size.failed(1)
    size.failed(1)
    assert size.days() == 1


def test_one_failure_where_as_much_came_before_bounds_nothing() -> None:
    size = Size()
    size.came(181, cells=600, fixed_cells=300, body_bytes=1)
    size.failed(181)
    size.was_cut(181, cells=80)
    assert size.days() is None or size.days() >= 181
    size.failed(181)
    assert size.days() == 90, "the second in a row is no bad luck"
    size.was_cut(90, cells=80)
    assert size.days() == 45


def test_what_comes_after_all_is_no_longer_feared() -> None:
    """Else each of many chances would double what must come before the next try, until there is none."""
    size = Size()
    for _ in range(20):
        size.days_max = 20  # as if it had failed at forty
        for _ in range(8):
            size.came(20, cells=20, fixed_cells=0, body_bytes=1)
        assert size.days() == 40
        size.came(40, cells=40, fixed_cells=0, body_bytes=1)
        size.failed(60)


def test_a_short_period_that_came_is_no_bound_on_the_next() -> None:
    size = Size(cells_max=300)
    for _ in range(8):
        size.came(1, cells=1, fixed_cells=0, body_bytes=1)
    assert size.days_max is None


def test_the_next_run_asks_for_what_worked() -> None:
    assert remembered([]) == Size()
    whole = remembered([held(0, 181, cells=1_810)])
    assert whole.days() == 32_000
    parts = remembered([held(0, 40, cells=400), held(40, 40, cells=400), held(80, 101, cells=1_010)])
    assert parts.days() == 101, "not its cells were too many"
    dense = remembered([held(0, 90, cells=300_000), held(90, 91, cells=310_000)])
    assert dense.days() in {94, 95}
    assert remembered([held(0, 1, cells=9, cut="account=1")]) == Size()


def test_an_answer_that_was_bad_by_chance_does_not_make_all_later_ones_small() -> None:
    """Else one broken body in ten years would double the calls of all of them, and a few make each day a call."""
    size = Size()
    size.failed(181)
    size.was_cut(90, cells=80)
    asked = []
    for _ in range(40):
        days = min(size.days() or 181, 181)
        asked.append(days)
        size.came(days, cells=300 + 2 * days, fixed_cells=300, body_bytes=days)
    assert max(asked[:3]) <= 45
    assert asked.index(181) <= 24
    assert set(asked[24:]) == {181}


def test_a_bound_that_is_real_is_tried_ever_more_seldom() -> None:
    size = Size()
    failed = 0
    for _ in range(400):
        if size.days() is None or size.days() > 10:
            size.failed(20)
            failed += 1
        else:
            size.came(10, cells=10, fixed_cells=0, body_bytes=1)
    assert 4 <= failed <= 8, "at first, and after 8, 16, 32, ... that came"
