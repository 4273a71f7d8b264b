"""Ten years of every report of simulated companies, read by the program's own stack: whole, proven, the ledger's own.

The simulator makes its reports from its own books, by code that shares nothing with the client's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from backfill.jobs.fleet import FleetResult
from backfill.jobs.report_plan import ReportOptions
from backfill.jobs.reports import report_realm
from backfill.jobs.work import RealmWork
from backfill.model import Proof, RealmId, ReportRow, RowType, RunId, Scan
from backfill.qbo.reports import REPORTS, Basis
from backfill.simulator.books.daybook import START
from backfill.simulator.books.opening import ledger_of
from backfill.simulator.company import Company
from backfill.simulator.documents import decode
from backfill.simulator.settings import ReportSettings, SimulatorSettings
from backfill.store.memory_reports import LandedReport, MemoryReports
from tests.jobs.report_world import asking
from tests.jobs.world import World

pytestmark = pytest.mark.virtual

SHAPES = {
    "old": ReportSettings(),
    "modern": ReportSettings(shape="modern"),
    "bare lists": ReportSettings(shape="modern", lists="bare"),
    "own ids": ReportSettings(lone_subaccount="own"),
}


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


Line = tuple[str, str, str, Decimal]
"""Day, transaction, account, and the amount in the account's own sign."""


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


LEDGERS = ("GeneralLedger", "ProfitAndLoss", "ProfitAndLossDetail", "BalanceSheet", "TrialBalance", "CashFlow")


def whole(books: Books, result: FleetResult) -> None:
    """Every proof holds, and the general ledger that was landed is the companies' own, posting for posting."""
    assert said(result) == []
    for realm_id in books.world.realm_ids:
        ledger = books.ledger(realm_id)
        assert len(ledger) > 100
        assert ledger == posted(books.world.company_of(realm_id))


@pytest.mark.long
@pytest.mark.parametrize("shape", SHAPES)
async def test_every_report_of_any_company_is_whole_and_proven(shape: str) -> None:
    """Companies of four kinds: with many currencies, with one, in France, in Britain."""
    books = Books(SHAPES[shape], realms=4)
    whole(books, await books.read(asking(*REPORTS, bases=tuple(Basis))))
    proofs = [books.world.store.proofs(realm_id) for realm_id in books.world.realm_ids]
    assert {len(proof) for proof in proofs} == {46, 51}, "France has five of its own"
    for proof in proofs:
        assert {one.counted for one in proof.values()} == {1, 21}


@pytest.mark.parametrize("shape", SHAPES)
async def test_the_books_of_any_company_are_whole_and_proven(shape: str) -> None:
    books = Books(SHAPES[shape], realms=4)
    whole(books, await books.read(asking(*LEDGERS)))


async def test_both_services_land_the_same_amounts() -> None:
    """The rows of either, in any order: what they are about, and each number."""
    landed = []
    for shape in ("old", "modern"):
        books = Books(SHAPES[shape])
        await books.read(asking(*LEDGERS, "AgedReceivables", "CustomerSales", "ItemSales"))
        landed.append(
            Counter(
                (one.held.part, row.account_id, row.name_id, row.transaction_id, row.group, numbers(row))
                for one in books.reports.landed(books.world.realm)
                for row in one.document.rows
                if row.type is RowType.DATA and numbers(row)
            )
        )
    assert len(landed[0]) > 2_000
    assert landed[0] == landed[1]


def numbers(row: ReportRow) -> tuple[tuple[str, Decimal], ...]:
    return tuple(sorted((key, value) for key, value in row.cells.items() if isinstance(value, Decimal)))


@pytest.mark.parametrize("cells", [3_000, 20_000])
async def test_a_company_of_many_postings_under_a_small_cap(cells: int) -> None:
    books = Books(ReportSettings(cells=cells), rows=900, seed=11)
    whole(books, await books.read(asking("GeneralLedger", "TransactionList")))
    held = books.landed(books.world.realm, "GeneralLedger")
    calls = [asked for asked in books.world.statements() if "GeneralLedger" in asked]
    fewest = sum(-(-one.held.cells // cells) for one in held)
    assert len(calls) <= 1.6 * max(fewest, len(held)), f"{len(calls)} calls for {len(held)} answers"
    before = len(calls)
    whole(books, await books.read(asking("GeneralLedger", "TransactionList", trailing_periods=21), run=2))
    again = [asked for asked in books.world.statements() if "GeneralLedger" in asked][before:]
    assert len(again) <= 1.35 * len(held), "what was needed is known by now"


async def test_a_service_that_is_slow_and_spoils_answers() -> None:
    books = Books(ReportSettings(base_s=0.5, cell_s=0.05, spoilt=0.05), rows=300)
    whole(books, await books.read(asking("GeneralLedger", "ProfitAndLoss")))
    assert any(one.held.part.dates != one.held.part.period for one in books.landed(books.world.realm, "GeneralLedger"))


async def test_old_periods_that_people_have_edited_are_read_again() -> None:
    """Between two runs people create, change, void and delete as they do: what no longer fits is read once more."""
    books = Books(ReportSettings(), rows=200)
    await books.read(asking("GeneralLedger"))
    before = len(books.world.statements())
    books.world.people().act(60)
    whole(books, await books.read(asking("GeneralLedger"), run=2))
    assert len(books.world.statements()) - before > 5, "more than the last two periods"
