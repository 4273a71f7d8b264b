"""Goal P7: writes use what the limits permit, with no refusal from a strict server."""

from __future__ import annotations

import pytest

from backfill.jobs.load.options import Mode
from benchmarks.bench_load import GOALS, load

pytestmark = [pytest.mark.virtual, pytest.mark.long]


@pytest.mark.parametrize("mode", list(Mode))
async def test_the_permitted_items_a_minute_are_used(mode: Mode) -> None:
    found = await load(mode, 8)
    assert found["share"] >= GOALS[mode]
    assert found["refused"] == 0
