"""A server of bare threads, so that it is never what a benchmark measures.

As much HTTP/1.1 as a well-behaved client needs: keep-alive, content-length, no pipelining. A connection is a thread,
which waits in one system call until the kernel has all of an answer. An event loop wakes up for each part of it, and
copies what is left.
"""

from __future__ import annotations

import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Parts = Sequence[bytes | memoryview]


@dataclass(frozen=True, slots=True)
class Answer:
    """A body in parts; none of it is a 404."""

    body: Parts
    gzipped: bool = False


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = socket.SOMAXCONN

    def __init__(self, answer: Callable[[str, bytes], Answer], latency_s: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.latency_s = latency_s


class _Handler(socketserver.StreamRequestHandler):
    server: _Server
    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Answer until the client hangs up."""
        while request_line := self.rfile.readline():
            length = 0
            while (line := self.rfile.readline()) not in (b"\r\n", b""):
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            body = self.rfile.read(length)
            if self.server.latency_s:
                time.sleep(self.server.latency_s)
            answer = self.server.answer(request_line.split(b" ", 2)[1].decode(), body)
            parts = [_head(answer), *answer.body]
            sent = self.connection.sendmsg(parts)
            assert sent == sum(map(len, parts)), "a blocking socket takes all"


def _head(answer: Answer) -> bytes:
    status = b"200 OK" if answer.body else b"404 Not Found"
    encoding = b"Content-Encoding: gzip\r\n" if answer.gzipped else b""
    size = sum(len(part) for part in answer.body)
    headers = b"Content-Type: application/json;charset=utf-8\r\n%sContent-Length: %d" % (encoding, size)
    return b"HTTP/1.1 %s\r\n%s\r\n\r\n" % (status, headers)


def serve(answer: Callable[[str, bytes], Answer], *, latency_s: float = 0.0) -> None:
    """Print the address, and answer each request's target and body until stdin closes."""
    with _Server(answer, latency_s) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
        sys.stdin.read()
        server.shutdown()
