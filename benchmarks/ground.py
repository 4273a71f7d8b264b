"""What a benchmark stands on: a Postgres, a server of prebaked bytes, the program pointed at both, and a scale.

Everything is in a folder that is removed afterwards, and every program runs in a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg

from backfill.cli.measured_process import Measured, cpu_of_tree, run_measured, run_watched, tree
from backfill.store.embedded import embedded_postgres
from benchmarks.prebaked import ENTITIES

HERE = Path(__file__).parent
LAST_WORDS = 3000
"""Characters of a failed program's log that are shown: a traceback or two."""

# A spacer remembers as many starts as may begin in a second, so that limit is only far above what is reached. Single
# writes have what batches leave of the requests.
NO_LIMITS = """
[limits]
requests_per_window = 100000000
batches_per_window = 50000000
realm_batches_per_window = 50000000
starts_per_second = 2000
uplink_spread_s = 0
reserve = 0
"""


@dataclass(frozen=True, slots=True)
class Loaded:
    """One load: the work's wall time, the process's own account, Postgres' share, and what the program said."""

    wall_s: float
    process: Measured
    postgres_cpu_s: float
    said: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ground:
    """Where benchmarks run. `dsn` is the Postgres, `address` the server, if any; `folder` is gone afterwards."""

    dsn: str
    address: str
    folder: Path

    async def load(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Loaded:
        """Run a program that ends with a JSON object of what it did, from a settled Postgres on."""
        await self.execute("CHECKPOINT")
        postgres = await self.postmaster()
        before = cpu_of_tree(postgres)
        log = self.folder / "stderr.log"
        process = run_watched(command, environment, log)
        if process.exit_code != 0:
            last = log.read_text(encoding="utf-8", errors="replace")[-LAST_WORDS:]
            raise SystemExit(f"{last}\n{' '.join(command)}\nended with {process.exit_code}")
        printed = b"\n" + process.stdout
        said = json.loads(printed[printed.rindex(b"\n{") :])
        return Loaded(said["wall_s"], process, cpu_of_tree(postgres) - before, said)

    async def emptied(self, realms: int) -> None:
        """Empty tables, and so many realms registered."""
        await self.execute("DROP SCHEMA IF EXISTS qbo, backfill CASCADE")
        realms_file = self.folder / "realms.jsonl"
        lines = [json.dumps({"realm_id": realm_id, "refresh_token": "b"}) for realm_id in realm_ids(realms)]
        realms_file.write_text("\n".join(lines))
        for arguments in (["migrate"], ["realms", "import", str(realms_file)]):
            prepared = run_measured(self._backfill(*arguments), self.environment())
            assert prepared.exit_code == 0, f"{arguments} ended with {prepared.exit_code}"

    async def extract(
        self, realms: int, entities: Sequence[str] = ENTITIES, *, first: bool = True, settings: str = ""
    ) -> Loaded:
        """A first load by `backfill extract` into an empty database, with default settings but for the limits.

        Not `first`: into the database as it is. `settings` are more lines of the configuration.
        """
        if first:
            await self.emptied(realms)
        chosen = [word for entity in entities for word in ("--entity", entity)]
        loaded = await self.load(self._backfill("extract", "--json", *chosen, settings=settings), self.environment())
        assert loaded.said["realms"]["proven"] == realms, loaded.said
        return loaded

    async def verify(self, entities: Sequence[str]) -> Loaded:
        """A comparison of every document of what is landed by `backfill verify --deep`."""
        chosen = [word for entity in entities for word in ("--entity", entity)]
        return await self.load(self._backfill("verify", "--deep", "--json", *chosen), self.environment())

    async def load_rows(self, file: Path, mode: str) -> Loaded:
        """Rows written into companies by `backfill load`, as fast as they are taken."""
        return await self.load(self._backfill("load", str(file), "--mode", mode, "--json"), self.environment())

    async def count(self, table: str) -> int:
        """Rows of a table."""
        connection = await asyncpg.connect(self.dsn)
        try:
            return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))
        finally:
            await connection.close()

    async def execute(self, *statements: str) -> None:
        """Run statements, each in a transaction of its own."""
        connection = await asyncpg.connect(self.dsn)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def keep_apart(self) -> None:
        """Give Postgres one processor, and this process and all that it starts from now on the others."""
        first, *others = sorted(os.sched_getaffinity(0))
        assert others, "one processor cannot be shared out"
        for pid in tree(await self.postmaster()):
            os.sched_setaffinity(pid, {first})
        os.sched_setaffinity(0, others)

    def _backfill(self, *arguments: str, settings: str = "") -> list[str]:
        config = self.folder / "no-limits.toml"
        config.write_text(NO_LIMITS + settings)
        return [sys.executable, "-m", "backfill", *arguments, "--config", str(config)]

    def environment(self) -> dict[str, str]:
        """What a program of ours needs to know of this place."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("BACKFILL_")},
            "BACKFILL_DATABASE_URL": self.dsn,
            "BACKFILL_QBO_BASE_URL": self.address,
            "BACKFILL_OAUTH_TOKEN_URL": f"{self.address}/oauth2/v1/tokens/bearer",
            "BACKFILL_CLIENT_ID": "bench",
            "BACKFILL_CLIENT_SECRET": "bench",
            "BACKFILL_ENCRYPTION_KEY": "A" * 43 + "=",
        }

    async def vacuum(self) -> None:
        """What autovacuum does within minutes of a load; a re-sync comes hours later."""
        await self.execute("VACUUM (ANALYZE)")

    async def postmaster(self) -> int:
        """The process id of the server."""
        connection = await asyncpg.connect(self.dsn)
        try:
            lines = await connection.fetchval("SELECT pg_read_file('postmaster.pid')")
        finally:
            await connection.close()
        return int(lines.splitlines()[0])


@asynccontextmanager
async def ground() -> AsyncIterator[Ground]:
    """A new Postgres, and no server yet."""
    with tempfile.TemporaryDirectory(prefix="backfill-bench-") as folder, _until_stopped(Path(folder) / "postgres"):
        async with embedded_postgres(Path(folder) / "postgres") as dsn:
            yield Ground(dsn, "", Path(folder))


@contextmanager
def served(place: Ground, rows: int, *, gzipped: bool = False, latency_ms: int = 0) -> Iterator[Ground]:
    """The same with a server whose companies hold `rows` rows of each of eight entities, which are in memory once."""
    options = ["--rows", str(rows), "--latency-ms", str(latency_ms), *(["--gzip"] if gzipped else [])]
    with server("benchmarks.prebaked", *options) as address:
        yield replace(place, address=address)


@contextmanager
def server(module: str, *options: str, quiet: bool = False) -> Iterator[str]:
    """The address of a server in a process of its own, which ends with the block. `quiet`: it may say what it likes."""
    command = [sys.executable, "-m", module, *options]
    stderr = subprocess.DEVNULL if quiet else None
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr)
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield process.stdout.readline().decode().strip()
    finally:
        process.stdin.close()
        process.wait()


def realm_ids(realms: int) -> list[str]:
    """The companies that are registered."""
    return [str(1000 + number) for number in range(realms)]


@contextmanager
def _until_stopped(data_dir: Path) -> Iterator[None]:
    """The embedded server stops when its last user has left; its folder can be removed only after that."""
    yield
    while next(data_dir.glob("**/postmaster.pid"), None) is not None:
        time.sleep(0.05)
