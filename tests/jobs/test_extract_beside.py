"""An extract that ends together with another job of its run: with the reports, where they are configured."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from backfill.jobs.extract import ExtractOptions, extract_realm
from backfill.jobs.work import RealmWork
from backfill.model import Proof, Scan
from backfill.qbo.catalogue import CATALOGUE
from tests.jobs.world import RUN, World

pytestmark = pytest.mark.virtual

OPTIONS = ExtractOptions(entities=[CATALOGUE["Term"], CATALOGUE["Customer"]])


@pytest.mark.parametrize("proven", [True, False])
async def test_the_realm_is_done_when_all_of_it_is_proven(proven: bool) -> None:
    reason = "" if proven else "section Income: a cent"
    report = Proof("ProfitAndLoss accrual", proven, "whole periods", 21, 21, 0, None, reason)

    async def task(work: RealmWork, scan: Scan) -> Sequence[Proof]:
        return await extract_realm(work, OPTIONS, scan, beside=[report])

    world = World(seed=5, rows_min=90, rows_max=90, task=task)
    result = await world.extract()
    assert world.store.proofs(world.realm).keys() == {"Term", "Customer", "ProfitAndLoss accrual"}
    assert (await world.store.scan(RUN, world.realm)).finished is proven
    assert [trouble.entity for trouble in result.troubles] == ([] if proven else ["ProfitAndLoss accrual"])
