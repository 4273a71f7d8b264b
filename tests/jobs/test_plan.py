"""Which entities are cut, and how many questions that takes."""

from __future__ import annotations

import pytest

from backfill.jobs.costs import Costs, Optimise
from backfill.jobs.plan import COUNT_ROUNDS_MAX, worth_cutting
from backfill.jobs.slices import CUTS_MAX
from backfill.qbo.catalogue import CATALOGUE
from tests.jobs.world import RUN, World, breaches


def cut(counts: dict[str, int], readers: int = 8, optimise: Optimise = Optimise.TIME) -> list[str]:
    entities = [CATALOGUE[name] for name in counts]
    return [e.name for e in worth_cutting(entities, counts, costs=Costs(optimise=optimise), readers=readers)]


def test_an_entity_is_cut_where_one_reader_would_still_be_at_it_when_the_others_have_ended() -> None:
    counts = {"Invoice": 40_000, "Payment": 9_000, "Bill": 6_000, "Customer": 5_000}
    assert cut(counts) == ["Invoice", "Payment"], "an eighth of all is 7,500"
    assert cut(counts, readers=1) == [], "one reader reads everything anyway"
    assert cut({"Invoice": 5_000}) == [], "a slice's worth is one slice"


def test_nothing_is_cut_where_calls_are_to_be_few() -> None:
    assert cut({"Invoice": 4_000_000}, optimise=Optimise.CALLS) == []


def test_what_has_no_time_to_go_by_is_not_cut() -> None:
    assert cut({"RecurringTransaction": 40_000}) == []


@pytest.mark.virtual
async def test_a_company_whose_rows_all_came_lately_is_many_slices_too() -> None:
    """An old company that came to QuickBooks last week: the first row is years old, the others came in an hour."""
    world = World(seed=1)
    world.sow("Invoice", 1, second=lambda _: 10 * 365 * 86_400)
    world.sow("Invoice", 24_000, second=lambda number: 86_400 + number // 6)
    await world.extract()
    assert breaches(world) == []
    slices = [part for part in (await world.store.scan(RUN, world.realm)).slices if part.entity == "Invoice"]
    assert len(slices) >= 3
    assert max(part.rows for part in slices) <= 12_000
    counts = [entry for entry in world.simulator.log.entries() if "COUNT(*) FROM Invoice WHERE" in entry.asked]
    assert 1 < len(counts) <= COUNT_ROUNDS_MAX
    assert all(entry.asked.count("COUNT") <= CUTS_MAX for entry in counts)
