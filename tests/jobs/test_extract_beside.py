"""An extract that ends together with another job of its run: with the reports, where they are configured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio
import pytest

from backfill.errors import UnansweredError
from backfill.jobs.extract import ExtractOptions, extract_realm
from backfill.jobs.fleet import FleetOptions
from backfill.jobs.reports_beside import ReportsBeside
from backfill.jobs.work import RealmWork
from backfill.model import Proof, Scan
from backfill.qbo.catalogue import CATALOGUE
from backfill.store.memory_reports import MemoryReports
from backfill.wire import Request, Response, Transport
from tests.jobs.report_world import asking
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


@dataclass
class NoReports:
    """A way on which reports are met with `failure`, each after two minutes, and all else is answered."""

    inner: Transport
    path: str
    code: str
    asked: list[str] = field(default_factory=list)

    async def send(self, request: Request, *, deadline: float) -> Response:
        if not request.path.startswith(self.path):
            return await self.inner.send(request, deadline=deadline)
        self.asked.append(request.path)
        await anyio.sleep(120)
        raise UnansweredError("nothing came", realm_id=request.realm_id, code=self.code)


@pytest.mark.parametrize("code", ["timeout", "reset"])
async def test_reports_that_cannot_be_read_cost_no_entity(code: str) -> None:
    """Reports are a service of their own. What it does not answer is said, and not tried anew in each turn."""
    ways: list[NoReports] = []

    def without(inner: Transport) -> Transport:
        ways.append(NoReports(inner, "/reports/", code))
        return ways[-1]

    world = World(seed=5, realms=3, rows_min=2_500, rows_max=2_500, page_rows=100, wrap=without)
    world.fleet_options = FleetOptions(realms_at_once=1, turn_s=1.0)
    options = asking("ProfitAndLoss", "CashFlow", "GeneralLedgerFR")
    beside = ReportsBeside(MemoryReports(world.store), options)

    async def task(work: RealmWork, scan: Scan) -> Sequence[Proof]:
        return await extract_realm(work, OPTIONS, scan, beside=await beside.read(work))

    world.task = task
    result = await world.extract()
    assert sorted(result.unproven) == sorted(world.realm_ids)
    titles = ["ProfitAndLoss accrual", "CashFlow", "BalanceSheet accrual (last period)"]
    for realm_id in world.realm_ids:
        proofs = world.store.proofs(realm_id)
        assert {name for name, proof in proofs.items() if proof.proven} == {"Term", "Customer"}
        assert {name: proof.reason for name, proof in proofs.items() if not proof.proven} == dict.fromkeys(
            titles, "nothing came"
        )
        assert not (await world.store.scan(RUN, realm_id)).finished
    assert sum(len(way.asked) for way in ways) <= 3 * 20, "once for each realm"
