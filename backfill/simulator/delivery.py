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
"""How long what the kernel has may take to leave: a reset drops what still waits there."""
DRAIN_MOST_S = 10.0
"""How long a client that does not read is waited for."""


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
        await _drain(request)
        _reset(request)
    return response


async def _drain(request: web.Request) -> None:
    """Wait until what was written has left, so that a cut is where it was asked for."""
    with anyio.move_on_after(DRAIN_MOST_S):
        # A transport does not say when its buffer is empty, only how much it holds.
        while request.transport is not None and request.transport.get_write_buffer_size():  # noqa: ASYNC110 -- as above
            await anyio.sleep(DRAIN_S)
    await anyio.sleep(DRAIN_S)


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
