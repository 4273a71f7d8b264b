"""How much of a company is sown, and that it has as many rows as promised."""

from __future__ import annotations

from random import Random

import pytest

from backfill.simulator.seed.plan import COPIED_LEAST, COPIED_MOST, WHOLE_MOST, imports, plan
from backfill.simulator.seed.profile import SMALLEST, draw_profile
from backfill.simulator.seed.timeline import HISTORY_S


@pytest.mark.parametrize("rows", [SMALLEST, WHOLE_MOST, WHOLE_MOST + 1, 1_111, 4_999, 60_000, 1_000_000, 12_345_678])
@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 17])
def test_a_plan_adds_up_and_stays_small(rows: int, number: int) -> None:
    profile = draw_profile(realm_id="1", index=number, rows=rows, rng=Random(number))
    planned = plan(profile)
    assert min(planned.counts.values()) > 0
    assert set(planned.counts) == {entity for entity in planned.counts if profile.uses(entity)}
    assert sum(planned.counts.values()) + planned.extra <= 1_000
    assert (planned.copies == 1) == (rows <= WHOLE_MOST)
    assert all(group.rows <= planned.counts[group.entity] for group in imports(planned))
    assert planned.later_s < HISTORY_S / 2
    assert planned.extra < 30, "rows that are like no others"


def test_the_copied_part_is_as_large_as_is_said() -> None:
    profile = draw_profile(realm_id="1", index=1, rows=100_000, rng=Random(1))
    planned = plan(profile)
    assert 100_000 // COPIED_MOST <= planned.copies <= 100_000 // COPIED_LEAST
