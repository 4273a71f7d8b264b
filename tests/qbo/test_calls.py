"""Requests as Intuit documents them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from backfill.model import RealmId
from backfill.qbo import calls
from backfill.qbo.catalogue import CATALOGUE
from backfill.wire import Lane, Request

REALM = RealmId("9130357992222222")


def test_a_short_statement_travels_in_the_url() -> None:
    request = calls.query(REALM, "SELECT * FROM Invoice")
    assert (request.method, request.path, request.lane) == ("GET", "/query", Lane.QUERY)
    assert request.params == (("query", "SELECT * FROM Invoice"), ("minorversion", "75"))
    assert request.body == b""


def test_a_long_statement_travels_in_a_body_measured_in_bytes() -> None:
    statement = "é" * (calls.STATEMENT_BYTES_MAX_IN_URL // 2)
    assert calls.query(REALM, statement).method == "GET"
    request = calls.query(REALM, statement + "é")
    assert (request.method, request.path, request.lane) == ("POST", "/query", Lane.QUERY)
    assert request.params == (("minorversion", "75"),)
    assert request.headers["Content-Type"] == "application/text"
    assert request.body.decode() == statement + "é"


def test_a_batch_of_questions() -> None:
    request = calls.batch(REALM, {"b1": "SELECT COUNT(*) FROM Invoice", "b2": "SELECT * FROM Bill"})
    assert (request.method, request.path, request.lane) == ("POST", "/batch", Lane.BATCH)
    assert json.loads(request.body) == {
        "BatchItemRequest": [
            {"bId": "b1", "Query": "SELECT COUNT(*) FROM Invoice"},
            {"bId": "b2", "Query": "SELECT * FROM Bill"},
        ]
    }


@pytest.mark.parametrize(
    "statements", [{}, {str(number): "x" for number in range(31)}, {"elevenchars": "x"}, {"": "x"}]
)
def test_batches_that_intuit_refuses_are_a_bug_of_ours(statements: dict[str, str]) -> None:
    with pytest.raises(AssertionError):
        calls.batch(REALM, statements)


def test_cdc_is_asked_with_an_offset() -> None:
    request = calls.cdc(
        REALM, [CATALOGUE["Customer"], CATALOGUE["Invoice"]], datetime(2026, 10, 1, 7, 30, 0, 9, tzinfo=UTC)
    )
    assert (request.method, request.path, request.lane) == ("GET", "/cdc", Lane.CDC)
    assert request.params[:2] == (("entities", "Customer,Invoice"), ("changedSince", "2026-10-01T07:30:00+00:00"))


def test_cdc_is_not_asked_for_what_it_does_not_carry() -> None:
    with pytest.raises(AssertionError, match="does not carry"):
        calls.cdc(REALM, [CATALOGUE["TimeActivity"]], datetime(2026, 10, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "request_",
    [
        calls.query(REALM, "SELECT * FROM Bill"),
        calls.query(REALM, "x" * 3000),
        calls.batch(REALM, {"b1": "SELECT * FROM Bill"}),
        calls.cdc(REALM, [CATALOGUE["Bill"]], datetime(2026, 10, 1, tzinfo=UTC)),
        calls.listing(REALM, "/taxclassification"),
        calls.by_id(REALM, CATALOGUE["Bill"], "25"),
    ],
)
def test_every_call_asks_for_json_in_the_newest_minor_version(request_: Request) -> None:
    assert request_.headers["Accept"] == "application/json"
    assert request_.params[-1] == ("minorversion", "75")
    assert request_.realm_id == REALM


def test_one_object_by_id() -> None:
    assert calls.by_id(REALM, CATALOGUE["SalesReceipt"], "11").path == "/salesreceipt/11"
