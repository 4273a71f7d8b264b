"""Faults out of whatever envelope, secrets out of faults, and never an exception."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill.qbo.envelopes import _SECRETS, Fault, faults_of, holds_fault, parse, redacted, retry_after_s

THROTTLE_XML = b"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<IntuitResponse time="2017-07-30T22:45:22.933-07:00" xmlns="http://schema.intuit.com/finance/v3">
  <Fault type="SERVICE"><Error code="3001">
    <Message>message=ThrottleExceeded; errorCode=003001; statusCode=429</Message>
    <Detail>The request limit was reached.  Try again later</Detail>
  </Error></Fault></IntuitResponse>"""


def test_the_applications_json() -> None:
    body = (
        b'{"Fault":{"Error":[{"Message":"Required param missing","Detail":"Required parameter Name is missing",'
        b'"code":"2020","element":"Name"}],"type":"ValidationFault"},"time":"2020-09-29T06:52:56.527-07:00"}'
    )
    assert parse(body).faults == (
        Fault(
            code="2020",
            message="Required param missing",
            detail="Required parameter Name is missing",
            element="Name",
            type="ValidationFault",
        ),
    )


def test_the_gateways_json_with_its_nulls_and_epoch_time() -> None:
    body = (
        b'{"warnings":null,"fault":{"error":[{"message":"message=AuthenticationFailed; errorCode=003200",'
        b'"detail":"Malformed bearer token: too short or too long","code":"3200","element":null}],'
        b'"type":"AUTHENTICATION"},"batchItemResponse":[],"time":1601391072830,"status":null}'
    )
    (fault,) = parse(body).faults
    assert (fault.code, fault.element, fault.type) == ("3200", "", "AUTHENTICATION")


def test_xml_even_where_json_was_asked_for() -> None:
    (fault,) = parse(THROTTLE_XML).faults
    assert parse(b"\xef\xbb\xbf\n " + THROTTLE_XML).faults == (fault,)
    assert (fault.code, fault.type) == ("3001", "SERVICE")
    assert fault.message == "message=ThrottleExceeded; errorCode=003001; statusCode=429"
    assert fault.detail == "The request limit was reached.  Try again later"


def test_xml_with_a_prefix_and_several_errors() -> None:
    body = (
        b'<q:IntuitResponse xmlns:q="x"><q:Fault type="SERVICE"><q:Error code="006002" element="e"><q:Message>a'
        b"<![CDATA[ & b]]></q:Message></q:Error><q:Error code='610'/></q:Fault></q:IntuitResponse>"
    )
    first, second = parse(body).faults
    assert (first.code, first.message, first.element, second.code) == ("6002", "a & b", "e", "610")


@pytest.mark.parametrize(
    ("code", "read"),
    [
        ('"003001"', "3001"),
        ("3001", "3001"),
        ('"4001"', "4001"),
        ("null", ""),
        ('"0"', ""),
        ('"ABC"', "ABC"),
        ("[]", ""),
    ],
)
def test_codes_lose_their_zeros_and_keep_their_words(code: str, read: str) -> None:
    (fault,) = parse(f'{{"Fault":{{"Error":[{{"code":{code}}}]}}}}'.encode()).faults
    assert fault.code == read


def test_a_code_that_stands_in_the_message_only_is_found_there() -> None:
    (fault,) = parse(b'{"fault":{"error":[{"message":"x; errorCode=003100; statusCode=403"}]}}').faults
    assert fault.code == "3100"


def test_several_errors_and_an_error_that_is_no_list() -> None:
    body = b'{"Fault":{"Error":[{"code":"2020"},{"code":"2050"},"odd"]}}'
    assert [fault.code for fault in parse(body).faults] == ["2020", "2050"]
    assert [fault.code for fault in parse(b'{"Fault":{"Error":{"code":"2020"}}}').faults] == ["2020"]


def test_a_fault_inside_a_list_is_found_and_an_entitys_field_is_not() -> None:
    assert [fault.code for fault in faults_of({"CDCResponse": [{"Fault": {"Error": [{"code": "4002"}]}}]})] == ["4002"]
    assert faults_of({"QueryResponse": {"Customer": [{"DisplayName": "Fault", "Fault": "x"}]}}) == []


def test_html_gives_its_title_and_an_empty_body_nothing() -> None:
    body = b"<!DOCTYPE HTML><html><head><title>413 Request Entity Too Large</title></head><body>x</body></html>"
    assert (parse(body).faults, parse(body).text) == ((), "413 Request Entity Too Large")
    assert parse(b"").text == parse(b" \n").text == ""
    assert parse(b"upstream connect\nerror").text == "upstream connect error"


def test_xml_that_declares_a_document_type_is_not_expanded() -> None:
    bomb = (
        b'<!DOCTYPE x [<!ENTITY a "'
        + b"A" * 1000
        + b'">'
        + b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%s;" % (str(n - 1).encode() if n else b"") * 50) for n in range(6))
        + b']><IntuitResponse><Fault><Error code="3001"><Message>&a5;</Message></Error></Fault></IntuitResponse>'
    )
    started = time.process_time()
    assert parse(bomb).faults == ()
    assert time.process_time() - started < 1  # unexpanded it takes microseconds; expanded, 15 TB


def test_a_body_of_megabytes_is_not_parsed() -> None:
    assert parse(b'{"Fault":{"Error":[{"code":"3001"}]},"x":"' + b"a" * 300_000 + b'"}').faults == ()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Token expired: AB01EXAMPLE", "Token expired: ***"),
        ("Malformed bearer token: too short or too long", "Malformed bearer token: *** short or too long"),
        ("got eyJlbmMiOiJBMTI4.abc-DEF_123 instead", "got *** instead"),
        ("value AB11587654321098765432109876 was", "value *** was"),
        ("Object Not Found", "Object Not Found"),
        ('{"Id":"1","SyncToken":"0","Line":[]}', '{"Id":"1","SyncToken":"0","Line":[]}'),
        ('{"access_token":"opaque","expires_in":3600}', '{"access_token":"***","expires_in":3600}'),
        (r'{"Detail":"{\"refresh_token\": \"opaque\"}"}', r'{"Detail":"{\"refresh_token\": \"***\"}"}'),
        ('"TempDownloadUri":"https://s3/x?sig=1","Size":3', '"TempDownloadUri":"***","Size":3'),
        ('{"Detail":"Token expired: opaque"}', '{"Detail":"Token expired: ***"}'),
        ("nul \x00 and \ud800", "nul  and ?"),
    ],
)
def test_law_7_nothing_that_looks_like_a_token_gets_through(text: str, kept: str) -> None:
    assert redacted(text) == kept


PIECES = (
    *("token", "ToKen", "to\u212aen", ": ", '"', "\\", "eyJqcdefghijkl", "EYJ", "AB11", "ab01EXAMPLEEXAMPLEEXAMPLE"),
    *("x", " ", "\n", "\u00e9", '"client_secret":"s"', '"id_token" : "s', '"ThumbnailTempDownloadUri":"u"'),
)
"""Of what is secret, and of what only looks so."""


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_law_7_looking_for_what_tells_a_secret_first_lets_none_through(text: str) -> None:
    assert redacted(text) == _SECRETS.sub(lambda found: f"{found[1] or found[2] or ''}***", text)


def test_law_7_a_token_quoted_by_a_fault_is_gone_from_all_its_fields() -> None:
    secret = "eyJhbGciOiJkaXIiLCJlbmMi.SECRET"
    error = {"message": secret, "detail": f"Token expired: {secret}", "element": secret, "code": secret}
    found = parse(json.dumps({"fault": {"error": [error]}}).encode())
    assert len(found.faults) == 1
    assert "SECRET" not in repr(found)
    assert "SECRET" not in repr(parse(f"bad token: {secret}".encode()))


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"retry-after": "30"}, 30.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "99999999"}, 86_400.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "²"}, None),
        ({"retry-after": "Tue, 29 Sep 2020 13:53:56 GMT", "date": "Tue, 29 Sep 2020 13:52:56 GMT"}, 60.0),
        ({"retry-after": "Tue, 29 Sep 2020 13:51:56 GMT", "date": "Tue, 29 Sep 2020 13:52:56 GMT"}, 0.0),
        ({"retry-after": "Tue, 29 Sep 2020 13:53:56 GMT"}, None),
        ({"retry-after": "Tue, 29 Sep 2020 13:53:56 GMT", "date": "Tue, 29 Sep 2020 13:52:56"}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_against_the_servers_own_clock(
    headers: dict[str, str], wait_s: float | None
) -> None:
    assert retry_after_s(headers) == wait_s


def test_a_null_fault_is_none() -> None:
    assert holds_fault({"Fault": b"{}"})
    assert holds_fault({"fault": b'{"error":[]}'})
    assert not holds_fault({"fault": b"null", "queryResponse": b"{}"})


_TREES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.sampled_from(["Fault", "error", "code", "x"]), children),
    max_leaves=20,
)


@given(st.binary() | st.text().map(lambda text: ("{" + text).encode("utf-8", "replace")))
def test_any_bytes_are_an_envelope(body: bytes) -> None:
    parse(body)
    parse(b'{"Fault":{"Error":[{"Message":"' + body + b'"}]}}')
    parse(b"<IntuitResponse><Fault><Error>" + body)


@given(_TREES)
def test_any_tree_has_faults_or_none(tree: object) -> None:
    faults_of(tree)


def test_json_nested_without_end_is_no_envelope() -> None:
    assert parse(b"[" * 100_000).faults == ()
    assert parse(b"<a>" * 80_000).faults == ()


@given(st.dictionaries(st.sampled_from(["retry-after", "date"]), st.text() | st.integers().map(str)))
def test_any_headers_give_a_wait_within_a_day_or_none(headers: dict[str, str]) -> None:
    wait_s = retry_after_s(headers)
    assert wait_s is None or 0 <= wait_s <= 86_400
