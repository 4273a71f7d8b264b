"""The HTTP side: a delivery is verified, stored durably and answered within the three seconds that Intuit waits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from http import HTTPStatus

import anyio
import orjson
from aiohttp import web

from backfill.errors import UnavailableError
from backfill.qbo.signatures import SIGNATURE_HEADER
from backfill.webhooks.health import Health
from backfill.webhooks.intake import Intake

PATH = "/webhooks"
HEALTH = "/health"

ANSWER_S = 2.5
"""Intuit gives up after 3 s; what is later than this is told again, and is left out then."""

DELIVERIES_AT_ONCE = 64
"""Each holds a body. More than that are refused unread, and Intuit sends them again."""

STOP_WAIT_S = 3.0
"""For deliveries in flight when the receiver stops: they have no more time than this anyway."""

ELSEWHERE = "Give another address: webhooks.host and webhooks.port in the configuration, or --port."


class Receiver:
    """Answers deliveries, with what `intake` says of them."""

    def __init__(self, intake: Intake, *, body_bytes: int) -> None:
        self.counts = intake.counts
        self._intake = intake
        self._body_bytes = body_bytes
        self._present = 0

    def application(self, health: Callable[[], Awaitable[Mapping[str, object]]]) -> web.Application:
        """Deliveries at `/webhooks`; at `/health` what was counted, for whoever watches over it."""
        app = web.Application()
        looked = Health(health)

        async def healthy(request: web.Request) -> web.Response:  # noqa: ARG001 -- a handler's signature
            reason = f"the database did not answer within {ANSWER_S:g} s"
            try:
                with anyio.move_on_after(ANSWER_S):
                    said: dict[str, object] = {"received": asdict(self.counts), **await looked.now()}
                    return web.Response(body=orjson.dumps(said), content_type="application/json")
            except UnavailableError as error:
                reason = error.message
            return web.json_response({"error": reason}, status=HTTPStatus.SERVICE_UNAVAILABLE)

        app.router.add_post(PATH, self.deliver)
        app.router.add_get(HEALTH, healthy)
        return app

    async def deliver(self, request: web.Request) -> web.Response:
        """One POST, whatever its content type says: frameworks that refuse an unknown one break the change-over."""
        if self._present >= DELIVERIES_AT_ONCE:
            self.counts.failed += 1
            return _answer(request, HTTPStatus.SERVICE_UNAVAILABLE)
        self._present += 1
        try:
            with anyio.move_on_after(ANSWER_S):
                return _answer(request, await self._delivered(request))
            self.counts.failed += 1
            return _answer(request, HTTPStatus.SERVICE_UNAVAILABLE)
        finally:
            self._present -= 1

    async def _delivered(self, request: web.Request) -> HTTPStatus:
        try:
            body = await self._body(request)
        except (ConnectionError, web.RequestPayloadError):  # whoever sends hung up in the middle, or sends no HTTP
            self.counts.failed += 1
            return HTTPStatus.BAD_REQUEST
        if body is None:
            self.counts.oversized += 1
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        return await self._intake.take(body, request.headers.get(SIGNATURE_HEADER, ""))

    async def _body(self, request: web.Request) -> bytes | None:
        """The bytes as they came, for the signature is over these; None if they are more than allowed."""
        if (request.content_length or 0) > self._body_bytes:
            return None
        body = bytearray()
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > self._body_bytes:
                return None
        return bytes(body)


def _answer(request: web.Request, status: HTTPStatus) -> web.Response:
    """A status and nothing else: whoever forges learns nothing. What was not read is not read on for."""
    answer = web.Response(status=status)
    if status is not HTTPStatus.OK and not request.content.is_eof():
        answer.force_close()
    return answer


@asynccontextmanager
async def serve_application(
    app: web.Application, *, host: str, port: int, elsewhere: str = ELSEWHERE
) -> AsyncIterator[int]:
    """Serve until the block ends, and finish the deliveries in flight then. Yields the port (0: any free one).

    Raises `UnavailableError` where it cannot listen, with `elsewhere` as what to do.
    """
    runner = web.AppRunner(
        app,
        access_log=None,
        auto_decompress=False,  # the signature is over the bytes as they came
        handle_signals=False,
        shutdown_timeout=STOP_WAIT_S,
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise UnavailableError(
                f"The program cannot listen on {host}:{port}: {error.strerror}.", action=elsewhere
            ) from error
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
