"""Lists of transactions: one row each, whether they post or not, and in groups."""

from __future__ import annotations

import pytest

JANUARY = {"start_date": "2026-01-01", "end_date": "2026-01-31"}


@pytest.fixture
def kept(desk):
    invoice = desk.invoice("2026-01-05", 100, tax=8, DocNumber="1", PrivateNote="first")
    desk.paid("2026-01-09", 108, ("Invoice", invoice, 108))
    desk.bill("2026-01-07", 4, DocNumber="B-1")
    desk.made("Estimate", {"CustomerRef": desk.amy, "TxnDate": "2026-01-08", "TotalAmt": 50, "DocNumber": "E-1"})
    desk.invoice("2026-02-01", 7)
    return desk


def test_a_row_for_each_transaction_of_the_span(kept) -> None:
    rows = kept.ask("TransactionList", **JANUARY).values()
    assert [row[1] for row in rows] == ["Invoice", "Bill", "Estimate", "Payment"]
    receivable = "Accounts Receivable (A/R)"
    assert rows[0] == ["2026-01-05", "Invoice", "1", "Yes", "Amy", "first", receivable, "-Split-", "108.00"]
    assert rows[2] == ["2026-01-08", "Estimate", "E-1", "No", "Amy", "", "", "", "50.00"]
    assert rows[3][6:] == ["Checking", receivable, "108.00"]


def test_on_both_bases_a_transaction_has_its_own_day(kept) -> None:
    cash = kept.ask("TransactionList", **JANUARY, accounting_method="Cash")
    assert cash.values() == kept.ask("TransactionList", **JANUARY).values()


@pytest.mark.parametrize(
    ("given", "kinds"),
    [
        ({"transaction_type": "Invoice,Payment"}, ["Invoice", "Payment"]),
        ({"docnum": "b-1"}, ["Bill"]),
        ({"memo": "FIRST"}, ["Invoice"]),
        ({"name": "cal"}, ["Bill"]),
        ({"arpaid": "Paid"}, ["Invoice"]),
        ({"appaid": "Unpaid"}, ["Bill"]),
        ({"appaid": "Paid"}, []),
        ({"source_account_type": "Bank"}, ["Payment"]),
        ({"account_type": "Income"}, ["Invoice"]),
        ({"bothamount": "108"}, ["Invoice", "Payment"]),
        ({"cleared": "Reconciled"}, []),
        ({"printed": "To_be_printed"}, []),
        ({"start_createdate": "2026-11-20"}, ["Invoice", "Bill", "Estimate", "Payment"]),
        ({"end_moddate": "2026-11-19"}, []),
        ({"start_duedate": "2026-01-06", "end_duedate": "2026-01-07"}, ["Bill"]),
        ({"svcdate_macro": "Today"}, []),
    ],
)
def test_filters(kept, given: dict[str, str], kinds: list[str]) -> None:
    assert [row[1] for row in kept.ask("TransactionList", **JANUARY, **given).values()] == kinds


def test_filters_by_ids(kept) -> None:
    for name, reference, count in (
        ("customer", kept.amy, 3),
        ("vendor", kept.cal, 1),
        ("item", kept.hours, 1),
        ("account", kept.bank, 1),
        ("source_account", kept.payable, 1),
        ("department", {"value": "9"}, 0),
    ):
        assert len(kept.ask("TransactionList", **JANUARY, **{name: reference["value"]}).values()) == count, name
    assert not kept.ask("TransactionList", **JANUARY, class_="9").has_data


@pytest.mark.parametrize(
    ("by", "heads"),
    [
        ("Name", ["Amy", "Cal"]),
        ("Transaction Type", ["Bill", "Estimate", "Invoice", "Payment"]),
        ("Month", ["Jan 2026"]),
        ("Week", ["Jan 4 - 10, 2026"]),
        ("Location", ["Not Specified"]),
    ],
)
def test_groups(kept, by: str, heads: list[str]) -> None:
    report = kept.ask("TransactionList", **JANUARY, group_by=by)
    assert [node["Header"]["ColData"][0]["value"] for node in report.rows if "Header" in node] == heads
    report.check_sums()
    assert report.group("GrandTotal")[-1] == 108 + 4 + 50 + 108


def test_by_customer_and_by_vendor(kept) -> None:
    report = kept.ask("TransactionListByCustomer", **JANUARY)
    assert {path for path, _ in report.entries()} == {(kept.amy["value"],)}
    assert [row[1] for row in report.values()] == ["Invoice", "Estimate", "Payment"]
    report = kept.ask("TransactionListByVendor", **JANUARY)
    assert [(path, cells[1]["value"]) for path, cells in report.entries()] == [((kept.cal["value"],), "Bill")]


def test_with_all_that_each_posts(kept) -> None:
    report = kept.ask("TransactionListWithSplits", **JANUARY)
    lines = [(cells[1]["value"], cells[6]["value"], cells[7]["value"]) for _, cells in report.entries()]
    assert lines[:3] == [
        ("Invoice", "Accounts Receivable (A/R)", "108.00"),
        ("Invoice", "Services", "100.00"),
        ("Invoice", "Sales Tax Payable", "8.00"),
    ]
    assert len(report.rows) == 4
    assert "Summary" not in report.rows[0]
