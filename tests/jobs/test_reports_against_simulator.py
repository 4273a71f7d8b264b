"""Ten years of every report of simulated companies, read by the program's own stack: whole, proven, the ledger's own.

The simulator makes its reports from its own books, by code that shares nothing with the client's.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from itertools import count

import pytest

from backfill.entities import ENTITIES
from backfill.jobs.fleet import FleetResult
from backfill.qbo.reports import REPORTS, SUMMARIES, Basis
from backfill.report_model import ReportRow, RowType
from backfill.simulator.company import Company
from backfill.simulator.documents import decode
from backfill.simulator.settings import ReportSettings
from backfill.wire import Request, Response
from tests.jobs.report_books import Books, posted, said
from tests.jobs.report_world import asking
from tests.jobs.world import BEGIN, Garbled, Tap

pytestmark = pytest.mark.virtual

SHAPES = {
    "old": ReportSettings(),
    "modern": ReportSettings(shape="modern"),
    "bare lists": ReportSettings(shape="modern", lists="bare"),
    "own ids": ReportSettings(lone_subaccount="own"),
}


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
    proofs = {realm_id: books.world.store.proofs(realm_id) for realm_id in books.world.realm_ids}
    assert {len(proof) for proof in proofs.values()} == {50, 52}, (
        "France has six of its own, and not what Australia has"
    )
    for realm_id, proof in proofs.items():
        since_the_first = half_years(books.world.company_of(realm_id))
        assert since_the_first > 20
        assert {one.counted for one in proof.values()} == {0, 1, since_the_first}, (
            "some have no period, or no such report"
        )


def half_years(company: Company) -> int:
    """Halves of fiscal years from the first thing in the books to the day of the worlds."""
    documents = [decode(row.doc) for entity in ENTITIES for row in company.table(entity).all()]
    days = [doc["TxnDate"] for doc in documents if "TxnDate" in doc] + [line[0] for line in posted(company)]
    month = next(doc["FiscalYearStartMonth"] for doc in documents if "FiscalYearStartMonth" in doc)
    fiscal_month = datetime.strptime(month, "%B").month  # noqa: DTZ007  # a month's name has no zone

    def number(day: str) -> int:
        return (12 * int(day[:4]) + int(day[5:7]) - fiscal_month) // 6

    return number(BEGIN.date().isoformat()) - number(min(days)) + 1


@pytest.mark.parametrize("shape", SHAPES)
async def test_the_books_of_any_company_are_whole_and_proven(shape: str) -> None:
    books = Books(SHAPES[shape], realms=4)
    whole(books, await books.read(asking(*LEDGERS)))


@pytest.mark.parametrize("shape", ["old", "bare lists"])
async def test_columns_of_every_kind_come_to_the_same(shape: str) -> None:
    """Months, classes, customers, days: each row's columns come to its total, and that to the report without them."""
    books = Books(SHAPES[shape])
    by = ("", *(name for name in SUMMARIES if name != "Total"))
    options = asking(*(one.name for one in REPORTS.values() if one.by), by=by, first=date(2025, 7, 1))
    troubles = said(await books.read(options))
    if shape != "old":  # the newer service puts all of a balance's days but a hundred into one column
        (lost,) = troubles
        assert "BalanceSheet accrual by Days" in lost
        assert "is of more than a day" in lost
        troubles.remove(lost)
    assert troubles == []
    held = books.landed(books.world.realm, "ProfitAndLoss")
    assert len({one.held.part.parameters for one in held}) == len(SUMMARIES)
    months = next(one for one in held if "=Month" in one.held.part.parameters)
    assert [str(column.starts) for column in months.document.columns[1:3]] == ["2025-07-01", "2025-08-01"]


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


async def test_days_cut_by_accounts_have_no_posting_twice() -> None:
    """Who asks for an account is given those below it as well: families of accounts are never torn apart."""
    books = Books(ReportSettings(cells=400), rows=300, seed=8)
    assert said(await books.read(asking("GeneralLedger", first=date(2026, 10, 1)))) == []
    held = books.landed(books.world.realm, "GeneralLedger")
    assert sum("account=" in one.held.part.cut for one in held) > 10
    own = [line for line in posted(books.world.company_of(books.world.realm)) if line[0] >= "2026-10-01"]
    assert books.ledger(books.world.realm) == own


async def test_of_an_account_whose_text_cannot_be_read_nothing_is_known() -> None:
    """Or the run ended with it, and every other realm's."""
    books = Books(ReportSettings(), rows=200, wrap=lambda inner: Garbled(inner, '"Classification":"Asset'))
    result = await books.read(asking("ProfitAndLoss"))
    assert [*result.proven, *result.unproven] == books.world.realm_ids


async def test_a_service_that_is_slow_and_spoils_answers() -> None:
    numbers = count(1)

    def spoilt(request: Request, _statement: str) -> Response | None:
        """Each fifteenth report has no body, inside a good answer."""
        of_reports = request.path.startswith("/reports/")
        return Response(status=200, body=b"") if of_reports and next(numbers) % 15 == 0 else None

    settings = ReportSettings(base_s=0.5, cell_s=0.05)
    books = Books(settings, rows=300, wrap=lambda inner: Tap(inner, before=spoilt))
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
