"""Ten years of every report of ten companies: whole, proven, the ledger posting for posting; and the calls it takes.

    python -m benchmarks.show_reports

Runs the reports' job on the virtual clock over simulated companies, nine under Intuit's own cap of cells, and a tenth
whose ledger of the last months needs a call for each day or two, for which the simulator's cap is lowered. Each ledger
is compared with the company's own postings. The fewest calls that the cap allows are, for each report and period, its
cells by the cap, rounded up; the ratio to that is the figure.
"""

from __future__ import annotations

import resource
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any

import anyio

from backfill.jobs.report_plan import ReportOptions
from backfill.pacing.virtual_clock import run_virtual
from backfill.qbo.reports import REPORTS, Basis
from backfill.simulator.settings import ReportSettings
from benchmarks.measured import write_result
from tests.jobs.report_books import Books, Line, posted, said

WALL_LIMIT_S = 900.0
NINE_ROWS = 400
"""Objects of each of nine companies."""
TENTH_ROWS = 100_000
TENTH_CELLS = 1_300
"""The tenth company's cap: 400,000 would take a ledger a hundred times as large to need days."""
SINCE = date(2026, 5, 21)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the companies of one kind cost."""

    companies: int
    objects: int
    cells_max: int
    reports: int
    periods: int
    """Planned, of all reports and companies."""
    answers: int
    """Held in the end: more than the periods where these had to be cut."""
    days_least: int
    """Of the general ledger's answers, without its last."""
    calls: int
    calls_fewest: int
    ratio: float
    postings: int
    virtual_s: float


def main() -> None:
    """Print a line for each kind of company, and keep the same as a result."""
    shown = []
    for kind in (_nine, _tenth):
        one = run_virtual(kind(), wall_limit_s=WALL_LIMIT_S)
        shown.append(one)
        print(
            f"{one.companies} x {one.objects:,} objects: {one.reports} reports, {one.periods:,} periods in"
            f" {one.answers:,} answers, the ledger's shortest of {one.days_least} days; {one.calls:,} calls,"
            f" {one.ratio:.2f} times the fewest; {one.postings:,} postings equal; {one.virtual_s:,.0f} virtual seconds",
            flush=True,
        )
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = {"cpu_s": round(usage.ru_utime + usage.ru_stime, 1), "peak_mb": round(usage.ru_maxrss / 1024, 1)}
    write_result("reports", {**used, "shown": shown})


async def _nine() -> Shown:
    books = Books(ReportSettings(), rows=NINE_ROWS, realms=9)
    return await _shown(books, ReportOptions(reports=tuple(REPORTS.values())), NINE_ROWS)


async def _tenth() -> Shown:
    books = Books(ReportSettings(cells=TENTH_CELLS), rows=TENTH_ROWS, seed=8)
    names = (
        "GeneralLedger",
        "ProfitAndLoss",
        "BalanceSheet",
        "TrialBalance",
        "CashFlow",
        "JournalReport",
        "TransactionList",
    )
    options = ReportOptions(reports=tuple(REPORTS[name] for name in names), bases=(Basis.ACCRUAL,), first=SINCE)
    return await _shown(books, options, TENTH_ROWS)


async def _shown(books: Books, options: ReportOptions, rows: int) -> Shown:
    begun_s = anyio.current_time()
    result = await books.read(options)
    assert said(result) == [], said(result)
    first = "" if options.first is None else options.first.isoformat()
    postings = 0
    for realm_id in books.world.realm_ids:
        own: list[Line] = [line for line in posted(books.world.company_of(realm_id)) if line[0] >= first]
        assert books.ledger(realm_id) == own, "the ledger is not the company's own"
        postings += len(own)
    cells: dict[Any, int] = defaultdict(int)
    days = []
    for realm_id in books.world.realm_ids:
        for one in books.reports.landed(realm_id):
            part = one.held.part
            cells[realm_id, part.report, part.parameters, part.period] += one.held.cells
            if part.report == "GeneralLedger" and part.dates.end < date(2026, 11, 20):
                days.append(part.dates.days)
    cap = books.world.settings.reports.cells
    fewest = sum(max(1, -(-count // cap)) for count in cells.values())
    calls = sum(summed.by_lane["report"] for summed in books.world.simulator.log.summary().values())
    return Shown(
        companies=len(books.world.realm_ids),
        objects=rows,
        cells_max=cap,
        reports=len({key[1:3] for key in cells}),
        periods=len(cells),
        answers=sum(len(books.reports.landed(realm_id)) for realm_id in books.world.realm_ids),
        days_least=min(days),
        calls=calls,
        calls_fewest=fewest,
        ratio=round(calls / fewest, 3),
        postings=postings,
        virtual_s=round(anyio.current_time() - begun_s, 1),
    )


if __name__ == "__main__":
    main()
