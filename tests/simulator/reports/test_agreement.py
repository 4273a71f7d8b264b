"""Reports agree with one another and with the ledger, whatever happens to a company."""

from __future__ import annotations

from random import Random

import pytest

from backfill.simulator.books.effects import settle
from backfill.simulator.documents import decode
from backfill.simulator.people import People
from tests.simulator.reports.agreement import check

MANY_CURRENCIES, PLAIN, FRANCE, BRITAIN = range(4)


@pytest.mark.parametrize("basis", ["Accrual", "Cash"])
@pytest.mark.parametrize("number", [MANY_CURRENCIES, PLAIN, FRANCE, BRITAIN])
def test_the_reports_of_a_company_agree(reporter_of, number: int, basis: str) -> None:
    reporter = reporter_of(number, 600)
    for end in ("2017-12-31", "2022-02-28", "2026-11-20"):
        current = end == "2026-11-20" and not reporter.company.multicurrency
        check(reporter, end=end, basis=basis, exact_parties=current)


@pytest.mark.parametrize("seed", range(6))
def test_they_agree_after_anything_that_people_do(reporter_of, seed: int) -> None:
    reporter = reporter_of(seed % 4)
    people = People(reporter.company, Random(seed), changes_per_minute=60)
    rng = Random(seed)
    for _ in range(4):
        people.act(25)
        _unsettle(reporter.company, rng)
        for basis in ("Accrual", "Cash"):
            check(reporter, basis=basis, exact_parties=not reporter.company.multicurrency)


def _unsettle(company, rng: Random) -> None:
    """Delete something that others settle, or that settles others, and move something to another year."""
    for entity in ("Payment", "Invoice", "Bill", "BillPayment"):
        rows = company.table(entity).all()
        row = rng.choice(rows)
        before = decode(row.doc)
        if rng.random() < 0.5:
            company.delete(entity, row.id)
            settle(company, entity, before, None)
        else:
            moved = company.replace(entity, row.id, {**before, "TxnDate": rng.choice(("2024-02-29", "2026-06-30"))})
            settle(company, entity, before, decode(moved.doc))


@pytest.mark.parametrize("basis", ["Accrual", "Cash"])
def test_the_periods_of_a_ledger_add_up_to_the_whole(reporter_of, basis: str) -> None:
    """Half-years one after the other: what one ends with is what the next begins with, but for the year's results."""
    reporter = reporter_of(PLAIN, 600)
    ends: dict[tuple[str, ...], str] = {}
    for start, end in (("2025-01-01", "2025-06-30"), ("2025-07-01", "2025-12-31")):
        report = reporter.ask("GeneralLedger", start_date=start, end_date=end, accounting_method=basis)
        seen = set()
        for path, cells in report.entries():
            if path not in seen and path in ends:
                begins = cells[-1]["value"] if not cells[-2]["value"] else None
                assert begins in {None, ends[path]}, path
            seen.add(path)
        ends |= {path: cells[-1]["value"] for path, cells in report.entries()}
    assert ends


def test_all_of_time_comes_to_the_account_s_own_balance(reporter_of) -> None:
    reporter = reporter_of(PLAIN, 600)
    sheet = reporter.ask("BalanceSheet", date_macro="All").by_id()
    for row in reporter.company.table("Account").all():
        doc = decode(row.doc)
        if doc["CurrentBalance"] and doc["AccountType"] != "Equity":
            sign = 1 if doc["Classification"] == "Asset" else -1
            assert sheet[row.id] == [sign * doc["CurrentBalance"]], doc["Name"]
