"""Journals: every posting of every transaction."""

from __future__ import annotations

JANUARY = {"start_date": "2026-01-01", "end_date": "2026-01-31"}


def test_each_transaction_with_its_postings_and_both_its_sums(desk) -> None:
    desk.invoice("2026-01-05", 100, tax=8, DocNumber="1")
    desk.bill("2026-01-07", 4)
    report = desk.ask("JournalReport", **JANUARY)
    assert [row[5:] for row in report.values()] == [
        ["Accounts Receivable (A/R)", "108.00", ""],
        ["Services", "", "100.00"],
        ["Sales Tax Payable", "", "8.00"],
        ["Accounts Payable (A/P)", "", "4.00"],
        ["Rent", "4.00", ""],
    ]
    assert [[cell["value"] for cell in node["Summary"]["ColData"]][-2:] for node in report.rows] == [
        ["108.00", "108.00"],
        ["4.00", "4.00"],
        ["112.00", "112.00"],
    ]
    assert all("Header" not in node for node in report.rows)


def test_the_french_tax_office_s_file(desk_of) -> None:
    desk = desk_of("FR")
    desk.invoice("2026-01-05", 100, DocNumber="F-1")
    report = desk.ask("FECReport", **JANUARY)
    assert len(report.columns) == 18
    named = [dict(zip((column["ColType"] for column in report.columns), row, strict=True)) for row in report.values()]
    assert [(row["JournalCode"], row["PieceRef"], row["EcritureDate"]) for row in named] == [
        ("VE", "F-1", "20260105")
    ] * 2
    assert [(row["CompteLib"], row["CompAuxLib"], row["Debit"], row["Credit"]) for row in named] == [
        ("Accounts Receivable (A/R)", "Amy", "100.00", "0.00"),
        ("Services", "Amy", "0.00", "100.00"),
    ]
    assert desk.ask("JournalReportFR", **JANUARY).columns[5]["ColType"] == "account_num"
