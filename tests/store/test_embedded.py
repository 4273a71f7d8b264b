"""The embedded server: up at once, shared by commands, gone with the last of them however they end."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import asyncpg
import pytest

from backfill.errors import UnavailableError
from backfill.store.embedded import embedded_postgres, psql_path
from backfill.store.privileges import RunAs
from backfill.store.server_files import ServerFiles

PATIENCE_S = 20
"""Everything here takes a fraction of a second on an idle machine."""

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

anyio.run(main, backend_options={"use_uvloop": True})  # as the program does
"""


class Command:
    """A command in a process of its own that uses the server until it is told to end."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin, self.process.stdout

    def dsn(self) -> str:
        """Wait until it is connected."""
        return self.stdout.readline().strip()

    def end(self) -> str:
        self.stdin.write("\n")
        self.stdin.flush()
        answer = self.stdout.readline().strip()
        self.close()
        return answer

    def kill(self) -> None:
        self.process.kill()
        self.close()

    def close(self) -> None:
        self.stdin.close()
        self.stdout.close()
        self.process.wait(PATIENCE_S)


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
    wait_until_gone(made)


@pytest.fixture
def files(fresh: ServerFiles, cluster: Path) -> ServerFiles:
    """A data directory with database files, as an earlier command left it."""
    fresh.make_root()
    shutil.copytree(cluster, fresh.cluster)
    return fresh


def processes_of(files: ServerFiles) -> dict[int, str]:
    """The supervisor and the server's processes, by pid: they name the directory, or work in it."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                inside = (entry / "cwd").readlink().is_relative_to(files.root)
            except OSError:
                continue
            supervisor = "backfill.store.supervisor" in command and str(files.root) in command
            if inside or supervisor:
                found[int(entry.name)] = command
    return found


def supervisor_of(files: ServerFiles) -> int:
    (pid,) = [pid for pid, command in processes_of(files).items() if "backfill.store.supervisor" in command]
    return pid


def postmaster_of(files: ServerFiles) -> int:
    return int((files.cluster / "postmaster.pid").read_text().split()[0])


def wait_until_gone(files: ServerFiles) -> None:
    deadline = time.monotonic() + PATIENCE_S  # noqa: TID251  # real processes
    while processes_of(files):
        assert time.monotonic() < deadline, processes_of(files)  # noqa: TID251  # real processes
        time.sleep(0.02)  # noqa: TID251  # real processes


def started(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdin=subprocess.PIPE)


def environment_of(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_text()


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


async def test_it_is_up_in_the_block_and_gone_after_it(fresh: ServerFiles) -> None:
    async with embedded_postgres(fresh.root) as dsn:
        assert await answer(dsn) == 42
        assert processes_of(fresh)
    wait_until_gone(fresh)
    assert not fresh.ready.exists()


async def test_data_outlive_the_server(files: ServerFiles) -> None:
    for expected in ("1", "2"):
        command = Command(files.root)
        command.dsn()
        assert command.end() == expected
        wait_until_gone(files)


async def test_psql_uses_the_same_address(files: ServerFiles) -> None:
    async with embedded_postgres(files.root) as dsn:
        told = await anyio.run_process([str(psql_path()), dsn, "-Atc", "SHOW synchronous_commit"])
        assert told.stdout == b"on\n"


async def test_it_listens_on_no_network_and_its_files_are_private(files: ServerFiles) -> None:
    async with embedded_postgres(files.root) as dsn:
        connection = await asyncpg.connect(dsn)
        assert await connection.fetchval("SHOW listen_addresses") == ""
        await connection.close()
        socket = files.socket_dir / ".s.PGSQL.5432"
        assert stat.S_ISSOCK(socket.stat().st_mode)
        for path in (files.root, files.cluster, files.socket_dir, socket, files.log, files.users_lock):
            assert path.stat().st_mode & 0o077 == 0, path


async def test_commands_share_one_server_and_the_first_may_end_first(files: ServerFiles) -> None:
    first = Command(files.root)
    dsn = first.dsn()
    supervisor = supervisor_of(files)
    second = Command(files.root)
    assert second.dsn() == dsn
    first.end()
    assert supervisor_of(files) == supervisor
    assert second.end() == "2"
    wait_until_gone(files)


async def test_many_commands_at_once_start_one_server(fresh: ServerFiles) -> None:
    commands = [Command(fresh.root) for _ in range(5)]
    assert len({command.dsn() for command in commands}) == 1
    assert supervisor_of(fresh)
    assert [command.end() for command in commands] == ["5"] * 5


async def test_commands_that_come_while_it_stops_get_a_new_one(files: ServerFiles) -> None:
    for _ in range(8):
        async with embedded_postgres(files.root) as dsn:
            assert await answer(dsn) == 42


async def test_a_killed_command_leaves_nothing_behind(files: ServerFiles) -> None:
    command = Command(files.root)
    command.dsn()
    command.kill()
    wait_until_gone(files)


async def test_a_command_killed_while_it_starts_the_server_leaves_nothing_behind(fresh: ServerFiles) -> None:
    for delay_s in (0.05, 0.2, 0.5):
        command = Command(fresh.root)
        time.sleep(delay_s)  # noqa: ASYNC251, TID251  # real processes
        command.kill()
    wait_until_gone(fresh)
    async with embedded_postgres(fresh.root) as dsn:
        assert await answer(dsn) == 42


async def test_an_interrupt_at_the_terminal_does_not_reach_the_server(files: ServerFiles) -> None:
    command = Command(files.root)
    command.dsn()
    os.killpg(command.process.pid, signal.SIGINT)
    command.close()
    assert "received immediate shutdown" not in files.log_tail()
    wait_until_gone(files)
    assert "database system is shut down" in files.log_tail()


@pytest.mark.parametrize("victim", ["supervisor", "postmaster"])
async def test_after_a_kill_of_the_servers_own_processes_the_next_command_recovers(
    files: ServerFiles, victim: str
) -> None:
    command = Command(files.root)
    command.dsn()
    os.kill(supervisor_of(files) if victim == "supervisor" else postmaster_of(files), signal.SIGKILL)
    async with embedded_postgres(files.root) as dsn:  # at once, while the killed one's processes may still be there
        connection = await asyncpg.connect(dsn)
        assert await connection.fetchval("SELECT count(*) FROM kept") == 1
        await connection.close()
    command.kill()
    wait_until_gone(files)


async def test_a_pid_file_that_names_a_stranger_does_not_stop_it(files: ServerFiles) -> None:
    """After a power cut the number in the file may be any process's: it is neither waited for nor ended."""
    async with embedded_postgres(files.root):
        pass
    wait_until_gone(files)
    stranger = started([sys.executable, "-c", "input()"])
    (files.cluster / "postmaster.pid").write_text(f"{stranger.pid}\n{files.cluster}\n0\n5432\n\n\n\nready\n")
    async with embedded_postgres(files.root) as dsn:
        assert await answer(dsn) == 42
    assert stranger.poll() is None
    stranger.communicate(b"\n")


async def test_a_half_made_cluster_is_made_anew(fresh: ServerFiles) -> None:
    fresh.make_root()
    fresh.unfinished_cluster.mkdir()
    (fresh.unfinished_cluster / "PG_VERSION").write_text("18\n")
    async with embedded_postgres(fresh.root) as dsn:
        assert await answer(dsn) == 42


async def test_a_long_path_gets_a_private_socket_elsewhere(fresh: ServerFiles) -> None:
    deep = ServerFiles(fresh.root / ("d" * 60) / ("e" * 60))
    async with embedded_postgres(deep.root) as dsn:
        assert await answer(dsn) == 42
        elsewhere = Path(deep.socket_dir_record.read_text())
        assert mode_of(elsewhere) == 0o700
        os.kill(supervisor_of(fresh), signal.SIGKILL)
    wait_until_gone(fresh)
    assert there(elsewhere), "a killed supervisor cannot clean up"
    async with embedded_postgres(deep.root) as dsn:
        assert await answer(dsn) == 42
        assert not there(elsewhere), "the next one does"
        elsewhere = Path(deep.socket_dir_record.read_text())
    wait_until_gone(fresh)
    assert not there(elsewhere)


async def test_a_server_that_does_not_start_says_why(files: ServerFiles) -> None:
    async with embedded_postgres(files.root):
        pass
    wait_until_gone(files)
    (files.cluster / "postgresql.conf").write_text("work_mem = 'plenty'\n")
    with pytest.raises(UnavailableError, match="work_mem"):
        async with embedded_postgres(files.root):
            pass


async def test_a_data_directory_that_cannot_be_made_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match="data directory") as caught:
        async with embedded_postgres(tmp_path / "file" / "data"):
            pass
    assert "BACKFILL_DATA_DIR" in caught.value.action


async def test_data_of_another_version_need_its_programs(fresh: ServerFiles) -> None:
    fresh.make_root()
    fresh.cluster.mkdir()
    (fresh.cluster / "PG_VERSION").write_text("12\n")
    with pytest.raises(UnavailableError, match="made by Postgres 12"):
        async with embedded_postgres(fresh.root):
            pass


async def test_the_supervisor_knows_none_of_our_secrets(files: ServerFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKFILL_CLIENT_SECRET", "very-secret")
    async with embedded_postgres(files.root):
        for pid in processes_of(files):
            assert "very-secret" not in environment_of(pid)


class TestAsRoot:
    """Root's ways of starting a server that refuses to be root."""

    pytestmark = pytest.mark.parametrize("run_as", [RunAs.NAMESPACE, RunAs.NOBODY])

    @pytest.fixture
    def reachable(self, files: ServerFiles) -> ServerFiles:
        """pytest keeps its folders private; `nobody` must be able to pass."""
        for folder in files.root.parents:
            if folder.stat().st_mode & 0o011 == 0:
                folder.chmod(0o711)
        return files

    async def test_it_starts_and_stops(self, reachable: ServerFiles, run_as: RunAs) -> None:
        for _ in range(2):
            async with embedded_postgres(reachable.root, run_as=run_as) as dsn:
                assert await answer(dsn) == 42
                assert (user_of(postmaster_of(reachable)) == 0) == (run_as is RunAs.NAMESPACE)
                assert reachable.cluster.stat().st_mode & 0o077 == 0
            wait_until_gone(reachable)
        assert not reachable.binaries_copy.exists()
        assert "immediate" not in reachable.log_tail()

    async def test_it_goes_with_a_killed_supervisor(self, reachable: ServerFiles, run_as: RunAs) -> None:
        async with embedded_postgres(reachable.root, run_as=run_as):
            os.kill(supervisor_of(reachable), signal.SIGKILL)
            wait_until_gone(reachable)
        async with embedded_postgres(reachable.root, run_as=run_as) as dsn:
            assert await answer(dsn) == 42

    async def test_data_change_hands_with_the_way(self, reachable: ServerFiles, run_as: RunAs) -> None:
        other = RunAs.NOBODY if run_as is RunAs.NAMESPACE else RunAs.NAMESPACE
        for way in (other, run_as):
            async with embedded_postgres(reachable.root, run_as=way) as dsn:
                assert await answer(dsn) == 42
            wait_until_gone(reachable)


async def test_nobody_who_cannot_reach_the_data_is_said_plainly(fresh: ServerFiles) -> None:
    fresh.root.parent.chmod(0o700)
    with pytest.raises(UnavailableError, match="cannot reach"):
        async with embedded_postgres(fresh.root, run_as=RunAs.NOBODY):
            pass
