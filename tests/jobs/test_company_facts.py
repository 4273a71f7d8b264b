"""What is known of a company before its reports are read, whatever its objects lack."""

from __future__ import annotations

from typing import Any

import pytest

from tests.jobs.ledger_company import LedgerCompany
from tests.jobs.report_world import ReportWorld, asking, history, postings
from tests.jobs.test_report_reading import busy
from tests.jobs.test_reports import posted

pytestmark = pytest.mark.virtual


class Odd(LedgerCompany):
    """Some of its objects have other members: entity and Id to what stands in their place."""

    members: dict[tuple[str, str], dict[str, Any]]

    def _rows(self, entity: str) -> list[dict[str, Any]]:
        rows = super()._rows(entity)
        return [row | self.members.get((entity, row["Id"]), {}) for row in rows]


async def test_a_member_that_is_null_costs_nothing_else_that_the_object_says() -> None:
    company = Odd(history("2026-01-05", "2026-11-01"), fiscal_month="April")
    company.members = {
        ("CompanyInfo", "1"): {"FiscalYearStartMonth": None, "CompanyStartDate": None},
        ("Preferences", "1"): {"CurrencyPrefs": None},
    }
    world = ReportWorld(company)
    assert (await world.read(asking("ProfitAndLoss"))).troubles == []
    assert world.dates("ProfitAndLoss") == [
        "2025-10-01..2026-03-31",
        "2026-04-01..2026-09-30",
        "2026-10-01..2026-11-20",
    ]


@pytest.mark.parametrize(
    ("member", "by"),
    [
        ({"ParentRef": None, "AccountSubType": None}, "account="),
        ({"ParentRef": "none"}, "columns="),
    ],
)
async def test_an_account_that_is_unlike_any_is_in_some_part_of_a_day(member: dict[str, Any], by: str) -> None:
    """What cannot be read of the accounts is in no part by accounts: then there is none."""
    company = Odd(busy("2026-11-10", 1, 60), cells_max=8 * 130)
    company.members = {("Account", "17"): member}
    world = ReportWorld(company)
    assert (await world.read(asking("GeneralLedger"))).troubles == []
    assert {one.held.part.cut[: len(by)] for one in world.landed("GeneralLedger") if one.held.part.cut} == {by}
    shown = [one for one in world.landed("GeneralLedger") if "memo" not in one.held.part.cut or by == "account="]
    assert {(day, id_, account) for day, id_, account, _ in postings(shown)} == {
        (day, id_, account) for day, id_, account, _ in posted(company)
    }
