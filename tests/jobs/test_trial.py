"""The trial balance beside the landed ledger: what differs, what nobody can compare, and what may be another time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import cast
from unittest.mock import AsyncMock, Mock

import anyio
import pytest

from backfill.jobs.company_facts import CompanyFacts
from backfill.jobs.postings import Chart, UnpostableError, postings
from backfill.jobs.quoted import QUOTED_MAX
from backfill.jobs.trial import _differences, _documents
from backfill.jobs.verify_ports import VerificationStore
from backfill.jobs.work import RealmWork
from backfill.model import RunId
from backfill.report_model import ReportDocument, ReportRow, RowType
from backfill.simulator.documents import decode
from backfill.verdict_model import DifferenceKind
from backfill.wire import Response
from tests.jobs.verifying import broken, differing, rows, verified
from tests.jobs.world import Tap, World

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
    chart = Chart(by_kind={"AccountsReceivable": ["1"]})
    with pytest.raises(UnpostableError, match=said):
        postings("Invoice", {"Id": "7", "TotalAmt": 1, **members}, chart)


@pytest.mark.parametrize(("accounts", "said"), [([], "none of type"), (["1", "2"], "several accounts of type")])
def test_where_a_document_posts_is_not_guessed(accounts: list[str], said: str) -> None:
    """A company of two agencies has two accounts for their taxes, and an invoice names neither."""
    chart = Chart()
    chart.learn_account({"Id": "9", "Name": "Receivable", "AccountSubType": "AccountsReceivable"})
    for id_ in accounts:
        chart.learn_account({"Id": id_, "Name": f"Tax {id_}", "AccountSubType": "GlobalTaxPayable"})
    taxed = {"Id": "7", "TotalAmt": 1, "TxnTaxDetail": {"TotalTax": 1}}
    with pytest.raises(UnpostableError, match=said):
        postings("Invoice", taxed, chart)
    assert postings("Invoice", {"Id": "8", "TotalAmt": 0, "TxnTaxDetail": {"TotalTax": 0}}, chart) == []


async def test_a_number_of_thousands_of_digits_is_read() -> None:
    """Python makes no int of one, and jsonb writes the exponent out."""
    landed = cast(
        "VerificationStore", AsyncMock(documents_after=AsyncMock(return_value={"7": b'{"A":' + b"9" * 5_000 + b"}"}))
    )
    (doc,) = [one async for one in _documents(cast("RealmWork", Mock(realm_id="1")), landed, "Bill")]
    assert doc["A"] == Decimal("9" * 5_000)


def of_one_currency() -> World:
    """A world of one company with stock and without a foreign currency."""
    world = World(seed=1, realms=5)
    world.realm_ids = [realm_id for realm_id in world.realm_ids if not world.company_of(realm_id).multicurrency][:1]
    return world


async def without_stock() -> World:
    """The same without stock, extracted."""
    world = of_one_currency()
    company = world.company_of()
    for row in company.table("Item").all():
        doc = decode(row.doc)
        if doc.get("Type") == "Inventory":
            company.replace("Item", row.id, doc | {"Type": "NonInventory"})
    company.ledger = None  # made anew, without stock
    await anyio.sleep(60)  # past the second of the last change
    await world.extract()
    return world


@pytest.mark.virtual
async def test_the_trial_balance_is_what_the_landed_documents_post() -> None:
    world = await without_stock()
    trial = (await verified(world, run=2))["TrialBalance"]
    assert trial.note == ""
    assert trial.equal
    assert trial.compared > 20
    id_, invoice = next((id_, row) for id_, row in rows(world, "Invoice").items() if decode(row.doc)["TotalAmt"])
    del rows(world, "Invoice")[id_]
    trial = (await verified(world, run=3))["TrialBalance"]
    assert trial.equal is False
    assert any("Receivable" in one.about for one in trial.differences)
    assert decode(invoice.doc)["TotalAmt"] > Decimal(0)


@pytest.mark.virtual
async def test_a_company_with_stock_is_compared_by_the_report_only() -> None:
    world = of_one_currency()
    await world.extract()
    trial = (await verified(world, run=2))["TrialBalance"]
    assert trial.equal is None
    assert "keeps stock" in trial.note
    assert world.store.scan_now(RunId(2), world.realm).finished, "no later look can tell either"


@pytest.mark.virtual
async def test_a_change_that_the_sample_misses_is_no_difference_of_the_trial_balance() -> None:
    world = await without_stock()
    await anyio.sleep(3600)
    company = world.company_of()
    for row in company.table("JournalEntry").all():
        doc = decode(row.doc)
        for line in doc["Line"]:
            line["Amount"] = line["Amount"] * 2
        company.replace("JournalEntry", row.id, doc)
    company.ledger = None  # made anew, of what is there now
    verdicts = await verified(world, run=2, deep=False, sample=0)
    assert verdicts["JournalEntry"].equal
    assert verdicts["TrialBalance"].equal is None
    assert "resync" in verdicts["TrialBalance"].note
    assert not world.store.scan_now(RunId(2), world.realm).finished, "after a resync it can be told"


@pytest.mark.virtual
@pytest.mark.parametrize("status", [200, 500, 504])
async def test_a_report_that_cannot_be_had_takes_no_other_verdict_away(status: int) -> None:
    world = await without_stock()
    named = broken(world)
    nothing = Response(status=status, headers={}, body=b"")
    world.wrap = lambda inner: Tap(inner, before=lambda request, _: nothing if "reports" in request.path else None)
    verdicts = await verified(world, run=2)
    assert differing(verdicts) == named
    trial = verdicts["TrialBalance"]
    assert (trial.equal, trial.comparable) == (None, True)
    assert "did not give" in trial.note


@pytest.mark.virtual
@pytest.mark.parametrize("entity", ["CompanyInfo", "Account", "Invoice"])
@pytest.mark.parametrize("doc", [b"null", b'{"a":' * 100_000 + b"1" + b"}" * 100_000])
async def test_what_is_landed_and_no_document_ends_nothing(entity: str, doc: bytes) -> None:
    world = await without_stock()
    held = rows(world, entity)
    id_ = next(iter(held))
    held[id_] = replace(held[id_], doc=doc)
    verdicts = await verified(world, run=2)
    assert differing(verdicts) == {(entity, id_, DifferenceKind.ALTERED)}
    assert f"{entity} {id_}: what is landed is no object" in verdicts["TrialBalance"].note
