"""The cash flow by hand, by the indirect method."""

from __future__ import annotations

JANUARY = {"start_date": "2026-01-01", "end_date": "2026-01-31"}


def test_from_what_was_earned_to_cash(desk) -> None:
    truck = desk.account("Truck", "Fixed Asset", "Vehicles")
    note = desk.account("Note", "Long Term Liability", "OtherLongTermLiabilities")
    desk.journal("2025-12-31", (desk.bank, 1_000), (desk.income, -1_000))
    invoice = desk.invoice("2026-01-05", 100)
    desk.paid("2026-01-06", 60, ("Invoice", invoice, 60), DepositToAccountRef=desk.undeposited)
    desk.bill("2026-01-07", 30)
    desk.journal("2026-01-08", (truck, 500), (desk.bank, -200), (note, -300))
    report = desk.ask("CashFlow", **JANUARY)
    assert report.group("NetIncome") == [70]
    amounts = report.by_id()
    assert amounts == {
        desk.receivable["value"]: [-40],
        desk.payable["value"]: [30],
        truck["value"]: [-500],
        note["value"]: [300],
    }
    assert report.group("OperatingAdjustments") == [-10]
    assert report.group("OperatingActivities") == [60]
    assert (report.group("InvestingActivities"), report.group("FinancingActivities")) == ([-500], [300])
    assert (report.group("BeginningCash"), report.group("CashIncrease")) == ([1000], [-140])
    assert report.group("EndingCash") == [860]


def test_every_month_begins_with_what_the_one_before_ended_with(reporter_of) -> None:
    reporter = reporter_of(1, 600)
    span = {"start_date": "2025-01-01", "end_date": "2026-06-30"}
    report = reporter.ask("CashFlow", **span, summarize_column_by="Month")
    opening, closing = report.group("BeginningCash"), report.group("EndingCash")
    assert len(opening) == 19
    assert opening[1:-1] == closing[:-2]
    assert (opening[-1], closing[-1]) == (opening[0], closing[-2])
    assert [reporter.ask("CashFlow", **span).group("EndingCash")[0]] == closing[-1:]
