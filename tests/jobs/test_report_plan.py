"""Which reports are asked for, and for which periods."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from backfill.jobs.company_facts import CompanyFacts
from backfill.jobs.report_plan import Planned, open_dates, plan, what_to_ask
from backfill.model import RunId
from backfill.qbo.reports import Basis
from backfill.report_model import ALWAYS, HeldReport, Period, ReportPart
from tests.jobs.report_world import asking

TODAY = date(2026, 11, 20)
FACTS = CompanyFacts(datetime(2026, 11, 20, tzinfo=UTC), "US", 1, date(2025, 3, 9), {})
FIRST, SECOND = RunId(1), RunId(2)


def test_each_basis_and_each_kind_of_columns_is_a_report_of_its_own() -> None:
    options = asking("BalanceSheet", "CashFlow", "AccountList", bases=tuple(Basis), by=("", "Month"))
    assert [one.title for one in what_to_ask(options, FACTS)] == [
        "BalanceSheet accrual", "BalanceSheet accrual by Month", "BalanceSheet cash", "BalanceSheet cash by Month",
        "CashFlow", "CashFlow by Month", "AccountList",
    ]  # fmt: skip


def test_what_must_tie_brings_the_last_balance_sheet_unless_it_is_asked_for() -> None:
    asked = what_to_ask(asking("GeneralLedger", "ProfitAndLoss"), FACTS)
    assert [(one.title, one.last_only) for one in asked] == [
        ("GeneralLedger accrual", False),
        ("ProfitAndLoss accrual", False),
        ("BalanceSheet accrual (last period)", True),
    ]
    assert [str(one.dates) for one in plan(asked[-1], asking("GeneralLedger"), FACTS, TODAY)] == [
        "2026-07-01..2026-11-20"
    ]
    asked = what_to_ask(asking("GeneralLedger", "BalanceSheet"), FACTS)
    assert [one.last_only for one in asked] == [False, False]


def test_amounts_are_asked_for_in_the_companys_own_currency_where_there_are_others() -> None:
    (ledger, _) = what_to_ask(asking("GeneralLedger"), replace(FACTS, multicurrency=True))
    assert ledger.key.endswith("subt_nat_amount,rbal_nat_amount,subt_nat_home_amount,rbal_nat_home_amount")
    assert "home" not in what_to_ask(asking("GeneralLedger"), FACTS)[0].key


def test_a_period_that_is_not_over_has_its_name_already() -> None:
    (flow, *_) = what_to_ask(asking("CashFlow"), FACTS)
    periods = plan(flow, asking("CashFlow"), FACTS, TODAY)
    assert [str(one.period) for one in periods][::3] == ["2025-01-01..2025-06-30", "2026-07-01..2026-12-31"]
    assert str(periods[-1].dates) == "2026-07-01..2026-11-20"
    (accounts,) = what_to_ask(asking("AccountList"), FACTS)
    assert [one.dates for one in plan(accounts, asking("AccountList"), FACTS, TODAY)] == [ALWAYS]


@pytest.mark.parametrize(
    ("name", "dates", "run", "read_again", "left"),
    [
        ("CashFlow", ("2026-07-01", "2026-11-20"), FIRST, False, []),
        ("CashFlow", ("2026-07-01", "2026-11-19"), FIRST, False, ["2026-11-20"]),
        ("CashFlow", ("2026-07-01", "2026-11-20"), FIRST, True, ["2026-07-01..2026-11-20"]),
        ("CashFlow", ("2026-07-01", "2026-11-20"), SECOND, True, []),
        ("BalanceSheet", ("2026-07-01", "2026-11-19"), FIRST, False, ["2026-07-01..2026-11-20"]),
    ],
)
def test_what_is_left_to_read(name: str, dates: tuple[str, str], run: RunId, read_again: bool, left: list[str]) -> None:
    (asked, *_) = what_to_ask(asking(name), FACTS)
    half = Period(date(2026, 7, 1), date(2026, 12, 31))
    planned = Planned(asked, half, Period(half.start, TODAY))
    part = ReportPart(name, asked.key, half, Period(*map(date.fromisoformat, dates)))
    found = open_dates(planned, [HeldReport(part, run, 1, 1)], read_again=read_again, run_id=SECOND)
    assert [str(one) for one in found] == left
    open_cut = HeldReport(ReportPart(name, asked.key, half, planned.dates, 0, "account=1", closes=False), SECOND, 1, 1)
    assert open_dates(planned, [open_cut], read_again=False, run_id=SECOND) == [planned.dates]


@pytest.mark.parametrize(
    ("first", "last", "dates"),
    [
        (date(2026, 11, 20), None, ["2026-11-20"]),
        (date(2026, 11, 21), None, []),
        (date(2027, 1, 1), None, []),
        (date(1980, 1, 1), date(1985, 1, 1), ["1980-01-01..1985-01-01"]),
        (None, date(1970, 1, 1), []),
    ],
)
def test_nothing_is_asked_for_of_days_that_are_yet_to_come(
    first: date | None, last: date | None, dates: list[str]
) -> None:
    """It may be tomorrow already where the command is given; and books may begin after the last day asked for."""
    options = asking("CashFlow", first=first, last=last)
    facts = FACTS if first is not None else replace(FACTS, first_date=date(1980, 3, 1))
    (flow,) = what_to_ask(options, facts)
    assert [str(one.dates) for one in plan(flow, options, facts, TODAY)] == dates
