"""The postings behind the profit and loss."""

from __future__ import annotations

JANUARY = {"start_date": "2026-01-01", "end_date": "2026-01-31"}


def test_every_posting_under_its_account_with_what_they_come_to(desk) -> None:
    invoice = desk.invoice("2026-01-05", 10, DocNumber="1")
    desk.invoice("2026-01-06", 20, DocNumber="2")
    desk.bill("2026-01-07", 4)
    report = desk.ask("ProfitAndLossDetail", **JANUARY)
    entries = report.entries()
    assert [path for path, _ in entries] == [("Income", desk.income["value"])] * 2 + [("Expenses", desk.rent["value"])]
    assert entries[0][1][1] == {"value": "Invoice", "id": invoice["value"]}
    assert [row[-2:] for row in report.values()] == [["10.00", "10.00"], ["20.00", "30.00"], ["4.00", "4.00"]]
    place = report.column("subt_nat_amount") - 1
    wanted = {"Income": 30, "GrossProfit": 30, "Expenses": 4, "NetOperatingIncome": 26, "NetIncome": 26}
    assert {group: report.group(group)[place] for group in wanted} == wanted


def test_on_the_cash_basis_a_posting_is_there_for_each_part_paid(desk) -> None:
    invoice = desk.invoice("2026-01-05", 10)
    for day in ("2026-01-10", "2026-01-20"):
        desk.paid(day, 4, ("Invoice", invoice, 4))
    report = desk.ask("ProfitAndLossDetail", **JANUARY, accounting_method="Cash")
    shown = [(row[0], row[1], row[-2]) for row in report.values()]
    assert shown == [("2026-01-10", "Invoice", "4.00"), ("2026-01-20", "Invoice", "4.00")]


def test_what_the_chart_has_no_account_for_is_shown_without_an_id(desk) -> None:
    desk.paid("2026-01-20", 100)
    report = desk.ask("ProfitAndLossDetail", **JANUARY, accounting_method="Cash")
    (section,) = report.body["Rows"]["Row"][0]["Rows"]["Row"]
    assert section["Header"]["ColData"][0] == {"value": "Unapplied Cash Payment Income"}
