"""A gate before the simulated Intuit: it lets a chosen number of requests pass and holds the others.

So a test chooses the moment at which a command is interrupted or killed, however fast or slow the machine is: while
nobody looks, what is behind the gate cannot get any further.
"""

from __future__ import annotations

import http.client
import math
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.processes import LOOK_S, PATIENCE_S, Intuit, ended


class Gate:
    """Counts what passes. Closed at first."""

    def __init__(self, behind: str) -> None:
        self.behind = behind
        """Host and port of the simulator."""
        self.url = ""
        """Where commands send their requests in its place. The token endpoint is not behind the gate."""
        self._changed = threading.Condition()
        self._opening = 0
        self._over = False
        self._passed: float = 0
        self._most: float = 0

    def let(self, number: float) -> None:
        """Let that many requests pass. What is held from before is dropped: whoever sent it is dead."""
        with self._changed:
            self._opening, self._passed, self._most = self._opening + 1, 0, number
            self._changed.notify_all()

    def open(self) -> None:
        """Let everything pass, also what is held."""
        with self._changed:
            self._most = math.inf
            self._changed.notify_all()

    def full(self, process: subprocess.Popen[str]) -> None:
        """Wait until as many have passed as were to. `process` is what sends them, and it is still there."""
        with self._changed:
            while not self._changed.wait_for(lambda: self._passed >= self._most, LOOK_S):
                assert process.poll() is None, ended(process)
        assert process.poll() is None, ended(process)

    def close(self) -> None:
        """Nothing passes any more, and nothing is held."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def passes(self) -> bool:
        """Whether a request may pass; waits until that is known."""
        with self._changed:
            opening = self._opening
            self._changed.wait_for(lambda: self._over or opening != self._opening or self._passed < self._most)
            if self._over or opening != self._opening:
                return False
            self._passed += 1
            self._changed.notify_all()
            return True


class _Relay(BaseHTTPRequestHandler):
    """Hands a request on to the simulator and its answer back. Where the simulator is gone, it hangs up."""

    protocol_version = "HTTP/1.1"  # connections are kept, as with the simulator itself
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave together
    timeout = PATIENCE_S
    gate: Gate

    def handle(self) -> None:
        with suppress(OSError, http.client.HTTPException):  # one of the two sides is gone
            super().handle()

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.gate.passes():
            self.close_connection = True
            return
        onward = http.client.HTTPConnection(self.gate.behind, timeout=PATIENCE_S)
        try:
            onward.request(self.command, self.path, body, dict(self.headers.items()))
            answer = onward.getresponse()
            content = answer.read()
        finally:
            onward.close()
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in {"connection", "content-length", "transfer-encoding"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        self.do_GET()


@contextmanager
def gated(intuit: Intuit) -> Iterator[Gate]:
    """A gate before `intuit`, for the block."""
    gate = Gate(urlsplit(intuit.url).netloc)
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Relay", (_Relay,), {"gate": gate})) as server:
        server.daemon_threads = False  # so that closing waits for them: nothing is left to a later test
        gate.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(LOOK_S,))
        thread.start()
        try:
            yield gate
        finally:
            gate.close()
            server.shutdown()
            thread.join()
