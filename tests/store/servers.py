"""An embedded server's processes and files as the tests see them, and commands that use it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import anyio
import asyncpg
import pytest

from backfill.store.embedded import embedded_postgres
from backfill.store.server_files import ServerFiles
from tests.processes import PATIENCE_S, eventually, processes_naming, running

COMMAND = """
import sys, anyio, asyncpg
from pathlib import Path
from backfill.store.embedded import embedded_postgres

async def main():
    async with embedded_postgres(Path(sys.argv[1])) as dsn:
        connection = await asyncpg.connect(dsn)
        async with connection.transaction():  # two that make one table at the same moment would collide
            await connection.execute("SELECT pg_advisory_xact_lock(1); CREATE TABLE IF NOT EXISTS kept (a int)")
        await connection.execute("INSERT INTO kept VALUES (1)")
        print(dsn, flush=True)
        await anyio.to_thread.run_sync(sys.stdin.readline)
        print(await connection.fetchval("SELECT count(*) FROM kept"), flush=True)
        await connection.close()

anyio.run(main, backend_options={"use_uvloop": True})  # as a program may that embeds us; it leaves pipes open
"""


class Command:
    """A command in a process of its own that uses the server until it is told to end."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self.stdin, self.stdout = process.stdin, process.stdout

    def dsn(self) -> str:
        """Wait until it is connected."""
        dsn = self.stdout.readline().strip()
        assert dsn, "it ended instead"
        return dsn

    def end(self) -> str:
        self.stdin.write("\n")
        self.stdin.flush()
        answer = self.stdout.readline().strip()
        self.process.wait(PATIENCE_S)
        return answer

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_S)


CommandStarter = Callable[[], Command]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Database files, made once: making them takes longer than everything else here."""
    made = ServerFiles(tmp_path_factory.mktemp("cluster"))

    async def make() -> None:
        async with embedded_postgres(made.root):
            pass

    anyio.run(make)
    wait_until_gone(made)
    return made.cluster


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[ServerFiles]:
    """A data directory that is not there yet; afterwards nothing of its server may be left."""
    made = ServerFiles(tmp_path / "data")
    yield made
    try:
        wait_until_gone(made)
    finally:
        for pid in processes_of(made):  # another test is not to suffer from this one's
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def command(fresh: ServerFiles) -> Iterator[CommandStarter]:
    """Starts commands on the data directory. Whatever becomes of the test, they end with it."""
    with ExitStack() as stack:

        def start() -> Command:
            arguments = [sys.executable, "-c", COMMAND, str(fresh.root)]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            return Command(stack.enter_context(running(arguments, start_new_session=True, **pipes)))

        yield start


@pytest.fixture
def files(fresh: ServerFiles, cluster: Path) -> ServerFiles:
    """A data directory with database files, as an earlier command left it."""
    fresh.make_root()
    shutil.copytree(cluster, fresh.cluster)
    return fresh


def processes_of(files: ServerFiles) -> dict[int, str]:
    """The commands, the supervisor and the server's processes, by pid: they name the directory, or work in it."""
    found = processes_naming(files.root)
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if (entry / "cwd").readlink().is_relative_to(files.root):
                found[int(entry.name)] = "works in it"
    return {pid: arguments for pid, arguments in found.items() if pid != os.getpid()}


def supervisor_of(files: ServerFiles) -> int:
    (pid,) = [pid for pid, command in processes_of(files).items() if "backfill.store.supervisor" in command]
    return pid


def postmaster_of(files: ServerFiles) -> int:
    return int((files.cluster / "postmaster.pid").read_text().split()[0])


def wait_until_gone(files: ServerFiles) -> None:
    assert eventually(lambda: not processes_of(files)), processes_of(files)


def environment_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/environ").read_text()
    except (FileNotFoundError, ProcessLookupError):  # the server ends a connection's process when that is over
        return ""


def user_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def there(path: Path) -> bool:
    return path.exists()


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def answer(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        return int(await connection.fetchval("SELECT 42"))
    finally:
        await connection.close()
