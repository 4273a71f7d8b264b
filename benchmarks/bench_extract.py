"""Extract end to end against a prebaked server, beside the floor: the same rows by two sessions of psql's COPY.

    python benchmarks/bench_extract.py [--case one|twenty|two-hundred] [--rows 50000] [--gzip] [--rounds 3]

For each round, in turn: a first load by `backfill extract`, a re-read of what is there, and the floor. The
program is the real one in a process of its own, with default settings but for the limits, which are off.
Parity: every table's count and checksum must equal the floor's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
from measured import Measured, cpu_of_tree, median, run_measured, write_result
from prebaked import ENTITIES

from backfill.entities import ENTITIES as ALL_ENTITIES
from backfill.store.embedded import embedded_postgres, psql_path
from backfill.store.entity_tables import table_of

CASES: Mapping[str, tuple[int, int]] = {"one": (1, 50_000), "twenty": (20, 2_000), "two-hundred": (200, 200)}
"""Case to realms and rows of each entity."""

NO_LIMITS = """
[limits]
requests_per_window = 100000000
batches_per_window = 100000000
realm_batches_per_window = 100000000
starts_per_second = 1000000
uplink_spread_s = 0
reserve = 0
"""

HERE = Path(__file__).parent


def main() -> None:
    """Measure one case and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=list(CASES), default="one")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--gzip", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    realms, rows = CASES[given.case]
    asyncio.run(_bench(given.case, realms, given.rows or rows, gzipped=given.gzip, rounds=given.rounds))


async def _bench(case: str, realms: int, rows: int, *, gzipped: bool, rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="backfill-bench-") as folder, until_stopped(Path(folder) / "postgres"):
        work = Path(folder)
        async with embedded_postgres(work / "postgres") as url, served(rows, gzipped=gzipped) as address:
            bench = Bench(url, address, work, realms, rows)
            results: dict[str, list[dict[str, float]]] = {"first": [], "floor": [], "again": []}
            await bench.extract(first=True)  # warm-up: pages compressed, file of the floor made
            await bench.make_floor_file()
            for _ in range(rounds):
                results["first"].append(await bench.extract(first=True))
                sums = await bench.checksums("qbo", ENTITIES[0])
                await bench.vacuum()
                results["again"].append(await bench.extract(first=False))
                results["floor"].append(await bench.floor())
                assert sums == await bench.checksums("floor", ENTITIES[0]), "the floor landed other rows"
    _report(case, realms, rows, gzipped, results)


class Bench:
    """One Postgres, one server, and the three things measured on them."""

    def __init__(self, url: str, address: str, work: Path, realms: int, rows: int) -> None:
        self.url = url
        self.work = work
        self.realms = realms
        self.rows = rows
        self.total = realms * rows * len(ENTITIES)
        self.config = work / "bench.toml"
        self.config.write_text(NO_LIMITS)
        self.file = work / "floor.copy"
        self.environment = {
            **os.environ,
            "BACKFILL_DATABASE_URL": url,
            "BACKFILL_QBO_BASE_URL": address,
            "BACKFILL_OAUTH_TOKEN_URL": f"{address}/oauth2/v1/tokens/bearer",
            "BACKFILL_CLIENT_ID": "bench",
            "BACKFILL_CLIENT_SECRET": "bench",
            "BACKFILL_ENCRYPTION_KEY": "A" * 43 + "=",
        }

    async def emptied(self) -> None:
        """Empty tables, and the realms registered."""
        await self._execute("DROP SCHEMA IF EXISTS qbo, backfill CASCADE")
        self._run("migrate")
        realms = (json.dumps({"realm_id": str(1000 + number), "refresh_token": "b"}) for number in range(self.realms))
        (self.work / "realms.jsonl").write_text("\n".join(realms))
        self._run("realms", "import", str(self.work / "realms.jsonl"))

    async def extract(self, *, first: bool) -> dict[str, float]:
        """A first load into empty tables, or a re-read of what is there."""
        if first:
            await self.emptied()
        await self._execute("CHECKPOINT")
        postgres = await self.postmaster()
        before = cpu_of_tree(postgres)
        chosen = [word for entity in ENTITIES for word in ("--entity", entity)]
        measured = self._run("extract", "--json", *chosen)
        said = json.loads(measured.stdout)
        assert said["rows"]["landed"] == (self.total if first else 0), said
        assert said["realms"]["proven"] == self.realms, said
        return {
            "wall_s": said["wall_s"],
            "cpu_s": measured.cpu_s,
            "postgres_cpu_s": cpu_of_tree(postgres) - before,
            "peak_mb": measured.peak_mb,
            "requests": said["requests"]["total"],
        }

    async def floor(self) -> dict[str, float]:
        """The same rows, ready made, by two sessions of COPY into tables with the same columns and options."""
        await self._execute("DROP SCHEMA IF EXISTS floor CASCADE", "CREATE SCHEMA floor")
        for entity in ENTITIES:
            table = table_of(entity)
            copy = f"floor.{table.split('.')[-1]}"
            # LIKE leaves a table's options out.
            await self._execute(f"CREATE TABLE {copy} (LIKE {table} INCLUDING ALL) WITH (toast_tuple_target = 8160)")
        await self._execute("CHECKPOINT")
        postgres = await self.postmaster()
        before = cpu_of_tree(postgres)
        started = time.perf_counter()
        halves = [ENTITIES[::2], ENTITIES[1::2]]
        sessions = [subprocess.Popen(self._psql([self._copy(entity) for entity in half])) for half in halves]
        codes = [await asyncio.to_thread(session.wait) for session in sessions]
        assert codes == [0, 0], "psql failed"
        return {"wall_s": time.perf_counter() - started, "postgres_cpu_s": cpu_of_tree(postgres) - before}

    async def vacuum(self) -> None:
        """What autovacuum does within minutes of a load; a re-sync comes hours later."""
        await self._execute("VACUUM (ANALYZE)")

    async def make_floor_file(self) -> None:
        """The rows of one entity, as the program landed them, in COPY's binary format."""
        copy = f"\\copy (SELECT * FROM {table_of(ENTITIES[0])}) TO '{self.file}' (FORMAT binary)"
        subprocess.run(self._psql([copy]), check=True)

    async def checksums(self, schema: str, entity: str) -> tuple[int, str]:
        """Count and a checksum over all documents of one table."""
        table = f"{schema}.{table_of(entity).split('.')[-1]}"
        connection = await asyncpg.connect(self.url)
        try:
            row = await connection.fetchrow(
                f"SELECT count(*), sum(hashtextextended(realm_id || id || doc::text, 0))::text FROM {table}"
            )
        finally:
            await connection.close()
        assert row is not None
        return int(row[0]), str(row[1])

    def _run(self, *arguments: str) -> Measured:
        command = [sys.executable, "-m", "backfill", *arguments, "--config", str(self.config)]
        measured = run_measured(command, self.environment)
        assert measured.exit_code == 0, f"{arguments} ended with {measured.exit_code}"
        return measured

    def _copy(self, entity: str) -> str:
        return f"\\copy floor.{table_of(entity).split('.')[-1]} FROM '{self.file}' (FORMAT binary)"

    def _psql(self, commands: list[str]) -> list[str]:
        each = [word for command in commands for word in ("-c", command)]
        return [str(psql_path()), "--no-psqlrc", "--quiet", self.url, *each]

    async def postmaster(self) -> int:
        connection = await asyncpg.connect(self.url)
        try:
            lines = await connection.fetchval("SELECT pg_read_file('postmaster.pid')")
        finally:
            await connection.close()
        return int(lines.splitlines()[0])

    async def _execute(self, *statements: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


@contextmanager
def until_stopped(data_dir: Path) -> Iterator[None]:
    """The embedded server stops when its last user has left; its folder can be removed only after that."""
    yield
    while next(data_dir.glob("**/postmaster.pid"), None) is not None:
        time.sleep(0.05)


@asynccontextmanager
async def served(rows: int, *, gzipped: bool) -> AsyncIterator[str]:
    command = [sys.executable, str(HERE / "prebaked.py"), "--rows", str(rows), *(["--gzip"] if gzipped else [])]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdout is not None
    assert server.stdin is not None
    try:
        yield server.stdout.readline().decode().strip()
    finally:
        server.stdin.close()
        server.wait()


def _report(case: str, realms: int, rows: int, gzipped: bool, results: dict[str, list[dict[str, float]]]) -> None:
    total = realms * rows * len(ENTITIES)
    middle = {side: {name: median([run[name] for run in runs]) for name in runs[0]} for side, runs in results.items()}
    ratios = [
        first["wall_s"] / floor["wall_s"] for first, floor in zip(results["first"], results["floor"], strict=True)
    ]
    summary = {
        "rows": total,
        "wall_over_floor": median(ratios),
        "client_us_per_row": middle["first"]["cpu_s"] / total * 1e6,
        "postgres_us_per_row": middle["first"]["postgres_cpu_s"] / total * 1e6,
        "floor_postgres_us_per_row": middle["floor"]["postgres_cpu_s"] / total * 1e6,
        "again_speedup": middle["first"]["wall_s"] / middle["again"]["wall_s"],
        "again_postgres_us_per_row": middle["again"]["postgres_cpu_s"] / total * 1e6,
        "again_client_us_per_row": middle["again"]["cpu_s"] / total * 1e6,
        "peak_mb": middle["first"]["peak_mb"],
    }
    name = f"extract-{case}{'-gzip' if gzipped else ''}"
    path = write_result(
        name,
        {"realms": realms, "rows_per_entity": rows, "gzip": gzipped, "summary": summary, "runs": results},
    )
    print(f"{realms} realms, {len(ENTITIES)} entities of {rows:,} rows, {total:,} rows{', gzip' if gzipped else ''}")
    for side, label in (("first", "backfill, first load"), ("floor", "floor, two COPY"), ("again", "backfill, again")):
        wall_s = middle[side]["wall_s"]
        print(f"  {label:<22} {wall_s:7.2f} s  {total / wall_s:10,.0f} rows/s")
    for key, value in summary.items():
        print(f"  {key:<28} {value:12,.2f}")
    print(f"  parity: counts and checksums equal; result in {path.name}")


assert set(ENTITIES) <= set(ALL_ENTITIES)

if __name__ == "__main__":
    main()
