"""The trial balance by hand, old, modern and French."""

from __future__ import annotations

YEAR = {"start_date": "2026-01-01", "end_date": "2026-12-31"}


def _kept(desk) -> dict[str, list[int]]:
    auto = desk.account("Auto", "Expense", "Auto")
    fuel = desk.account("Fuel", "Expense", "Auto", ParentRef=auto, FullyQualifiedName="Auto:Fuel")
    desk.journal("2025-05-01", (desk.bank, 20), (desk.income, -20))
    desk.journal("2026-05-01", (desk.bank, -3), (fuel, 7), (auto, 1), (desk.income, -5))
    return {
        desk.bank["value"]: [17, 0],
        desk.retained["value"]: [0, 20],
        desk.income["value"]: [0, 5],
        fuel["value"]: [7, 0],
        auto["value"]: [1, 0],
    }


def test_each_account_on_its_side_with_the_year_s_own_results(desk) -> None:
    wanted = _kept(desk)
    report = desk.ask("TrialBalance", **YEAR)
    assert report.by_id() == wanted
    assert report.group("GrandTotal") == [25, 25]
    assert "Auto:Fuel" in {row[0] for row in report.values()}
    assert all("type" not in node for node in report.rows[:-1])


def test_the_modern_service_has_accounts_in_sections_of_those_above_them(desk) -> None:
    wanted = _kept(desk)
    report = desk.ask("TrialBalance", **YEAR, testing_migration="1")
    assert report.by_id() == wanted
    (inner,) = (node for node in report.walk() if "Header" in node)
    assert inner["Header"]["ColData"][0]["value"] == "Auto"
    assert [cell["value"] for cell in inner["Summary"]["ColData"]] == ["Total Auto", "8.00", ""]


def test_the_french_balance_shows_what_was_what_moved_and_what_is(desk_of) -> None:
    desk = desk_of("FR")
    desk.journal("2025-05-01", (desk.bank, 20), (desk.income, -20))
    desk.journal("2026-05-01", (desk.bank, -3), (desk.rent, 3))
    report = desk.ask("TrialBalanceFR", **YEAR)
    amounts = {cells[1]["id"]: [cell["value"] for cell in cells[2:]] for _, cells in report.entries()}
    assert amounts == {
        desk.bank["value"]: ["20.00", "", "", "3.00", "17.00", ""],
        desk.retained["value"]: ["", "20.00", "", "", "", "20.00"],
        desk.rent["value"]: ["", "", "3.00", "", "3.00", ""],
    }
    assert report.group("GrandTotal")[1:] == [20, 20, 3, 3, 20, 20]
