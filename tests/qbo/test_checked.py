"""Answers become errors; good answers pass untouched and unread."""

from __future__ import annotations

import time

import pytest

from backfill.errors import Disposition, FaultError, RequestError, UnreadableError
from backfill.model import RealmId
from backfill.qbo import calls
from backfill.qbo.checked import Checked, check
from backfill.wire import Lane, Request, Response

ASKED = calls.query(RealmId("4620816365"), "SELECT * FROM Customer")
TIME = b'"time":"2020-09-29T06:51:37.512-07:00"'
FAULT = b'"Fault":{"Error":[{"Message":"m","Detail":"d","code":"%s"}],"type":"ValidationFault"}'


class Answers:
    """A transport with one answer."""

    def __init__(self, response: Response) -> None:
        self.response = response
        self.deadlines: list[float] = []

    async def send(self, request: Request, *, deadline: float) -> Response:
        self.deadlines.append(deadline)
        return self.response


def raised(status: int, body: bytes = b"", request: Request = ASKED, **headers: str) -> RequestError:
    with pytest.raises(RequestError) as caught:
        check(Response(status=status, headers={"intuit_tid": "1-5f", **headers}, body=body), request)
    assert (caught.value.realm_id, caught.value.status, caught.value.intuit_tid) == ("4620816365", status, "1-5f")
    return caught.value


async def test_a_good_answer_passes_as_it_is() -> None:
    inner = Answers(Response(status=200, body=b'{"QueryResponse":{},' + TIME + b"}"))
    assert await Checked(inner).send(ASKED, deadline=5.0) is inner.response
    assert inner.deadlines == [5.0]


@pytest.mark.parametrize(
    ("status", "body", "disposition"),
    [
        (400, b"{" + FAULT % b"4001" + b"}", Disposition.STOP),
        (400, b"{" + FAULT % b"5010" + b"}", Disposition.REREAD),
        (401, b'{"fault":{"error":[{"code":"003200"}]}}', Disposition.REFRESH),
        (403, b'{"fault":{"error":[{"code":"3100"}]}}', Disposition.PARK),
        (403, b"<IntuitResponse><Fault><Error code='3001'/></Fault></IntuitResponse>", Disposition.WAIT),
        (429, b"", Disposition.WAIT),
        (503, b"<html><title>503</title></html>", Disposition.RETRY),
        (302, b"", Disposition.STOP),
    ],
)
def test_an_answer_that_is_no_2xx_is_an_error_with_its_disposition(
    status: int, body: bytes, disposition: Disposition
) -> None:
    assert raised(status, body).disposition is disposition


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{" + (FAULT % b"610")[:40],
        (b"{" + FAULT % b"610" + b"}").replace(b":", b':"\xff",:', 1),
        b"<IntuitResponse><Fault><Error code='610'/></Fau",
        b"<html><title>400 Bad Request</title></html>",
    ],
)
def test_a_refusal_whose_reason_cannot_be_read_decides_nothing_and_is_asked_again(status: int, body: bytes) -> None:
    error = raised(status, body)
    assert (error.code, error.disposition) == ("", Disposition.RETRY)


@pytest.mark.parametrize(("status", "disposition"), [(429, Disposition.WAIT), (503, Disposition.RETRY)])
def test_who_is_busy_says_how_long(status: int, disposition: Disposition) -> None:
    error = raised(status, b"", **{"retry-after": "17"})
    assert isinstance(error, FaultError)
    assert (error.disposition, error.retry_after_s) == (disposition, 17)


@pytest.mark.parametrize(
    "body",
    [
        b"{" + FAULT % b"610" + b"," + TIME + b"}",
        b"{" + TIME + b"," + FAULT % b"610" + b"}",
        b'{"warnings":null,"intuitObject":null,"fault":{"error":[{"code":"610"}]},"queryResponse":null}',
        b"<IntuitResponse><Fault><Error code='610'/></Fault></IntuitResponse>",
    ],
)
def test_a_fault_inside_a_200_is_a_fault(body: bytes) -> None:
    error = raised(200, body)
    assert isinstance(error, FaultError)
    assert (error.code, error.disposition) == ("610", Disposition.REJECT)


def test_a_lapsed_subscription_in_the_text_of_a_200_parks_the_realm() -> None:
    error = raised(200, b"message=InvalidCompanyStatus; errorCode=006190; statusCode=200")
    assert (error.code, error.disposition) == ("6190", Disposition.PARK)


@pytest.mark.parametrize(
    "body", [b"", b" ", b"<html></html>", b'{"QueryResponse":{"Customer":[{"Id":"1"', b"OK", b'{"Fault":{}}']
)
def test_a_200_that_is_empty_or_cut_or_no_json_is_unreadable(body: bytes) -> None:
    error = raised(200, body)
    assert isinstance(error, UnreadableError)
    assert error.disposition is Disposition.RETRY


@pytest.mark.parametrize(
    "body",
    [
        b'{"QueryResponse":{"Customer":[{"Id":"1","DisplayName":"Fault"}]}}',
        b'{"BatchItemResponse":[{"Fault":{"Error":[{"code":"610"}]},"bId":"b1"}]}',
        b'{"warnings":null,"fault":null,"queryResponse":{}}',
        rb'{"QueryResponse":{"Customer":[{"Id":"1","a":"Fault","b":"\ud800"}]}}',
        b'\n {"QueryResponse":{}} \n',
        b"[]",
    ],
)
def test_the_word_alone_is_no_fault(body: bytes) -> None:
    check(Response(status=200, body=body), ASKED)


def test_what_was_not_asked_for_in_json_need_not_be_json() -> None:
    request = Request(realm_id=RealmId("1"), lane=Lane.QUERY, method="GET", path="/download/1")
    check(Response(status=200, body=b"https://example.com/link"), request)


def test_a_page_of_megabytes_is_not_decoded() -> None:
    body = b'{"QueryResponse":{"Customer":[' + b'{"Id":"1"},' * 350_000 + b'{"Id":"1"}]}}'
    response = Response(status=200, body=body)
    started = time.process_time()
    for _ in range(1000):
        check(response, ASKED)
    assert time.process_time() - started < 1  # a few microseconds each; decoding would take seconds


@pytest.mark.parametrize("piece", [b"{},", b"1,", b'"",', b'{"Id":"1"},'])
def test_law_6_what_is_nothing_but_small_pieces_is_not_decoded(piece: bytes) -> None:
    body = b'{"QueryResponse":{"Customer":[' + piece * (6_000_000 // len(piece)) + b"1]}}"
    with pytest.raises(UnreadableError, match="nothing but small pieces"):
        check(Response(status=200, body=body), ASKED)


def test_a_large_page_of_ordinary_rows_is_decoded() -> None:
    row = b'{"Id":"1","SyncToken":"0","PrivateNote":"' + b"long " * 20 + b'"},'
    check(Response(status=200, body=b'{"QueryResponse":{"Customer":[' + row * 50_000 + b'{"Id":"1"}]}}'), ASKED)
