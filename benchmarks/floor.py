"""The floor: the same rows, ready made, by two sessions of psql's COPY into tables with the same options."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from pathlib import Path

import asyncpg

from backfill.cli.measured_process import cpu_of_tree
from backfill.model import RealmId, Record
from backfill.qbo import calls, query
from backfill.qbo.answers import decode_page_to_land
from backfill.qbo.catalogue import CATALOGUE
from backfill.rows import Rows
from backfill.store.binaries import find_binaries
from backfill.store.bulk import COLUMNS, TRAILER, encoded
from backfill.store.entity_tables import table_of
from backfill.wire import Response
from benchmarks import prebaked
from benchmarks.ground import Ground, realm_ids
from benchmarks.prebaked import ENTITIES

WARM_UPS = 2
"""On a new server the first two loads took a quarter and a tenth longer than all later ones (measured)."""


class Floor:
    """What Postgres and the disk need anyway, in COPY's binary format. All entities have the same rows.

    The documents are the server's own bytes. Documents that were in a table once come out with their keys in jsonb's
    order, which spares the next server the sorting: by a tenth less work than the rows of a first load are.
    """

    def __init__(self, place: Ground) -> None:
        self._place = place
        self._file = place.folder / "floor.copy"

    async def prepare(self, realms: int, rows: int) -> bool:
        """Once, before any load that counts: the floor at its best. Returns whether other files were dropped."""
        await self._make_file(realms, rows)
        dropped = _drop_other_files()
        for _ in range(WARM_UPS):
            await self.load()
        return dropped

    async def _make_file(self, realms: int, rows: int) -> None:
        """Write what `realms` companies have of one entity."""
        answers, entity = prebaked.Answers(prebaked.Rows(rows), gzipped=False), CATALOGUE[ENTITIES[0]]
        records: list[Record] = []
        while len(records) < rows:
            statement = query.page(entity, start_position=len(records) + 1)
            response = Response(status=200, body=b"".join(answers.query(statement)))
            asked = calls.query(RealmId(realm_ids(1)[0]), statement)
            records += decode_page_to_land(entity, response, request=asked).records
        columns = Rows.of(records)
        with self._file.open("wb") as file:
            for number, realm_id in enumerate(realm_ids(realms), 1):
                header, *pieces = [piece async for piece in encoded(realm_id, 1, columns)]
                if number == 1:
                    file.write(header)
                stream = b"".join(pieces)
                file.write(stream if number == realms else stream[: -len(TRAILER)])

    async def load(self) -> dict[str, float]:
        """Load them into empty tables, half of the entities a session; wall and Postgres' seconds."""
        await self._place.execute("DROP SCHEMA IF EXISTS floor CASCADE", "CREATE SCHEMA floor")
        for entity in ENTITIES:
            # LIKE leaves a table's options out.
            # One COPY of all rows gains by putting aside a thousand before it writes, as a page does not: a default
            # that is the same for all lets it.
            await self._place.execute(
                f"CREATE TABLE {_copy_of(entity)} (LIKE {table_of(entity)} INCLUDING ALL)"
                " WITH (toast_tuple_target = 8160)",
                f"ALTER TABLE {_copy_of(entity)} ALTER COLUMN landed_at SET DEFAULT now()",
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
        return f"\\copy {_copy_of(entity)} ({', '.join(COLUMNS)}) FROM '{self._file}' (FORMAT binary)"

    def _psql(self, commands: list[str]) -> list[str]:
        each = [word for command in commands for word in ("-c", command)]
        return [str(find_binaries().psql()), "--no-psqlrc", "--quiet", self._place.dsn, *each]


def _drop_other_files() -> bool:
    """Have the kernel drop the files that it keeps in memory. Returns whether we may: that takes root, on Linux.

    Where many small ones were read (an installation, a test run), what is free lies in small pieces. The floor writes
    its pages itself, which a first load leaves to the checkpoint: 6.5 s before and 5.1 s after, a load 6.4 and 6.3.
    """
    os.sync()  # only what is written can be dropped
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        return False
    return True


def _copy_of(entity: str) -> str:
    return f"floor.{table_of(entity).split('.')[-1]}"
