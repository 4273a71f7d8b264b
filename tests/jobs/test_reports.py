"""The reports of one realm, from its facts to its proofs, against a company that is a list of postings."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec import structs

from backfill.qbo.reports import Basis
from backfill.report_model import ReportPart, ReportRow
from backfill.wire import Request
from tests.jobs.ledger_company import ACCOUNTS, SIGN, LedgerCompany, transaction
from tests.jobs.report_world import REALM, ReportWorld, asking, history, postings

pytestmark = pytest.mark.virtual

TEN_YEARS = ("2016-11-22", "2026-11-19")
BOOKS = ("GeneralLedger", "ProfitAndLoss", "BalanceSheet")


def posted(company: LedgerCompany) -> set[tuple[str, str, str, Decimal]]:
    """The company's own postings, as a general ledger shows them."""
    return {
        (one.day.isoformat(), one.id, account, SIGN[ACCOUNTS[account][1]] * debit)
        for one in company.transactions
        for account, debit in one.lines
    }


@pytest.mark.parametrize("modern", [False, True])
@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("fiscal_month", ["January", "April"])
async def test_ten_years_are_whole_and_proven(modern: bool, resets: bool, fiscal_month: str) -> None:
    company = LedgerCompany(history(*TEN_YEARS), modern=modern, resets_results=resets, fiscal_month=fiscal_month)
    world = ReportWorld(company)
    result = await world.read(asking(*BOOKS, bases=tuple(Basis)))
    assert result.troubles == []
    assert postings(
        one for one in world.landed("GeneralLedger") if one.held.part.parameters.startswith("accounting_method=Accrual")
    ) == posted(company)
    assert world.proof("GeneralLedger accrual").counted == 21
    assert world.proof("ProfitAndLoss cash").landed_live == 21
    assert len(world.calls) == 3 * 2 * 21, "one call a period"
    assert len(company.asked) == len(world.calls) + 2, "and one for the company's facts, one for where its books begin"
    first = {"January": "2016-07-01", "April": "2016-10-01"}[fiscal_month]
    assert world.dates("BalanceSheet")[0].startswith(first)
    assert world.dates("BalanceSheet")[-1].endswith("..2026-11-20")


async def test_both_shapes_land_the_same_rows() -> None:
    found = []
    for modern in (False, True):
        world = ReportWorld(LedgerCompany(history(*TEN_YEARS, every_days=60), modern=modern))
        await world.read(asking(*BOOKS, "TransactionList", by=("", "Month")))
        assert len(world.landed("ProfitAndLoss")) == 42
        found.append([untitled(one.held.part, row) for one in world.reports.landed(REALM) for row in one.document.rows])
    assert len(found[0]) > 500
    assert found[0] == found[1]


def untitled(part: ReportPart, row: ReportRow) -> tuple[object, ...]:
    """A row without the words that each service cases in its own way."""
    cells = {
        key: value for key, value in row.cells.items() if key not in {"account", "account_type", "txn_type", "name"}
    }
    return part, structs.replace(row, cells=cells, label="")


@pytest.mark.parametrize(
    ("first", "begins", "looks"),
    [
        ("2020-01-05", "2020-01-01", 1),
        ("2019-08-05", "2019-07-01", 3),
        ("2018-03-05", "2018-01-01", 4),
        ("2001-03-05", "2001-01-01", 12),
        ("1985-01-05", "1900-01-01", 7),
    ],
)
async def test_what_is_in_the_books_and_no_transaction_is_read_too(first: str, begins: str, looks: int) -> None:
    """Stock that items began with is in reports alone: no query says that the books begin before the transactions."""
    seen = history("2020-02-01", "2026-11-01")
    company = LedgerCompany(seen)
    world = ReportWorld(company)

    def hidden(request: Request) -> None:
        company.transactions = seen if request.path == "/batch" else [transaction(1, first, "35", "34", "70.00"), *seen]

    company.before = hidden
    assert (await world.read(asking("GeneralLedger"))).troubles == []
    assert postings(world.landed("GeneralLedger")) == posted(company)
    assert world.dates("GeneralLedger")[0].startswith(begins)
    sheets = [request for request in company.asked if request.path == "/reports/BalanceSheet"]
    assert len(sheets) == looks + 1, "and the one to prove by"


async def test_an_old_period_that_named_what_is_no_more_is_read_again() -> None:
    """Later ledgers do not name an account without a balance: the balance sheet tells, and who named it is suspect."""
    company = LedgerCompany([transaction(1, "2024-01-05", "35", "34", "5.00")])
    company.transactions.append(transaction(2, "2024-02-29", "17", "33", "77.70"))
    world = ReportWorld(company)
    await world.read(asking("GeneralLedger"))
    company.transactions.pop()
    before = len(world.calls)
    assert (await world.read(asking("GeneralLedger"), run=2)).troubles == []
    assert postings(world.landed("GeneralLedger")) == posted(company)
    ends = {call["end_date"] for call in world.calls[before:] if call["report"] == "GeneralLedger"}
    assert ends == {"2024-06-30", "2024-12-31", "2025-06-30", "2025-12-31", "2026-06-30", "2026-11-20"}
