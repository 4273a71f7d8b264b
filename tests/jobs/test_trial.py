"""What a difference of the trial balance quotes has a bound; the comparison itself is in `test_verify`."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import cast
from unittest.mock import AsyncMock, Mock

import pytest

from backfill.errors import FaultError, RequestError, TooLargeError, UnreadableError
from backfill.jobs.company_facts import CompanyFacts
from backfill.jobs.postings import Chart, UnpostableError, postings
from backfill.jobs.quoted import QUOTED_MAX
from backfill.jobs.trial import _differences, _documents, compare_trial_balance
from backfill.jobs.verify_ports import VerificationStore
from backfill.jobs.work import RealmWork
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


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"TotalAmt": "abc"}, "TotalAmt"),
        ({"TotalAmt": "NaN"}, "TotalAmt"),
        ({"TotalAmt": {"a": 1}}, "TotalAmt"),
        ({"TotalAmt": Decimal("1e9999999")}, "TotalAmt"),
        ({"Line": "x"}, "Line"),
        ({"Line": [1]}, "Line"),
        ({"Line": [{"GroupLineDetail": []}, {"GroupLineDetail": "x"}]}, "GroupLineDetail"),
        ({"ARAccountRef": "9"}, "ARAccountRef"),
        ({"TxnTaxDetail": [1]}, "TxnTaxDetail"),
    ],
)
def test_a_document_of_another_shape_ends_its_own_comparison(members: dict[str, object], said: str) -> None:
    """It landed as Intuit sent it."""
    chart = Chart(by_kind={"AccountsReceivable": "1"})
    with pytest.raises(UnpostableError, match=said):
        postings("Invoice", {"Id": "7", "TotalAmt": 1, **members}, chart)


async def test_a_number_of_thousands_of_digits_is_read() -> None:
    """Python makes no int of one, and jsonb writes the exponent out."""
    landed = cast(
        "VerificationStore", AsyncMock(documents_after=AsyncMock(return_value={"7": b'{"A":' + b"9" * 5_000 + b"}"}))
    )
    (doc,) = [one async for one in _documents(cast("RealmWork", Mock(realm_id="1")), landed, "Bill")]
    assert doc == {"A": Decimal("9" * 5_000)}


@pytest.mark.parametrize(
    "error",
    [
        FaultError("no", realm_id="1"),
        UnreadableError("it is empty", realm_id="1"),
        TooLargeError("it was cut", realm_id="1", cells_max=None),
    ],
)
async def test_a_report_that_does_not_come_ends_its_own_comparison(
    error: RequestError, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backfill.jobs.trial.company_facts", AsyncMock(return_value=FACTS))
    work = cast("RealmWork", Mock(ask=Mock(report=AsyncMock(side_effect=error))))
    verdict = await compare_trial_balance(work, cast("VerificationStore", Mock()), moved=False)
    assert verdict.note == f"QuickBooks did not give the report: {error.message}"
