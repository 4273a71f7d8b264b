"""When a load that goes wrong stops."""

from __future__ import annotations

import pytest

from backfill.cli.loading import StopRule
from backfill.events import RowsSettled
from backfill.model import RealmId


@pytest.mark.parametrize(
    ("of_rows", "good", "rejected", "reached"),
    [
        (4, 3, 1, False),  # a few rows say nothing
        (50, 0, 11, True),
        (10_000, 0, 200, False),  # the wrong ones came first
        (10_000, 0, 1001, True),
        (10_000, 20_000, 2001, False),
        (10_000, 20_000, 2500, True),
    ],
)
def test_a_share_of_the_whole_or_of_enough(of_rows: int, good: int, rejected: int, reached: bool) -> None:
    rule = StopRule(0.1, of_rows=of_rows)
    rule.observe(RowsSettled(realm_id=RealmId("1"), applied=good, adopted=0, rejected=rejected, again=7))
    assert rule.reached() is reached
    assert f"{rejected:,} rows were rejected" in rule.trouble().message
