"""What a difference of the trial balance quotes has a bound; the comparison itself is in `test_verify`."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from backfill.jobs.company_facts import CompanyFacts
from backfill.jobs.quoted import QUOTED_MAX
from backfill.jobs.trial import _differences
from backfill.report_model import ReportDocument, ReportRow, RowType

FACTS = CompanyFacts(datetime(2026, 1, 31, tzinfo=UTC), "US", 1, date(2020, 1, 1), accounts={})


def reported(label: str, account: str) -> ReportDocument:
    row = ReportRow("", 0, RowType.DATA, "", label, account, None, None, {"debit": Decimal("5.00")}, {})
    return ReportDocument(b"{}", [], [row], 1, "Accrual", "USD", None, "", b"{}")


def test_an_account_of_a_huge_name_is_quoted_in_part() -> None:
    (one,) = _differences({}, reported("n" * 1_000_000, "35"), FACTS)
    assert one.id == "35"
    assert one.about == "n" * QUOTED_MAX + "... (1,000,000 characters)"
    assert one.detail == "0 by the landed documents, 5.00 reported"


def test_so_is_what_a_document_names_as_an_account() -> None:
    ids = [one.id for one in _differences({"x" * 1_000_000: Decimal("1.00")}, reported("Bank", "35"), FACTS)]
    assert ids == ["35", "x" * QUOTED_MAX + "... (1,000,000 characters)"]
