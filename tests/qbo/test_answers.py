"""Answers: what is in them, and that a bad one is an error with a type, never a loss."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill.errors import Disposition, FaultError, RequestError, ThrottledError, UnreadableError
from backfill.model import RealmId
from backfill.qbo import answers, calls
from backfill.qbo.answers import BatchAnswer, CdcAnswer, Page, Written
from backfill.qbo.catalogue import CATALOGUE
from backfill.wire import Response

INVOICE = CATALOGUE["Invoice"]
ASKED = calls.query(RealmId("4620816365"), "SELECT * FROM Invoice")
TIME = "2020-09-29T06:51:37.512-07:00"
SERVER_TIME = datetime(2020, 9, 29, 13, 51, 37, 512000, tzinfo=UTC)
FAULT = b'{"Fault":{"Error":[{"Message":"Invalid query","Detail":"d","code":"4001"}],"type":"ValidationFault"}}'


def answer(body: bytes | dict[str, object], **headers: str) -> Response:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status=200, headers={"intuit_tid": "1-abc", **headers}, body=encoded)


def page(body: bytes | dict[str, object], entity_name: str = "Invoice", **headers: str) -> Page:
    return answers.decode_page(CATALOGUE[entity_name], answer(body, **headers), request=ASKED)


def count(body: bytes | dict[str, object]) -> int:
    return answers.decode_count(answer(body), request=ASKED)


def batch(items: list[object]) -> BatchAnswer:
    return answers.decode_batch(answer({"BatchItemResponse": items, "time": TIME}), request=ASKED)


def cdc(parts: list[object]) -> CdcAnswer:
    body: dict[str, object] = {"CDCResponse": [{"QueryResponse": parts}], "time": TIME}
    return answers.decode_cdc(answer(body), request=ASKED)


def test_a_page_keeps_every_rows_own_bytes_and_the_servers_time() -> None:
    rows = [b'{"Id":"1","TotalAmt":639.00}', '{ "Id": "2", "Note": "Größe 😀"}'.encode()]
    body = b'{"QueryResponse":{"Invoice":[%s , %s],"startPosition":1,"maxResults":2},"time":"%s"}'
    found = page(body % (*rows, TIME.encode()))
    assert [bytes(record.doc) for record in found.records] == rows
    assert (found.received, found.server_time, found.total_count, found.refusals) == (2, SERVER_TIME, None, [])


def test_the_time_may_come_first() -> None:
    found = page(b'{"time":"%s","QueryResponse":{"Invoice":[{"Id":"1"}]}}' % TIME.encode())
    assert (found.received, found.server_time) == (1, SERVER_TIME)


def test_nothing_found_is_an_empty_object() -> None:
    found = page({"QueryResponse": {}, "time": TIME})
    assert (found.records, found.received, found.total_count) == ([], 0, 0)


def test_credit_card_payments_come_under_another_key() -> None:
    found = page({"QueryResponse": {"CreditCardPaymentTxn": [{"Id": "9"}]}, "time": TIME}, "CreditCardPayment")
    assert found.records[0].id == "9"


def test_rows_under_an_unknown_key_are_taken_and_rows_of_another_entity_are_not() -> None:
    assert page({"QueryResponse": {"InvoiceTxn": [{"Id": "9"}]}, "time": TIME}).received == 1
    with pytest.raises(UnreadableError, match="rows of Bill"):
        page({"QueryResponse": {"Bill": [{"Id": "9"}]}, "time": TIME})
    with pytest.raises(UnreadableError, match="several keys"):
        page({"QueryResponse": {"Invoice": [], "Other": []}, "time": TIME})


@pytest.mark.parametrize("wrong", [rb'"\ud800"', rb'"\udc00"', b'"\t"', rb'"\q"', b"NaN", b"[1,]", b'{"a" 1}'])
def test_a_page_with_one_row_that_json_decoders_refuse_loses_that_row_only(wrong: bytes) -> None:
    body = (
        b'{"QueryResponse":{"Invoice":[{"Id":"1","n":1.50},{"Id":"2","n":%s},{"Id":"3"}],"maxResults":3},"time":"%s"}'
    )
    found = page(body % (wrong, TIME.encode()))
    assert [record.id for record in found.records] == ["1", "3"]
    assert bytes(found.records[0].doc) == b'{"Id":"1","n":1.50}'
    assert [(refusal.id, refusal.raw) for refusal in found.refusals] == [("2", b'{"Id":"2","n":%s}' % wrong)]
    assert (found.received, found.server_time) == (3, SERVER_TIME)


@pytest.mark.parametrize("last", [b',{"Bill":[{"Id":"2"}],"maxResults":1}', b",{}", b""])
def test_changes_of_an_entity_that_go_under_in_a_broken_answer_are_not_taken_for_none(last: bytes) -> None:
    """Each entity has a part, and where nothing changed an empty one."""
    body = (
        rb'{"CDCResponse":[{"QueryResponse":[{"Invoice":[{"Id":"1","Note":"\ud800"}],"maxResults":1}%s]}],"time":"%s"}'
    )
    request = calls.cdc(RealmId("1"), [INVOICE, CATALOGUE["Bill"]], SERVER_TIME)
    response = answer(body % (last, TIME.encode()))
    if last:
        found = answers.decode_cdc(response, request=request)
        assert (len(found.pages["Invoice"].refusals), "Bill" in found.pages) == (1, b"Bill" in last)
    else:
        with pytest.raises(UnreadableError):
            answers.decode_cdc(response, request=request)


def test_a_row_that_only_the_database_will_refuse_passes_with_its_bytes() -> None:
    row = rb'{"Id":"1","Note":"nul \u0000"}'
    assert bytes(page(b'{"QueryResponse":{"Invoice":[%s]},"time":"%s"}' % (row, TIME.encode())).records[0].doc) == row


def test_members_of_a_page_that_are_not_known_yet_do_not_disturb_it() -> None:
    body = {"QueryResponse": {"Invoice": [{"Id": "1"}], "new": {"a": 1}, "other": "x"}, "time": TIME, "warnings": None}
    assert page(body).received == 1


@pytest.mark.parametrize(
    ("entity_name", "body"),
    [
        ("CompanyInfo", {"CompanyInfo": {"Id": "1", "CompanyName": "x"}, "time": TIME}),
        ("CompanyInfo", {"QueryResponse": {"CompanyInfo": [{"Id": "1"}], "maxResults": 1}, "time": TIME}),
        ("TaxClassification", {"TaxClassification": [{"Id": "V1-00020000"}], "time": TIME}),
        ("CreditCardPayment", {"CreditCardPaymentTxn": {"Id": "9"}, "time": TIME}),
        ("CreditCardPayment", {"CreditCardPayment": {"Id": "9"}, "time": TIME}),
    ],
)
def test_one_object_or_a_listing_reads_like_a_page(entity_name: str, body: dict[str, object]) -> None:
    found = page(body, entity_name)
    assert (len(found.records), found.received, found.server_time) == (1, 1, SERVER_TIME)


def test_an_answer_without_a_time_is_dated_by_its_date_header() -> None:
    found = page({"QueryResponse": {"Invoice": []}}, date="Tue, 29 Sep 2020 13:52:56 GMT")
    assert found.server_time == datetime(2020, 9, 29, 13, 52, 56, tzinfo=UTC)
    with pytest.raises(UnreadableError):
        page({"QueryResponse": {"Invoice": []}})


UNREADABLE: list[bytes] = [
    b"",
    b"  ",
    b"null",
    b"[]",
    b"{}",
    b"hello",
    b'{"QueryResponse":{"Invoice":[{"Id":"1"}',
    b'{"QueryResponse":null,"time":"2020-09-29T06:51:37.512-07:00"}',
    b'{"QueryResponse":{},"time":"noon"}',
    b'{"QueryResponse":{},"time":"2020-09-29T06:51:37"}',
    b'{"QueryResponse":{"Invoice":{"Id":"1"}},"time":7}',
    b'{"BatchItemResponse":{},"CDCResponse":{},"time":"2020-09-29T06:51:37.512-07:00"}',
    b'{"Fault":{}}',
    b"<html><title>502 Bad Gateway</title></html>",
]


@pytest.mark.parametrize("body", UNREADABLE)
@pytest.mark.parametrize(
    "decode",
    [
        lambda response: answers.decode_page(INVOICE, response, request=ASKED),
        lambda response: answers.decode_batch(response, request=ASKED),
        lambda response: answers.decode_batch_to_land(response, request=ASKED),
        lambda response: answers.decode_cdc(response, request=ASKED),
    ],
)
def test_what_is_not_of_the_promised_shape_is_unreadable_and_asked_again(
    decode: Callable[[Response], object], body: bytes
) -> None:
    with pytest.raises(UnreadableError, match="realm 4620816365") as caught:
        decode(answer(body))
    assert caught.value.disposition is Disposition.RETRY
    assert caught.value.asked == "GET /query SELECT * FROM Invoice"
    assert (caught.value.status, caught.value.intuit_tid) == (200, "1-abc")


@pytest.mark.parametrize(
    "decode",
    [
        lambda response: answers.decode_page(INVOICE, response, request=ASKED),
        lambda response: answers.decode_count(response, request=ASKED),
        lambda response: answers.decode_batch(response, request=ASKED),
        lambda response: answers.decode_batch_to_land(response, request=ASKED),
        lambda response: answers.decode_cdc(response, request=ASKED),
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        FAULT,
        b'{"time":"x","Fault":{"Error":[{"code":"4001"}]}}',
        b'<IntuitResponse><Fault><Error code="4001"/></Fault></IntuitResponse>',
    ],
)
def test_a_fault_inside_a_200_is_a_fault(decode: Callable[[Response], object], body: bytes) -> None:
    with pytest.raises(FaultError) as caught:
        decode(answer(body))
    assert (caught.value.code, caught.value.disposition) == ("4001", Disposition.STOP)


def test_a_count() -> None:
    assert count({"QueryResponse": {"totalCount": 6}, "time": TIME}) == 6
    assert count({"QueryResponse": {"totalCount": 0, "startPosition": 0}, "time": TIME}) == 0


def test_a_count_of_nothing_may_be_an_empty_object() -> None:
    assert count({"QueryResponse": {}, "time": TIME}) == 0


@pytest.mark.parametrize(
    "found", [{"maxResults": 3}, {"totalCount": "6"}, {"totalCount": -1}, {"totalCount": 1.5}, {"totalCount": None}]
)
def test_a_count_that_is_not_said_is_never_taken_for_zero(found: dict[str, object]) -> None:
    with pytest.raises(UnreadableError, match="totalCount"):
        count({"QueryResponse": found, "time": TIME})


def test_batch_answers_are_known_by_bid_whatever_their_order() -> None:
    found = batch(
        [
            {"QueryResponse": {"Bill": [{"Id": "7"}, {"Id": "8"}], "startPosition": 1, "maxResults": 2}, "bId": "b2"},
            {"bId": "b1", "QueryResponse": {"totalCount": 6}},
            {"QueryResponse": {}, "bId": "b3"},
        ]
    )
    pages = {b_id: item for b_id, item in found.items.items() if isinstance(item, Page)}
    assert [record.id for record in pages["b2"].records] == ["7", "8"]
    assert [(pages[b_id].total_count, pages[b_id].received) for b_id in ("b1", "b3")] == [(6, 0), (0, 0)]
    assert found.server_time == pages["b1"].server_time == SERVER_TIME


def test_a_fault_of_one_batch_item_is_an_error_in_its_place() -> None:
    fault = {"Error": [{"Message": "Object Not Found", "Detail": "...", "code": "610", "element": ""}]}
    throttle = {"Error": [{"Message": "message=ThrottleExceeded; errorCode=003001", "code": "3001"}]}
    found = batch([{"Fault": fault, "bId": "b1"}, {"Fault": throttle, "bId": "b2"}, {"QueryResponse": {}, "bId": "b3"}])
    item = found.items["b1"]
    assert isinstance(item, FaultError)
    assert (item.code, item.disposition, item.realm_id) == ("610", Disposition.REJECT, "4620816365")
    assert isinstance(found.items["b2"], ThrottledError)
    assert isinstance(found.items["b3"], Page)


def test_written_objects_and_deleted_stubs_in_a_batch() -> None:
    found = batch(
        [
            {"Vendor": {"Id": "71", "SyncToken": "0"}, "bId": "b1"},
            {"Invoice": {"domain": "QBO", "status": "Deleted", "Id": "129"}, "bId": "b2"},
        ]
    )
    created, deleted = found.items["b1"], found.items["b2"]
    assert isinstance(created, Written)
    assert isinstance(deleted, Written)
    assert (created.entity, created.record.id, created.record.deleted) == ("Vendor", "71", False)
    assert (deleted.record.id, deleted.record.deleted, deleted.record.updated_at) == ("129", True, SERVER_TIME)


@pytest.mark.parametrize(
    "item", [{}, {"Vendor": {}}, {"Unheard": {"Id": "1"}}, {"QueryResponse": 7}, {"QueryResponse": {"Unheard": []}}]
)
def test_a_batch_item_that_cannot_be_read_spoils_no_other(item: dict[str, object]) -> None:
    found = batch([{**item, "bId": "b1"}, {"QueryResponse": {}, "bId": "b2"}])
    assert isinstance(found.items["b1"], UnreadableError)
    assert isinstance(found.items["b2"], Page)


@pytest.mark.parametrize("items", [[{"QueryResponse": {}}], [{"bId": "b1"}, {"bId": "b1"}], ["b1"], [{"bId": 7}]])
def test_a_batch_whose_items_cannot_be_told_apart_is_unreadable(items: list[object]) -> None:
    with pytest.raises(UnreadableError):
        batch(items)


def test_a_batch_with_a_poisoned_row_loses_that_row_only() -> None:
    body = (
        rb'{"BatchItemResponse":[{"QueryResponse":{"Bill":[{"Id":"7","x":"\ud800"},{"Id":"8"}]},"bId":"b1"},'
        rb'{"QueryResponse":{"totalCount":3},"bId":"b2"}],"time":"2020-09-29T06:51:37.512-07:00"}'
    )
    found = answers.decode_batch(answer(body), request=ASKED)
    first, second = found.items["b1"], found.items["b2"]
    assert isinstance(first, Page)
    assert isinstance(second, Page)
    assert ([record.id for record in first.records], [refusal.id for refusal in first.refusals]) == (["8"], ["7"])
    assert second.total_count == 3


def test_changes_by_entity_whatever_their_order_with_deleted_stubs() -> None:
    stub = {"status": "Deleted", "Id": "979", "MetaData": {"LastUpdatedTime": "2015-12-23T12:55:50-08:00"}}
    found = cdc(
        [
            {},
            {"Estimate": [{"Id": "34"}, stub], "startPosition": 1, "maxResults": 2, "totalCount": 2},
            {"Customer": [{"Id": "63", "SyncToken": "2"}], "startPosition": 1, "maxResults": 1},
        ]
    )
    assert set(found.pages) == {"Estimate", "Customer"}
    assert (found.total, found.server_time) == (3, SERVER_TIME)
    assert [(record.id, record.deleted) for record in found.pages["Estimate"].records] == [("34", False), ("979", True)]


def test_no_change_at_all() -> None:
    found = cdc([{}, {}])
    assert (dict(found.pages), found.total) == ({}, 0)


def test_changes_with_a_poisoned_row_lose_that_row_only() -> None:
    body = (
        rb'{"CDCResponse":[{"QueryResponse":[{"Bill":[{"Id":"7","x":"\ud800"},{"Id":"8"}]},{}]}],'
        rb'"time":"2020-09-29T06:51:37.512-07:00"}'
    )
    found = answers.decode_cdc(answer(body), request=ASKED)
    assert (found.total, [refusal.id for refusal in found.pages["Bill"].refusals]) == (2, ["7"])


def test_changes_of_an_entity_that_nobody_asked_for_are_not_dropped_in_silence() -> None:
    with pytest.raises(UnreadableError, match="Unheard"):
        cdc([{"Unheard": [{"Id": "1"}]}])
    with pytest.raises(UnreadableError, match="Bill"):
        cdc([{"Bill": [{"Id": "1"}]}, {"Bill": [{"Id": "2"}]}])


@pytest.mark.parametrize("inside", ["part", "response"])
def test_a_fault_within_cdc_is_a_fault(inside: str) -> None:
    fault = {"Fault": {"Error": [{"Message": "Error processing query", "Detail": "...", "code": "4002"}]}}
    response = {"QueryResponse": [{}, fault]} if inside == "part" else fault
    with pytest.raises(FaultError) as caught:
        answers.decode_cdc(answer({"CDCResponse": [response], "time": TIME}), request=ASKED)
    assert caught.value.disposition is Disposition.QUARANTINE


_KEYS = st.sampled_from(
    [
        "QueryResponse",
        "BatchItemResponse",
        "CDCResponse",
        "Fault",
        "Error",
        "Invoice",
        "bId",
        "time",
        "totalCount",
        "Id",
    ]
)
_TREES = st.recursive(
    st.none() | st.integers() | st.sampled_from([TIME, "b1", "\ud800", ""]),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(_KEYS, children, max_size=4),
    max_leaves=15,
)


@pytest.mark.parametrize("broken", [b'"\\ud800"', b"01", b'"\x01"', b"tru"])
def test_a_row_that_is_broken_behind_its_header_is_refused_and_the_others_are_kept(broken: bytes) -> None:
    times = {"CreateTime": "2014-09-18T12:56:01-07:00", "LastUpdatedTime": "2014-09-18T12:56:01-07:00"}
    whole = msgspec.json.encode({"Id": "7", "SyncToken": "3", "MetaData": times})
    row = whole[:-1] + b',"Note":' + broken + b"}"
    found = page(b'{"QueryResponse":{"Invoice":[%s,%s]},"time":"%s"}' % (row, whole, TIME.encode()))
    assert [bytes(record.doc) for record in found.records] == [whole]
    assert [(refusal.id, refusal.code) for refusal in found.refusals] == [("7", "unreadable_row")]


@given(_TREES | st.binary())
def test_whatever_comes_only_errors_of_ours_come_out(body: object) -> None:
    response = answer(body if isinstance(body, bytes) else json.dumps(body).encode())
    for decode in (
        lambda: answers.decode_page(INVOICE, response, request=ASKED),
        lambda: answers.decode_count(response, request=ASKED),
        lambda: answers.decode_batch(response, request=ASKED),
        lambda: answers.decode_batch_to_land(response, request=ASKED),
        lambda: answers.decode_cdc(response, request=ASKED),
    ):
        with contextlib.suppress(RequestError):
            decode()


@given(st.integers(min_value=0, max_value=200))
def test_an_answer_cut_anywhere_is_unreadable(length: int) -> None:
    whole = json.dumps({"QueryResponse": {"Invoice": [{"Id": str(n)} for n in range(20)]}, "time": TIME}).encode()
    with pytest.raises(UnreadableError):
        page(whole[: min(length, len(whole) - 1)])
