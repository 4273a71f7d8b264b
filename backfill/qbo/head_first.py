"""A socket that hands over the beginning of an answer first, and more only to whoever goes on reading.

asyncio reads 256 kB at a time, whether anybody wants them or not. Of a hundred answers that wait for room those were
most of a process's memory; what is not read stays in the kernel, where TCP's window bounds it.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from backfill.wire import HEAD_BYTES

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer
    from aiohttp import AddrInfoType


_FIRST_BYTES = HEAD_BYTES // 2
"""Headers and the first rows. A TLS record that is not whole says nothing: then the other half comes as well."""


class HeadFirstSocket(socket.socket):
    """`_FIRST_BYTES` after a request, then up to `HEAD_BYTES`, then whatever is wanted.

    Whoever does not read has told the connection to wait by then, so only who reads on gets more. Only an event loop
    that reads through the socket object is held back: asyncio's own on Unix, with and without TLS.
    """

    __slots__ = ("_received_bytes",)

    def __init__(self, address: AddrInfoType) -> None:
        """A new one for an address as `getaddrinfo` has it."""
        family, kind, protocol, _, _ = address
        super().__init__(family, kind, protocol)
        self._received_bytes = 0  # since something was sent

    def send(self, data: ReadableBuffer, flags: int = 0, /) -> int:
        self._received_bytes = 0
        return super().send(data, flags)

    def sendmsg(self, buffers: Iterable[ReadableBuffer], /, *more: Any) -> int:
        self._received_bytes = 0
        return super().sendmsg(buffers, *more)

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        data = super().recv(self._at_most(bufsize), flags)
        self._received_bytes += len(data)
        return data

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> int:
        with memoryview(buffer) as whole:
            most = nbytes or whole.nbytes
        received = super().recv_into(buffer, self._at_most(most), flags)
        self._received_bytes += received
        return received

    def _at_most(self, size_bytes: int) -> int:
        if self._received_bytes >= HEAD_BYTES:
            return size_bytes
        held_back_at = _FIRST_BYTES if self._received_bytes < _FIRST_BYTES else HEAD_BYTES
        return min(size_bytes, held_back_at - self._received_bytes)
