"""A simulated fleet whose reports are read by the program's own stack, and the judge of its general ledgers."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from backfill.jobs.fleet import FleetResult
from backfill.jobs.report_options import ReportOptions
from backfill.jobs.reports import report_realm
from backfill.jobs.work import RealmWork
from backfill.model import Proof, RealmId, RunId, Scan
from backfill.report_model import RowType
from backfill.simulator.books.daybook import START
from backfill.simulator.books.opening import ledger_of
from backfill.simulator.company import Company
from backfill.simulator.documents import decode
from backfill.simulator.settings import ReportSettings, SimulatorSettings
from backfill.store.memory_reports import LandedReport, MemoryReports
from tests.jobs.world import World

Line = tuple[str, str, str, Decimal]
"""Day, transaction, account, and the amount in the account's own sign."""


class Books:
    """A simulated fleet and what was landed of its reports."""

    def __init__(self, reports: ReportSettings, *, rows: int = 300, seed: int = 7, **more: Any) -> None:
        settings = SimulatorSettings(reports=reports, latency_s=0.05, **more.pop("settings", {}))
        self.world = World(seed=seed, settings=settings, rows_min=rows, rows_max=rows, **more)
        self.reports = MemoryReports(self.world.store)

    async def read(self, options: ReportOptions, *, run: int = 1) -> FleetResult:
        async def task(work: RealmWork, scan: Scan) -> Sequence[Proof]:
            return await report_realm(work, self.reports, options, scan)

        self.world.task = task
        return await self.world.extract(run_id=RunId(run))

    def ledger(self, realm_id: RealmId) -> list[Line]:
        """All that the landed general ledgers show on the accrual basis."""
        known = {
            one.id for one in ledger_of(self.world.company_of(realm_id)).daybook().postings() if one.entity != START
        }
        return sorted(
            (
                str(row.cells["tx_date"]),
                row.transaction_id if row.transaction_id in known else "",
                row.account_id or "",
                Decimal(row.cells["subt_nat_amount"]),
            )
            for one in self.landed(realm_id, "GeneralLedger")
            if "Accrual" in one.held.part.parameters
            for row in one.document.rows
            if row.type is RowType.DATA and "subt_nat_amount" in row.cells
        )

    def landed(self, realm_id: RealmId, name: str) -> list[LandedReport]:
        return [one for one in self.reports.landed(realm_id) if one.held.part.report == name]


def said(result: FleetResult) -> list[str]:
    return [f"{trouble.realm_id} {trouble.entity}: {trouble.message}"[:600] for trouble in result.troubles]


def posted(company: Company) -> list[Line]:
    """The company's own postings. What an item's stock began with is no transaction that the API knows."""
    debit = {
        row.id: decode(row.doc)["Classification"] in {"Asset", "Expense"} for row in company.table("Account").all()
    }
    return sorted(
        (
            one.day,
            "" if one.entity == START else one.id,
            one.posting.account,
            Decimal(one.posting.cents if debit[one.posting.account] else -one.posting.cents) / 100,
        )
        for one in ledger_of(company).daybook().postings()
        if one.posting.cents
    )
