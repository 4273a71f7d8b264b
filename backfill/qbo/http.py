"""The way out: aiohttp's client, and nothing else of the package knows it. Sends once; decides nothing.

Proxies of the environment are not used (`trust_env` is off): a bearer token must not take a way that nobody
configured for it. Redirects are not followed, for the same reason.
"""

from __future__ import annotations

import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

import aiohttp
import anyio
import msgspec
from isal import igzip_lib, isal_zlib
from yarl import URL

from backfill import version
from backfill.errors import Disposition, RequestError, UnansweredError, UnreadableError
from backfill.model import RealmId
from backfill.qbo.fault_errors import asked_of
from backfill.qbo.head_first import HeadFirstSocket
from backfill.qbo.urls import REVOKE_URL, checked_url, encoded, url_of
from backfill.wire import Request, Response

MAX_BODY_BYTES = 64 * 1024 * 1024
"""Thirty times a page of 1000 invoices; a batch of 1000 of the largest objects is far below."""

_TOKEN_BODY_BYTES_MAX = 1024 * 1024
"""A pair of tokens has some kilobytes."""
_KEEPALIVE_S = 75.0
"""A little longer than the minute that a frozen realm waits, so that its connections are still there."""
_DNS_CACHE_S = 300
"""Five minutes: connections outlive it anyway, and a change of address is still noticed the same hour."""
_READ_BUFFER_BYTES = 2**21
"""As large as a page: measured, it takes a tenth off the cost of one."""
_UNREAD_BYTES = 2**12
"""Of an answer that nobody reads yet; aiohttp takes in twice as much before it tells the connection to wait. With some
kilobytes of headers, and a TLS record that is not whole, those have come before `HEAD_BYTES` have."""
_TLS_BUFFER_BYTES = 2**16
"""What asyncio keeps for each TLS connection as long as it lives. With its own 256 kB a hundred connections held 27 MB
more, and a page of 2 MB cost a fifth less to read (measured); of Intuit's, which are compressed, an eighth of that."""
_CONNECT_S = 15.0
"""For name, TCP and TLS. Intuit's edge answers in a fraction of a second or not at all."""
_GZIP = 31
"""zlib's window bits for gzip: 16 for its header, 15 for the window."""


@dataclass(frozen=True, slots=True)
class Http:
    """All ways out, over one session."""

    api: HttpTransport
    tokens: HttpTokenEndpoint
    revocation: HttpTokenEndpoint


@asynccontextmanager
async def open_http(
    base_url: str, token_url: str, *, revoke_url: str = REVOKE_URL, max_body_bytes: int = MAX_BODY_BYTES
) -> AsyncIterator[Http]:
    """Open the session and close it with the block. Raises `UsageError` for plain http to another machine.

    The pool has no limit of its own: all realms share one host, and how many requests are on the way is
    bounded per realm, by pacing.
    """
    base_url, token_url, revoke_url = map(checked_url, (base_url, token_url, revoke_url))
    SSLProtocol.max_size = _TLS_BUFFER_BYTES  # the one place where it can be said: neither asyncio nor aiohttp asks
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(_note_connected)
    trace.on_connection_reuseconn.append(_note_connected)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=0,
            keepalive_timeout=_KEEPALIVE_S,
            ttl_dns_cache=_DNS_CACHE_S,
            ssl=_tls(),
            socket_factory=HeadFirstSocket,
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        read_bufsize=_UNREAD_BYTES,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S),
        headers={"User-Agent": f"backfill/{version()}", "Accept-Encoding": "gzip"},
        trust_env=False,
        trace_configs=[trace],
    ) as session:
        # aiohttp sends a GET again by itself when a kept connection turns out dead, and has no option against it.
        # A request that no permit was taken for could break the limits.
        session._retry_connection = False  # noqa: SLF001  # no public switch; aiohttp's own test client does the same
        yield Http(
            HttpTransport(session, base_url, max_body_bytes=max_body_bytes),
            HttpTokenEndpoint(session, token_url),
            HttpTokenEndpoint(session, revoke_url, takes_json=True),
        )


class HttpTransport:
    """Requests below `/v3/company/{realm_id}` of one host."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, *, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self._exchange = _Exchange(session, max_body_bytes, too_large=Disposition.SHRINK)
        self._base_url = base_url

    async def send(self, request: Request, *, deadline: float) -> Response:
        """As `Transport.send`. Raises `UnansweredError`, and `UnreadableError`: with SHRINK for a body that is too
        large, with RETRY for one that is not gzip."""
        return await self._exchange.send(
            request.method,
            url_of(self._base_url, request),
            request.headers,
            request.body,
            deadline=deadline,
            realm_id=request.realm_id,
            asked=partial(asked_of, request),
            before_reading=request.before_reading,
        )


_Encoding = tuple[str, Callable[[Mapping[str, str]], bytes]]
_FORM: _Encoding = ("application/x-www-form-urlencoded", lambda fields: encoded(fields.items()).encode())
_JSON: _Encoding = ("application/json", msgspec.json.encode)


class HttpTokenEndpoint:
    """The OAuth token endpoint, or the one beside it that revokes, which takes its fields as JSON."""

    def __init__(self, session: aiohttp.ClientSession, token_url: str, *, takes_json: bool = False) -> None:
        self._exchange = _Exchange(session, _TOKEN_BODY_BYTES_MAX, too_large=Disposition.RETRY)
        self._url = URL(token_url)
        self._kind, self._encoded = _JSON if takes_json else _FORM

    async def post(self, form: Mapping[str, str], headers: Mapping[str, str], *, deadline: float) -> Response:
        """As `TokenEndpoint.post`. Raises `UnansweredError`, which names no realm: the caller knows it."""
        return await self._exchange.send(
            "POST",
            self._url,
            {**headers, "Content-Type": self._kind},
            self._encoded(form),
            deadline=deadline,
            realm_id=RealmId(""),
            asked=lambda: "POST the token endpoint",
        )


class _Exchange:
    """One request and its whole answer, within a deadline and a bound on size."""

    def __init__(self, session: aiohttp.ClientSession, max_body_bytes: int, *, too_large: Disposition) -> None:
        self._session = session
        self._max_body_bytes = max_body_bytes
        self._too_large = too_large
        """What to do about an answer that is larger: can less be asked for?"""

    async def send(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        body: bytes,
        *,
        deadline: float,
        realm_id: RealmId,
        asked: Callable[[], str],
        before_reading: Callable[[int], Awaitable[None] | None] = lambda _status: None,
    ) -> Response:
        attempt = _Attempt()
        failure: RequestError
        try:
            with anyio.CancelScope(deadline=deadline) as scope:
                async with self._session.request(
                    method,
                    url,
                    headers=headers,
                    data=body or None,
                    allow_redirects=False,
                    trace_request_ctx=attempt,
                ) as answer:
                    return _response(answer, await self._body(answer, before_reading, scope))
            failure = _unanswered("timeout", "it took too long", realm_id, asked(), sent=attempt.connected)
        except _BodyError as error:
            what_next = self._too_large if isinstance(error, _TooLargeError) else Disposition.RETRY
            failure = _unreadable(error, realm_id, asked(), what_next)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # `from None` below: aiohttp's errors carry the request's headers, and with them the token.
            sent = attempt.connected or not isinstance(error, _UNSENT)
            failure = _unanswered(_code(error), _words(error), realm_id, asked(), sent=sent)
        raise failure from None

    async def _body(
        self,
        answer: aiohttp.ClientResponse,
        before_reading: Callable[[int], Awaitable[None] | None],
        scope: anyio.CancelScope,
    ) -> bytes:
        try:
            # What has come whole is taken out before any wait: its connection serves another request by then, and to
            # read here would let in that one's answer, which aiohttp holds back by connection.
            raw = await self._read(answer) if answer.content.is_eof() else None
            if (waiting := before_reading(answer.status)) is not None:
                await _untimed(waiting, scope)
            if raw is None:
                answer.content.set_read_chunk_size(_READ_BUFFER_BYTES)
                raw = await self._read(answer)
            return self._decompressed(raw, answer.headers.get("Content-Encoding", ""))
        except (_BodyError, aiohttp.ClientPayloadError):
            if 200 <= answer.status < 300:
                raise
            return b""  # the status says it: a throttle with a broken body is still a throttle

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        if (answer.content_length or 0) > self._max_body_bytes:
            raise _TooLargeError(f"it announces {answer.content_length} bytes")
        chunks: list[bytes] = []
        received = 0
        async for chunk in answer.content.iter_any():
            chunks.append(chunk)
            received += len(chunk)
            if received > self._max_body_bytes:
                raise _TooLargeError(f"it is larger than {self._max_body_bytes} bytes")
        return b"".join(chunks)

    def _decompressed(self, raw: bytes, encoding: str) -> bytes:
        """The body in one piece: measured, a third of the cost of decompressing as it comes."""
        if encoding.lower() in {"", "identity"} or not raw:
            return raw
        if encoding.lower() not in {"gzip", "x-gzip"}:
            raise _BodyError(f"it is encoded as {encoding[:40]!r}, which was not asked for")
        stream = isal_zlib.decompressobj(_GZIP)
        try:
            body: bytes = stream.decompress(raw, self._max_body_bytes + 1)
        except igzip_lib.IsalError as error:  # type: ignore[misc]  # the stub calls the class an instance
            raise _BodyError(f"its gzip is broken: {error}") from error
        if len(body) > self._max_body_bytes:
            raise _TooLargeError(f"it unpacks to more than {self._max_body_bytes} bytes")
        if not stream.eof or stream.unused_data:
            raise _BodyError("its gzip does not end where the body does")
        return body


async def _untimed(waiting: Awaitable[None], scope: anyio.CancelScope) -> None:
    """Wait before an answer is read. That is our time, and not the server's."""
    since, left_until, scope.deadline = anyio.current_time(), scope.deadline, float("inf")
    await waiting
    scope.deadline = left_until + anyio.current_time() - since


@dataclass(slots=True)
class _Attempt:
    """What aiohttp's tracing tells of one request."""

    connected: bool = False
    """There is a connection: from then on bytes may have reached the server."""


class _BodyError(Exception):
    """The answer's body is too large, or not what its headers say."""


class _TooLargeError(_BodyError):
    """The answer's body is larger than we take."""


async def _note_connected(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
    context.trace_request_ctx.connected = True


def _response(answer: aiohttp.ClientResponse, body: bytes) -> Response:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Response(status=answer.status, headers=headers, body=body)


_UNSENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
"""There was no connection: refused, no such host, no TLS."""


_CODES: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "dns"),
    (aiohttp.ClientSSLError, "tls"),
    (aiohttp.ConnectionTimeoutError, "connect_timeout"),
    (aiohttp.ClientConnectorError, "connect"),
    (aiohttp.ServerTimeoutError, "timeout"),
    (aiohttp.ServerDisconnectedError, "disconnected"),
    (aiohttp.ClientPayloadError, "cut"),
    (ConnectionResetError, "reset"),
)
"""The kinds of failure, most specific first, in words of ours."""


def _code(error: Exception) -> str:
    return next((code for kind, code in _CODES if isinstance(error, kind)), "broken")


def _words(error: Exception) -> str:
    """What went wrong, in words that hold no header and no body."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__


def _unanswered(code: str, words: str, realm_id: RealmId, asked: str, *, sent: bool) -> UnansweredError:
    about = f" for realm {realm_id}" if realm_id else ""
    return UnansweredError(
        f"{asked}{about} got no whole answer: {words}.",
        sent=sent,
        realm_id=realm_id,
        asked=asked,
        action="Try again later. If it stays, check the network and Intuit's status page.",
        code=code,
    )


def _unreadable(error: _BodyError, realm_id: RealmId, asked: str, what_next: Disposition) -> UnreadableError:
    about = f" for realm {realm_id}" if realm_id else ""
    again = "Nothing to do: it is asked again. If it stays, check what stands between here and Intuit."
    return UnreadableError(
        f"The answer to {asked}{about} cannot be read: {error}.",
        realm_id=realm_id,
        asked=asked,
        action=again if what_next is Disposition.RETRY else "Nothing to do: less is asked for at a time.",
        disposition=what_next,
        code="unreadable",
    )


def _tls() -> ssl.SSLContext:
    """Verified against the machine's own authorities, and TLS 1.2 or newer, as Intuit demands: some builds of Python
    leave the version to the machine (Debian's does), where it may be older."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])  # as aiohttp's own
    return context
