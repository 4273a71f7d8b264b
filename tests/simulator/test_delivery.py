"""Slow and broken answers over HTTP: what a socket sees of them."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager

import aiohttp
import anyio
import pytest

from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.network import CutReply, Delay, LostReply, LostRequest, SlowReply
from backfill.simulator.injection.refusals import BareText, ErrorPage, NoBody
from backfill.simulator.server import serve

REALM = "9130357000000001"


class Socket:
    """A connection of our own, on which every byte and the end can be seen."""

    def __init__(self, simulator, port: int) -> None:
        self._simulator = simulator
        self._port = port

    async def get(self, path: str = f"/v3/company/{REALM}/preferences") -> tuple[bytes, str]:
        """All that came, and how it ended: "end", "reset"."""
        token = self._simulator.credentials(REALM).access_token
        async with await anyio.connect_tcp("127.0.0.1", self._port) as stream:
            lines = [
                f"GET {path} HTTP/1.1", "Host: x", "Accept: application/json", f"Authorization: Bearer {token}",
                "Accept-Encoding: gzip", "Connection: close",
            ]  # fmt: skip
            await stream.send("\r\n".join([*lines, "", ""]).encode())
            came = b""
            while True:
                try:
                    came += await stream.receive()
                except anyio.EndOfStream:
                    return came, "end"
                except anyio.BrokenResourceError:
                    return came, "reset"


@asynccontextmanager
async def served(simulator, *injections: Injection):
    for injection in injections:
        simulator.injections.add(injection)
    async with serve(simulator) as port:
        yield Socket(simulator, port)


def parts(came: bytes) -> tuple[bytes, bytes]:
    head, _, body = came.partition(b"\r\n\r\n")
    return head, body


@pytest.mark.parametrize(
    ("mishap", "logged"), [(LostRequest(), 0), (LostReply(), 1), (LostReply(after_commit=False), 1)]
)
async def test_a_connection_is_reset_before_a_byte_came(simulator_of, mishap, logged: int) -> None:
    simulator = simulator_of()
    async with served(simulator, Injection(mishap)) as client:
        assert await client.get() == (b"", "reset")
    assert len(simulator.log.entries()) == logged


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
async def test_a_connection_is_reset_within_the_body(simulator_of, share: float) -> None:
    simulator = simulator_of()
    async with served(simulator) as client:
        whole = parts((await client.get())[0])[1]
        simulator.injections.add(Injection(CutReply(share=share)))
        came, end = await client.get()
    head, body = parts(came)
    assert end == "reset"
    assert f"Content-Length: {len(whole)}".encode() in head
    assert len(body) == int(len(whole) * share)


async def test_a_large_body_is_cut_where_it_was_asked_for(simulator_of) -> None:
    """What is written and has not left yet is not dropped by the reset."""
    simulator = simulator_of()
    text = BareText(text="x" * 1_000_000)
    async with served(simulator, Injection(CutReply(share=0.999)), Injection(text)) as client:
        came, end = await client.get()
    assert (len(parts(came)[1]), end) == (999_000, "reset")


async def test_a_slow_body_comes_in_pieces_and_is_whole(simulator_of) -> None:
    simulator = simulator_of()
    async with served(simulator, Injection(SlowReply(piece_bytes=40, pause_s=0.02))) as client:
        begin = anyio.current_time()
        came, end = await client.get()
        took_s = anyio.current_time() - begin
    body = parts(came)[1]
    assert end == "end"
    assert json.loads(body)["Preferences"]
    assert took_s >= len(body) // 40 * 0.02


async def test_an_impatient_client_meets_no_error_at_the_server(simulator_of, caplog) -> None:
    simulator = simulator_of()
    async with served(simulator, Injection(SlowReply(piece_bytes=1, pause_s=0.01))) as client:
        with anyio.move_on_after(0.1):
            await client.get()
        simulator.injections.clear()
        assert (await client.get())[1] == "end"
        await anyio.sleep(0.05)
    assert caplog.records == []


async def test_a_service_goes_on_without_its_client(simulator_of) -> None:
    simulator = simulator_of()
    async with served(simulator, Injection(Delay(before_s=0.2))) as client:
        with anyio.move_on_after(0.05):
            await client.get()
        assert simulator.log.entries() == []
        await anyio.sleep(0.4)
        assert [entry.injected for entry in simulator.log.entries()] == ["delay"]


async def test_the_next_call_of_a_client_with_a_pool_is_answered(simulator_of) -> None:
    """aiohttp's client, as anybody uses it: a reset is an error, and then all is well. (A GET it would send again.)"""
    simulator = simulator_of()
    for place, mishap in enumerate((LostReply(), CutReply(), ErrorPage(status=502, after_commit=True), NoBody())):
        simulator.injections.add(Injection(mishap, after=place, times=1))
    headers = {"Authorization": f"Bearer {simulator.credentials(REALM).access_token}", "Accept": "application/json"}
    found: list[object] = []
    async with (
        serve(simulator) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,  # noqa: TID251 -- a test is the client
    ):
        for _ in range(5):
            try:
                asked = session.post(f"/v3/company/{REALM}/query", data="SELECT * FROM Customer", headers=headers)
                async with asked as response:
                    found.append((response.status, response.content_type, len(await response.read()) > 0))
            except aiohttp.ClientError as error:
                found.append(type(error).__name__)
    assert found == [
        "ClientOSError", "ClientPayloadError", (502, "text/html", True), (200, "application/json", False),
        (200, "application/json", True),
    ]  # fmt: skip


async def test_the_token_endpoint_is_befallen_too(simulator_of) -> None:
    simulator = simulator_of()
    async with served(simulator, Injection(LostReply(), lanes=("token",))) as client:
        assert (await client.get("/oauth2/v1/tokens/bearer"))[1] == "reset"
        assert (await client.get("/.well-known/openid_configuration"))[1] == "end"
