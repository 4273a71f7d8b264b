"""The embedded server: up at once, shared by commands, gone with the last of them however they end."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import anyio
import asyncpg
import pytest

from backfill.errors import UnavailableError
from backfill.store import embedded, supervisor
from backfill.store.binaries import find_binaries
from backfill.store.embedded import embedded_postgres
from backfill.store.server_files import ServerFiles
from tests.processes import PATIENCE_S, kill_and_wait, running
from tests.store.servers import (
    CommandStarter,
    answer,
    environment_of,
    mode_of,
    postmaster_of,
    processes_of,
    supervisor_of,
    there,
    wait_until_gone,
)


async def test_it_is_up_in_the_block_and_gone_after_it(fresh: ServerFiles) -> None:
    async with embedded_postgres(fresh.root) as dsn:
        assert await answer(dsn) == 42
        assert processes_of(fresh)
    wait_until_gone(fresh)
    assert not fresh.ready.exists()


async def test_data_outlive_the_server(files: ServerFiles, command: CommandStarter) -> None:
    for expected in ("1", "2"):
        started = command()
        started.dsn()
        assert started.end() == expected
        wait_until_gone(files)


async def test_psql_uses_the_same_address(files: ServerFiles) -> None:
    async with embedded_postgres(files.root) as dsn:
        told = await anyio.run_process([str(find_binaries().psql()), dsn, "-Atc", "SHOW synchronous_commit"])
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


async def test_commands_share_one_server_and_the_first_may_end_first(
    files: ServerFiles, command: CommandStarter
) -> None:
    first = command()
    dsn = first.dsn()
    owner = supervisor_of(files)
    second = command()
    assert second.dsn() == dsn
    first.end()
    assert supervisor_of(files) == owner
    assert second.end() == "2"
    wait_until_gone(files)


async def test_many_commands_at_once_start_one_server(fresh: ServerFiles, command: CommandStarter) -> None:
    commands = [command() for _ in range(5)]
    assert len({started.dsn() for started in commands}) == 1
    assert supervisor_of(fresh)
    assert [started.end() for started in commands] == ["5"] * 5


async def test_commands_that_come_while_it_stops_get_a_new_one(files: ServerFiles) -> None:
    for _ in range(5):
        async with embedded_postgres(files.root) as dsn:
            assert await answer(dsn) == 42


async def test_a_killed_command_leaves_nothing_behind(files: ServerFiles, command: CommandStarter) -> None:
    started = command()
    started.dsn()
    started.kill()
    wait_until_gone(files)


@pytest.mark.parametrize("sign", ["start_lock", "unfinished_cluster", "cluster"])
async def test_a_command_killed_while_it_starts_the_server_leaves_nothing_behind(
    fresh: ServerFiles, command: CommandStarter, sign: str
) -> None:
    """Before the supervisor is there, while it makes the database files, and while it starts the server."""
    started = command()
    seen: tuple[Path, ...] = (getattr(fresh, sign), fresh.cluster)  # what is unfinished is there for a moment only
    while not any(there(path) for path in seen):
        assert started.process.poll() is None
    started.kill()
    wait_until_gone(fresh)
    async with embedded_postgres(fresh.root) as dsn:
        assert await answer(dsn) == 42


async def test_an_interrupt_at_the_terminal_does_not_reach_the_server(
    files: ServerFiles, command: CommandStarter
) -> None:
    started = command()
    started.dsn()
    os.killpg(started.process.pid, signal.SIGINT)
    started.stdin.close()
    assert started.process.wait(PATIENCE_S) != -signal.SIGKILL, "it was not ended by our patience"
    assert "received immediate shutdown" not in files.log_tail()
    wait_until_gone(files)
    assert "database system is shut down" in files.log_tail()


@pytest.mark.parametrize("victim", ["supervisor", "postmaster"])
async def test_after_a_kill_of_the_servers_own_processes_the_next_command_recovers(
    files: ServerFiles, command: CommandStarter, victim: str
) -> None:
    started = command()
    started.dsn()
    kill_and_wait(supervisor_of(files) if victim == "supervisor" else postmaster_of(files))
    async with embedded_postgres(files.root) as dsn:  # at once, while the killed one's processes may still be there
        connection = await asyncpg.connect(dsn)
        assert await connection.fetchval("SELECT count(*) FROM kept") == 1
        await connection.close()
    started.kill()
    wait_until_gone(files)


async def test_a_server_that_lost_its_supervisor_while_it_answered_is_not_used(
    files: ServerFiles, command: CommandStarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stops in a moment: who was told its address would find nobody there."""
    command().dsn()
    victims = [supervisor_of(files)]
    answers = embedded._answers

    async def answers_a_last_time(dsn: str) -> bool:
        answered = await answers(dsn)
        if victims:
            kill_and_wait(victims.pop())
        return answered

    monkeypatch.setattr(embedded, "_answers", answers_a_last_time)
    async with embedded_postgres(files.root) as dsn:
        assert await answer(dsn) == 42
        assert supervisor_of(files)
    assert not victims


async def test_a_leftover_that_does_not_stop_is_stopped_hard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its checkpoint takes too long, say. Postgres recovers at the next start."""
    deaf = (
        "import signal as s; s.signal(s.SIGINT, s.SIG_IGN);"
        " s.signal(s.SIGQUIT, s.SIG_DFL);"  # a shell's background has it ignored
        " print('deaf', flush=True); input()"
    )
    monkeypatch.setattr(supervisor, "STOP_TIMEOUT_S", 0.1)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with running([sys.executable, "-c", deaf], cwd=tmp_path, **pipes) as leftover:
        assert leftover.stdout is not None
        assert leftover.stdout.readline() == "deaf\n"
        pid_file = tmp_path / "postmaster.pid"
        pid_file.write_text(f"{leftover.pid}\n")
        await anyio.to_thread.run_sync(supervisor._stop_leftover, tmp_path)
        assert leftover.wait(PATIENCE_S) == -signal.SIGQUIT
    assert not there(pid_file)


async def test_a_pid_file_that_names_a_stranger_does_not_stop_it(files: ServerFiles) -> None:
    """After a power cut the number in the file may be any process's: it is neither waited for nor ended."""
    async with embedded_postgres(files.root):
        pass
    wait_until_gone(files)
    with running([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        (files.cluster / "postmaster.pid").write_text(f"{stranger.pid}\n{files.cluster}\n0\n5432\n\n\n\nready\n")
        async with embedded_postgres(files.root) as dsn:
            assert await answer(dsn) == 42
        assert stranger.poll() is None


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


@pytest.mark.parametrize("name", ["Smith, Jones", 'the "books"', "it's $HOME; %20 a\\b"])
async def test_any_path_will_do(fresh: ServerFiles, name: str) -> None:
    odd = ServerFiles(fresh.root / name)
    async with embedded_postgres(odd.root) as dsn:
        assert await answer(dsn) == 42


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
