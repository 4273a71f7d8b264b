"""What reports are proven by: a proof that fails names the place."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from backfill.qbo.reports import Basis
from backfill.wire import Request, Response
from tests.jobs.ledger_company import LedgerCompany, answered, transaction
from tests.jobs.report_world import ReportWorld, asking, history
from tests.jobs.test_reports import BOOKS

pytestmark = pytest.mark.virtual

FOUR_YEARS = ("2022-11-22", "2026-11-19")


def tampered(name: str, end: str, change: Callable[[Any], None], company: LedgerCompany) -> None:
    """Each answer of that report for that day comes changed."""

    def before(request: Request) -> Response | None:
        if request.path != f"/reports/{name}" or dict(request.params)["end_date"] != end:
            return None
        report = getattr(company, f"_{name}")
        params = dict(request.params)
        whole = company._shaped(
            name, params, report(date.fromisoformat(params["start_date"]), date.fromisoformat(end), params)
        )
        body = json.loads(whole.body)
        change(body)
        return replace(whole, body=answered(body).body)

    company.before = before


def more(cell: dict[str, str]) -> None:
    cell["value"] = str(Decimal(cell["value"]) + Decimal("0.01"))


async def proof_of(name: str, end: str, change: Callable[[Any], None], title: str) -> str:
    company = LedgerCompany(history(*FOUR_YEARS))
    tampered(name, end, change, company)
    world = ReportWorld(company)
    result = await world.read(asking(*BOOKS))
    assert title in [trouble.entity for trouble in result.troubles]
    assert not world.proof(title).proven
    return world.proof(title).reason


async def test_a_total_that_is_a_cent_off_is_found() -> None:
    def change(body: Any) -> None:
        more(body["Rows"]["Row"][0]["Summary"]["ColData"][1])

    reason = await proof_of("ProfitAndLoss", "2024-06-30", change, "ProfitAndLoss accrual")
    assert "ProfitAndLoss accrual of 2024-01-01..2024-06-30: section Income, column total" in reason


async def test_what_does_not_add_up_on_one_basis_is_not_read_again_on_the_other() -> None:
    company = LedgerCompany(history(*FOUR_YEARS))
    world = ReportWorld(company)

    def before(request: Request) -> Response | None:
        call = dict(request.params)
        if (call.get("accounting_method"), call.get("end_date")) != ("Accrual", "2024-06-30"):
            return None
        whole = company._shaped("ProfitAndLoss", call, company._ProfitAndLoss(date(2024, 1, 1), date(2024, 6, 30), {}))
        body = json.loads(whole.body)
        more(body["Rows"]["Row"][0]["Summary"]["ColData"][1])
        return answered(body)

    company.before = before
    await world.read(asking("ProfitAndLoss", bases=tuple(Basis)))
    asked = [call["accounting_method"] for call in world.calls if call["end_date"] == "2024-06-30"]
    assert sorted(asked) == ["Accrual", "Accrual", "Accrual", "Cash"]


async def test_a_ledgers_line_that_is_a_cent_off_is_found() -> None:
    def change(body: Any) -> None:
        more(body["Rows"]["Row"][0]["Rows"]["Row"][2]["ColData"][6])

    reason = await proof_of("GeneralLedger", "2024-06-30", change, "GeneralLedger accrual")
    assert "of 2024-01-01..2024-06-30: section account:35, column subt_nat_amount" in reason


async def test_a_ledgers_missing_section_is_found_by_the_next_opening() -> None:
    def change(body: Any) -> None:
        del body["Rows"]["Row"][0]

    reason = await proof_of("GeneralLedger", "2024-06-30", change, "GeneralLedger accrual")
    assert "GeneralLedger accrual of 2024-07-01..2024-12-31: account 35 begins with" in reason


async def test_a_ledgers_missing_section_at_the_end_is_found_by_the_balance_sheet() -> None:
    def change(body: Any) -> None:
        del body["Rows"]["Row"][0]

    reason = await proof_of("GeneralLedger", "2026-11-20", change, "GeneralLedger accrual")
    assert "GeneralLedger accrual up to 2026-11-20: account 35 comes to" in reason


async def test_income_that_is_not_the_balance_sheets_is_found() -> None:
    def change(body: Any) -> None:
        rows = body["Rows"]["Row"]
        for row in (rows[0]["Rows"]["Row"][0]["ColData"], *(rows[n]["Summary"]["ColData"] for n in (0, 2, 4, 5))):
            more(row[1])

    reason = await proof_of("ProfitAndLoss", "2024-06-30", change, "ProfitAndLoss accrual")
    assert "ProfitAndLoss accrual of 2024-01-01..2024-06-30: the periods earned" in reason


async def test_a_trial_balance_that_is_not_the_balance_sheets_is_found() -> None:
    company = LedgerCompany(history(*FOUR_YEARS))

    def change(body: Any) -> None:
        rows = body["Rows"]["Row"]
        for row in (rows[0]["ColData"], rows[-1]["Summary"]["ColData"]):
            more(row[1])
        more(rows[-1]["Summary"]["ColData"][2])
        more(next(row for row in rows if row["ColData"][2]["value"])["ColData"][2])

    world = ReportWorld(company)
    assert (await world.read(asking("TrialBalance"))).troubles == []
    tampered("TrialBalance", "2026-11-20", change, company)
    await world.read(asking("TrialBalance"), run=2)
    reason = world.proof("TrialBalance accrual").reason
    assert "TrialBalance accrual of 2026-11-20: account 35 is" in reason
    assert "BalanceSheet says" in reason


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ProfitAndLoss", "ProfitAndLoss accrual of 2024-01-01..2024-06-30: the periods earned 0, BalanceSheet says "),
        ("GeneralLedger", "GeneralLedger accrual up to 2022-12-31: account 35 comes to 0, BalanceSheet says "),
    ],
)
async def test_answers_that_have_nothing_where_the_balance_sheet_has_something_are_found(
    name: str, reason: str
) -> None:
    company = LedgerCompany(history(*FOUR_YEARS))
    nothing = {"Header": {"Option": [{"Name": "NoReportData", "Value": "true"}]}, "Columns": {}, "Rows": {}}
    company.before = lambda request: answered(nothing) if request.path == f"/reports/{name}" else None
    world = ReportWorld(company)
    result = await world.read(asking(name, "BalanceSheet"))
    assert [trouble.entity for trouble in result.troubles] == [f"{name} accrual"]
    assert reason in world.proof(f"{name} accrual").reason


async def test_a_list_that_shows_nothing_of_what_it_says_it_has_is_found() -> None:
    company = LedgerCompany(history(*FOUR_YEARS))
    tampered("TransactionList", "2024-06-30", lambda body: body.update(Rows={}), company)
    world = ReportWorld(company)
    await world.read(asking("TransactionList"))
    assert world.proof("TransactionList").reason == (
        "TransactionList of 2024-01-01..2024-06-30: it says that it has data, and shows none"
    )


async def test_a_result_is_found_where_the_balance_sheet_says_that_there_is_none() -> None:
    def change(body: Any) -> None:
        for row in body["Rows"]["Row"][1]["Rows"]["Row"][1]["Rows"]["Row"]:
            if row.get("group") == "NetIncome":
                row["ColData"][1]["value"] = ""

    company = LedgerCompany([transaction(1, "2026-11-10", "84", "82", "5.00")])
    tampered("BalanceSheet", "2026-11-20", change, company)
    world = ReportWorld(company)
    await world.read(asking("ProfitAndLoss"))
    assert "the periods earned 5.00, BalanceSheet says 0" in world.proof("ProfitAndLoss accrual").reason


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"EndPeriod": "2024-06-29"}, "its last day is 2024-06-29, and 2024-06-30 was asked for"),
        ({"StartPeriod": "2024-06-01"}, "its first day is 2024-06-01, and 2024-01-01 was asked for"),
        ({"ReportBasis": "Cash"}, "its basis is cash, and accrual was asked for"),
        ({"StartPeriod": "2024-01-01", "EndPeriod": "2024-06-30", "ReportBasis": "Accrual"}, ""),
        ({"ReportBasis": None}, ""),
        ({"Time": "2024-06-29T18:00:00-07:00", "EndPeriod": "2024-06-29"}, ""),
        (
            {"Time": "2024-06-30T18:00:00-07:00", "EndPeriod": "2024-06-29"},
            "its last day is 2024-06-29, and 2024-06-30 was asked for",
        ),
    ],
)
async def test_an_answer_that_says_it_is_of_other_dates_or_another_basis_is_found(
    said: dict[str, str], reason: str
) -> None:
    company = LedgerCompany(history(*FOUR_YEARS))
    tampered("ProfitAndLoss", "2024-06-30", lambda body: body["Header"].update(said), company)
    world = ReportWorld(company)
    await world.read(asking("ProfitAndLoss"))
    expected = reason and f"ProfitAndLoss accrual of 2024-01-01..2024-06-30: {reason}"
    assert world.proof("ProfitAndLoss accrual").reason == expected


async def test_months_that_do_not_come_to_the_total_are_found() -> None:
    company = LedgerCompany(history(*FOUR_YEARS))

    def change(body: Any) -> None:
        if len(body["Columns"]["Column"]) == 2:
            rows = body["Rows"]["Row"]
            for row in (rows[0]["Rows"]["Row"][0]["ColData"], *(rows[n]["Summary"]["ColData"] for n in (0, 2, 4, 5))):
                more(row[1])

    tampered("ProfitAndLoss", "2023-06-30", change, company)
    world = ReportWorld(company)
    await world.read(asking("ProfitAndLoss", by=("", "Month"), last=date(2023, 12, 31)))
    reason = world.proof("ProfitAndLoss accrual").reason
    assert "of 2023-01-01..2023-06-30: Income comes to" in reason
    assert "summarize_column_by=Month" in reason


async def test_the_proof_of_what_others_are_held_against_is_made_good_by_the_next_run() -> None:
    """It has a name of its own: neither does it stay unproven, nor does it speak for all periods of that report."""
    company = LedgerCompany(history(*FOUR_YEARS))
    tampered("BalanceSheet", "2026-11-20", lambda body: more(body["Rows"]["Row"][0]["Summary"]["ColData"][1]), company)
    world = ReportWorld(company)
    assert (await world.read(asking("BalanceSheet", "GeneralLedger", last=date(2026, 6, 30)))).troubles == []
    await world.read(asking("GeneralLedger"), run=2)
    assert not world.proof("BalanceSheet accrual (last period)").proven
    assert world.proof("BalanceSheet accrual").proven, "of another run, up to another day"
    company.before = lambda request: None
    assert (await world.read(asking("GeneralLedger"), run=3)).troubles == []
    assert world.proof("BalanceSheet accrual (last period)").proven
