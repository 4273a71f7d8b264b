"""The shapes of answers, beside what was recorded of them."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from backfill.simulator.envelopes import (
    Answer,
    fault_answer,
    intuit_tid,
    unauthenticated,
    unauthorised,
    with_headers,
    xml_fault,
    xml_page,
)
from backfill.simulator.faults import Fault

AT = datetime(2026, 7, 1, 12, 0, 0, 512_000, tzinfo=UTC)
ODD = Fault("2010", 'a <b> & "c"', "d ]]> 'e'", element='"f"<', type="T&T")


def test_an_application_fault_in_both_forms_says_the_same() -> None:
    body = json.loads(fault_answer(ODD, AT).body)
    assert body == {
        "Fault": {
            "Error": [{"Message": ODD.message, "Detail": ODD.detail, "code": "2010", "element": ODD.element}],
            "type": "T&T",
        },
        "time": "2026-07-01T05:00:00.512-07:00",
    }
    answer = fault_answer(ODD, AT, json=False)
    assert (answer.status, answer.content_type, answer.code) == (400, "application/xml;charset=utf-8", "2010")
    (fault,) = ET.fromstring(answer.body)
    assert (fault.get("type"), fault[0].get("code"), fault[0].get("element")) == ("T&T", "2010", ODD.element)
    assert [child.text for child in fault[0]] == [ODD.message, ODD.detail]
    assert b"element=" not in xml_fault(Fault("1", "m", "d"), AT), "absent, as in the recordings"


@pytest.mark.parametrize(
    ("answer", "status", "kind"), [(unauthenticated, 401, "AUTHENTICATION"), (unauthorised, 403, "SERVICE")]
)
def test_the_gateways_refusals_have_lower_case_keys_and_an_xml_form(answer, status: int, kind: str) -> None:
    found = answer("why", AT)
    body = json.loads(found.body)
    assert found.status == status
    assert (body["fault"]["type"], body["fault"]["error"][0]["detail"]) == (kind, "why")
    assert body["time"] == round(AT.timestamp() * 1000)
    assert list(body) == [
        "warnings", "intuitObject", "fault", "report", "queryResponse", "batchItemResponse", "attachableResponse",
        "syncErrorResponse", "requestId", "time", "status", "cdcresponse",
    ]  # fmt: skip
    other = answer("why", AT, json=False)
    assert other.headers == found.headers
    (fault,) = ET.fromstring(other.body)
    assert (fault.get("type"), fault[0][1].text) == (kind, "why")


def test_the_challenge_is_the_recorded_one() -> None:
    assert unauthenticated("x", AT).headers == {"www-authenticate": 'Bearer realm="Intuit", error="invalid_token"'}


def test_only_good_answers_have_the_applications_headers() -> None:
    good = with_headers(Answer(200, b"{}", rows=5), tid="t", span="s").headers
    assert (good["service-time"], good["qbo-version"], good["expires"]) == ("total=29, db=15", "1944.190", "0")
    refused = with_headers(unauthenticated("x", AT), tid="t", span="s").headers
    assert {"qbo-version", "x-spanid", "strict-transport-security"}.isdisjoint(refused)
    assert refused["intuit_tid"] == "t"
    page = with_headers(xml_page(403, "A", "b"), tid="t", span="s")
    assert (page.headers["content-type"], page.headers["x-amzn-trace-id"]) == ("application/xml", "Root=t")


def test_no_two_exchanges_have_the_same_id() -> None:
    rng = random.Random(1)
    assert len({intuit_tid(rng, AT) for _ in range(1000)}) == 1000
