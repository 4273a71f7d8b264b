"""Tax by rate, on sales and on purchases."""

from __future__ import annotations

from decimal import Decimal

import pytest

from backfill.simulator.documents import decode

JANUARY = {"start_date": "2026-01-01", "end_date": "2026-01-31"}


def _taxed(rate, net: int, tax: int) -> dict:
    part = {"TaxRateRef": rate, "NetAmountTaxable": net}
    return {"TotalTax": tax, "TaxLine": [{"Amount": tax, "TaxLineDetail": part}]}


@pytest.fixture(params=["US", "AU"])
def kept(request, desk_of):
    desk = desk_of(request.param)
    agency = desk.made("TaxAgency", {"DisplayName": "State"})
    desk.rate = desk.made("TaxRate", {"Name": "Sales tax", "RateValue": 8, "AgencyRef": agency})
    desk.agency = agency
    desk.invoice("2026-01-05", 100, tax=8, TxnTaxDetail=_taxed(desk.rate, 100, 8))
    desk.bill("2026-01-06", 50, TotalAmt=54, TxnTaxDetail=_taxed(desk.rate, 50, 4))
    desk.invoice("2026-02-05", 100, tax=8, TxnTaxDetail=_taxed(desk.rate, 100, 8))
    return desk


def test_by_agency_and_rate(kept) -> None:
    report = kept.ask("TaxSummary", **JANUARY)
    assert [path for path, _ in report.entries()] == [(kept.agency["value"],)]
    assert report.values() == [["Sales tax (8%)", "100.00", "8.00", "50.00", "4.00", "4.00"]]
    assert report.group("GrandTotal") == [100, 8, 50, 4, 4]


def test_the_activity_statement_is_australia_s(kept) -> None:
    if kept.company.country != "AU":
        assert kept.code("BAS") == "5020"
        return
    report = kept.ask("BAS", **JANUARY)
    wanted = {"G1": 108, "1A": 8, "G11": 54, "1B": 4}
    assert {group: report.group(group)[0] for group in wanted} == wanted
    assert report.group("GrandTotal") == [4]


def test_what_is_owed_on_sales_is_what_the_documents_say(reporter_of) -> None:
    reporter = reporter_of(1, 900)
    report = reporter.ask("TaxSummary", date_macro="All")
    report.check_sums()
    wanted = Decimal(0)
    for entity, sign in (("Invoice", 1), ("SalesReceipt", 1), ("CreditMemo", -1), ("RefundReceipt", -1)):
        for row in reporter.company.table(entity).all():
            wanted += sign * Decimal(decode(row.doc)["TxnTaxDetail"].get("TotalTax") or 0)
    assert report.group("GrandTotal")[1] == wanted > 0
