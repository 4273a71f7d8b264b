"""Reports from run to run: what is held is not asked for again, what is stale or moves is, and who fails says where."""

from __future__ import annotations

from datetime import date

import anyio
import pytest

from backfill.wire import Request, Response
from tests.jobs.ledger_company import LedgerCompany, answered, fault, timed_out, transaction
from tests.jobs.report_world import REALM, ReportWorld, asking, history, postings
from tests.jobs.test_reports import BOOKS, posted

pytestmark = pytest.mark.virtual

FOUR_YEARS = ("2022-11-22", "2026-11-19")


async def test_a_second_run_reads_the_last_two_periods_and_no_other() -> None:
    world = ReportWorld(LedgerCompany(history(*FOUR_YEARS)))
    await world.read(asking(*BOOKS))
    before = len(world.calls)
    assert (await world.read(asking(*BOOKS), run=2)).troubles == []
    again = world.calls[before:]
    assert len(again) == 2 * 3
    assert {call["end_date"] for call in again} == {"2026-06-30", "2026-11-20"}
    await world.read(asking(*BOOKS, trailing_periods=0), run=3)
    assert len(world.calls) == before + 6


async def test_dates_that_are_asked_for_by_name_are_read_again_once_in_a_run() -> None:
    world = ReportWorld(LedgerCompany(history(*FOUR_YEARS)))
    named = asking("ProfitAndLoss", first=date(2023, 1, 1))
    for run in (1, 2, 2):
        before = len(world.calls)
        assert (await world.read(named, run=run)).troubles == []
    assert len(world.calls) == before, "the third time it went on with the second"
    ends = [call["end_date"] for call in world.calls if call["report"] == "ProfitAndLoss"]
    assert sorted(ends) == sorted(2 * sorted(set(ends)))
    assert len(set(ends)) == 8


async def test_another_day_takes_the_place_of_the_open_period() -> None:
    world = ReportWorld(LedgerCompany(history(*FOUR_YEARS)))
    await world.read(asking("BalanceSheet", "GeneralLedger", last=date(2026, 10, 1)))
    held = len(world.reports.landed(REALM))
    await world.read(asking("BalanceSheet", "GeneralLedger"), run=2)
    assert len(world.reports.landed(REALM)) == held + 2, "who says a last day has a period of its own"
    world.company.before = lambda request: None
    await world.read(asking("BalanceSheet", "GeneralLedger"), run=3)
    assert len(world.reports.landed(REALM)) == held + 2


async def test_turns_that_are_over_at_once_come_to_an_end_all_the_same() -> None:
    """Each begins with what the company says of itself: one that gave way before it landed anything came to nothing."""
    world = ReportWorld(LedgerCompany(history(*FOUR_YEARS)))

    def give_way(_request: Request) -> None:
        assert len(world.turns) < 100, "it goes round for ever"
        world.turns[-1].end()

    world.company.before = give_way
    assert (await world.read(asking(*BOOKS))).troubles == []
    assert 5 < len(world.turns) <= len(world.reports.landed(REALM)) + 1


@pytest.mark.parametrize("newest_first", [False, True])
async def test_newest_first(newest_first: bool) -> None:
    world = ReportWorld(LedgerCompany(history(*FOUR_YEARS)))
    await world.read(asking("ProfitAndLoss", newest_first=newest_first, readers=1))
    ends = [call["end_date"] for call in world.calls if call["report"] == "ProfitAndLoss"]
    assert ends == sorted(ends, reverse=newest_first)


@pytest.mark.parametrize("after_calls", [0, 1, 7, 20])
async def test_who_is_stopped_goes_on_from_there(after_calls: int) -> None:
    """A stop takes hold between two answers; nothing that was landed is asked for again."""
    world = ReportWorld(LedgerCompany(history(*FOUR_YEARS)))
    stopped = await world.read(asking(*BOOKS), stopping=lambda: len(world.calls) >= after_calls)
    assert stopped.stopped == [REALM]
    assert (await world.read(asking(*BOOKS))).troubles == []
    asked = [(call["report"], call["end_date"]) for call in world.calls]
    assert len(asked) == len(set(asked)) == 27
    assert postings(world.landed("GeneralLedger")) == posted(world.company)


@pytest.mark.parametrize("seconds", [0.2, 1.1, 3.3, 5.0])
async def test_who_is_killed_goes_on_from_what_was_landed(seconds: float) -> None:
    world = ReportWorld(LedgerCompany(history(*FOUR_YEARS)))
    with anyio.move_on_after(seconds):
        await world.read(asking(*BOOKS))
    landed = len(world.reports.landed(REALM))
    before = len(world.calls)
    assert (await world.read(asking(*BOOKS))).troubles == []
    assert len(world.calls) - before == 27 - landed


async def test_an_old_period_that_was_edited_is_read_again() -> None:
    """The ledger's later openings tell: each period back to the edit is read once more, and the proof holds."""
    world = ReportWorld(LedgerCompany(history(*FOUR_YEARS)))
    await world.read(asking("GeneralLedger"))
    world.company.transactions.append(transaction(9999, "2024-02-29", "35", "34", "77.70"))
    before = len(world.calls)
    assert (await world.read(asking("GeneralLedger"), run=2)).troubles == []
    assert postings(world.landed("GeneralLedger")) == posted(world.company)
    ends = {call["end_date"] for call in world.calls[before:] if call["report"] == "GeneralLedger"}
    assert ends == {"2024-06-30", "2024-12-31", "2025-06-30", "2025-12-31", "2026-06-30", "2026-11-20"}


async def test_books_that_move_between_two_reports_are_read_once_more() -> None:
    world = ReportWorld(LedgerCompany(history(*FOUR_YEARS)))
    meddled = []

    def meddle(request: Request) -> None:
        if request.path == "/reports/BalanceSheet" and not meddled:
            meddled.append(request)
            world.company.transactions.append(transaction(9999, "2026-11-19", "35", "34", "77.70"))

    world.company.before = meddle
    assert (await world.read(asking("GeneralLedger", readers=1))).troubles == []
    assert postings(world.landed("GeneralLedger")) == posted(world.company)


async def test_books_that_never_rest_are_unproven_and_the_reading_ends() -> None:
    world = ReportWorld(LedgerCompany(history(*FOUR_YEARS)))

    def meddle(request: Request) -> None:
        if dict(request.params).get("end_date") == "2026-11-20":
            world.company.transactions.append(transaction(9_000 + len(world.calls), "2026-11-19", "35", "34", "1.00"))

    world.company.before = meddle
    result = await world.read(asking("GeneralLedger", readers=1))
    assert [trouble.entity for trouble in result.troubles] == ["GeneralLedger accrual"]
    assert "BalanceSheet says" in result.troubles[0].message


# One report's trouble is its own.


async def test_a_report_that_the_plan_does_not_have_is_not_missed() -> None:
    world = ReportWorld(LedgerCompany(history(*FOUR_YEARS)))
    result = await world.read(asking("ProfitAndLoss", "ClassSales"))
    assert result.troubles == []
    assert world.proof("ClassSales accrual").method == "not offered by this company"
    assert len([call for call in world.calls if call["report"] == "ClassSales"]) <= 2, "asked once, or once beside"


@pytest.mark.parametrize(("code", "status"), [("5020", 400), ("500", 400), ("2000", 500)])
@pytest.mark.parametrize("lasting", [False, True])
async def test_one_answer_that_there_is_no_such_report_is_not_believed(code: str, status: int, lasting: bool) -> None:
    company = LedgerCompany(history(*FOUR_YEARS))
    said: list[Request] = []

    def refuses(request: Request) -> Response | None:
        if "ProfitAndLoss" not in request.path or (said and not lasting):
            return None
        said.append(request)
        return fault(code, "No.", status=status)

    company.before = refuses
    world = ReportWorld(company)
    await world.read(asking("ProfitAndLoss"))
    proof = world.proof("ProfitAndLoss accrual")
    assert said
    if lasting:
        assert proof.proven is (status == 400), "a server that fails says nothing of the company"
        assert (proof.method == "not offered by this company") is (status == 400)
    else:
        assert (proof.method, proof.proven) == ("whole periods that add up to BalanceSheet", True)


async def test_a_report_that_is_held_is_not_denied() -> None:
    company = LedgerCompany(history(*FOUR_YEARS))
    world = ReportWorld(company)
    await world.read(asking("ProfitAndLoss"))
    company.before = lambda request: fault("5020", "No.") if "ProfitAndLoss" in request.path else None
    result = await world.read(asking("ProfitAndLoss"), run=2)
    assert [(trouble.entity, trouble.code) for trouble in result.troubles] == [("ProfitAndLoss accrual", "unproven")]


async def test_a_report_that_fails_for_some_dates_is_not_denied_by_what_is_said_of_others() -> None:
    company = LedgerCompany(history(*FOUR_YEARS))

    def refuses(request: Request) -> Response | None:
        if "ProfitAndLoss" not in request.path:
            return None
        return timed_out() if dict(request.params)["end_date"] < "2023-01-01" else fault("5020", "No.")

    company.before = refuses
    world = ReportWorld(company)
    await world.read(asking("ProfitAndLoss", readers=1))
    assert not world.proof("ProfitAndLoss accrual").proven


@pytest.mark.parametrize(("code", "status"), [("2170", 400), ("10000", 500)])
async def test_a_report_that_is_refused_is_unproven_and_the_others_go_on(code: str, status: int) -> None:
    company = LedgerCompany(history(*FOUR_YEARS))
    company.before = lambda request: fault(code, "No.", status=status) if "CashFlow" in request.path else None
    world = ReportWorld(company)
    result = await world.read(asking("CashFlow", "ProfitAndLoss"))
    assert [(trouble.entity, trouble.code) for trouble in result.troubles] == [("CashFlow", "unproven")]
    assert world.proof("ProfitAndLoss accrual").proven


async def test_reports_of_other_countries_are_not_asked_for() -> None:
    world = ReportWorld(LedgerCompany(history("2026-10-01", "2026-11-01")))
    await world.read(asking("BAS", "FECReport", "ProfitAndLoss"))
    assert {call["report"] for call in world.calls} == {"ProfitAndLoss", "BalanceSheet"}
    assert world.proof("BAS").method == "not offered in US"


async def test_columns_by_day_are_asked_for_as_many_as_there_can_be() -> None:
    """Of more than a hundred days the newer service puts the rest into one column."""
    world = ReportWorld(LedgerCompany(history("2026-01-05", "2026-11-01")))
    assert (await world.read(asking("ProfitAndLoss", by=("Days",)))).troubles == []
    days = sorted(one.held.part.dates.days for one in world.landed("ProfitAndLoss"))
    assert days == [71, 72, 90, 91]


async def test_a_company_without_transactions() -> None:
    world = ReportWorld(LedgerCompany([]))
    assert (await world.read(asking(*BOOKS, "TransactionList", "AccountList"))).troubles == []
    assert {call["report"] for call in world.calls} == {*BOOKS, "TransactionList", "AccountList"}
    assert len(world.calls) == 5


async def test_a_mistyped_year_does_not_cost_a_thousand_calls() -> None:
    company = LedgerCompany([transaction(1, "0202-01-05", "35", "34", "5.00"), *history("2025-01-05", "2026-11-01")])
    world = ReportWorld(company)
    assert (await world.read(asking("GeneralLedger"))).troubles == []
    assert postings(world.landed("GeneralLedger")) == posted(company)
    assert len(world.calls) <= 2 * (2026 - 1990 + 2)


async def test_dates_of_ones_own_begin_and_end_where_they_are_told() -> None:
    world = ReportWorld(LedgerCompany(history(*FOUR_YEARS)))
    result = await world.read(asking("GeneralLedger", first=date(2024, 3, 5), last=date(2024, 8, 9)))
    assert result.troubles == []
    assert world.dates("GeneralLedger") == ["2024-03-05..2024-06-30", "2024-07-01..2024-08-09"]


async def test_never_more_reports_in_a_minute_than_the_cap() -> None:
    company = LedgerCompany(history("2010-01-01", "2026-11-19", every_days=200), latency_s=0.05)
    sent: list[float] = []

    def note(request: Request) -> None:
        if request.path.startswith("/reports/"):
            sent.append(anyio.current_time())

    company.before = note
    world = ReportWorld(company)
    assert (await world.read(asking(*BOOKS))).troubles == []
    assert len(sent) > 90
    windows = [sum(moment <= other < moment + 60 for other in sent) for moment in sent]
    assert 50 <= max(windows) <= 60


# What the rehearsal of reports found.


async def test_a_report_that_cannot_be_divided_and_was_cut_by_chance_is_asked_for_again() -> None:
    company = LedgerCompany(history("2026-01-05", "2026-11-01"))
    world = ReportWorld(company)
    cut: list[Request] = []

    def once(request: Request) -> Response | None:
        if request.path != "/reports/BalanceSheet" or dict(request.params)["end_date"] != "2026-11-20" or cut:
            return None
        cut.append(request)
        row = {"Header": {"ColData": [{"value": "ASSETS"}, {"value": ""}]}, "Rows": {}, "type": "Section"}
        return answered({"Header": {}, "Columns": {"Column": []}, "Rows": {"Row": [row]}})

    company.before = once
    assert (await world.read(asking("BalanceSheet"))).troubles == []
    assert len(cut) == 1
