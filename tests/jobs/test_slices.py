"""Where an entity is cut: every moment of the range lies in a slice, and neighbours share the second of their cut."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from backfill.jobs.slices import (
    CUTS_MAX,
    ROWS_PER_SLICE,
    crowded_moments,
    cut_moments,
    next_second,
    slices_by_count,
    whole,
)
from backfill.model import Slice

FIRST = datetime(2016, 1, 1, 12, 30, 15, 250_000, tzinfo=UTC)
spans = st.integers(0, 20 * 365 * 86_400).map(lambda seconds: timedelta(seconds=seconds))
counts = st.integers(0, 3_000_000)


@given(count=counts, span=spans)
def test_cut_moments_lie_strictly_inside_in_order_and_on_whole_seconds(count: int, span: timedelta) -> None:
    moments = cut_moments(count, FIRST, FIRST + span)
    assert all(FIRST < moment < FIRST + span and moment.microsecond == 0 for moment in moments)
    assert all(earlier < later for earlier, later in pairwise(moments))
    assert len(moments) <= CUTS_MAX
    assert count > ROWS_PER_SLICE or not moments, "what is one slice is not counted for nothing"


def test_a_large_entity_is_counted_at_more_moments_than_it_has_slices() -> None:
    assert len(cut_moments(3 * ROWS_PER_SLICE, FIRST, FIRST + timedelta(days=900))) == 6
    assert len(cut_moments(1_000_000, FIRST, FIRST + timedelta(days=900))) == CUTS_MAX


@given(created=st.lists(st.integers(0, 5_000_000), min_size=1, max_size=60), copies=st.integers(1, 6_000))
def test_slices_cover_every_moment_and_share_their_cuts(created: list[int], copies: int) -> None:
    """Rows at any seconds, many to each: no row is outside all slices, none inside more than two."""
    upper = FIRST.replace(microsecond=0) + timedelta(seconds=5_000_001)
    rows = sorted(FIRST.replace(microsecond=0) + timedelta(seconds=second) for second in created)
    total = len(rows) * copies
    moments = cut_moments(total, rows[0], upper)
    counted = {moment: bisect_right(rows, moment) * copies for moment in moments}
    slices = slices_by_count("Invoice", counted, total, upper)
    assert [part.number for part in slices] == list(range(len(slices)))
    assert (slices[0].lower, slices[-1].upper) == (None, upper)
    for left, right in pairwise(slices):
        assert left.upper == right.lower is not None, "neighbours share the second"
        assert left.lower is None or left.lower < left.upper
    for row in rows:
        inside = [part for part in slices if (part.lower is None or part.lower <= row) and row <= (part.upper or row)]
        assert 1 <= len(inside) <= 2
    for part in slices[:-1]:
        held = sum((part.lower is None or part.lower < row) and row <= (part.upper or row) for row in rows)
        assert held * copies >= ROWS_PER_SLICE, "no slice is smaller than it need be"


class TestCrowdedMoments:
    """Where all rows came lately, even moments over all years tell nothing: the next are counted inside the crowd."""

    LAST = FIRST + timedelta(days=1000)

    def test_only_inside_what_holds_too_many(self) -> None:
        counted = {FIRST + timedelta(days=day): day for day in range(100, 1000, 100)}
        moments = crowded_moments(counted, 80_000, FIRST, self.LAST)
        assert moments
        assert all(FIRST + timedelta(days=900) < moment < self.LAST for moment in moments)

    def test_nothing_is_counted_again_where_rows_lie_evenly(self) -> None:
        counted = {FIRST + timedelta(days=day): day * 40 for day in range(100, 1000, 100)}
        assert crowded_moments(counted, 40_000, FIRST, self.LAST) == []

    def test_it_is_bounded(self) -> None:
        counted = {FIRST + timedelta(days=day): day * 10_000 for day in range(100, 1000, 100)}
        assert 0 < len(crowded_moments(counted, 10_000_000, FIRST, self.LAST)) <= CUTS_MAX

    def test_a_giant_whose_rows_lie_evenly_is_not_counted_again(self) -> None:
        moments = cut_moments(4_000_000, FIRST, self.LAST)
        counted = {moment: 4_000_000 * number // len(moments) for number, moment in enumerate(moments, 1)}
        assert crowded_moments(counted, 4_000_000, FIRST, self.LAST) == []

    def test_a_second_is_not_divided(self) -> None:
        last = self.LAST.replace(microsecond=0)
        assert crowded_moments({last - timedelta(seconds=1): 0}, 90_000, FIRST, last) == []
        assert crowded_moments({last - timedelta(seconds=2): 0}, 90_000, FIRST, last) == [last - timedelta(seconds=1)]

    def test_three_rounds_find_a_day_of_ten_years(self) -> None:
        """An import of 100,000 rows in one day: no slice holds more than a few segments' worth."""
        upper = FIRST + timedelta(days=3650)
        begin = upper - timedelta(days=1)
        rows = [begin + timedelta(seconds=second * 0.8) for second in range(100_000)]
        counted = {moment: bisect_right(rows, moment) for moment in cut_moments(len(rows), FIRST, upper)}
        assert len(slices_by_count("Bill", counted, len(rows), upper)) == 1, "as it was with one round"
        for _ in range(2):
            moments = crowded_moments(counted, len(rows), FIRST, upper)
            counted |= {moment: bisect_right(rows, moment) for moment in moments}
        slices = slices_by_count("Bill", counted, len(rows), upper)
        held = [bisect_right(rows, part.upper or upper) - bisect_right(rows, part.lower or FIRST) for part in slices]
        assert sum(held) == len(rows)
        assert max(held) <= 20_000


def test_it_is_cut_as_soon_as_a_slice_is_full() -> None:
    days = [FIRST + timedelta(days=day) for day in range(1, 7)]
    counted = dict(zip(days, (2_000, 4_000, 6_000, 9_000, 11_000, 12_000), strict=True))
    slices = slices_by_count("Bill", counted, 14_000, FIRST + timedelta(days=9))
    assert [part.upper for part in slices] == [days[2], days[4], FIRST + timedelta(days=9)]


def test_no_cut_leaves_an_empty_slice_behind_it() -> None:
    cut = FIRST + timedelta(days=1)
    assert slices_by_count("Bill", {cut: 9_000}, 9_000, FIRST + timedelta(days=2)) == [
        whole("Bill", None, FIRST + timedelta(days=2))
    ]


def test_nothing_counted_is_one_slice() -> None:
    assert slices_by_count("Bill", {}, 9_000, FIRST) == [Slice("Bill", 0, None, FIRST)]


def test_the_next_second_is_never_the_same() -> None:
    assert next_second(FIRST) == datetime(2016, 1, 1, 12, 30, 16, tzinfo=UTC)
    assert next_second(FIRST.replace(microsecond=0)) == datetime(2016, 1, 1, 12, 30, 16, tzinfo=UTC)
