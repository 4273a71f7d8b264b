"""The files of an embedded server: where they lie, and the locks that say who is there.

Standard library only: the supervisor starts with this and must be up at once.

`users.lock`       every command that uses the server holds it shared for as long as it does; the supervisor
                   waits for it exclusively: having it means that nobody is left, and that nobody can come
                   while it stops the server, because it keeps it until it is gone.
`supervisor.lock`  held exclusively by the supervisor for life: free means that none is there.
`start.lock`       held by a command while it looks for a supervisor and starts one.
`ready.json`       written by the supervisor once its server accepts connections, removed by the next
                   supervisor before it does anything else: valid only while `supervisor.lock` is held.

All locks are `flock`s: the kernel gives them back when their holder dies, however it dies.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SOCKET_PORT = 5432
"""Only a part of the socket's file name: the server listens on no network."""

LOG_LINES = 12
"""They hold a failed start's whole story."""

SOCKET_PATH_LIMIT_BYTES = 107
"""A Unix socket's path has 108 bytes in the kernel's structure, one of them the final zero."""


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """The paths below one data directory."""

    root: Path

    @property
    def cluster(self) -> Path:
        """Postgres's own data directory."""
        return self.root / "postgres"

    @property
    def unfinished_cluster(self) -> Path:
        """Where a cluster is made before it gets its name, so that a half-made one is never started."""
        return self.root / "postgres.unfinished"

    @property
    def binaries_copy(self) -> Path:
        return self.root / "binaries"

    @property
    def socket_dir(self) -> Path:
        return self.root / "socket"

    @property
    def socket_dir_record(self) -> Path:
        """Holds the path of the socket directory where `socket_dir` is too long to be one."""
        return self.root / "socket_dir.txt"

    @property
    def users_lock(self) -> Path:
        return self.root / "users.lock"

    @property
    def start_lock(self) -> Path:
        return self.root / "start.lock"

    @property
    def supervisor_lock(self) -> Path:
        return self.root / "supervisor.lock"

    @property
    def ready(self) -> Path:
        return self.root / "ready.json"

    @property
    def log(self) -> Path:
        return self.root / "supervisor.log"

    @classmethod
    def below(cls, data_dir: Path) -> ServerFiles:
        """The files in `data_dir`, named so that they are found from anywhere."""
        return cls(data_dir.absolute())

    def make_root(self) -> None:
        """Make the data directory, private. One that is there keeps its mode: an operator may have chosen it."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def announce(self, socket_dir: Path) -> None:
        """Say that the server accepts connections in `socket_dir`. Appears whole or not at all."""
        draft = self.ready.with_suffix(".draft")
        draft.write_text(json.dumps({"socket_dir": str(socket_dir)}), encoding="utf-8")
        draft.replace(self.ready)

    def announced_socket_dir(self) -> Path | None:
        """Where the server accepts connections; None: it does not yet. Ask only while a supervisor is there."""
        try:
            return Path(json.loads(self.ready.read_text(encoding="utf-8"))["socket_dir"])
        except FileNotFoundError:
            return None

    def supervised(self) -> bool:
        """Whether a supervisor is there. Only for the holder of `start.lock`: looking takes the lock for a moment."""
        lock = FileLock.taken(self.supervisor_lock, shared=True)
        if lock is None:
            return True
        lock.close()
        return False

    def log_tail(self) -> str:
        """The last lines that the supervisor and the server wrote."""
        with suppress(FileNotFoundError):
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:])
        return ""


class FileLock:
    """A held `flock`. Closed (or dropped by the kernel with the process), it is free again."""

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def taken(cls, path: Path, *, shared: bool = False, wait: bool = False) -> FileLock | None:
        """Take the lock; None if another holds it. `wait` blocks the thread until it is free."""
        # Not inherited by programs we start (Python's default): a lock lives as long as its holder, not its children.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor)

    def close(self) -> None:
        os.close(self._descriptor)
