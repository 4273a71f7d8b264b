"""Who holds a lease or a run: one process on one machine since one boot, told apart from any later one."""

from __future__ import annotations

import hashlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
START_TIME_FIELD = 19
"""`starttime` is field 22 of /proc/PID/stat; counted here from behind the command name, which may hold spaces."""
ZOMBIE_START_TIME = -1
"""Equal to no process's."""
DIGEST_CHARS = 16
"""64 bits: no two of any number of processes that ever meet in one database share it by chance."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Written as `host/boot:pid:start_time`. `boot` names the machine's boot and the container's process numbers."""

    host: str
    boot: str
    pid: int
    start_time: int

    def __str__(self) -> str:
        return f"{self.host}/{self.boot}:{self.pid}:{self.start_time}"

    @property
    def session_name(self) -> str:
        """What its sessions are called in pg_stat_activity. A digest, since a name has 63 bytes there."""
        return f"backfill {hashlib.sha256(str(self).encode()).hexdigest()[:DIGEST_CHARS]}"

    @classmethod
    def current(cls) -> Owner:
        """This process."""
        pid = os.getpid()
        return cls(socket.gethostname(), _boot(), pid, _start_time(pid) or 0)

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """An owner as written; None for anything else."""
        place, _, process = text.partition(":")
        host, _, boot = place.rpartition("/")
        pid, _, start_time = process.partition(":")
        if not (host and pid.isdigit() and start_time.isdigit()):
            return None
        return cls(host, boot, int(pid), int(start_time))

    def is_surely_dead(self) -> bool:
        """Whether the process is gone for certain. Of another machine, boot or container we cannot know: False."""
        here = Owner.current()
        if not self.boot or (self.host, self.boot) != (here.host, here.boot):
            return False
        start_time = _start_time(self.pid)
        if start_time is not None:
            return start_time != self.start_time  # the number is another process's by now
        return not _exists(self.pid)


def owner_in_words(text: str) -> str:
    """An owner as written, for a person; anything else as it is."""
    owner = Owner.parse(text)
    return text if owner is None else f"process {owner.pid} on {owner.host}"


def _boot() -> str:
    """The boot's id and the number of our process namespace; empty where the system does not tell."""
    try:
        boot_id = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # Containers share the machine's boot, and may share its name, but each counts its own processes.
        return f"{boot_id}.{(PROC / 'self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _start_time(pid: int) -> int | None:
    """When the process started, in ticks since the boot; None if the system does not tell (or it is gone)."""
    try:
        facts = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    # A zombie works no more, although it still has a number: it is no process that we know.
    return ZOMBIE_START_TIME if facts[0] in {"Z", "X"} else int(facts[START_TIME_FIELD])


def _exists(pid: int) -> bool:
    """Asked of the kernel: /proc may be hidden from us, or not be there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
