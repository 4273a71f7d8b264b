"""The simulator over its real HTTP server, one process on one core: first pages, rows a second, memory.

    python -m benchmarks.bench_simulator [--pages 200] [--rounds 3] [--realms 500] [--without-extract]

    first page   of companies that nobody touched before, by size: the longest and the middle of several
    served       rows a second of pages of 1,000 invoices out of a million-row company, plain and gzip, by four
                 connections that throw the bytes away; and what a row costs the server's core
    landed       beside it, what `backfill extract` lands of such a company into Postgres
    memory       before and after so many companies were touched, and after a million-row company was read from

The simulator is `backfill simulate` with its limits off and no latency. Parity: every page has its 1,000 rows, what is
compressed is what is not, and the extract's rows are as many as the company has.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import http.client
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from backfill.cli.measured_process import cpu_of_tree
from benchmarks.ground import NO_LIMITS, ground
from benchmarks.measured import median, write_result

SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
QUESTIONS = (
    "SELECT * FROM Invoice ORDERBY MetaData.CreateTime MAXRESULTS 1000",
    "SELECT * FROM Invoice MAXRESULTS 1000",
    "SELECT * FROM Customer MAXRESULTS 1000",
    "SELECT * FROM Account MAXRESULTS 1000",
)
"""What a first page may be: by CreateTime, by the last change, by name, and of what all postings add up to."""

FIRST_PAGE_MS = 100
"""Within which a first page is promised, on a machine that does nothing else."""

EACH = 2
"""Companies of each size that are asked each question; every one is asked once."""

CONNECTIONS = 4
PAGE_ROWS = 1_000
EXTRACTED_ROWS = 60_000

PROFILE = """
latency_s = 0
jitter_s = 0
[limits]
requests_per_minute = "off"
requests_per_second = "off"
batches_per_minute = "off"
realm_batches_per_minute = "off"
in_flight = "off"
"""

_MAX_RESULTS = re.compile(rb'"maxResults":(\d+)')


@dataclass(frozen=True, slots=True)
class Served:
    """A running simulator: its process, its address, and credentials of its companies."""

    pid: int
    address: str
    realms: Sequence[Mapping[str, str]]
    realms_file: Path

    def memory_mb(self) -> float:
        """What the process holds now."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


@contextmanager
def simulated(folder: Path, *, realms: int, rows: str) -> Iterator[Served]:
    """`backfill simulate` with so many companies, until the block ends."""
    profile, credentials = folder / "simulator.toml", folder / "realms.jsonl"
    profile.write_text(PROFILE)
    options = {"port": 0, "realms": realms, "rows": rows, "profile": profile, "write-realms": credentials}
    arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "backfill", "simulate", *arguments, "--until-stdin-closes"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        address = process.stdout.readline().decode().strip()
        companies = [json.loads(line) for line in credentials.read_text().splitlines()]
        yield Served(process.pid, address, companies, credentials)
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


class Reader:
    """One connection."""

    def __init__(self, served: Served, *, gzipped: bool = False) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(served.address).netloc)
        self._headers = {"Accept": "application/json", "Accept-Encoding": "gzip" if gzipped else "identity"}

    def page(self, company: Mapping[str, str], statement: str) -> bytes:
        """The body of one answer, as it came."""
        path = f"/v3/company/{company['realm_id']}/query?{urlencode({'query': statement})}"
        headers = {**self._headers, "Authorization": f"Bearer {company['access_token']}"}
        self._connection.request("GET", path, headers=headers)
        response = self._connection.getresponse()
        body = response.read()
        assert response.status == 200, body[:300]
        return body


def first_pages(folder: Path) -> list[dict[str, float]]:
    """Milliseconds of first pages by size of company."""
    found = []
    for rows in SIZES:
        with simulated(folder, realms=1 + EACH * len(QUESTIONS), rows=f"{rows}:{rows}") as served:
            reader = Reader(served)
            reader.page(served.realms[0], QUESTIONS[0])  # what a process does once in its life
            times, cpu = [], cpu_of_tree(served.pid)
            for number, company in enumerate(served.realms[1:]):
                began = time.perf_counter()
                reader.page(company, QUESTIONS[number % len(QUESTIONS)])
                times.append((time.perf_counter() - began) * 1000)
            core_ms = (cpu_of_tree(served.pid) - cpu) * 1000 / len(times)
            within = sum(each <= FIRST_PAGE_MS for each in times) / len(times)
            found.append(
                {
                    "rows": rows,
                    "median_ms": median(times),
                    "longest_ms": max(times),
                    "core_ms": core_ms,
                    "within_limit": within,
                }
            )
    return found


def serving(served: Served, *, gzipped: bool, pages: int) -> dict[str, float]:
    """So many different pages of the first company, by all connections together."""
    company, waiting = served.realms[0], iter(range(pages))

    def read(_number: int) -> list[tuple[int, int]]:
        reader = Reader(served, gzipped=gzipped)
        sizes = []
        for page in waiting:
            statement = f"{QUESTIONS[0].split(' MAX')[0]} STARTPOSITION {page * PAGE_ROWS + 1} MAXRESULTS {PAGE_ROWS}"
            body = reader.page(company, statement)
            sizes.append((len(body), PAGE_ROWS if gzipped else _rows(body)))
        return sizes

    cpu, began = cpu_of_tree(served.pid), time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        sizes = [size for sizes in pool.map(read, range(CONNECTIONS)) for size in sizes]
    wall_s, cpu_s = time.perf_counter() - began, cpu_of_tree(served.pid) - cpu
    rows = sum(rows for _, rows in sizes)
    assert rows == pages * PAGE_ROWS, rows
    return {
        "rows_per_s": rows / wall_s,
        "rows_per_core_s": rows / cpu_s,
        "us_per_row": cpu_s / rows * 1e6,
        "mb": sum(size for size, _ in sizes) / 1e6,
    }


def check(served: Served) -> None:
    """What is compressed is what is not, but for the instant that the answer states."""
    company, statement = served.realms[0], QUESTIONS[0]
    plain = Reader(served).page(company, statement)
    unpacked = gzip.decompress(Reader(served, gzipped=True).page(company, statement))
    assert plain.rpartition(b'"time"')[0] == unpacked.rpartition(b'"time"')[0]
    assert _rows(plain) == PAGE_ROWS


def touched(folder: Path, realms: int) -> dict[str, float]:
    """Memory when each of so many companies was asked for a page."""
    with simulated(folder, realms=realms, rows="100:50000") as served:
        before, reader, began = served.memory_mb(), Reader(served), time.perf_counter()
        halfway = before
        for number, company in enumerate(served.realms):
            reader.page(company, QUESTIONS[0])
            if number == realms // 2:
                halfway = served.memory_mb()
        return {
            "realms": realms,
            "before_mb": before,
            "halfway_mb": halfway,
            "after_mb": served.memory_mb(),
            "ms_per_company": (time.perf_counter() - began) * 1000 / realms,
        }


async def landed(folder: Path) -> dict[str, float]:
    """What `backfill extract` lands a second of one company that the simulator serves."""
    with simulated(folder, realms=1, rows=f"{EXTRACTED_ROWS}:{EXTRACTED_ROWS}") as served:
        async with ground() as empty:
            place = replace(empty, address=served.address)
            config = empty.folder / "no-limits.toml"
            config.write_text(NO_LIMITS)
            client = {
                "BACKFILL_DATABASE_URL": place.dsn,
                "BACKFILL_QBO_BASE_URL": served.address,
                "BACKFILL_OAUTH_TOKEN_URL": f"{served.address}/oauth2/v1/tokens/bearer",
                "BACKFILL_CLIENT_ID": served.realms[0]["client_id"],
                "BACKFILL_CLIENT_SECRET": served.realms[0]["client_secret"],
            }
            environment = {**place.environment(), **client}
            backfill = [sys.executable, "-m", "backfill"]
            for arguments in (["migrate"], ["realms", "import", str(served.realms_file)]):
                subprocess.run([*backfill, *arguments, "--config", str(config)], env=environment, check=True)
            cpu = cpu_of_tree(served.pid)
            loaded = await place.load([*backfill, "extract", "--json", "--config", str(config)], environment)
            assert loaded.said["realms"]["proven"] == 1, loaded.said
            assert loaded.said["rows"]["landed"] == EXTRACTED_ROWS, loaded.said
            return {
                "rows": EXTRACTED_ROWS,
                "rows_per_s": EXTRACTED_ROWS / loaded.wall_s,
                "simulator_us_per_row": (cpu_of_tree(served.pid) - cpu) / EXTRACTED_ROWS * 1e6,
                "client_us_per_row": loaded.process.cpu_s / EXTRACTED_ROWS * 1e6,
                "postgres_us_per_row": loaded.postgres_cpu_s / EXTRACTED_ROWS * 1e6,
            }


def main() -> None:
    """Measure all and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=200, help="of a million-row company, in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--realms", type=int, default=500, help="companies that are touched")
    parser.add_argument("--without-extract", action="store_true")
    given = parser.parse_args()
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="backfill-bench-") as name:
        folder = Path(name)
        result["first_pages"] = first_pages(folder)
        with simulated(folder, realms=1, rows="1000000:1000000") as served:
            before = served.memory_mb()
            check(served)
            runs: dict[str, list[dict[str, float]]] = {"plain": [], "gzip": []}
            for _ in range(given.rounds):
                for form, made in runs.items():
                    made.append(serving(served, gzipped=form == "gzip", pages=given.pages))
            result |= {"runs": runs, "million_rows": {"before_mb": before, "after_mb": served.memory_mb()}}
        result["touched"] = touched(folder, given.realms)
        if not given.without_extract:
            result["extract"] = asyncio.run(landed(folder))
    _report(result)


def _report(result: dict[str, Any]) -> None:
    middle = {
        form: {name: median([run[name] for run in made]) for name in made[0]} for form, made in result["runs"].items()
    }
    result["summary"] = middle
    path = write_result("simulator", result)
    print(f"first page of a company that nobody touched before, and how many came within {FIRST_PAGE_MS} ms")
    for row in result["first_pages"]:
        text = f"{row['median_ms']:6.0f} ms, the longest {row['longest_ms']:.0f} ms; of a core {row['core_ms']:.0f} ms"
        print(f"  {row['rows']:>9,} rows  {text}; {row['within_limit']:.0%}")
    print("served by one core, pages of 1,000 invoices")
    for form, row in middle.items():
        text = f"{row['rows_per_s']:9,.0f} rows/s, {row['rows_per_core_s']:9,.0f} a second of the server's core"
        print(f"  {form:<6} {text}, {row['us_per_row']:.1f} us a row")
    if "extract" in result:
        row = result["extract"]
        print(f"landed by extract, on the same cores: {row['rows_per_s']:,.0f} rows/s; microseconds a row:")
        print("  " + ", ".join(f"{name.split('_')[0]} {row[name]:.1f}" for name in row if name.endswith("_us_per_row")))
    row, large = result["touched"], result["million_rows"]
    print(f"memory: {row['before_mb']:.0f} MB, {row['after_mb']:.0f} MB after {row['realms']:,} companies")
    print(f"        {large['before_mb']:.0f} MB, {large['after_mb']:.0f} MB after a million-row company was read from")
    print(f"  parity: every page whole, gzip as plain, and all rows landed; result in {path.name}")


def _rows(body: bytes) -> int:
    """How many rows an answer says it has."""
    return int(_MAX_RESULTS.findall(body)[-1])


if __name__ == "__main__":
    main()
