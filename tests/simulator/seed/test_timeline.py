"""The order of a history."""

from __future__ import annotations

from collections import Counter
from random import Random

from backfill.simulator.seed.quotas import Import
from backfill.simulator.seed.timeline import timeline


def test_every_row_comes_once_in_order_and_an_import_in_one_second_before_all_others() -> None:
    counts = {"Invoice": 900, "Payment": 600}
    group = Import("Invoice", 300)
    rows = list(timeline(counts, [group], start_s=1_000, end_s=2_000_000, rng=Random(1)))
    assert Counter(entity for entity, _, _ in rows) == counts
    seconds = [second for _, second, _ in rows]
    assert seconds == sorted(seconds)
    assert seconds[-1] <= 2_000_000
    assert [second for _, second, is_import in rows if is_import] == [1_000] * 300
    assert seconds[300] > 1_000
