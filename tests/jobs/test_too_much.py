"""A server that cannot answer as much at once as Intuit allows: companies are read all the same."""

from __future__ import annotations

from typing import Literal

import pytest

from backfill.qbo.catalogue import CATALOGUE
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.rows import PoisonedRow
from backfill.simulator.injection.sizes import AnswerTooLarge
from tests.jobs.verifying import broken, differing, verified
from tests.jobs.world import World, breaches

pytestmark = pytest.mark.virtual


@pytest.mark.parametrize("code", ["10100", "6002", "10000"])
@pytest.mark.parametrize("over_rows", [300, 30])
async def test_batches_that_are_too_much_are_asked_for_smaller(
    code: Literal["10100", "6002", "10000"], over_rows: int
) -> None:
    world = World(seed=1, rows_min=800, rows_max=800)
    world.simulator.injections.add(Injection(AnswerTooLarge(over_rows=over_rows, code=code), lanes=("batch",)))
    result = await world.extract()
    assert result.proven == [world.realm]
    assert breaches(world) == []
    named = broken(world)
    assert differing(await verified(world, run=2)) == named
    assert differing(await verified(world, run=3, repair=True)) == set()


async def test_rows_that_cannot_be_read_are_each_set_aside_in_a_few_questions() -> None:
    world = World(seed=1, entities=[CATALOGUE["Customer"]])
    ids = world.sow("Customer", 6000, second=lambda number: 60 * number)
    unread = ids[300::500]
    world.simulator.injections.add(Injection(PoisonedRow(ids=tuple(unread), share=0.0)))
    result = await world.extract()
    assert result.proven == [world.realm]
    assert len(world.store.refusals(world.realm, "Customer")) == len(unread)
    pages = [asked for asked in world.statements() if "SELECT * FROM Customer" in asked]
    assert len(pages) < len(unread) * 60
