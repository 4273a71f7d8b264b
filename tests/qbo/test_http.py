"""The HTTP edge against a server on loopback: what travels, and what can go wrong on the way."""

from __future__ import annotations

import asyncio
import gc
import gzip
import ssl
import zlib
from asyncio.sslproto import SSLProtocol
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import aiohttp
import anyio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from msgspec import structs

from backfill.errors import RequestError, UnansweredError, UnreadableError
from backfill.model import RealmId
from backfill.qbo import calls
from backfill.qbo.http import Http, _tls, open_http
from backfill.wire import HEAD_BYTES, Request

REALM = RealmId("4620816365")
ASKED = calls.query(REALM, "SELECT * FROM Customer WHERE DisplayName = 'A+B & 50%'")
WRITTEN = Request(realm_id=REALM, lane=calls.Lane.WRITE, method="POST", path="/customer", body=b'{"DisplayName":"x"}')


ANSWER_S = 60
"""A server on loopback answers in milliseconds; so long is waited only where a test fails, or the machine stalls."""

Step = bytes | float | int | None
"""What a server does next: sends bytes, waits seconds (a float), waits until it is busy with so many requests (an int),
or (None) cuts the connection hard."""


class Server:
    """A server on loopback that answers request by request as it is told; it parses no more than it must."""

    def __init__(self, answers: Sequence[Sequence[Step]]) -> None:
        self._answers = list(answers)
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.busy = self.busy_max = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                self.bodies.append(await reader.readexactly(_length(head)))
                self.busy += 1
                self.busy_max = max(self.busy, self.busy_max)
                for step in self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]:
                    if step is None:
                        writer.transport.abort()
                    elif isinstance(step, float):
                        await asyncio.wait_for(reader.read(), step) if step > 60 else await anyio.sleep(step)
                    elif isinstance(step, int):
                        while self.busy_max < step:  # noqa: ASYNC110  # a server that only tests look into
                            await anyio.sleep(0.01)
                    else:
                        writer.write(step)
                        await writer.drain()
                self.busy -= 1
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            pass
        finally:
            writer.close()


def _length(head: bytes) -> int:
    lines = (line.split(b":") for line in head.lower().split(b"\r\n") if b":" in line)
    return next((int(parts[1]) for parts in lines if parts[0] == b"content-length"), 0)


def ok(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def serving(
    *answers: Sequence[Step], max_body_bytes: int = 1_000_000, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Server, Http]]:
    server = Server(answers)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls, backlog=1000)
    server.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        async with open_http(server.url, f"{server.url}/token", max_body_bytes=max_body_bytes) as http:
            yield server, http
    finally:
        listening.close()
        await listening.wait_closed()


async def fails(http: Http, *, within_s: float = ANSWER_S, request: Request = ASKED) -> RequestError:
    with pytest.raises(RequestError) as caught:
        await http.api.send(request, deadline=anyio.current_time() + within_s)
    assert caught.value.realm_id == REALM
    return caught.value


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
                assert isinstance(await fails(http), UnreadableError)


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


def self_signed(folder: Path) -> ssl.SSLContext:
    """The TLS of a server that says it is 127.0.0.1 and that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


async def test_law_7_a_server_that_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    async with serving([ok(b"{}")], tls=self_signed(tmp_path)) as (server, http):
        error = await fails(http)
    assert isinstance(error, UnansweredError)
    assert (error.sent, error.code, server.heads) == (False, "tls", [])


def test_tls_is_verified_and_not_older_than_1_2() -> None:
    context = _tls()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def readers() -> list[aiohttp.StreamReader]:
    return [found for found in gc.get_objects() if isinstance(found, aiohttp.StreamReader)]


@pytest.mark.parametrize("over_tls", [False, True])
async def test_law_6_an_answer_that_there_is_no_room_for_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, over_tls: bool
) -> None:
    """It waits in the connection, for longer than the deadline: that is our time, and not the server's."""
    body = b"x" * 8_000_000
    taken_in: list[int] = []

    async def no_room_yet() -> None:
        await anyio.sleep(1.0)
        taken_in.append(sum(reader.total_bytes for reader in readers() if reader not in others))
        buffers.extend(len(it._ssl_buffer) for it in gc.get_objects() if isinstance(it, SSLProtocol))

    buffers: list[int] = []
    tls = self_signed(tmp_path) if over_tls else None
    monkeypatch.setattr("backfill.qbo.http._tls", unverified)
    others = readers()  # of tests before this one
    async with serving([ok(body)], max_body_bytes=len(body), tls=tls) as (server, http):
        request = structs.replace(ASKED, coming=no_room_yet)
        with anyio.fail_after(ANSWER_S):
            response = await http.api.send(request, deadline=anyio.current_time() + 0.9)
    assert response.body == body
    assert len(server.heads) == 1
    assert 0 < taken_in[0] <= HEAD_BYTES // 2, "what comes by itself, and no more"
    assert buffers or not over_tls
    assert max(buffers, default=0) <= 2 * HEAD_BYTES, "what a connection keeps for as long as it lives"


def unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def test_law_6_a_small_answer_that_waits_lets_in_no_other() -> None:
    """It came whole, so its connection serves the next request meanwhile, and aiohttp holds back by connection."""
    body = b"x" * 8_000_000
    room = anyio.Event()
    taken_in: list[int] = []

    async def asked(coming: Callable[[], Awaitable[None]]) -> None:
        response = await http.api.send(structs.replace(ASKED, coming=coming), deadline=anyio.current_time() + ANSWER_S)
        assert response.body in {b"{}", body}

    async def no_room_yet() -> None:
        await anyio.sleep(0.2)
        room.set()
        await anyio.sleep(0.5)
        taken_in.append(sum(reader.total_bytes for reader in readers() if reader not in others))

    others = readers()
    async with (
        serving([ok(b"{}")], [ok(body)], max_body_bytes=len(body)) as (server, http),
        anyio.create_task_group() as group,
    ):
        group.start_soon(asked, room.wait)
        await anyio.sleep(0.2)
        await asked(no_room_yet)
    assert server.connections == 1
    assert 0 < taken_in[0] <= HEAD_BYTES // 2, "what comes by itself, and no more"


async def test_what_the_server_takes_after_the_wait_counts() -> None:
    async def no_room_yet() -> None:
        await anyio.sleep(0.5)

    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
    async with serving([head, 600.0]) as (_, http):
        started_at = anyio.current_time()
        request = structs.replace(ASKED, coming=no_room_yet)
        with pytest.raises(UnansweredError):
            await http.api.send(request, deadline=started_at + 1.0)
        assert 1.5 <= anyio.current_time() - started_at < ANSWER_S


async def test_a_refusal_is_read_without_room() -> None:
    waited: list[bool] = []
    refused = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n\r\n{}"
    async with serving([refused]) as (_, http):
        request = structs.replace(ASKED, coming=lambda: waited.append(True))
        response = await http.api.send(request, deadline=anyio.current_time() + ANSWER_S)
    assert (response.status, response.body, waited) == (429, b"{}", [])
