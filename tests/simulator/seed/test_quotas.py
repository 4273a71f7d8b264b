"""How many rows of what: always as many as promised."""

from __future__ import annotations

from random import Random

import pytest

from backfill.simulator.seed.profile import SMALLEST, draw_profile
from backfill.simulator.seed.quotas import quotas


@pytest.mark.parametrize("rows", [SMALLEST, 137, 800, 4_999, 60_000, 1_000_000])
@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 17])
def test_quotas_add_up_and_leave_nothing_empty(rows: int, number: int) -> None:
    profile = draw_profile(realm_id="1", index=number, rows=rows, rng=Random(number))
    counts = quotas(profile)
    assert sum(counts.values()) == rows
    assert min(counts.values()) > 0
    assert set(counts) == {entity for entity in counts if profile.uses(entity)}
