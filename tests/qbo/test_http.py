"""The HTTP edge against a server on loopback: what travels, and what can go wrong on the way."""

from __future__ import annotations

import gzip
import ssl
import warnings
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import anyio
import pytest

from backfill.errors import Disposition, UnansweredError, UnreadableError
from backfill.qbo import calls
from backfill.qbo.http import open_http
from backfill.wire import Request
from tests.qbo.http_server import ANSWER_S, ASKED, REALM, WRITTEN, Step, fails, ok, self_signed, serving


async def test_what_travels_is_encoded_unzipped_named_and_without_cookies() -> None:
    page = b'{"QueryResponse":{}}' * 1000
    zipped = gzip.compress(page)
    answer = ok(zipped, "Content-Encoding: gzip", "Set-Cookie: a=b", "intuit_tid: 1-5f")
    async with serving([answer]) as (server, http):
        for _ in range(3):
            response = await http.api.send(ASKED, deadline=anyio.current_time() + ANSWER_S)
            assert (response.status, response.body, response.intuit_tid) == (200, page, "1-5f")
    first, *_, last = (head.decode() for head in server.heads)
    line, *lines = first.split("\r\n")
    assert line == (
        f"GET /v3/company/{REALM}/query?query=SELECT%20%2A%20FROM%20Customer%20WHERE%20DisplayName%20%3D%20"
        "%27A%2BB%20%26%2050%25%27&minorversion=75 HTTP/1.1"
    )
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert headers["accept-encoding"] == "gzip"
    assert headers["accept"] == "application/json"
    assert headers["user-agent"].startswith("backfill/")
    assert "cookie" not in last.lower()
    assert server.connections == 1


async def test_a_body_is_sent_as_it_is() -> None:
    async with serving([ok(b"{}")]) as (server, http):
        await http.api.send(WRITTEN, deadline=anyio.current_time() + ANSWER_S)
    assert server.bodies == [b'{"DisplayName":"x"}']


async def test_the_pool_of_connections_has_no_limit_of_its_own() -> None:
    many = 120  # the library's own limit would be 100, for all realms together
    async with serving([many, ok(b"{}")]) as (server, http):
        async with anyio.create_task_group() as group:
            for _ in range(many):
                group.start_soon(partial(http.api.send, ASKED, deadline=anyio.current_time() + ANSWER_S))
        assert (server.busy_max, server.connections) == (many, many)


async def test_a_gzip_bomb_is_unpacked_no_further_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked: list[int] = []

    class Spy:
        def __init__(self, window_bits: int) -> None:
            self._stream = zlib.decompressobj(window_bits)

        def decompress(self, raw: bytes, *length_max: int) -> bytes:
            body = self._stream.decompress(raw, *length_max)
            unpacked.append(len(body))
            return body

    monkeypatch.setattr("backfill.qbo.http.isal_zlib.decompressobj", Spy)
    bomb = gzip.compress(b"0" * 50_000_000)
    async with serving([ok(bomb, "Content-Encoding: gzip")], max_body_bytes=1_000_000) as (_server, http):
        error = await fails(http)
    assert unpacked == [1_000_001]
    assert isinstance(error, UnreadableError)
    assert "unpacks to more than 1000000 bytes" in error.message


@pytest.mark.parametrize("body_bytes", [100_000, 100_001])
async def test_the_bound_is_exact(body_bytes: int) -> None:
    answers = [[ok(b"0" * body_bytes)], [ok(gzip.compress(b"0" * body_bytes), "Content-Encoding: gzip")]]
    async with serving(*answers, max_body_bytes=100_000) as (_server, http):
        for _ in range(2):
            if body_bytes <= 100_000:
                response = await http.api.send(ASKED, deadline=anyio.current_time() + ANSWER_S)
                assert len(response.body) == body_bytes
            else:
                error = await fails(http)
                assert isinstance(error, UnreadableError)
                assert error.disposition is Disposition.SHRINK, "it would be as large again"


async def test_a_body_without_end_is_read_no_further_than_the_bound() -> None:
    endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"10000\r\n" + b"0" * 65536 + b"\r\n"
    more = b"10000\r\n" + b"0" * 65536 + b"\r\n"
    async with serving([endless, *[more] * 1000, 999.0], max_body_bytes=1_000_000) as (_server, http):
        error = await fails(http)
    assert isinstance(error, UnreadableError)
    assert "larger than 1000000 bytes" in error.message


ZIPPED = gzip.compress(b'{"QueryResponse":{}}' * 100)


@pytest.mark.parametrize(
    "answer",
    [
        ok(ZIPPED[:-9], "Content-Encoding: gzip"),
        ok(ZIPPED + b"more", "Content-Encoding: gzip"),
        ok(b"not gzip at all", "Content-Encoding: gzip"),
        ok(ZIPPED[:30] + b"\x00" + ZIPPED[31:], "Content-Encoding: gzip"),
        ok(zlib.compress(b"{}"), "Content-Encoding: deflate"),
        ok(b"{}", "Content-Encoding: br"),
    ],
)
async def test_a_body_that_is_not_the_gzip_it_claims_to_be_is_unreadable(answer: bytes) -> None:
    async with serving([answer]) as (_server, http):
        error = await fails(http)
    assert isinstance(error, UnreadableError)
    assert error.__cause__ is None


@pytest.mark.parametrize("encoding", ["Content-Encoding: br", "Content-Encoding: gzip"])
async def test_a_throttle_with_a_broken_body_is_still_a_throttle(encoding: str) -> None:
    answer = ok(b"broken", encoding, "Retry-After: 7", status="429 Too Many Requests")
    async with serving([answer]) as (_server, http):
        response = await http.api.send(ASKED, deadline=anyio.current_time() + ANSWER_S)
    assert (response.status, response.body, response.headers["retry-after"]) == (429, b"", "7")


@pytest.mark.parametrize(
    "steps",
    [
        [None],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", None],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{....\r\n", None],
        [b"HTTP/1.1 20"],
        [b"\x00\x01\x02 what is this\r\n\r\n"],
    ],
)
async def test_an_answer_that_is_cut_or_garbled_may_have_been_acted_on(steps: Sequence[Step]) -> None:
    async with serving([*steps, None]) as (server, http):
        error = await fails(http, request=WRITTEN)
    assert isinstance(error, UnansweredError)
    assert error.sent
    assert len(server.heads) == 1


async def test_law_1_a_get_is_not_sent_again_by_the_library_when_a_kept_connection_dies() -> None:
    async with serving([ok(b"{}")], [None]) as (server, http):
        await http.api.send(ASKED, deadline=anyio.current_time() + ANSWER_S)
        error = await fails(http)
    assert isinstance(error, UnansweredError)
    assert error.sent
    assert len(server.heads) == 2


async def test_a_slow_drip_ends_at_the_deadline() -> None:
    drip: list[Step] = [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"]
    for _ in range(10_000):
        drip += [b"{", 0.05]  # 500 s in all
    async with serving(drip) as (_server, http):
        started = anyio.current_time()
        error = await fails(http, within_s=0.3)
        assert anyio.current_time() - started < ANSWER_S
    assert isinstance(error, UnansweredError)
    assert (error.sent, error.code) == (True, "timeout")


async def test_a_deadline_that_has_passed_sends_nothing() -> None:
    async with serving([ok(b"{}")]) as (server, http):
        error = await fails(http, within_s=-1)
        await anyio.sleep(0.05)
    assert isinstance(error, UnansweredError)
    assert (error.sent, error.code, server.heads) == (False, "timeout", [])


async def test_a_refused_connection_has_sent_nothing() -> None:
    async with serving([ok(b"{}")]) as (server, _http):
        url = server.url
    async with open_http(url, f"{url}/token") as http:
        error = await fails(http)
    assert isinstance(error, UnansweredError)
    assert (error.sent, error.code) == (False, "connect")


async def test_a_caller_that_gives_up_leaves_the_session_usable() -> None:
    async with serving([999.0], [ok(b"{}")]) as (_server, http):
        with anyio.move_on_after(0.1) as scope:
            await http.api.send(ASKED, deadline=anyio.current_time() + ANSWER_S)
        assert scope.cancelled_caught
        assert (await http.api.send(ASKED, deadline=anyio.current_time() + ANSWER_S)).status == 200


async def test_a_proxy_of_the_environment_gets_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving([ok(b"{}")]) as (proxy, _http), serving([ok(b"{}")]) as (server, http):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        await http.api.send(ASKED, deadline=anyio.current_time() + ANSWER_S)
    assert (len(server.heads), proxy.heads) == (1, [])


async def test_law_7_a_failure_shows_no_header() -> None:
    request = Request(
        realm_id=REALM, lane=calls.Lane.QUERY, method="GET", path="/query", headers={"Authorization": "Bearer SECRET"}
    )
    async with serving([b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n", None]) as (_server, http):
        error = await fails(http, request=request)
    assert (error.__cause__, error.__suppress_context__) == (None, True)  # so a traceback shows no more than this
    assert "SECRET" not in f"{error!r} {vars(error)}"


async def test_the_token_endpoint_gets_a_form() -> None:
    async with serving([ok(b'{"error":"invalid_grant"}', status="400 Bad Request")]) as (server, http):
        response = await http.tokens.post(
            {"grant_type": "refresh_token", "refresh_token": "AB+/="},
            {"Authorization": "Basic eA=="},
            deadline=anyio.current_time() + ANSWER_S,
        )
    assert (response.status, response.body) == (400, b'{"error":"invalid_grant"}')
    assert server.heads[0].startswith(b"POST /token HTTP/1.1\r\n")
    assert b"Content-Type: application/x-www-form-urlencoded\r\n" in server.heads[0]
    assert b"Authorization: Basic eA==\r\n" in server.heads[0]
    assert server.bodies == [b"grant_type=refresh_token&refresh_token=AB%2B%2F%3D"]


async def test_the_token_endpoint_may_not_answer() -> None:
    async with serving([None]) as (_server, http):
        with pytest.raises(UnansweredError, match="the token endpoint got no whole answer"):
            await http.tokens.post({}, {}, deadline=anyio.current_time() + ANSWER_S)


async def test_law_7_a_server_that_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    async with serving([ok(b"{}")], tls=self_signed(tmp_path)) as (server, http):
        error = await fails(http)
    assert isinstance(error, UnansweredError)
    assert (error.sent, error.code, server.heads) == (False, "tls", [])


async def test_law_7_tls_older_than_1_2_is_not_spoken(tmp_path: Path) -> None:
    tls = self_signed(tmp_path)
    tls.set_ciphers("ALL:@SECLEVEL=0")  # or the server itself would speak none of it
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        tls.minimum_version, tls.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    async with serving([ok(b"{}")], tls=tls) as (server, http):
        error = await fails(http)
    assert isinstance(error, UnansweredError)
    assert (error.sent, server.heads) == (False, [])
    assert "certificate" not in str(error).lower(), "it did not come so far as to look at one"
