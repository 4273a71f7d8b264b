"""Intuit's own answers, recorded in its sandbox by others and kept outside this repository."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest

from backfill.errors import Disposition, FaultError, RequestError
from backfill.jobs.report_figures import figures
from backfill.jobs.report_sums import wrong_sums
from backfill.model import RealmId
from backfill.qbo import answers, calls, report_calls
from backfill.qbo.answers import Page, Written
from backfill.qbo.catalogue import CATALOGUE
from backfill.qbo.checked import check
from backfill.qbo.operations import Operation
from backfill.qbo.payloads import faults_of
from backfill.qbo.report_answers import decode_report
from backfill.qbo.reports import REPORTS
from backfill.report_model import Period, RowType
from backfill.wire import Response

ASKED = calls.query(RealmId("4620816365"), "SELECT * FROM Something")
Load = Callable[[str], list[SimpleNamespace]]


def response(exchange: SimpleNamespace) -> Response:
    return Response(status=exchange.status, headers=exchange.headers, body=exchange.body)


@pytest.mark.parametrize(
    ("name", "entity_name"),
    [("all-customers", "Customer"), ("all-sales_receipts", "SalesReceipt"), ("get-inactive_vendors", "Vendor")],
)
def test_a_recorded_page_gives_every_row_with_its_own_bytes(recorded: Load, name: str, entity_name: str) -> None:
    exchange = recorded(name)[-1]
    check(response(exchange), ASKED)
    page = answers.decode_page(CATALOGUE[entity_name], response(exchange), request=ASKED)
    expected = exchange.tree["QueryResponse"][entity_name]
    assert expected
    assert (page.received, page.refusals) == (len(expected), [])
    assert page.server_time == datetime.fromisoformat(exchange.tree["time"])
    for record, row in zip(page.records, expected, strict=True):
        assert json.loads(bytes(record.doc)) == row
        assert bytes(record.doc) in exchange.body
        assert (record.id, record.sync_token) == (row["Id"], int(row["SyncToken"]))
        assert record.created_at == datetime.fromisoformat(row["MetaData"]["CreateTime"])
        assert record.updated_at == datetime.fromisoformat(row["MetaData"]["LastUpdatedTime"])
        assert record.updated_at.tzinfo is UTC
        assert not record.deleted
    cut = answers.decode_page_to_land(CATALOGUE[entity_name], response(exchange), request=ASKED)
    assert all(isinstance(record.doc, memoryview) for record in cut.records), "Intuit's pages are cut, too"
    assert [(record.id, bytes(record.doc)) for record in cut.records] == [
        (record.id, bytes(record.doc)) for record in page.records
    ]


def test_a_recorded_count(recorded: Load) -> None:
    counting, listing = recorded("all-customers")
    total = answers.decode_count(response(counting), request=ASKED)
    assert total == counting.tree["QueryResponse"]["totalCount"]
    assert total == len(listing.tree["QueryResponse"]["Customer"])


def test_a_recorded_batch_with_two_faults(recorded: Load) -> None:
    (exchange,) = recorded("batch-basic")
    check(response(exchange), ASKED)
    batch = answers.decode_batch(response(exchange), request=ASKED)
    created, deleted, updated, found = (batch.items[b_id] for b_id in ("bid1", "bid2", "bid3", "bid4"))
    assert isinstance(created, Written)
    assert (created.entity, created.record.id) == ("Vendor", "71")
    assert isinstance(deleted, FaultError)
    assert (deleted.code, deleted.disposition) == ("610", Disposition.REJECT)
    assert isinstance(updated, FaultError)
    assert (updated.code, updated.disposition) == ("5010", Disposition.REREAD)
    assert isinstance(found, Page)
    assert [record.id for record in found.records] == ["17", "11"]


def test_a_recorded_deletion(recorded: Load) -> None:
    read, deleted = recorded("delete-invoice")
    live = answers.decode_page(CATALOGUE["Invoice"], response(read), request=ASKED)
    stub = answers.decode_page(CATALOGUE["Invoice"], response(deleted), request=ASKED)
    assert [(record.id, record.deleted) for record in (*live.records, *stub.records)] == [("266", False), ("266", True)]
    assert stub.records[0].updated_at == stub.server_time


@pytest.mark.parametrize(
    ("name", "status", "code", "disposition"),
    [
        ("error-400", 400, "4001", Disposition.STOP),
        ("error-400_json", 400, "2010", Disposition.REJECT),
        ("error-401", 401, "3200", Disposition.REFRESH),
    ],
)
def test_a_recorded_refusal(recorded: Load, name: str, status: int, code: str, disposition: Disposition) -> None:
    exchange = recorded(name)[-1]
    with pytest.raises(RequestError) as caught:
        check(response(exchange), ASKED)
    error = caught.value
    assert (error.status, error.code, error.disposition) == (status, code, disposition)
    assert error.intuit_tid == exchange.headers["intuit-tid"]
    assert "AB01EXAMPLE" not in f"{error} {vars(error)}"


def test_all_that_the_recorded_refusal_says_is_known_may_be_written(recorded: Load) -> None:
    """What we refuse by ourselves Intuit is never asked about: so it may be only what Intuit refuses."""
    (exchange,) = recorded("error-400_json")
    detail = exchange.tree["Fault"]["Error"][0]["Detail"]
    unknown, *known = re.findall(r'"(\w+)"', detail)
    assert len(known) > 50
    refused = faults_of("Invoice", Operation.UPDATE, dict.fromkeys([unknown, *known]))
    assert [fault.path for fault in refused] == [unknown]


def test_a_recorded_general_ledger_lands_with_the_totals_that_it_shows(recorded: Load) -> None:
    (exchange,) = recorded("reports-gl")
    report = REPORTS["GeneralLedger"]
    request = report_calls.call(RealmId("4620816365"), report, Period(date(2020, 9, 1), date(2020, 9, 29)), ())
    check(response(exchange), request)
    document = decode_report(report, response(exchange), request=request)
    assert wrong_sums(document) == []
    assert (document.basis, document.currency) == ("accrual", "USD")
    kinds = Counter(row.type for row in document.rows)
    assert kinds == {RowType.SECTION: 19, RowType.OPENING: 15, RowType.DATA: 6, RowType.SUMMARY: 19}
    found = figures(report, document)
    assert found.opening["account 84"] == Decimal("5004.02")
    assert found.opening["account 38"] == Decimal("13495.00"), "the only child's, whose Id the parent's head carries"
    assert found.opening["account 82"] == 0, "told by its first running balance"
    assert {key: str(amount) for key, amount in found.change.items()} == {
        "account 84": "200.00", "account 4": "337.50", "account 82": "337.50", "account 1": "200.00",
    }  # fmt: skip
    invoice = next(row for row in document.rows if row.transaction_id == "264")
    assert (invoice.account_id, invoice.name_id, invoice.cells["tx_date"]) == ("84", "1", "2020-09-29")
