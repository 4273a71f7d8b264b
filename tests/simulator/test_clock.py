"""The company's clock and calendar: offsets with daylight saving, and instants that never repeat."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from backfill.simulator.clock import HybridClock, PacificZone


def _epoch_s(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


@pytest.mark.parametrize(
    "text",
    [
        "2020-09-29T05:58:07-07:00",  # as recorded, in summer
        "2018-01-05T11:23:00-08:00",  # as recorded, in winter
        "2026-03-08T01:59:59-08:00",  # the last second before the clocks go forward
        "2026-03-08T03:00:00-07:00",  # and the first after
        "2026-11-01T01:30:00-07:00",  # the hour that comes twice, first
        "2026-11-01T01:30:00-08:00",  # and second
    ],
)
def test_an_instant_is_shown_with_the_offset_in_force_then(text: str) -> None:
    assert PacificZone().text(_epoch_s(text)) == text


def test_remembered_days_agree_with_the_time_zone_database() -> None:
    zone, pacific, rng = PacificZone(), ZoneInfo("America/Los_Angeles"), Random(1)
    for _ in range(3_000):
        epoch_s = rng.randrange(_epoch_s("2014-01-01T00:00:00+00:00"), _epoch_s("2030-01-01T00:00:00+00:00"))
        assert zone.text(epoch_s) == datetime.fromtimestamp(epoch_s, pacific).isoformat()


def test_a_transaction_is_dated_by_the_pacific_day() -> None:
    assert PacificZone().date_text(_epoch_s("2024-07-01T03:00:00+00:00")) == "2024-06-30"


def test_stamps_increase_strictly_even_where_now_stands_still_or_goes_back() -> None:
    noon = datetime(2026, 11, 20, 12, 0, 0, 123_456, tzinfo=UTC)

    def times() -> Iterator[datetime]:
        yield from [noon] * 3
        yield noon - timedelta(hours=1)
        yield noon + timedelta(seconds=5)

    clock = HybridClock(times().__next__)
    stamps = [clock.stamp() for _ in range(5)]
    assert stamps == sorted(set(stamps))
    assert all(stamp.microsecond % 1000 == 0 and stamp.tzinfo is UTC for stamp in stamps)
    assert stamps[0] == noon.replace(microsecond=123_000)
    assert stamps[-1] == (noon + timedelta(seconds=5)).replace(microsecond=123_000)
