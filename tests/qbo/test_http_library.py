"""The HTTP edge against a mock of the library: what it is asked, and what becomes of its errors."""

from __future__ import annotations

import aiohttp
import anyio
import pytest
from aioresponses import aioresponses
from yarl import URL

from backfill.errors import UnansweredError, UsageError
from backfill.model import RealmId
from backfill.qbo import calls
from backfill.qbo.http import open_http
from backfill.qbo.urls import API_URLS, TOKEN_URL, url_of
from backfill.wire import Request, Response

REALM = RealmId("4620816365")
BASE = API_URLS["production"]
ASKED = calls.query(REALM, "SELECT * FROM Customer WHERE DisplayName = 'A+B & 50%'")


async def sent_to_mock(
    mocked: aioresponses, request: Request = ASKED, *, max_body_bytes: int = 10_000, **answer: object
) -> Response:
    url = url_of(BASE, request)
    mocked.add(url, request.method, **answer)
    async with open_http(BASE, TOKEN_URL, max_body_bytes=max_body_bytes) as http:
        return await http.api.send(request, deadline=anyio.current_time() + 5)


async def test_an_answer_comes_whole_with_lower_case_headers(mocked: aioresponses) -> None:
    response = await sent_to_mock(mocked, status=400, body=b'{"Fault":1}', headers={"Intuit-Tid": "1-5f"})
    assert (response.status, response.body, response.intuit_tid) == (400, b'{"Fault":1}', "1-5f")


async def test_the_url_reaches_the_library_encoded_and_stays_so(mocked: aioresponses) -> None:
    await sent_to_mock(mocked, body=b"{}")
    ((_method, url),) = mocked.requests
    assert isinstance(url, URL)
    assert "A%2BB%20%26%2050%25" in str(url_of(BASE, ASKED))


async def test_redirects_are_not_followed(mocked: aioresponses) -> None:
    response = await sent_to_mock(mocked, status=302, headers={"Location": "https://evil.example.com"})
    assert response.status == 302
    assert len(mocked.requests) == 1


@pytest.mark.parametrize(
    ("error", "sent", "code"),
    [
        (aiohttp.ServerDisconnectedError(), True, "disconnected"),
        (aiohttp.ClientPayloadError("cut"), True, "cut"),
        (aiohttp.ClientOSError(104, "Connection reset by peer"), True, "broken"),
        (ConnectionResetError(104, "Connection reset by peer"), True, "reset"),
        (aiohttp.ClientConnectorError(None, OSError(111, "Connection refused")), False, "connect"),
        (aiohttp.ConnectionTimeoutError(), False, "connect_timeout"),
        (aiohttp.ServerTimeoutError(), True, "timeout"),
    ],
)
async def test_what_the_library_raises_becomes_an_error_of_ours(
    mocked: aioresponses, error: Exception, sent: bool, code: str
) -> None:
    with pytest.raises(UnansweredError, match=f"realm {REALM}") as caught:
        await sent_to_mock(mocked, exception=error)
    assert (caught.value.sent, caught.value.code, caught.value.realm_id) == (sent, code, REALM)
    assert caught.value.asked.startswith("GET /query SELECT * FROM Customer")
    assert caught.value.__cause__ is None
    assert len(mocked.requests) == 1


async def test_plain_http_to_another_machine_is_refused_before_anything_is_opened() -> None:
    for base_url, token_url in (("http://example.com", TOKEN_URL), (BASE, "http://example.com")):
        with pytest.raises(UsageError):
            async with open_http(base_url, token_url):
                pass
