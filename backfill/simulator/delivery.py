"""An answer's bytes on the wire where they come slowly, or not whole: resets and pauses are the socket's own."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import anyio
from aiohttp import web

from backfill.simulator.envelopes import Answer, Delivery

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER, on and for no time: closing then sends RST instead of the ordinary end (socket(7))."""
DRAIN_S = 0.05
"""How long what was written may take to leave before the reset, which would drop what still waits in the kernel."""


async def deliver(request: web.Request, answer: Answer, delivery: Delivery) -> web.StreamResponse:
    """Send the answer as `delivery` says. Its body goes uncompressed, so that a cut is where it was asked for.

    A client that has gone meanwhile is no error.
    """
    response = web.StreamResponse(status=answer.status, headers=dict(answer.headers))
    if delivery.headless:
        _reset(request)
        return response
    response.content_length = len(answer.body)
    try:
        await response.prepare(request)
        for piece in _pieces(answer.body, delivery):
            await anyio.sleep(delivery.pause_s)
            await response.write(piece)
        if delivery.cut_after is None:
            await response.write_eof()
    except ConnectionError:
        return response
    if delivery.cut_after is not None:
        await anyio.sleep(DRAIN_S)
        _reset(request)
    return response


def _pieces(body: bytes, delivery: Delivery) -> Iterator[bytes]:
    body = body if delivery.cut_after is None else body[: delivery.cut_after]
    size = delivery.piece_bytes or max(1, len(body))
    return (body[start : start + size] for start in range(0, len(body), size))


def _reset(request: web.Request) -> None:
    """End the connection with RST, so that the client sees it broken and not closed."""
    transport = request.transport
    if transport is None:  # the client has gone
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    transport.abort()
