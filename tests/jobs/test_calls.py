"""What a company costs in calls, and what the two things to optimise differ in."""

from __future__ import annotations

import re

import pytest

from backfill.jobs.costs import Costs, Optimise
from backfill.pacing.metering import BatchCountsAs, MeteredBudget
from backfill.qbo.catalogue import CATALOGUE
from backfill.simulator.settings import SimulatorSettings
from tests.jobs.world import World, breaches

pytestmark = pytest.mark.virtual

TIME, CALLS = Optimise
CALL, ITEMS = BatchCountsAs


async def spent(rows: int, optimise: Optimise, reading: BatchCountsAs, *, realms: int = 1) -> World:
    world = World(
        seed=1,
        realms=realms,
        rows_min=rows,
        rows_max=rows,
        settings=SimulatorSettings(latency_s=1.0),
        costs=Costs(optimise=optimise, batch_counts_as=reading),
        metered=MeteredBudget(None, batch_counts_as=reading),
    )
    await world.extract()
    assert breaches(world) == []
    return world


@pytest.mark.parametrize("rows", [90, 800])
@pytest.mark.parametrize("optimise", list(Optimise))
async def test_a_small_company_costs_four_calls_with_its_proof(rows: int, optimise: Optimise) -> None:
    """Whether it trades in one currency or in several."""
    world = await spent(rows, optimise, CALL, realms=5)
    lanes = [dict(world.simulator.log.summary()[realm_id].by_lane) for realm_id in world.realm_ids]
    assert max(sum(of.values()) for of in lanes) <= 4, lanes
    methods = {world.store.proofs(realm_id)["ExchangeRate"].method for realm_id in world.realm_ids}
    assert methods == {"rates of all days", "no foreign currency"}


async def test_where_items_are_billed_calls_are_spared_by_asking_one_by_one() -> None:
    """Each entity is asked about once: that is the least there is. It takes more requests, and more time."""
    quick, cheap = await spent(800, TIME, ITEMS), await spent(800, CALLS, ITEMS)
    assert cheap.metered.used <= len(CATALOGUE) + 1, "the currencies twice, the second time beside their rates"
    assert quick.metered.used >= cheap.metered.used + 10
    assert len(quick.statements()) < len(cheap.statements())


async def test_how_a_batch_is_billed_changes_nothing_where_time_counts() -> None:
    one, other = await spent(800, TIME, CALL), await spent(800, TIME, ITEMS)
    assert one.statements() == other.statements()


@pytest.mark.parametrize("reading", list(BatchCountsAs))
async def test_a_large_entity_is_cut_only_where_time_counts(reading: BatchCountsAs) -> None:
    quick, cheap = [
        World(seed=1, costs=Costs(optimise=optimise, batch_counts_as=reading), metered=MeteredBudget(None))
        for optimise in (TIME, CALLS)
    ]
    for world in (quick, cheap):
        world.sow("Invoice", 12_000, second=lambda number: 90_000 + 61 * number)
        await world.extract()
        assert breaches(world) == []
    slices = [
        sum("FROM Invoice WHERE MetaData.CreateTime <= " in text and "COUNT" not in text for text in world.statements())
        for world in (quick, cheap)
    ]
    assert slices == [1, 1], "the first slice has no lower bound"
    counted = [sum(len(re.findall("COUNT", text)) for text in world.statements()) for world in (quick, cheap)]
    assert counted[0] > counted[1]
    if reading is CALL:
        assert cheap.metered.used < quick.metered.used


def test_the_model() -> None:
    assert Costs(batch_counts_as=CALL).of_batches([30, 7]) == 2
    assert Costs(batch_counts_as=ITEMS).of_batches([30, 7]) == 37
    assert Costs(optimise=TIME).allows(9)
    assert not Costs(optimise=CALLS).allows(1)
    assert Costs(optimise=CALLS).allows(0)
    assert [Costs(optimise=o, batch_counts_as=b).prefers_singles for o in Optimise for b in BatchCountsAs] == [
        False, False, False, True,
    ]  # fmt: skip
