"""Answers instead of the service's own: status, form, and whether it acted."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from backfill.errors import UsageError
from backfill.simulator.documented import DOCUMENTED
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.refusals import ApiFault, BareText, ErrorPage, GatewayTimeout, NoBody, TooManyRequests

REALM = "9130357000000001"


def fault(body: bytes) -> dict[str, Any]:
    (error,) = json.loads(body)["Fault"]["Error"]
    return error


REFUSALS = [
    (ApiFault(code="5010"), 400, "json"),
    (ApiFault(code="6000", status=200), 200, "json"),
    (ApiFault(code="3200"), 401, "gateway"),
    (ApiFault(code="3100"), 403, "gateway"),
    (ApiFault(code="6002"), 504, "xml"),
    (ApiFault(code="150", form="xml"), 503, "xml"),
    (ApiFault(code="10000", status=500, form="gateway"), 500, "gateway"),
    (GatewayTimeout(hold_s=0), 504, "xml"),
    (TooManyRequests(), 429, "xml"),
    (TooManyRequests(form="json_lower"), 429, "gateway"),
    (TooManyRequests(form="json_upper"), 429, "json"),
    (TooManyRequests(form="http_403_legacy"), 403, "xml"),
    (TooManyRequests(form="no_body"), 429, "empty"),
    (ErrorPage(status=502), 502, "html"),
    (ErrorPage(status=200), 200, "html"),
    (BareText(), 200, "text"),
    (NoBody(), 200, "empty"),
    (NoBody(status=503), 503, "empty"),
]


def form_of(body: bytes) -> str:
    if not body:
        return "empty"
    if body.startswith(b"<?xml"):
        assert ET.fromstring(body)[0][0].get("code")
        return "xml"
    if body.startswith(b"<!DOCTYPE HTML"):
        return "html"
    if not body.startswith(b"{"):
        return "text"
    return "gateway" if "fault" in json.loads(body) else "json"


@pytest.mark.parametrize(("mishap", "status", "form"), REFUSALS)
@pytest.mark.parametrize("after_commit", [False, True])
async def test_an_answer_instead_of_the_services_own(client_of, mishap, status: int, form: str, after_commit) -> None:
    settings = {name: getattr(mishap, name) for name in type(mishap).__dataclass_fields__}
    client = client_of(Injection(type(mishap)(**(settings | {"after_commit": after_commit}))))
    response = await client.create()
    assert (response.status, form_of(response.body)) == (status, form)
    assert response.intuit_tid
    assert client.names == (["New"] if after_commit else [])


@pytest.mark.parametrize("code", DOCUMENTED)
async def test_every_documented_code_can_be_told_to_happen(client_of, code: str) -> None:
    response = await client_of(Injection(ApiFault(code=code, form="json"))).query()
    assert (response.status, fault(response.body)["code"]) == (DOCUMENTED[code].status, code)
    assert fault(response.body)["Message"]


async def test_a_fault_may_have_words_of_its_own(client_of) -> None:
    words = {"message": "M", "detail": "The account period has closed. {1}", "type": "SystemFault"}
    body = (await client_of(Injection(ApiFault(code="5010", **words))).query()).body
    assert json.loads(body)["Fault"]["type"] == "SystemFault"
    assert (fault(body)["Message"], fault(body)["Detail"]) == (words["message"], words["detail"])
    assert fault((await client_of(Injection(ApiFault(code="9", message="x"))).query()).body)["code"] == "9"
    with pytest.raises(UsageError, match="its code is a documented one"):
        ApiFault(code="9")


@pytest.mark.parametrize("scale", [1.0, 60.0])
async def test_a_429_may_say_how_long_to_wait(client_of, clock, scale: float) -> None:
    for form in ("seconds", "date"):
        client = client_of(Injection(TooManyRequests(retry_after=form, wait_s=120)), limits_scale=scale)
        header = (await client.query()).headers["retry-after"]
        seconds = int(header) if form == "seconds" else (parsedate_to_datetime(header) - clock.at).total_seconds()
        assert seconds == 120 / scale
        summed = client.simulator.log.summary()[REALM]
        assert (summed.throttled, summed.refused_by) == (1, {})


async def test_a_401_has_its_challenge(client_of) -> None:
    response = await client_of(Injection(ApiFault(code="3200"))).query()
    assert response.headers["www-authenticate"] == 'Bearer realm="Intuit", error="invalid_token"'
