"""A Postgres that a test may stop, start again and starve, and a way to it that can be cut."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import signal
import socket
import socketserver
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg

from backfill.store.binaries import find_binaries
from backfill.store.privileges import Privileges, choose_privileges
from backfill.store.server_files import SOCKET_PORT, ServerFiles
from tests.postgres import PostgresServer, make_template
from tests.processes import LOOK_S, PATIENCE_S, eventually

CHUNK_BYTES = 16_384
"""What the way hands on at a time: a page takes many."""

FAST, IMMEDIATE = signal.SIGINT, signal.SIGQUIT
"""Postgres's shutdowns: transactions are rolled back and all is written; or as in a crash, and recovered later."""


class OwnPostgres:
    """The server below one folder, on a Unix socket. `databases` makes databases on it while it is up."""

    def __init__(self, root: Path) -> None:
        self.files = ServerFiles.below(root)
        self.files.make_root()
        self.privileges: Privileges = choose_privileges(find_binaries(None, major=None), self.files)
        self.databases = PostgresServer(self.dsn("postgres"), template=f"template_{secrets.token_hex(4)}")
        self._process: subprocess.Popen[bytes] | None = None

    def dsn(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.files.root}&port={SOCKET_PORT}"

    @property
    def socket_path(self) -> Path:
        return self.files.root / f".s.PGSQL.{SOCKET_PORT}"

    def make(self) -> None:
        """Make the database files and start on them."""
        initdb = self.privileges.binaries.program("initdb")
        self.files.cluster.mkdir(mode=0o700)
        self.privileges.give(self.files.cluster)
        made = self.privileges.popen([
            initdb, "-D", self.files.cluster, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"
        ])  # fmt: skip
        assert made.wait(PATIENCE_S) == 0
        self.start()
        asyncio.run(make_template(self.databases))

    def start(self) -> None:
        """Start, and wait until it answers. After a crash that is after its recovery."""
        settings = ("listen_addresses=", f"unix_socket_directories={self.files.root}", "max_wal_size=256MB")
        options = [part for setting in settings for part in ("-c", setting)]
        server = self.privileges.binaries.program("postgres")
        self._process = self.privileges.popen([server, "-D", self.files.cluster, *options], dies_with_us=True)
        assert eventually(lambda: asyncio.run(self._answers())), "the server does not start"

    async def _answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.dsn("postgres"))
        except (OSError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True

    def stop(self, how: signal.Signals) -> None:
        """Stop it, with everybody's connections."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(PATIENCE_S)


@contextmanager
def own_postgres(root: Path) -> Iterator[OwnPostgres]:
    """A server of the block's own, up at its beginning."""
    server = OwnPostgres(root)
    server.make()
    try:
        yield server
    finally:
        server.stop(IMMEDIATE)
        shutil.rmtree(root, ignore_errors=True)


class Way:
    """Leads from a port to a server's socket. `cut_copies` more pages lose their connection in the middle of a COPY.

    `hold_copies` more get no further for as long as the way is there.
    """

    def __init__(self, server: Path) -> None:
        self.server = server
        self.cut_copies = 0
        self.cut = 0
        """How many were."""
        self.hold_copies = 0
        self.held = threading.Event()
        """Set once a page is."""
        self.over = threading.Event()
        self._lock = threading.Lock()

    def cuts(self) -> bool:
        """Whether to cut now, said once for each page."""
        with self._lock:
            if not self.cut_copies:
                return False
            self.cut_copies -= 1
            self.cut += 1
            return True

    def holds(self) -> bool:
        """Whether to hold what comes, said once for each page."""
        with self._lock:
            if not self.hold_copies:
                return False
            self.hold_copies -= 1
            return True


class _Carried(socketserver.BaseRequestHandler):
    """One connection, both ways."""

    way: Way

    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.connect(str(self.way.server))
            back = threading.Thread(target=self._back, args=(server,))
            back.start()
            with suppress(OSError):  # either side is gone
                self._forth(server)
            for end in (server, self.request):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            back.join()

    def _forth(self, server: socket.socket) -> None:
        """What the command sends. In a COPY, data follow its statement: some of them pass, and then nothing does."""
        copying = False
        while chunk := self.request.recv(CHUNK_BYTES):
            if copying and self.way.cuts():
                server.sendall(chunk[: len(chunk) // 2])
                # Closed with nothing said, as by a firewall that forgets: both sides are reset.
                self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            if copying and self.way.holds():
                server.sendall(chunk[: len(chunk) // 2])
                self.way.held.set()
                self.way.over.wait(PATIENCE_S)
                return
            copying = b'COPY "qbo".' in chunk  # the call log is copied as well
            server.sendall(chunk)

    def _back(self, server: socket.socket) -> None:
        with suppress(OSError):
            while chunk := server.recv(CHUNK_BYTES):
                self.request.sendall(chunk)
            self.request.shutdown(socket.SHUT_WR)


@contextmanager
def way_to(server: OwnPostgres) -> Iterator[tuple[Way, int]]:
    """A way to `server` for the block, and the port of loopback at which it begins."""
    way = Way(server.socket_path)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), type("Carried", (_Carried,), {"way": way})) as listening:
        listening.daemon_threads = False  # so that closing waits for them: nothing is left to a later test
        thread = threading.Thread(target=listening.serve_forever, args=(LOOK_S,))
        thread.start()
        try:
            yield way, listening.server_address[1]
        finally:
            way.over.set()
            listening.shutdown()
            thread.join()
