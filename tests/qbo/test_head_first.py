"""How much of an answer is handed over at a time."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from backfill.qbo.head_first import HeadFirstSocket
from backfill.wire import HEAD_BYTES

WANTED_BYTES = 4 * HEAD_BYTES
"""Far more than is held back, and no more than the kernel takes in while nobody reads."""


def by_recv(ours: HeadFirstSocket, wanted: int) -> int:
    return len(ours.recv(wanted, socket.MSG_WAITALL))


def by_recv_into(ours: HeadFirstSocket, wanted: int) -> int:
    return ours.recv_into(bytearray(wanted), 0, socket.MSG_WAITALL)


@pytest.mark.parametrize("received", [by_recv, by_recv_into])
def test_a_head_comes_first_then_another_then_all_that_is_wanted(
    received: Callable[[HeadFirstSocket, int], int],
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        HeadFirstSocket((socket.AF_INET, socket.SOCK_STREAM, 0, "", server.getsockname())) as ours,
    ):
        ours.connect(server.getsockname())
        theirs, _ = server.accept()
        with theirs:
            for send in (ours.send, lambda request: ours.sendmsg([request])):
                send(b"?")
                assert theirs.recv(1) == b"?"
                theirs.sendall(b"x" * 100)
                assert received(ours, 100) == 100
                theirs.sendall(b"x" * WANTED_BYTES)
                assert received(ours, WANTED_BYTES) == HEAD_BYTES // 2 - 100, "headers and the first rows"
                assert received(ours, WANTED_BYTES) == HEAD_BYTES // 2, "as much again, if a TLS record was not whole"
                left = WANTED_BYTES + 100 - HEAD_BYTES
                assert received(ours, left) == left, "all that is wanted"
