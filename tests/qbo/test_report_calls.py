"""Requests for reports."""

from __future__ import annotations

from datetime import date

from backfill.model import RealmId
from backfill.qbo.report_calls import call, narrowed, parameters, said
from backfill.qbo.reports import REPORTS, Basis
from backfill.report_model import ALWAYS, Period
from backfill.wire import Lane

REALM = RealmId("9130350000000000001")
HALF = Period(date(2026, 1, 1), date(2026, 6, 30))


def test_a_flow_is_asked_for_from_day_to_day() -> None:
    report = REPORTS["ProfitAndLoss"]
    request = call(REALM, report, HALF, parameters(report, basis=Basis.CASH, by="Month"))
    assert (request.lane, request.method, request.path) == (Lane.REPORT, "GET", "/reports/ProfitAndLoss")
    assert request.params == (
        ("start_date", "2026-01-01"),
        ("end_date", "2026-06-30"),
        ("accounting_method", "Cash"),
        ("summarize_column_by", "Month"),
        ("minorversion", "75"),
    )
    assert request.headers["Accept"] == "application/json"


def test_an_aging_is_asked_for_by_its_day() -> None:
    report = REPORTS["AgedReceivables"]
    request = call(REALM, report, HALF, parameters(report, basis=Basis.ACCRUAL))
    assert request.params == (
        ("report_date", "2026-06-30"),
        ("aging_method", "Report_Date"),
        ("minorversion", "75"),
    )


def test_a_list_of_today_is_asked_for_without_dates() -> None:
    report = REPORTS["AccountList"]
    assert call(REALM, report, ALWAYS, parameters(report, basis=None)).params == (("minorversion", "75"),)


def test_what_a_report_does_not_know_is_not_said() -> None:
    assert parameters(REPORTS["JournalReportFR"], basis=Basis.CASH, by="Month") == ()
    columns = dict(parameters(REPORTS["GeneralLedger"], basis=Basis.CASH, by="Month"))
    assert columns.keys() == {"accounting_method", "columns"}


def test_parameters_are_kept_in_order_so_that_the_same_question_has_one_name() -> None:
    report = REPORTS["GeneralLedger"]
    whole = parameters(report, basis=Basis.ACCRUAL)
    assert said(whole).startswith("accounting_method=Accrual&columns=tx_date,txn_type,")
    assert said(narrowed(whole, "account", ("35", "36"))).startswith("account=35,36&accounting_method=Accrual&columns=")
    assert dict(narrowed(whole, "columns", ("tx_date",)))["columns"] == "tx_date"
