"""What a competent engineer writes in an afternoon: aiohttp, gather, orjson, and asyncpg's COPY from a small pool."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import aiohttp
import asyncpg
import orjson
import uvloop
from asked import PAGE_ROWS, REALM, Asked, run

IN_FLIGHT = 10
"""As many requests as Intuit allows at a time."""
CONNECTIONS = 4


def main(asked: Asked) -> int:
    """Count every entity, then fetch and land all pages at once, as many in flight as allowed."""
    return uvloop.run(_extract(asked))


async def _extract(asked: Asked) -> int:
    async with (
        aiohttp.ClientSession(headers={"Authorization": "Bearer " + "a" * 800}) as session,
        asyncpg.create_pool(asked.dsn, min_size=CONNECTIONS, max_size=CONNECTIONS) as pool,
    ):
        script = _Script(asked, session, pool, asyncio.Semaphore(IN_FLIGHT))
        return sum(await asyncio.gather(*(script.entity(entity) for entity in asked.entities)))


@dataclass(frozen=True, slots=True)
class _Script:
    asked: Asked
    session: aiohttp.ClientSession
    pool: asyncpg.Pool
    in_flight: asyncio.Semaphore

    async def entity(self, entity: str) -> int:
        await self.pool.execute(
            f"CREATE TABLE {self.asked.table(entity)} (realm_id text, id text, doc jsonb, PRIMARY KEY (realm_id, id))"
        )
        counted = await self.query(f"SELECT COUNT(*) FROM {entity}")
        starts = range(1, counted["totalCount"] + 1, PAGE_ROWS)
        return sum(await asyncio.gather(*(self.page(entity, start) for start in starts)))

    async def page(self, entity: str, start: int) -> int:
        async with self.in_flight:
            answer = await self.query(f"SELECT * FROM {entity} STARTPOSITION {start} MAXRESULTS {PAGE_ROWS}")
            rows = [(REALM, row["Id"], orjson.dumps(row).decode()) for row in answer.get(entity, [])]
            async with self.pool.acquire() as connection:
                await connection.copy_records_to_table(
                    entity.lower(),
                    schema_name=self.asked.schema,
                    columns=("realm_id", "id", "doc"),
                    records=rows,
                )
        return len(rows)

    async def query(self, statement: str) -> dict:
        url = f"{self.asked.company}/query"
        async with self.session.get(url, params={"query": statement, "minorversion": "75"}) as response:
            response.raise_for_status()
            return orjson.loads(await response.read())["QueryResponse"]


if __name__ == "__main__":
    run(main)
