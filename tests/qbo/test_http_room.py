"""Law 6 at the HTTP edge: an answer that there is no room for waits in its connection."""

from __future__ import annotations

import gc
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import anyio
import pytest
from msgspec import structs

from backfill.errors import UnansweredError
from backfill.wire import HEAD_BYTES
from tests.qbo.http_server import ANSWER_S, ASKED, ok, self_signed, serving


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
