"""Intuit's own answers, recorded in its sandbox by others and kept outside this repository."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from backfill.errors import Disposition, FaultError, RequestError
from backfill.model import RealmId
from backfill.qbo import answers, calls
from backfill.qbo.answers import Page, Written
from backfill.qbo.catalogue import CATALOGUE
from backfill.qbo.checked import check
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
