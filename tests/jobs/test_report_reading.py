"""Periods that are too much for one answer: shorter ones, then fewer accounts, then fewer columns, then an error."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal

import pytest

from backfill.errors import UnansweredError
from backfill.jobs import report_reading
from backfill.qbo.reports import Basis
from backfill.report_model import RowType
from backfill.wire import Request, Response
from tests.jobs.ledger_company import ACCOUNTS, LedgerCompany, Transaction, fault, timed_out, transaction
from tests.jobs.report_world import ReportWorld, asking, history, postings
from tests.jobs.test_reports import posted

pytestmark = pytest.mark.virtual


def busy(first: str, days: int, entries_a_day: int) -> list[Transaction]:
    """As many entries on each day."""
    begin = date.fromisoformat(first)
    pairs = (("84", "82"), ("35", "84"), ("17", "33"))
    return [
        transaction(1000 + number, str(begin + timedelta(days=number // entries_a_day)), *pairs[number % 3], "10.25")
        for number in range(days * entries_a_day)
    ]


async def test_a_year_that_needs_daily_periods() -> None:
    """The cap is just above a day's ledger: every day is there, for hardly more calls than there are days."""
    company = LedgerCompany(busy("2026-09-01", 60, 30), cells_max=8 * 85)
    world = ReportWorld(company)
    result = await world.read(asking("GeneralLedger"))
    assert result.troubles == []
    ledger = world.landed("GeneralLedger")
    assert postings(ledger) == posted(company)
    asked = [call for call in world.calls if call["report"] == "GeneralLedger"]
    assert len([one for one in ledger if one.held.part.dates.days == 1]) >= 58
    assert len(asked) <= 1.25 * len(ledger), "what was cut is less than a quarter of the calls"


async def test_answers_are_filled_where_the_cap_allows_more_than_a_day() -> None:
    company = LedgerCompany(busy("2026-01-01", 300, 10), cells_max=8 * 1_000)
    world = ReportWorld(company)
    assert (await world.read(asking("GeneralLedger"))).troubles == []
    assert postings(world.landed("GeneralLedger")) == posted(company)
    cells = sum(one.held.cells for one in world.landed("GeneralLedger"))
    fewest = -(-cells // company.cells_max)
    asked = [call for call in world.calls if call["report"] == "GeneralLedger"]
    assert len(asked) <= 2 * fewest, f"{len(asked)} calls, at least {fewest} were needed"


async def test_what_took_too_long_is_asked_for_in_half_the_time() -> None:
    company = LedgerCompany(history("2024-02-01", "2026-11-01"), days_max=50)
    world = ReportWorld(company)
    assert (await world.read(asking("GeneralLedger", "ProfitAndLoss"))).troubles == []
    assert postings(world.landed("GeneralLedger")) == posted(company)
    assert {one.held.part.dates.days for one in world.landed("ProfitAndLoss")} <= set(range(20, 51))
    refused = [call for call in world.calls if days_of(call) > 50 and call["report"] == "ProfitAndLoss"]
    assert 2 <= len(refused) <= 6, "six months and three, once; and once again by each of four readers, who dare more"


def days_of(call: dict[str, str]) -> int:
    return (date.fromisoformat(call["end_date"]) - date.fromisoformat(call["start_date"])).days + 1


async def test_the_next_run_knows_what_was_needed() -> None:
    company = LedgerCompany(busy("2026-01-01", 320, 10), cells_max=8 * 500)
    world = ReportWorld(company)
    await world.read(asking("GeneralLedger"))
    before = len(world.calls)
    assert (await world.read(asking("GeneralLedger"), run=2)).troubles == []
    again = [call for call in world.calls[before:] if call["report"] == "GeneralLedger"]
    held = [one for one in world.landed("GeneralLedger") if one.held.run_id == 2]
    assert len(held) > 15
    assert len(again) <= len(held) + 2, "no search for the size; whether the bound still holds is tried now and then"


@pytest.mark.parametrize("seed", range(8))
async def test_any_cap_gives_every_posting_once(seed: int) -> None:
    rng = random.Random(seed)
    transactions = [
        transaction(
            number, str(date(2026, 1, 1) + timedelta(days=int(rng.triangular(0, 320, 200)))), "84", "82", "1.00"
        )
        for number in range(1, 900)
    ]
    company = LedgerCompany(transactions, cells_max=rng.randrange(8 * 12, 8 * 400))
    world = ReportWorld(company)
    result = await world.read(asking("GeneralLedger", period_months=rng.choice([1, 3, 6, 12])))
    assert result.troubles == []
    rows = [row for one in world.landed("GeneralLedger") for row in one.document.rows if row.type is RowType.DATA]
    assert len(rows) == len(posted(company))


def busy_in_two_accounts() -> list[Transaction]:
    """Ninety postings to either of two accounts in one day, and something before and after it."""
    around = [transaction(1, "2026-11-09", "84", "82", "7.00"), transaction(92, "2026-11-11", "35", "84", "3.00")]
    return [*around, *(transaction(number, "2026-11-10", "84", "82", "10.25") for number in range(2, 92))]


class TestADayThatIsTooMuch:
    async def test_is_read_by_accounts(self) -> None:
        company = LedgerCompany(busy("2026-11-10", 1, 120), cells_max=8 * 100)
        world = ReportWorld(company)
        assert (await world.read(asking("GeneralLedger"))).troubles == []
        assert postings(world.landed("GeneralLedger")) == posted(company)
        day = [one.held.part for one in world.landed("GeneralLedger") if one.held.part.cut]
        assert len({part.dates for part in day}) == 1
        assert day[0].cut.startswith("account=")
        assert [part.number for part in day] == list(range(len(day)))
        assert [part.closes for part in day] == [False] * (len(day) - 1) + [True]

    async def test_is_read_by_columns_where_there_is_no_filter_for_accounts(self) -> None:
        company = LedgerCompany(busy("2026-11-10", 1, 90), cells_max=8 * 90)
        world = ReportWorld(company)
        assert (await world.read(asking("TransactionList"))).troubles == []
        parts = [one for one in world.landed("TransactionList") if one.held.part.cut]
        assert len(parts) > 1
        for one in parts:
            columns = one.held.part.cut.removeprefix("columns=").split(",")
            assert columns[:5] == ["tx_date", "txn_type", "doc_num", "name", "account_name"], "who the row is"
            assert len({row.transaction_id for row in one.document.rows}) == 90
        others = [key for one in parts for key in one.held.part.cut.removeprefix("columns=").split(",")[5:]]
        assert sorted(others) == ["is_no_post", "memo", "split_acc", "subt_nat_amount"]

    async def test_of_one_account_is_proven_by_the_columns_in_the_companys_own_currency(self) -> None:
        """All columns are of the same postings: what a set of them comes to is not added to what another does."""
        company = LedgerCompany(busy_in_two_accounts(), multicurrency=True, cells_max=10 * 70)
        world = ReportWorld(company)
        assert (await world.read(asking("GeneralLedger", "ProfitAndLoss"))).troubles == []
        columns = [one.held.part.cut for one in world.landed("GeneralLedger") if "columns=" in one.held.part.cut]
        assert [cut.split("&")[0] for cut in columns] == ["account=82", "account=82", "account=84", "account=84"]
        assert ["subt_nat_amount" in cut for cut in columns] == [True, False, True, False]
        assert ["subt_nat_home_amount" in cut for cut in columns] == [False, True, False, True]

    async def test_of_one_account_is_proven_by_columns_that_say_its_balance_and_its_changes_apart(self) -> None:
        world = ReportWorld(LedgerCompany(busy_in_two_accounts(), cells_max=5 * 100))
        assert (await world.read(asking("GeneralLedger", "ProfitAndLoss"))).troubles == []
        cuts = [one.held.part.cut for one in world.landed("GeneralLedger") if "columns=" in one.held.part.cut]
        assert [cut for cut in cuts if cut.endswith("name,subt_nat_amount")]
        assert [cut for cut in cuts if cut.endswith("name,rbal_nat_amount")]

    @pytest.mark.parametrize(
        ("unlisted", "types"), [((), []), (("82",), ["Income"]), (("82", "17"), ["Income", "Expense"])]
    )
    async def test_on_the_cash_basis_is_read_by_types_where_an_account_may_not_be_listed(
        self, unlisted: tuple[str, ...], types: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """QuickBooks posts what payments do not settle yet to accounts of its own: no part by others shows it."""
        monkeypatch.setitem(ACCOUNTS, "82", ("Unapplied payments", "Revenue", "UnappliedCashPaymentIncome"))
        monkeypatch.setitem(ACCOUNTS, "17", ("Unapplied bills", "Expense", "UnappliedCashBillPaymentExpense"))
        company = LedgerCompany(busy("2026-11-10", 1, 90), unlisted=unlisted, cells_max=8 * 130)
        world = ReportWorld(company)
        assert (await world.read(asking("GeneralLedger", bases=(Basis.CASH,)))).troubles == []
        assert postings(world.landed("GeneralLedger")) == posted(company)
        cuts = [one.held.part.cut for one in world.landed("GeneralLedger") if one.held.part.cut]
        assert [cut for cut in cuts if not cut.startswith("account=")] == [f"account_type={one}" for one in types]

    async def test_is_read_by_accounts_though_a_family_of_them_has_no_room_in_a_url(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Fewer columns make no list of accounts shorter, and where there are none the family would be left out."""
        monkeypatch.setattr(report_reading, "_ACCOUNTS_CHARS_MAX", 1)
        company = LedgerCompany(busy("2026-11-10", 1, 120), cells_max=8 * 100)
        world = ReportWorld(company)
        assert (await world.read(asking("GeneralLedger"))).troubles == []
        assert postings(world.landed("GeneralLedger")) == posted(company)
        cuts = [one.held.part.cut for one in world.landed("GeneralLedger") if one.held.part.cut]
        assert sorted(cuts) == sorted(f"account={id_}" for id_ in ACCOUNTS)

    @pytest.mark.parametrize("times", [1, 2, 9])
    async def test_is_read_anew_where_an_account_was_made_meanwhile(
        self, times: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        company = LedgerCompany(busy("2026-11-10", 1, 120), cells_max=8 * 100)
        world = ReportWorld(company)
        made: list[str] = []

        def meddle(request: Request) -> None:
            if dict(request.params).get("account", "").startswith("17") and len(made) < times:
                made.append(f"9{len(made)}")
                monkeypatch.setitem(ACCOUNTS, made[-1], ("Savings", "Asset", "Savings"))
                company.transactions.append(transaction(5_000 + len(made), "2026-11-10", made[-1], "35", "3.00"))

        company.before = meddle
        result = await world.read(asking("GeneralLedger"))
        if times < 9:
            assert len(made) == times
            assert result.troubles == []
            assert postings(world.landed("GeneralLedger")) == posted(company)
        else:
            assert "each time there were new ones" in result.troubles[0].message

    async def test_is_said_where_nothing_helps_and_the_others_go_on(self) -> None:
        company = LedgerCompany(busy("2026-11-10", 1, 300), cells_max=8 * 60)
        world = ReportWorld(company)
        result = await world.read(asking("TransactionList", "BalanceSheet"))
        assert [trouble.entity for trouble in result.troubles] == ["TransactionList"]
        assert "for 2026-11-10 (columns=" in result.troubles[0].message
        assert "cannot be asked for in a smaller part" in result.troubles[0].message
        assert world.proof("TransactionList").landed_live == 0
        assert world.proof("BalanceSheet accrual").proven

    async def test_cut_anew_leaves_nothing_of_the_old_cuts(self) -> None:
        company = LedgerCompany(busy("2026-11-10", 1, 120), cells_max=8 * 100)
        world = ReportWorld(company)
        await world.read(asking("GeneralLedger"))
        company.cells_max = 8 * 70
        await world.read(asking("GeneralLedger"), run=2)
        company.cells_max = 8 * 1_000
        assert (await world.read(asking("GeneralLedger"), run=3)).troubles == []
        assert postings(world.landed("GeneralLedger")) == posted(company)
        rows = [row for one in world.landed("GeneralLedger") for row in one.document.rows if row.type is RowType.DATA]
        assert len(rows) == 240
        assert {one.held.run_id for one in world.landed("GeneralLedger")} == {3}


@pytest.mark.parametrize("times", [1, 2])
async def test_bad_luck_at_a_day_is_tried_again(times: int) -> None:
    """A balance has no shorter period: its time-out is asked again, twice."""
    company = LedgerCompany([transaction(1, "2026-11-10", "35", "34", "5.00")])
    refusals = [timed_out()] * times

    def unlucky(request: Request) -> Response | None:
        return refusals.pop() if dict(request.params).get("end_date") == "2026-11-20" and refusals else None

    company.before = unlucky
    world = ReportWorld(company)
    assert (await world.read(asking("BalanceSheet"))).troubles == []
    assert len(world.calls) == 1 + times


@pytest.mark.parametrize("body", [b"", b"{}", b'{"Header":{}', b'{"Header":{},"Rows":7}', b"<html></html>", b"[1]"])
async def test_a_body_that_is_of_no_use_is_asked_for_again_and_then_in_halves(body: bytes) -> None:
    company = LedgerCompany(history("2026-01-05", "2026-11-01"))

    def broken(request: Request) -> Response | None:
        call = dict(request.params)
        if request.path == "/reports/ProfitAndLoss" and days_of(call) > 100:
            return Response(status=200, headers={"content-type": "application/json"}, body=body)
        return None

    company.before = broken
    world = ReportWorld(company)
    assert (await world.read(asking("ProfitAndLoss"))).troubles == []
    assert {one.held.part.dates.days <= 91 for one in world.landed("ProfitAndLoss")} == {True}
    total = sum(one.held.figures.change.get("NetIncome", Decimal(0)) for one in world.landed("ProfitAndLoss"))
    assert total == company.net_income(date(2026, 11, 20), date(2026, 1, 1))


async def test_silence_is_taken_for_too_much_and_asked_for_in_halves() -> None:
    """The server works for two minutes and says nothing: it is not asked the same six times over."""
    company = LedgerCompany(history("2026-01-05", "2026-11-01"))
    world = ReportWorld(company)
    silent: list[dict[str, str]] = []

    def slow(request: Request) -> None:
        call = dict(request.params)
        if request.path == "/reports/ProfitAndLoss" and days_of(call) > 100:
            silent.append(call)
            raise UnansweredError("nothing came", realm_id=request.realm_id, code="timeout")

    company.before = slow
    assert (await world.read(asking("ProfitAndLoss"))).troubles == []
    assert len(silent) <= 2
    assert {one.held.part.dates.days <= 91 for one in world.landed("ProfitAndLoss")} == {True}


@pytest.mark.parametrize("of_all", [False, True])
async def test_a_silence_that_has_nothing_to_do_with_length_ends_the_reading(of_all: bool) -> None:
    """Of that report, if it is the only one that is met with it; of all of them, if another one is."""
    company = LedgerCompany(history("2020-01-05", "2026-11-01"))
    world = ReportWorld(company)

    def silent(request: Request) -> None:
        if request.path == "/reports/ProfitAndLoss" or (of_all and request.path == "/reports/CashFlow"):
            raise UnansweredError("nothing came", realm_id=request.realm_id, code="timeout")

    company.before = silent
    result = await world.read(asking("ProfitAndLoss", "CashFlow", "GeneralLedger", readers=1))
    asked = [call["report"] for call in world.calls]
    if of_all:
        assert [(trouble.entity, trouble.code) for trouble in result.troubles] == [("", "timeout")]
        assert asked == ["ProfitAndLoss"] * 4 + ["CashFlow"] * 4
    else:
        assert result.troubles[0].entity == "ProfitAndLoss accrual"
        assert asked.count("ProfitAndLoss") == 4
        assert world.proof("GeneralLedger accrual").proven


async def test_a_silence_about_the_day_before_the_books_costs_no_report() -> None:
    """Where the books begin is asked of the balance sheet: a company that is silent about that one has others."""
    company = LedgerCompany(history("2026-01-05", "2026-11-01"))
    world = ReportWorld(company)

    def silent(request: Request) -> None:
        if request.path == "/reports/BalanceSheet":
            raise UnansweredError("nothing came", realm_id=request.realm_id, code="timeout")

    company.before = silent
    result = await world.read(asking("ProfitAndLoss", "TransactionList"))
    assert result.parked == []
    assert [trouble.entity for trouble in result.troubles] == ["BalanceSheet accrual (last period)"]
    assert world.proof("TransactionList").proven


async def test_a_broken_connection_is_retried_as_any_other() -> None:
    company = LedgerCompany(history("2026-01-05", "2026-11-01"))
    world = ReportWorld(company)
    broken = [1, 2, 3]

    def reset(request: Request) -> None:
        if request.path == "/reports/ProfitAndLoss" and broken:
            broken.pop()
            raise UnansweredError("reset", realm_id=request.realm_id, code="reset")

    company.before = reset
    assert (await world.read(asking("ProfitAndLoss"))).troubles == []
    assert {one.held.part.dates == one.held.part.period for one in world.landed("ProfitAndLoss")[:1]} == {True}


@pytest.mark.parametrize(
    "failure", [timed_out(), fault("10000", "An application error has occurred", status=500), fault("4002", "No.")]
)
async def test_a_day_that_cannot_be_read_costs_no_other(failure: Response) -> None:
    company = LedgerCompany(history("2025-01-05", "2026-11-01"))
    bad = date(2026, 2, 10)

    def poisoned(request: Request) -> Response | None:
        call = dict(request.params)
        days = [date.fromisoformat(call[key]) for key in ("start_date", "end_date") if key in call]
        return failure if request.path == "/reports/ProfitAndLoss" and days[0] <= bad <= days[1] else None

    company.before = poisoned
    world = ReportWorld(company)
    result = await world.read(asking("ProfitAndLoss"))
    assert [trouble.entity for trouble in result.troubles] == ["ProfitAndLoss accrual"]
    assert "ProfitAndLoss accrual: 2026-02-10 is not there" in result.troubles[0].message
    assert sum(one.held.part.dates.days for one in world.landed("ProfitAndLoss")) == 181 + 184 + 180 + 143
    calls = len(world.calls)
    await world.read(asking("ProfitAndLoss"), run=2)
    assert len(world.calls) - calls < 80, "and another run searches in the last two periods only"


@pytest.mark.parametrize("failure", [timed_out(), fault("10000", "An application error has occurred", status=500)])
async def test_where_no_day_can_be_read_the_report_is_given_up(failure: Response) -> None:
    company = LedgerCompany(history("2010-01-05", "2026-11-01"))
    company.before = lambda request: failure if request.path == "/reports/ProfitAndLoss" else None
    world = ReportWorld(company)
    result = await world.read(asking("ProfitAndLoss", readers=1))
    assert [trouble.entity for trouble in result.troubles] == ["ProfitAndLoss accrual"]
    assert world.proof("ProfitAndLoss accrual").landed_live == 0
    assert len(world.calls) < 100, "two of 34 periods, with three days of each"
