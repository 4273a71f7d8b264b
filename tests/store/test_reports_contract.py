"""The contract of `jobs.report_ports.ReportStore`, tried on the twin in memory and on Postgres."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import pytest

from backfill.errors import LeaseLostError
from backfill.jobs.report_ports import ReportStore
from backfill.model import Lease, RunId
from backfill.report_model import (
    ALWAYS,
    Figures,
    HeldReport,
    Period,
    ReportColumn,
    ReportDocument,
    ReportPart,
    ReportRow,
    RowType,
)
from backfill.store.memory_reports import MemoryReports
from backfill.store.memory_store import MemoryStore
from tests.postgres import PostgresServer
from tests.store import contract
from tests.store.contract import Subject
from tests.store.scene import NOW, OTHER_REALM, REALM

HALF = Period(date(2026, 1, 1), date(2026, 6, 30))


@dataclass(frozen=True)
class Shelf:
    """A store of reports, and the store of the leases that fence it."""

    reports: ReportStore
    subject: Subject
    lease: Lease

    async def land(self, part: ReportPart, *, run: RunId | None = None, **more: object) -> None:
        figures = more.pop("figures", Figures())
        faults = more.pop("faults", ())
        run_id = run or self.subject.run_id
        await self.reports.land_report(self.lease, run_id, part, document(**more), figures=figures, faults=faults)

    async def held(self) -> list[tuple[str, int, RunId]]:
        """Dates, number and run of what is held, in order."""
        found = await self.reports.held_reports(REALM)
        return [(str(one.part.dates), one.part.number, one.run_id) for one in found]


@pytest.fixture(params=["memory", "postgres"])
async def shelf(request: pytest.FixtureRequest) -> AsyncIterator[Shelf]:
    if request.param == "memory":
        subject = contract.in_memory()
        assert isinstance(subject.store, MemoryStore)
        yield Shelf(MemoryReports(subject.store), subject, await subject.store.acquire(REALM))
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    async with contract.fresh(server) as database:
        subject = await contract.in_postgres(database)
        yield Shelf(subject.store, subject, await subject.store.acquire(REALM))


def document(rows: int = 1, cells: int = 8, body: bytes = b'{"Rows":{}}', label: str = "Checking") -> ReportDocument:
    row = ReportRow(
        "account:35", 0, RowType.DATA, "", label, "35", None, "264", {"total": Decimal("7.50")}, {"account": "35"}
    )
    columns = [
        ReportColumn("account", "Account"),
        ReportColumn("2026-01-01..2026-01-31", "Money", HALF.start, HALF.end),
    ]
    return ReportDocument(b'{"Currency":"USD"}', columns, [row] * rows, cells, "accrual", "USD", NOW, "1-5f", body)


def part(
    first: int, last: int, *, number: int = 0, cut: str = "", closes: bool = True, period: Period = HALF, **more: str
) -> ReportPart:
    """Days of the half year, counted from 1."""
    dates = Period(HALF.start + timedelta(days=first - 1), HALF.start + timedelta(days=last - 1))
    return ReportPart(
        more.get("report", "GeneralLedger"), more.get("parameters", ""), period, dates, number, cut, closes
    )


async def test_what_is_landed_is_held_with_all_that_was_said_of_it(shelf: Shelf) -> None:
    figures = Figures(opening={"account 35": Decimal("976.00")}, change={"account 35": Decimal("-0.10")})
    whole = part(1, 181, parameters="accounting_method=Cash")
    await shelf.land(whole, figures=figures, faults=["section account:35: a cent"], cells=16)
    assert await shelf.reports.held_reports(REALM) == [HeldReport(whole, shelf.subject.run_id, 16, 11)]
    (evidence,) = await shelf.reports.report_evidence(REALM, "GeneralLedger", whole.parameters)
    assert (evidence.figures, list(evidence.faults)) == (figures, ["section account:35: a cent"])
    assert str(evidence.figures.opening["account 35"]) == "976.00", "numbers keep their scale"
    assert await shelf.reports.report_evidence(REALM, "BalanceSheet", whole.parameters) == []
    assert await shelf.reports.held_reports(OTHER_REALM) == []


async def test_a_report_takes_its_own_place(shelf: Shelf) -> None:
    run, other = shelf.subject.run_id, shelf.subject.other_run
    await shelf.land(part(1, 181))
    await shelf.land(part(1, 181), run=other)
    assert await shelf.held() == [("2026-01-01..2026-06-30", 0, other)]
    for another in (part(1, 181, report="BalanceSheet"), part(1, 181, parameters="accounting_method=Cash")):
        await shelf.land(another)
    assert sorted(held[2] for held in await shelf.held()) == sorted([run, run, other])


async def test_a_part_takes_the_place_of_the_whole_and_the_whole_that_of_its_parts(shelf: Shelf) -> None:
    await shelf.land(part(1, 181))
    await shelf.land(part(1, 90))
    assert [held[0] for held in await shelf.held()] == ["2026-01-01..2026-03-31"], "the rest is to be read"
    await shelf.land(part(91, 181))
    assert [held[0] for held in await shelf.held()] == ["2026-01-01..2026-03-31", "2026-04-01..2026-06-30"]
    await shelf.land(part(1, 181))
    assert [held[0] for held in await shelf.held()] == ["2026-01-01..2026-06-30"]


async def test_another_planned_period_is_left_alone(shelf: Shelf) -> None:
    february = Period(date(2026, 2, 1), date(2026, 2, 28))
    await shelf.land(part(1, 181))
    await shelf.land(part(32, 59, period=february))
    assert [held[0] for held in await shelf.held()] == ["2026-01-01..2026-06-30", "2026-02-01..2026-02-28"]


async def test_cuts_of_one_day_stand_beside_one_another(shelf: Shelf) -> None:
    await shelf.land(part(1, 181))
    for number, accounts in enumerate(("1,2", "3", "4")):
        await shelf.land(part(7, 7, number=number, cut=f"account={accounts}", closes=number == 2))
    assert [held[:2] for held in await shelf.held()] == [("2026-01-07", number) for number in range(3)]
    held = await shelf.reports.held_reports(REALM)
    assert [(one.part.cut, one.part.closes) for one in held] == [
        ("account=1,2", False),
        ("account=3", False),
        ("account=4", True),
    ]
    await shelf.land(part(7, 7, number=1, cut="account=3,4"))
    assert [one.part.cut for one in await shelf.reports.held_reports(REALM)] == ["account=1,2", "account=3,4"]
    await shelf.land(part(7, 7, number=0, cut="account=1"))
    assert len(await shelf.held()) == 1, "who begins anew leaves nothing of before"


async def test_a_list_without_a_period(shelf: Shelf) -> None:
    always = ReportPart("AccountList", "", ALWAYS, ALWAYS)
    await shelf.land(always)
    await shelf.land(always)
    assert [one.part for one in await shelf.reports.held_reports(REALM)] == [always]


async def test_who_lost_the_realm_changes_nothing(shelf: Shelf) -> None:
    await shelf.land(part(1, 181))
    await shelf.subject.expire(REALM)
    theirs = await shelf.subject.theirs.acquire(REALM)
    with pytest.raises(LeaseLostError):
        await shelf.land(part(1, 90), run=shelf.subject.other_run)
    assert await shelf.held() == [("2026-01-01..2026-06-30", 0, shelf.subject.run_id)]
    await shelf.subject.theirs.release(theirs)


async def test_what_comes_back_is_in_order_of_dates(shelf: Shelf) -> None:
    for first, last in ((91, 120), (1, 30), (31, 90)):
        await shelf.land(part(first, last))
    evidence = await shelf.reports.report_evidence(REALM, "GeneralLedger", part(1, 30).parameters)
    assert [one.part.dates.start for one in evidence] == sorted(one.part.dates.start for one in evidence)
    assert len(evidence) == 3


async def test_of_other_parameters_a_runs_own_come_back_and_no_others(shelf: Shelf) -> None:
    run, other = shelf.subject.run_id, shelf.subject.other_run
    accrual, cash, by_month = "accounting_method=Accrual", "accounting_method=Cash", "summarize_column_by=Month"
    await shelf.land(part(1, 181, parameters=accrual), run=other)
    await shelf.land(part(1, 181, parameters=cash), run=run)
    await shelf.land(part(1, 181, parameters=by_month), run=other)
    for run_id, found in ((run, [accrual, cash]), (None, [accrual])):
        evidence = await shelf.reports.report_evidence(REALM, "GeneralLedger", accrual, run_id=run_id)
        assert [one.part.parameters for one in evidence] == found
