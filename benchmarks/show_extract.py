"""A fleet read over HTTP at Intuit's real pace, compared with the companies document for document, and measured.

    python -m benchmarks.show_extract [--realms 20] [--rows 100:50000] [--result extract-fleet]

Starts a simulator and an extract in processes of their own, on an embedded Postgres. The result file carries the
parity (documents, differences, a checksum) beside the figures, which hold for the machine it ran on.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import anyio

from backfill.store.embedded import embedded_postgres
from benchmarks.measured import write_result
from tests.comparison import compare
from tests.processes import Backfill, ended, simulated

LIMITS = {"most_in_minute": 500, "most_in_second": 10, "most_batches_in_minute": 40, "most_in_flight": 10}
RUN_S = 3600.0
"""More than any of these runs takes."""
LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Figures:
    """How large, how far away, and how busy the fleet is."""

    realms: int = 20
    rows: str = "100:50000"
    latency_ms: float = 150.0
    jitter_ms: float = 50.0
    changes_per_minute: float = 60.0
    seed: int = 1


AT_FULL_SIZE = Figures()


def show(folder: Path, dsn: str, figures: Figures) -> dict[str, Any]:
    """Extract the fleet into the database and return what came of it."""
    with simulated(folder, **asdict(figures), limits_scale=1) as intuit:
        user = Backfill(folder).having(DATABASE_URL=dsn, **intuit.variables)
        imported = user.run("realms", "import", intuit.realms_file)
        assert imported.code == 0, imported.stderr
        with user.started("extract", "--json", timeout_s=RUN_S, stderr=None) as process:
            peak = _Peak(process.pid)
            done = ended(process, RUN_S)
            peak.stop()
        extracted = done.json()
        changes = sum(intuit.act(realm_id, 0) for realm_id in intuit.realm_ids)
        compared = asyncio.run(compare(dsn, intuit))
        summary = list(intuit.summary().values())
    return {
        "figures": asdict(figures),
        "exit_code": done.code,
        "realms": extracted["realms"],
        "rows": extracted["rows"],
        "requests": extracted["requests"],
        "wall_s": extracted["wall_s"],
        "rows_per_s": round(extracted["rows"]["landed"] / extracted["wall_s"]),
        "peak_memory_mb": round(peak.bytes / 2**20, 1),
        "cpu_s": peak.cpu_s,
        "changes_meanwhile": changes,
        "throttled": sum(summed["throttled"] for summed in summary),
        "most": {name: max(summed[name] for summed in summary) for name in LIMITS},
        "allowed": LIMITS,
        "documents": compared.documents,
        "differing": compared.differing,
        "differences": compared.differences,
        "checksum": compared.checksum,
        "errors": extracted["errors"],
    }


class _Peak:
    """Looks at a process's peak memory and processor time until it ends: /proc tells of no process that is gone.

    What the kernel keeps of it afterwards would count our own memory, too, which it shared before it began.
    """

    def __init__(self, pid: int) -> None:
        self.bytes = 0
        self.cpu_s = 0.0
        self._folder = Path(f"/proc/{pid}")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(LOOK_S):
            try:
                status = (self._folder / "status").read_text(encoding="ascii")
                times = (self._folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            except OSError:
                return
            lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
            if "VmHWM" in lines:  # a zombie has no memory
                self.bytes = int(lines["VmHWM"].split()[0]) * 1024
                self.cpu_s = round((int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK"), 2)


def table(result: dict[str, Any]) -> str:
    """The result for a person."""
    figures, most, allowed = result["figures"], result["most"], result["allowed"]
    lines = [
        ("companies", f"{figures['realms']} of {figures['rows']} rows, {result['realms']['proven']} proven"),
        ("people meanwhile", f"{result['changes_meanwhile']:,} changes"),
        ("latency", f"{figures['latency_ms']:.0f} ± {figures['jitter_ms']:.0f} ms"),
        ("documents compared", f"{result['documents']:,}, {result['differing']:,} differ"),
        ("rows landed", f"{result['rows']['landed']:,}, {result['rows']['deleted']:,} marked deleted"),
        ("time", f"{result['wall_s']:.1f} s, {result['rows_per_s']:,} rows/s"),
        ("requests", f"{result['requests']['total']:,}, {result['throttled']} throttled"),
        *((name.replace("_", " "), f"{most[name]} of {allowed[name]} allowed") for name in allowed),
        ("peak memory", f"{result['peak_memory_mb']:.0f} MB, {result['cpu_s']:.1f} s of processor time"),
    ]
    return "\n".join(f"  {name:<24}{value}" for name, value in lines)


def main() -> int:
    """Run, print, write. 0 if all is equal, proven and within the limits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in asdict(AT_FULL_SIZE).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    parser.add_argument("--result", default="extract-fleet", help="name of the result file; empty: none")
    given = vars(parser.parse_args())
    name = given.pop("result")
    begun = time.monotonic()
    result = anyio.run(_with_postgres, Figures(**given))
    result["with_everything_s"] = round(time.monotonic() - begun, 1)
    print(table(result))
    if name:
        print(f"  kept in {write_result(name, result)}")
    return int(bool(result["exit_code"] or result["differing"] or result["throttled"]))


async def _with_postgres(figures: Figures) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="backfill-show-") as folder:
        async with embedded_postgres(Path(folder) / "postgres") as dsn:
            return await anyio.to_thread.run_sync(show, Path(folder), dsn, figures)


if __name__ == "__main__":
    sys.exit(main())
