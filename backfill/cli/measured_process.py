"""Processes measured by the kernel's own account: processor time, and the memory they held at most.

Where there is no /proc, what only that tells is 0: memory, and the time of processes that are not ours to wait for.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LOOK_S = 0.05
"""How often a process's memory is looked at: its peak only ever grows, so that only its last moment is missed."""

_TICKS = os.sysconf("SC_CLK_TCK")
_GONE = (FileNotFoundError, ProcessLookupError)
"""What /proc says of a process that was gone before, or while, it was read."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One finished process: wall and CPU seconds, the most memory it held, and what it printed."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    exit_code: int
    stdout: bytes


class Watched:
    """A process that has begun, its stderr into `log`.

    `peak_mb` is the process's and its children's own peak, together. What the kernel keeps of a process that is gone
    would count our memory, too, which it shared before it began. `apart`: Ctrl-C is for us alone, who end it.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str] | None, log: Path, *, apart: bool = False
    ) -> None:
        self._started = time.perf_counter()
        with log.open("wb") as stderr:
            self._process = subprocess.Popen(  # noqa: S603  # whoever calls says what runs
                command,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=dict(os.environ if environment is None else environment),
                start_new_session=apart,
            )
        self.pid = self._process.pid
        self._peak = _Peak(self.pid)
        self._ended = threading.Event()

    def to_its_end(self) -> Measured:
        """Wait for it, in whatever thread."""
        process = self._process
        assert process.stdout is not None
        with process.stdout:
            stdout = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self._ended.set()
        return Measured(
            wall_s=time.perf_counter() - self._started,
            cpu_s=usage.ru_utime + usage.ru_stime,
            peak_mb=self._peak.stop(),
            exit_code=process.returncode,
            stdout=stdout,
        )

    def kill(self) -> None:
        """End it at once if it has not ended, and return when it is gone. Another thread waits for its end."""
        if not self._ended.is_set():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self._ended.wait()


def run_watched(command: Sequence[str], environment: Mapping[str, str] | None, log: Path) -> Measured:
    """Run to the end, stderr into `log`; with its peak as `Watched` has it."""
    return Watched(command, environment, log).to_its_end()


def run_measured(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Measured:
    """Run to the end and read the kernel's account of it (children that it waited for included)."""
    started = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603  # as above
        command, stdout=subprocess.PIPE, env=dict(os.environ if environment is None else environment)
    )
    assert process.stdout is not None
    stdout = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Measured(
        wall_s=time.perf_counter() - started,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_mb=usage.ru_maxrss / 1024,
        exit_code=process.returncode,
        stdout=stdout,
    )


def cpu_of_tree(pid: int) -> float:
    """CPU seconds of a process, its living children and those it has reaped: a Postgres with all its backends."""
    total = 0.0
    for number in [pid, *_children(pid)]:
        try:
            fields = _fields(number)
        except _GONE:
            continue
        used = [int(field) for field in fields[11:15]]
        total += sum(used if number == pid else used[:2]) / _TICKS
    return total


def cpu_of_machine() -> float:
    """CPU seconds of all that runs here; with those that a machine around this one took away. 0 where that is unknown.

    The first line of /proc/stat, in ticks: user, nice, system, idle, waiting for disks, two kinds of interrupts, steal.
    """
    try:
        fields = Path("/proc/stat").read_text().split(maxsplit=9)[1:9]
    except FileNotFoundError:
        return 0.0
    user, nice, system, _, _, *others = map(int, fields)
    return (user + nice + system + sum(others)) / _TICKS


def parent_of(pid: int) -> int | None:
    """The process that it is a child of; None if it is gone."""
    try:
        return int(_fields(pid)[1])
    except _GONE:
        return None


def titled(*words: str) -> int | None:
    """A process that has all these words in its title, whoever's it is; None if none is seen."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            title = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue  # it has ended, or is not ours to see
        if all(word in title for word in words):
            return int(folder.name)
    return None


def tree(pid: int) -> Iterator[int]:
    """A process and all below it, as of now."""
    yield pid
    for child in _children(pid):
        yield from tree(child)


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except _GONE:
        return []


def _fields(pid: int) -> list[str]:
    """Of its stat, from the third on: its name, the second, may have anything in it."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


class _Peak:
    """Looks at the memory of a process and its children until it ends."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peak_kb = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """Look no more; the most they held together, in MB."""
        self._ended.set()
        self._thread.join()
        return self._peak_kb / 1024

    def _look(self) -> None:
        while not self._ended.is_set():
            self._peak_kb = max(self._peak_kb, sum(_peak_kb(pid) for pid in tree(self._pid)))
            self._ended.wait(LOOK_S)


def _peak_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except _GONE:
        return 0
    # A process that has ended and is not yet waited for has no memory.
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)
