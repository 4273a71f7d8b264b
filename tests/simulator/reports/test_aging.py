"""What is open, and for how long it has been due."""

from __future__ import annotations

import pytest

AT = {"report_date": "2026-06-30"}


@pytest.fixture
def kept(desk):
    """An invoice for each period, one of them half paid, a payment of nothing, and one that comes too late."""
    desk.half = desk.invoice("2026-05-01", 80, DueDate="2026-05-31", DocNumber="half")
    desk.paid("2026-06-10", 30, ("Invoice", desk.half, 30))
    desk.paid("2026-07-10", 50, ("Invoice", desk.half, 50))
    desk.invoice("2026-06-20", 10, DueDate="2026-07-20", DocNumber="new")
    desk.invoice("2026-04-01", 20, DueDate="2026-05-15", DocNumber="late")
    desk.invoice("2026-01-01", 40, DueDate="2026-02-01", DocNumber="old")
    desk.paid("2026-06-25", 5)
    desk.invoice("2026-07-01", 1_000)
    return desk


def test_by_periods(kept) -> None:
    report = kept.ask("AgedReceivables", **AT)
    assert [column["ColTitle"] for column in report.columns] == [
        "", "Current", "1 - 30", "31 - 60", "61 - 90", "91 and over", "Total",
    ]  # fmt: skip
    keys = [column["MetaData"][0]["Value"] for column in report.columns[1:]]
    assert keys == ["current", "0", "1", "2", "3", "total"]
    # What was settled after the day is open on it; money that settles nothing is taken off, by its own day.
    assert report.by_id() == {kept.amy["value"]: [10, 50 - 5, 20, 0, 40, 115]}


def test_the_periods_are_as_asked(kept) -> None:
    report = kept.ask("AgedReceivables", **AT, aging_period="10", num_periods="2")
    assert [column["ColTitle"] for column in report.columns[1:]] == ["Current", "1 - 10", "11 and over", "Total"]
    assert report.by_id() == {kept.amy["value"]: [10, -5, 110, 115]}


def test_by_today_all_is_later(kept) -> None:
    report = kept.ask("AgedReceivables", **AT, aging_method="Current")
    assert report.by_id() == {kept.amy["value"]: [0, 0, 0, 0, 115, 115]}


def test_document_by_document(kept) -> None:
    report = kept.ask("AgedReceivableDetail", **AT)
    shown = [(row[2], row[-2], row[-1]) for row in report.values()]
    assert shown == [
        ("old", "40.00", "40.00"),
        ("late", "20.00", "20.00"),
        ("half", "80.00", "50.00"),
        ("", "-5.00", "-5.00"),
        ("new", "10.00", "10.00"),
    ]
    assert report.group("GrandTotal")[-1] == 115
    assert report.header["EndPeriod"] == "2026-06-30"
    late = kept.ask("AgedReceivableDetail", **AT, past_due="40")
    assert [row[2] for row in late.values()] == ["old", "late"]


def test_balances(kept) -> None:
    assert kept.ask("CustomerBalance", **AT).by_id() == {kept.amy["value"]: [115]}
    rows = kept.ask("CustomerBalanceDetail", **AT).values()
    assert [(row[1], row[-2], row[-1]) for row in rows] == [
        ("Invoice", "40.00", "40.00"),
        ("Invoice", "20.00", "60.00"),
        ("Invoice", "50.00", "110.00"),
        ("Invoice", "10.00", "120.00"),
        ("Payment", "-5.00", "115.00"),
    ]


def test_what_is_owed_to_vendors(desk) -> None:
    bill = desk.bill("2026-05-01", 70, DueDate="2026-06-01")
    desk.paid_bill("2026-05-05", 20, ("Bill", bill, 20))
    desk.bill("2026-06-15", 8, DueDate="2026-07-15")
    assert desk.ask("AgedPayables", **AT).by_id() == {desk.cal["value"]: [8, 50, 0, 0, 0, 58]}
    assert desk.ask("VendorBalance", **AT).by_id() == {desk.cal["value"]: [58]}
    assert [row[-2:] for row in desk.ask("AgedPayableDetail", **AT).values()] == [["70.00", "50.00"], ["8.00", "8.00"]]
    assert desk.ask("VendorBalanceDetail", **AT).values()[-1][-1] == "58.00"


def test_a_customer_s_jobs_are_below_it(desk) -> None:
    job = desk.made("Customer", {"DisplayName": "Kitchen", "ParentRef": desk.amy, "Balance": 0, "BalanceWithJobs": 0})
    desk.invoice("2026-06-01", 3, DueDate="2026-06-20")
    desk.invoice("2026-06-02", 4, DueDate="2026-06-20", CustomerRef=job)
    report = desk.ask("AgedReceivables", **AT)
    assert report.by_id() == {desk.amy["value"]: [0, 3, 0, 0, 0, 3], job["value"]: [0, 4, 0, 0, 0, 4]}
    assert [cell["value"] for cell in report.rows[0]["Summary"]["ColData"]][-1] == "7.00"
    report.check_sums()
