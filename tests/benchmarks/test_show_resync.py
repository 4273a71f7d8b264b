"""What `show_resync` shows, at a size for every day; the whole of it where there is time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.show_resync import CASES, Case, show

pytestmark = pytest.mark.virtual


@pytest.mark.parametrize("case", CASES[:3], ids=lambda case: case.name)
async def test_equal_and_cheaper_than_to_read_it_again(case: Case) -> None:
    busy = min(case.busy_per_hour, 60)  # 4,320 in all: more than an answer of changes holds
    shown = await show(replace(case, realms=1, rows_min=1500, rows_max=1500, busy_per_hour=busy))
    assert shown.breaches == 0
    assert shown.changed > case.changes
    assert shown.deleted > 0
    if not busy:  # whose full answers are asked for in halves first: so small a company is read again as fast
        assert shown.calls < shown.calls_whole


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_the_whole_case(case: Case) -> None:
    shown = await show(case)
    assert shown.breaches == 0
    assert shown.calls < shown.calls_whole
