"""The process that owns an embedded server: starts it, and stops it when nobody uses it any more.

Run as `python -m backfill.store.supervisor DATA_DIR`. It detaches: the started process ends as soon as the
supervisor has its lock, and the supervisor lives on in a session of its own, out of reach of a Ctrl-C.
Standard library only, synchronous, one thread beside the main one. The locks are told in `server_files`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from backfill.errors import UnavailableError
from backfill.store.binaries import find_binaries
from backfill.store.privileges import Privileges, RunAs, choose_privileges
from backfill.store.server_files import SOCKET_PATH_LIMIT_BYTES, SOCKET_PORT, FileLock, ServerFiles

OTHER_IS_THERE = 75
"""Exit code if another supervisor has the lock (EX_TEMPFAIL of sysexits.h: look again)."""

STILL_IN_USE = "pre-existing shared memory block"
"""Postgres's words where backends of a killed postmaster are still there; they notice within a second as a rule."""
FIRST_OTHER_DESCRIPTOR = 3
"""After standard input, output and error."""
DESCRIPTORS_LIMIT = 2**16
"""Descriptors are given out from the lowest number; one that waits to be inherited is never beyond this."""

START_TRIES = 240
RETRY_WAIT_S = 0.25
"""With the number of tries: a minute, many times what the backends of a busy machine need."""
READY_POLL_S = 0.01
"""A start takes 0.04 s; looking at a file of 100 bytes every 10 ms costs nothing."""
STOP_TIMEOUT_S = 60
"""A fast shutdown writes one checkpoint. After this long the server is stopped hard, and recovers at its next start."""
LEFTOVER_TIMEOUT_S = 30
"""How long a server without supervisor may take to end, once it is stopped hard, before it is given up."""

MIB = 2**20
SHARED_BUFFERS_LIMIT_MIB = 2048
"""If it is at most a quarter of the memory (Postgres's own advice). A first load of hundreds of megabytes is counted
at its end, for its proof: measured, with 512 that reads it all again, a tenth of Postgres's work. Memory that no data
fill is not taken."""

SYNCFS_MAJOR = 17
"""Since then initdb can flush its thousand files at once: 0.1 s in place of 1 s, measured. Never not at all."""

SETTINGS = {
    "listen_addresses": "",  # the Unix socket in a private folder is the only way in
    "port": str(SOCKET_PORT),
    "unix_socket_permissions": "0700",
    "max_wal_size": "4GB",  # measured: landing at full speed is not interrupted by checkpoints
    "checkpoint_timeout": "15min",
    "wal_level": "minimal",  # no replicas and no archive hang on an embedded server
    "max_wal_senders": "0",
    "jit": "off",  # our statements are short; compiling them costs more than running them
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_min_messages": "log",  # above `error`: rows that the database refuses are our business, not the log's
}


def main() -> int:
    """Parse the arguments, take the lock, detach, serve. Returns the exit code of the process that is left."""
    parser = argparse.ArgumentParser(prog="backfill.store.supervisor")
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--pg-bin-dir", type=Path)
    parser.add_argument("--run-as", type=RunAs)
    arguments = parser.parse_args()
    files = ServerFiles.below(arguments.data_dir)
    # Whoever started us may wait for the end of a pipe that was left open to its children: uvloop leaves its own.
    os.closerange(FIRST_OTHER_DESCRIPTOR, DESCRIPTORS_LIMIT)
    lock = FileLock.taken(files.supervisor_lock)
    if lock is None:
        return OTHER_IS_THERE
    files.ready.unlink(missing_ok=True)
    _write_to_log(files.log)
    if os.fork() != 0:
        return 0  # whoever started us reaps this process at once; the child has inherited the lock
    os.setsid()
    os.chdir("/")
    try:
        _serve(files, arguments.pg_bin_dir, arguments.run_as)
    except UnavailableError as error:
        sys.stderr.write(f"{error.message}\n{error.action}\n")
        return 1
    return 0


def _write_to_log(path: Path) -> None:
    """Send our output, and the server's, to a fresh log: a start's story is never mixed with an older one."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    empty = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((empty, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(log)
    os.close(empty)


def _serve(files: ServerFiles, pg_bin_dir: Path | None, run_as: RunAs | None) -> None:
    binaries = find_binaries(pg_bin_dir, major=_made_by(files.cluster))
    privileges = choose_privileges(binaries, files, forced=run_as)
    _stop_leftover(files.cluster)
    _make_cluster(files, privileges)
    socket_dir = _make_socket_dir(files)
    privileges.give(socket_dir)
    try:
        server = _start(files, privileges, socket_dir)
        files.announce(socket_dir)
        # The thread only waits for a lock; the server hangs on this thread, which stays until the server has ended.
        threading.Thread(target=_stop_when_unused, args=(files, server), daemon=True).start()
        server.wait()
    finally:
        files.ready.unlink(missing_ok=True)
        if socket_dir != files.socket_dir:
            shutil.rmtree(socket_dir, ignore_errors=True)
        shutil.rmtree(files.binaries_copy, ignore_errors=True)


def _stop_when_unused(files: ServerFiles, server: subprocess.Popen[bytes]) -> None:
    """Wait until nobody holds the users' lock, and keep it: who comes now waits until we are gone."""
    FileLock.taken(files.users_lock, wait=True)
    server.send_signal(signal.SIGINT)  # Postgres's fast shutdown
    try:
        server.wait(timeout=STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        server.send_signal(signal.SIGQUIT)


def _made_by(cluster: Path) -> int | None:
    try:
        return int((cluster / "PG_VERSION").read_text(encoding="ascii"))
    except FileNotFoundError:
        return None


def _make_cluster(files: ServerFiles, privileges: Privileges) -> None:
    """Make the database files if there are none, in a place of their own until they are whole."""
    if files.cluster.exists():
        privileges.give(files.cluster)
        return
    draft = files.unfinished_cluster
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    privileges.give(draft)
    # The machine's locale may not be installed; C sorts Ids by byte, which is what we want of them.
    options = ["-D", str(draft), "-U", "postgres", "-E", "UTF8", "-A", "trust", "--locale=C", "--no-instructions"]
    if sys.platform == "linux" and privileges.binaries.major >= SYNCFS_MAJOR:
        options.append("--sync-method=syncfs")
    if privileges.popen([privileges.binaries.program("initdb"), *options]).wait() != 0:
        raise UnavailableError("the database files could not be made", action="see the lines above")
    draft.rename(files.cluster)


def _make_socket_dir(files: ServerFiles) -> Path:
    """A private folder that is fit for a socket: below the data directory, else a fresh one in a temporary place."""
    _remove_recorded_socket_dir(files)
    if _fits(files.socket_dir):
        files.socket_dir.mkdir(mode=0o700, exist_ok=True)
        return files.socket_dir
    for parent in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), "/tmp"):  # noqa: S108  # mkdtemp's is private
        if parent and _fits(Path(parent, "backfill-12345678")) and os.access(parent, os.W_OK):
            made = Path(tempfile.mkdtemp(prefix="backfill-", dir=parent))
            files.socket_dir_record.write_text(str(made), encoding="utf-8")
            return made
    raise UnavailableError(
        f"the path of the data directory {files.root} is too long for a Unix socket, or has a comma or a quotation"
        " mark, and so have the temporary places",
        action="set BACKFILL_DATA_DIR to a shorter path without such",
    )


def _remove_recorded_socket_dir(files: ServerFiles) -> None:
    """Remove what a killed supervisor left in a temporary place, if it is still the folder that we made there."""
    with suppress(FileNotFoundError):
        recorded = Path(files.socket_dir_record.read_text(encoding="utf-8"))
        files.socket_dir_record.unlink()
        facts = recorded.lstat()
        if stat.S_ISDIR(facts.st_mode) and facts.st_mode & 0o077 == 0 and recorded.name.startswith("backfill-"):
            shutil.rmtree(recorded, ignore_errors=True)


def _fits(socket_dir: Path) -> bool:
    """Whether its socket's path is short enough, and read as one: where a path stands, a list of them may stand."""
    short = len(os.fsencode(socket_dir / f".s.PGSQL.{SOCKET_PORT}")) <= SOCKET_PATH_LIMIT_BYTES
    return short and not set(str(socket_dir)) & set(',"')


def _start(files: ServerFiles, privileges: Privileges, socket_dir: Path) -> subprocess.Popen[bytes]:
    """Start the server and wait until it accepts connections, however long it has to recover."""
    settings = {**SETTINGS, "shared_buffers": _shared_buffers(), "unix_socket_directories": f'"{socket_dir}"'}
    command: list[str | Path] = [privileges.binaries.program("postgres"), "-D", files.cluster]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    for _ in range(START_TRIES):
        server = privileges.popen(command, dies_with_us=True)
        while server.poll() is None:
            if _postmaster_lines(files.cluster)[7:8] == ["ready"] and _postmaster_pid(files.cluster) == server.pid:
                return server
            time.sleep(READY_POLL_S)  # noqa: TID251  # a process of its own, without an event loop
        if STILL_IN_USE not in files.log_tail():
            break
        time.sleep(RETRY_WAIT_S)  # noqa: TID251  # as above
    raise UnavailableError("the database server does not start", action="see the lines above")


def _shared_buffers() -> str:
    memory_mib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // MIB
    return f"{min(SHARED_BUFFERS_LIMIT_MIB, max(memory_mib // 4, 16))}MB"


def _postmaster_lines(cluster: Path) -> list[str]:
    """`postmaster.pid`: the pid is line 1, the status line 8."""
    try:
        return [line.strip() for line in (cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()]
    except FileNotFoundError:
        return []


def _postmaster_pid(cluster: Path) -> int | None:
    lines = _postmaster_lines(cluster)
    return int(lines[0]) if lines and lines[0].isdigit() else None


def _stop_leftover(cluster: Path) -> None:
    """End a server whose supervisor was killed, and remove the pid file of one that is gone.

    We hold the supervisor's lock, so a server that still runs here is nobody's.
    """
    pid = _postmaster_pid(cluster)
    if pid is None:
        return
    hard_at = time.monotonic() + STOP_TIMEOUT_S  # noqa: TID251  # a process of its own, without an event loop
    while _is_postmaster(pid, cluster):
        late_s = time.monotonic() - hard_at  # noqa: TID251  # as above
        if late_s > LEFTOVER_TIMEOUT_S:
            raise UnavailableError(
                f"a server of an earlier command (process {pid}) does not end", action=f"end it: kill -KILL {pid}"
            )
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT if late_s < 0 else signal.SIGQUIT)
        time.sleep(RETRY_WAIT_S)  # noqa: TID251  # as above
    # Its number may be another program's by now, for which Postgres would refuse to start.
    (cluster / "postmaster.pid").unlink(missing_ok=True)


def _is_postmaster(pid: int, cluster: Path) -> bool:
    """Whether process `pid` is a server on `cluster`: a postmaster works in its data directory."""
    if Path("/proc/self").exists():
        with suppress(OSError):
            return Path(f"/proc/{pid}/cwd").resolve(strict=True) == cluster.resolve()
        return False
    listing = subprocess.run(  # noqa: S603  # a number of ours
        ["/bin/ps", "-p", str(pid), "-o", "command="],
        capture_output=True,
        text=True,
        check=False,
        timeout=LEFTOVER_TIMEOUT_S,
    )
    return "postgres" in listing.stdout and str(cluster) in listing.stdout


if __name__ == "__main__":
    sys.exit(main())
