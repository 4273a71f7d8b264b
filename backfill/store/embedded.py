"""A Postgres of our own, for whoever gives no database: up in about a second, gone when the last command ends.

The commands share one server per data directory; a small process, the supervisor, owns it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import anyio
import asyncpg

from backfill.errors import UnavailableError
from backfill.store.privileges import RunAs
from backfill.store.server_files import SOCKET_PORT, FileLock, ServerFiles

START_TIMEOUT_S = 300.0
"""A first start takes a second, a crash recovery of 4 GB of log some minutes."""
SUPERVISOR_TIMEOUT_S = 60.0
"""The supervisor detaches within 0.1 s; a machine under heavy load may take many times that."""
STOP_TIMEOUT_S = 90.0
"""How long a stopping server is waited for: longer than the supervisor waits before it stops it hard."""
POLL_S = 0.02
"""A start takes 0.1 s; looking at a file or a lock every 20 ms costs nothing."""
CONNECT_TIMEOUT_S = 5.0
"""A local server answers in milliseconds."""


@asynccontextmanager
async def embedded_postgres(
    data_dir: Path, *, pg_bin_dir: Path | None = None, run_as: RunAs | None = None
) -> AsyncIterator[str]:
    """Yield the DSN of the server in `data_dir`, which is made and started if need be.

    The server lives until the last such block in any process has ended, or its process has died.
    `run_as` forces one of the ways for root. Raises UnavailableError, with the log's end, if it does not start.
    """
    files = ServerFiles.below(data_dir)
    try:
        files.make_root()
        users_lock = await _locked(
            files.users_lock, "the embedded server is still stopping", STOP_TIMEOUT_S, shared=True
        )
    except OSError as error:
        raise UnavailableError(
            f"the data directory {files.root} cannot be used: {error.strerror}",
            action="set BACKFILL_DATA_DIR to a folder that you may write to",
        ) from error
    try:
        yield await _started(files, pg_bin_dir, run_as)
    finally:
        users_lock.close()


async def _started(files: ServerFiles, pg_bin_dir: Path | None, run_as: RunAs | None) -> str:
    """Find the running server, or start one. The caller holds the users' lock, so that it cannot be stopped."""
    deadline = anyio.current_time() + START_TIMEOUT_S
    start_lock = await _locked(
        files.start_lock, "another command is still starting the embedded server", START_TIMEOUT_S
    )
    try:
        started = False
        while anyio.current_time() < deadline:
            if files.supervised():
                socket_dir = files.announced_socket_dir()
                # Looked at again after the answer: the server of a supervisor that was killed answers until it stops.
                if socket_dir is not None and await _answers(_dsn(socket_dir)) and files.supervised():
                    return _dsn(socket_dir)
                await anyio.sleep(POLL_S)
            elif started:
                raise _not_started(files.log_tail())
            else:
                await _start_supervisor(files, pg_bin_dir, run_as)
                started = True
    finally:
        start_lock.close()
    raise UnavailableError(
        f"the embedded server in {files.root} was not up within {START_TIMEOUT_S:.0f} s:\n{files.log_tail()}",
        action="it may be recovering: run the command again",
    )


async def _start_supervisor(files: ServerFiles, pg_bin_dir: Path | None, run_as: RunAs | None) -> None:
    """Start a supervisor. Returns once it has its lock, or another has it, or it could not begin at all."""
    command = [sys.executable, "-m", "backfill.store.supervisor", str(files.root)]
    if pg_bin_dir is not None:
        command += ["--pg-bin-dir", str(pg_bin_dir)]
    if run_as is not None:
        command += ["--run-as", run_as]
    try:
        with anyio.fail_after(SUPERVISOR_TIMEOUT_S):
            answer = await anyio.run_process(command, check=False, stderr=subprocess.PIPE, env=_environment(), cwd="/")
    except TimeoutError as error:
        raise _not_started(f"its supervisor did not begin within {SUPERVISOR_TIMEOUT_S:.0f} s") from error
    if answer.returncode != 0 and not files.supervised():
        raise _not_started(answer.stderr.decode(errors="replace").strip() or files.log_tail())


def _environment() -> dict[str, str]:
    """What a process that outlives the command may know: no secret is among it."""
    kept = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "TMPDIR", "XDG_RUNTIME_DIR", "SYSTEMROOT")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    # The same packages as ours, also when we run from a checkout.
    return {**environment, "PYTHONPATH": os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)}


async def _locked(path: Path, meanwhile: str, timeout_s: float, *, shared: bool = False) -> FileLock:
    deadline = anyio.current_time() + timeout_s
    while True:
        lock = FileLock.taken(path, shared=shared)
        if lock is not None:
            return lock
        if anyio.current_time() > deadline:
            raise UnavailableError(f"{meanwhile}, after {timeout_s:.0f} s", action=f"see who holds it: fuser -v {path}")
        await anyio.sleep(POLL_S)


def _dsn(socket_dir: Path) -> str:
    return f"postgresql://postgres@/postgres?host={quote(str(socket_dir), safe='')}&port={SOCKET_PORT}"


async def _answers(dsn: str) -> bool:
    """Whether the server accepts a connection: its supervisor may be there, and it may just have been killed."""
    try:
        connection = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_S)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    await connection.close(timeout=CONNECT_TIMEOUT_S)
    return True


def _not_started(told: str) -> UnavailableError:
    return UnavailableError(
        f"the embedded server did not start:\n{told}",
        action="mend what these lines say, or give a database with BACKFILL_DATABASE_URL",
    )
