"""The HTTP face: the simulator on a loopback port."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from isal import igzip

from backfill.errors import UnavailableError, UsageError
from backfill.simulator.call import Call
from backfill.simulator.control import add_control
from backfill.simulator.core import Simulator
from backfill.simulator.envelopes import Answer, html_page

MOST_BODY_BYTES = 10 * 1024 * 1024
"""Larger bodies get the 413 page. Intuit's own cap is not published; a sealed batch has less than 0.5 MB."""
GZIP_FROM_BYTES = 512
"""Smaller bodies gain nothing by compression."""
GZIP_LEVEL = 1  # speed: on loopback nobody waits for the bytes
STOP_WAIT_S = 1.0
"""How long calls in flight may still take when the server stops."""


@asynccontextmanager
async def serve(simulator: Simulator, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    """Serve the API and the token endpoint; yields the port, which is any free one for `port=0`.

    Raises `UsageError` for a host that is not loopback, since the tokens of a simulator protect nothing, and
    `UnavailableError` where the port is taken.
    """
    if host != "localhost" and not _is_loopback(host):
        raise UsageError(f"the simulator cannot listen on {host}", action="give a loopback address such as 127.0.0.1")
    runner = web.AppRunner(application(simulator), access_log=None, handle_signals=False, shutdown_timeout=STOP_WAIT_S)
    await runner.setup()
    try:
        await _listen(runner, host, port)
        async with simulator.running():
            yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise UnavailableError(
            f"the simulator cannot listen on {host}:{port}: {error.strerror}",
            action="give another port, or 0 for any free one",
        ) from error


def application(simulator: Simulator) -> web.Application:
    """The simulator as an aiohttp application."""
    face = _Face(simulator)
    app = web.Application(client_max_size=MOST_BODY_BYTES)
    app.router.add_post("/oauth2/v1/tokens/bearer", face.token)
    app.router.add_route("*", "/v3/company/{realm_id}/{path:.*}", face.call)
    if simulator.settings.control:
        add_control(app, simulator)
    return app


class _Face:
    """Turns HTTP requests into calls and answers into HTTP responses."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def call(self, request: web.Request) -> web.Response:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            too_large = html_page(413, "Request Entity Too Large")
            return self._response(request, self._simulator.dressed(too_large))
        answer = await self._simulator.exchange(
            Call(
                request.match_info["realm_id"],
                request.method,
                f"/{request.match_info['path']}",
                dict(request.query),
                _lowered(request),
                body,
            )
        )
        return self._response(request, answer)

    async def token(self, request: web.Request) -> web.Response:
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        return self._response(request, await self._simulator.token(form, _lowered(request)))

    def _response(self, request: web.Request, answer: Answer) -> web.Response:
        headers, body = dict(answer.headers), answer.body
        wanted = "gzip" in request.headers.get("accept-encoding", "").lower()
        if self._simulator.settings.gzip and wanted and len(body) >= GZIP_FROM_BYTES:
            body = igzip.compress(body, compresslevel=GZIP_LEVEL)
            headers["content-encoding"] = "gzip"
        return web.Response(status=answer.status, headers=headers, body=body)


def _lowered(request: web.Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
