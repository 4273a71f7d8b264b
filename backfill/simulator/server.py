"""The HTTP face: the simulator on a loopback port."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from isal import igzip

from backfill.errors import UnavailableError
from backfill.simulator.call import Call
from backfill.simulator.control import add_control
from backfill.simulator.core import Simulator
from backfill.simulator.delivery import deliver
from backfill.simulator.envelopes import Answer, html_page
from backfill.simulator.webhooks.post import http_post

UPLOAD = "/upload"
"""The one path whose bodies are large."""
GZIP_FROM_BYTES = 512
"""Smaller bodies gain nothing by compression."""
HOST = "127.0.0.1"  # nowhere else: the tokens of a simulator protect nothing
GZIP_LEVEL = 1  # speed: on loopback nobody waits for the bytes
EITHER_HEADER = 47
"""The window bits by which zlib takes both a gzip and a zlib header."""
STOP_WAIT_S = 1.0
"""How long calls in flight may still take when the server stops."""


@asynccontextmanager
async def serve(simulator: Simulator, *, port: int = 0) -> AsyncIterator[int]:
    """Serve the API and the token endpoint; yields the port, which is any free one for `port=0`.

    Raises `UnavailableError` where the port is taken.
    """
    runner = web.AppRunner(
        application(simulator),
        access_log=None,
        auto_decompress=False,  # bodies are expanded by us, so that a broken one is an answer and no traceback
        handle_signals=False,
        shutdown_timeout=STOP_WAIT_S,
    )
    await runner.setup()
    try:
        await _listen(runner, port)
        async with http_post() as post, simulator.running(post):
            yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, port: int) -> None:
    try:
        await web.TCPSite(runner, HOST, port).start()
    except OSError as error:
        raise UnavailableError(
            f"the simulator cannot listen on {HOST}:{port}: {error.strerror}",
            action="give another port, or 0 for any free one",
        ) from error


def application(simulator: Simulator) -> web.Application:
    """The simulator as an aiohttp application."""
    face = _Face(simulator)
    app = web.Application()
    app.router.add_route("*", "/v3/company/{realm_id}", face.call)
    app.router.add_route("*", "/v3/company/{realm_id}/{path:.*}", face.call)
    app.router.add_route("*", "/manage/entitlements/v3/{realm_id}", face.entitlements)
    if simulator.settings.control:
        add_control(app, simulator)
    app.router.add_route("*", "/{path:.*}", face.visit)
    return app


class _Face:
    """Turns HTTP requests into calls and answers into HTTP responses."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def call(self, request: web.Request) -> web.StreamResponse:
        """`/v3/company/{realm_id}/...`."""
        return await self._exchanged(request, f"/{request.match_info.get('path', '')}")

    async def entitlements(self, request: web.Request) -> web.StreamResponse:
        """`/manage/entitlements/v3/{realm_id}`, which passes the same doors as the API."""
        return await self._exchanged(request, "/entitlements")

    async def visit(self, request: web.Request) -> web.StreamResponse:
        """Everything else."""
        call = await self._call(request, "", request.path)
        if isinstance(call, Answer):
            return self._page(request, call)
        return await self._answered(request, await self._simulator.visit(call))

    async def _exchanged(self, request: web.Request, path: str) -> web.StreamResponse:
        call = await self._call(request, request.match_info["realm_id"], path)
        if isinstance(call, Answer):
            return self._page(request, call)
        return await self._answered(request, await self._simulator.exchange(call))

    async def _answered(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        if answer.delivery is None:
            return self._response(request, answer)
        return await deliver(request, answer, answer.delivery)

    async def _call(self, request: web.Request, realm_id: str, path: str) -> Call | Answer:
        """The request as a call, or the page by which a server in front refuses it, which knows no companies."""
        settings = self._simulator.settings
        try:
            body = await _body(request, settings.upload_bytes if path == UPLOAD else settings.body_bytes)
        except ValueError:
            return html_page(400, "Bad Request")
        if body is None and path != UPLOAD:
            return html_page(413, "Request Entity Too Large")
        return Call(
            realm_id,
            request.method,
            path,
            dict(request.query),
            _lowered(request),
            body or b"",
            origin=f"{request.scheme}://{request.host}",
            oversize=body is None,
        )

    def _page(self, request: web.Request, page: Answer) -> web.StreamResponse:
        return self._response(request, self._simulator.dressed(page))

    def _response(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        headers, body = dict(answer.headers), answer.body
        wanted = "gzip" in request.headers.get("accept-encoding", "").lower()
        if self._simulator.settings.gzip and wanted and len(body) >= GZIP_FROM_BYTES:
            body = igzip.compress(body, compresslevel=GZIP_LEVEL)
            headers["content-encoding"] = "gzip"
        return web.Response(status=answer.status, headers=headers, body=body)


async def _body(request: web.Request, most: int) -> bytes | None:
    """The whole body, decompressed; None if it is larger than `most` bytes.

    Raises `ValueError` for a compression that is not known, or is broken. What is compressed is expanded no further
    than is allowed, however small it came.
    """
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > most:
            return None
    match request.headers.get("content-encoding", "identity").lower():
        case "identity" | "":
            return bytes(body)
        case "gzip" | "deflate":
            expander = zlib.decompressobj(wbits=EITHER_HEADER)
            try:
                whole = expander.decompress(bytes(body), most + 1)
            except zlib.error as error:
                raise ValueError(str(error)) from error
            if len(whole) <= most and not expander.eof:
                raise ValueError("the compressed body is cut")
            return whole if len(whole) <= most else None
        case other:
            raise ValueError(f"no such compression: {other}")


def _lowered(request: web.Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}
