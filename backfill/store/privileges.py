"""As whom the server runs. Postgres refuses to run as root, for good reasons; root's users need it all the same.

Standard library only, synchronous: part of the supervisor.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from backfill.errors import UnavailableError
from backfill.store.binaries import VERSION_TIMEOUT_S, Binaries
from backfill.store.server_files import ServerFiles

CLONE_NEWUSER = 0x10000000  # <linux/sched.h>
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
UNPRIVILEGED_ID = 65534
"""`nobody` on Linux by convention; inside a namespace any number but 0 serves."""

COPIED_FOLDERS = ("bin", "lib", "share")
"""What a server needs of an installation; `include` is for compilers."""


class RunAs(StrEnum):
    """The ways to run the server."""

    SELF = "self"
    """As the user who started the command. Never as root."""
    NAMESPACE = "namespace"
    """Root, in a user namespace where it is an ordinary user: the files stay root's and private."""
    NOBODY = "nobody"
    """Root, where namespaces are forbidden: as the user `nobody`, with a copy of the programs that it may read."""


@dataclass(frozen=True, slots=True)
class Privileges:
    """How the server's programs are started, and who owns the files they write."""

    run_as: RunAs
    binaries: Binaries
    user_id: int
    group_id: int

    def popen(self, command: Sequence[str | Path], *, dies_with_us: bool = False) -> subprocess.Popen[bytes]:
        """Start one of Postgres's programs with these privileges and an environment that says nothing of ours.

        `dies_with_us`: the kernel interrupts it (a fast shutdown) when the calling *thread* ends, on Linux.
        """
        steps: list[Callable[[], None]] = []
        if self.run_as is RunAs.NAMESPACE:
            steps.append(_namespace_step())
        if dies_with_us and sys.platform == "linux":
            steps.append(_death_signal_step())  # last: a change of credentials clears it

        def before_exec() -> None:
            for step in steps:
                step()

        nobody = self.run_as is RunAs.NOBODY
        return subprocess.Popen(  # noqa: S603  # our own command line, no shell
            [str(part) for part in command],
            cwd="/",
            env=_bare_environment(),
            stdin=subprocess.DEVNULL,
            preexec_fn=before_exec,  # noqa: PLW1509  # the supervisor forks before it starts any thread
            user=self.user_id if nobody else None,
            group=self.group_id if nobody else None,
            extra_groups=[] if nobody else None,
        )

    def give(self, path: Path) -> None:
        """Make `path`, and what is below, the server's own and private, if it is not already."""
        if path.stat().st_uid == self.user_id:
            return
        for folder, _, files in os.walk(path):
            for name in (folder, *(os.path.join(folder, file) for file in files)):  # noqa: PTH118  # os.walk gives strings
                os.chown(name, self.user_id, self.group_id, follow_symlinks=False)


def choose_privileges(binaries: Binaries, files: ServerFiles, *, forced: RunAs | None = None) -> Privileges:
    """Ourselves unless root; as root a user namespace if one works here, else `nobody`.

    `forced` takes one way as root and no other. Raises UnavailableError if no way is open.
    """
    if os.geteuid() != 0:
        return Privileges(RunAs.SELF, binaries, os.geteuid(), os.getegid())
    if forced in (None, RunAs.NAMESPACE):
        inside = Privileges(RunAs.NAMESPACE, binaries, os.geteuid(), os.getegid())
        if _works(inside, files.root):
            return inside
    if forced in (None, RunAs.NOBODY):
        return _as_nobody(binaries, files)
    raise UnavailableError(
        f"Postgres cannot be started as root by way of {forced}",
        action="run as an ordinary user, or leave the way open",
    )


def _as_nobody(binaries: Binaries, files: ServerFiles) -> Privileges:
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        raise UnavailableError(
            "Postgres does not run as root, and this machine has neither user namespaces nor a user `nobody`",
            action="run as an ordinary user, or give a database with BACKFILL_DATABASE_URL",
        ) from error
    # The group may pass through, not look around; everything in it stays private to its owner.
    os.chown(files.root, 0, nobody.pw_gid)
    files.root.chmod(0o710)
    # A fresh copy, root's own, each time: nothing that anyone could have prepared or changed is ever run.
    shutil.rmtree(files.binaries_copy, ignore_errors=True)
    copied = Binaries(_copied(binaries, files.binaries_copy), binaries.major)
    privileges = Privileges(RunAs.NOBODY, copied, nobody.pw_uid, nobody.pw_gid)
    if not _works(privileges, files.root):
        raise UnavailableError(
            f"Postgres does not run as root, and the user `nobody` cannot reach {files.root}",
            action="set BACKFILL_DATA_DIR to a folder below one that others may enter, such as /var/lib/backfill,"
            " run as an ordinary user, or give a database with BACKFILL_DATABASE_URL",
        )
    return privileges


def _copied(binaries: Binaries, target: Path) -> Path:
    """Copy the programs, and the libraries that a wheel keeps beside them, with their relative places kept."""
    install = binaries.install_dir
    package = install.parent
    home = target / package.name / install.name
    for folder in COPIED_FOLDERS:
        if (install / folder).is_dir():
            shutil.copytree(install / folder, home / folder, symlinks=True)
    libraries = package.parent / f"{package.name}.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name)
    for folder, _, _ in os.walk(target):
        Path(folder).chmod(0o755)  # whatever the umask: `nobody` reads, only root writes
    return home / "bin"


def _works(privileges: Privileges, directory: Path) -> bool:
    """Whether the server's program starts this way, and gets at `directory`, in a throwaway child."""
    for command in ((privileges.binaries.program("postgres"), "--version"), ("/bin/sh", "-c", 'cd "$0"', directory)):
        try:
            child = privileges.popen(command)
        except (OSError, subprocess.SubprocessError):
            return False
        try:
            if child.wait(timeout=VERSION_TIMEOUT_S) != 0:
                return False
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            return False
    return True


def _namespace_step() -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True)
    mappings: Mapping[str, str] = {
        "/proc/self/setgroups": "deny",  # the kernel demands it before an unprivileged gid_map
        "/proc/self/uid_map": f"{UNPRIVILEGED_ID} {os.geteuid()} 1",
        "/proc/self/gid_map": f"{UNPRIVILEGED_ID} {os.getegid()} 1",
    }

    def enter() -> None:
        if libc.unshare(CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        for path, text in mappings.items():
            descriptor = os.open(path, os.O_WRONLY)
            os.write(descriptor, text.encode())
            os.close(descriptor)

    return enter


def _death_signal_step() -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def arm() -> None:
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
        if os.getppid() != parent:  # it died before we asked to be told
            os._exit(1)

    return arm


def _bare_environment() -> dict[str, str]:
    """English messages, no time zone, and none of our variables: some are secrets, and PG* would be obeyed."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {"PATH": os.defpath, **kept, "LC_ALL": "C", "TZ": "UTC"}
