"""The floor: the same rows, ready made, by two sessions of psql's COPY into tables with the same options."""

from __future__ import annotations

import asyncio
import subprocess
import time

import asyncpg

from backfill.store.embedded import psql_path
from backfill.store.entity_tables import table_of
from benchmarks.ground import Ground
from benchmarks.measured import cpu_of_tree
from benchmarks.prebaked import ENTITIES


class Floor:
    """What Postgres and the disk need anyway. The rows are those that the program landed, copied out once."""

    def __init__(self, place: Ground) -> None:
        self._place = place
        self._file = place.folder / "floor.copy"

    async def make_file(self) -> None:
        """Write the rows of one entity, as the program landed them, in COPY's binary format; all have the same."""
        copy = f"\\copy (SELECT * FROM {table_of(ENTITIES[0])}) TO '{self._file}' (FORMAT binary)"
        await asyncio.to_thread(subprocess.run, self._psql([copy]), check=True)

    async def load(self) -> dict[str, float]:
        """Load them into empty tables, half of the entities a session; wall and Postgres' seconds."""
        await self._place.execute("DROP SCHEMA IF EXISTS floor CASCADE", "CREATE SCHEMA floor")
        for entity in ENTITIES:
            # LIKE leaves a table's options out.
            await self._place.execute(
                f"CREATE TABLE {_copy_of(entity)} (LIKE {table_of(entity)} INCLUDING ALL)"
                " WITH (toast_tuple_target = 8160)"
            )
        await self._place.execute("CHECKPOINT")
        postgres = await self._place.postmaster()
        before = cpu_of_tree(postgres)
        started = time.perf_counter()
        halves = [ENTITIES[::2], ENTITIES[1::2]]
        sessions = [subprocess.Popen(self._psql([self._copy(entity) for entity in half])) for half in halves]
        codes = [await asyncio.to_thread(session.wait) for session in sessions]
        assert codes == [0, 0], "psql failed"
        return {"wall_s": time.perf_counter() - started, "postgres_cpu_s": cpu_of_tree(postgres) - before}

    async def check(self) -> None:
        """Every table's count and checksum over all documents must be what the program landed."""
        for entity in ENTITIES:
            ours, floors = [await self._checksum(table) for table in (table_of(entity), _copy_of(entity))]
            assert ours == floors, f"{entity}: {ours} landed, {floors} by the floor"

    async def _checksum(self, table: str) -> tuple[int, str]:
        connection = await asyncpg.connect(self._place.dsn)
        try:
            row = await connection.fetchrow(
                f"SELECT count(*), sum(hashtextextended(realm_id || id || doc::text, 0))::text FROM {table}"
            )
        finally:
            await connection.close()
        assert row is not None
        return int(row[0]), str(row[1])

    def _copy(self, entity: str) -> str:
        return f"\\copy {_copy_of(entity)} FROM '{self._file}' (FORMAT binary)"

    def _psql(self, commands: list[str]) -> list[str]:
        each = [word for command in commands for word in ("-c", command)]
        return [str(psql_path()), "--no-psqlrc", "--quiet", self._place.dsn, *each]


def _copy_of(entity: str) -> str:
    return f"floor.{table_of(entity).split('.')[-1]}"
