"""What `show_resync` shows, at a size for every day; the whole of it where there is time."""

from __future__ import annotations

import pytest

from benchmarks.show_resync import CASES, Case, show

pytestmark = pytest.mark.virtual


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_equal_and_cheaper_than_to_read_it_again(case: Case) -> None:
    shown = await show(case, realms=2, rows_min=2500, rows_max=3500)
    assert shown.breaches == 0
    assert shown.changed > case.changes
    assert shown.deleted > 0
    if not case.busy_hours:  # of one company in two, whose full answers are asked for in halves first
        assert shown.calls < shown.calls_whole


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_fifty_companies(case: Case) -> None:
    shown = await show(case, realms=50, rows_min=100, rows_max=1500)
    assert shown.breaches == 0
    assert shown.calls < shown.calls_whole
