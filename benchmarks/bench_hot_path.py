"""The way of a page, stage by stage, from the socket's bytes to committed rows, beside the floor in the same run.

    python -m benchmarks.bench_hot_path [--rows 20000] [--gzip] [--rounds 5]

Each stage does all that the one before does and one thing more, with the program's own parts in this process:

    read     the answer's bytes, thrown away (unpacked, with --gzip)
    decode   and its rows, as the store takes them
    encode   and the stream that COPY is fed
    land     and the rows committed with their checkpoints, by two writers
    ask      the same pages once more, when all of them are known

No paging, pacing, leases, proofs or progress: `bench_extract.py` has the whole. What a stage adds is the difference
to the one before. Parity: the landed rows' counts and checksums must equal the floor's.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import anyio

from backfill.cli.measured_process import cpu_of_tree
from backfill.model import Checkpoint, Expected, Lease, RealmId, RunId, Slice
from backfill.qbo import calls, query
from backfill.qbo.answers import Page, decode_page_to_land
from backfill.qbo.catalogue import CATALOGUE
from backfill.qbo.http import HttpTransport, open_http
from backfill.rows import Rows
from backfill.store.bulk import encoded
from backfill.store.database import open_database
from backfill.store.owners import Owner
from backfill.store.postgres_store import PostgresStore
from backfill.store.runs import Runs
from backfill.wire import Request
from benchmarks.floor import Floor
from benchmarks.ground import Ground, ground, served
from benchmarks.measured import median, write_result
from benchmarks.prebaked import ENTITIES

REALM = RealmId("1000")
READERS = 8
"""Pages under way at once: two that are landed, two that are read meanwhile."""
DEADLINE_S = 3600.0
STAGES = ("read", "decode", "encode", "land", "ask")


def main() -> None:
    """Measure all stages and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000, help="of each of the eight entities")
    parser.add_argument("--gzip", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    asyncio.run(_bench(given.rows, gzipped=given.gzip, rounds=given.rounds))


@dataclass(frozen=True, slots=True)
class _Place:
    """One page: which, and the checkpoint that it is landed with."""

    entity: str
    number: int

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(entity=self.entity, number=self.number, cursor=None, rows=0, done=True)


@dataclass(frozen=True, slots=True)
class _Path:
    """The parts that the stages use."""

    transport: HttpTransport
    store: PostgresStore
    lease: Lease
    run_id: RunId

    async def read(self, place: _Place) -> None:
        await self.transport.send(self._request(place), deadline=anyio.current_time() + DEADLINE_S)

    async def decode(self, place: _Place) -> Page:
        request = self._request(place)
        response = await self.transport.send(request, deadline=anyio.current_time() + DEADLINE_S)
        return decode_page_to_land(CATALOGUE[place.entity], response, request=request)

    async def encode(self, place: _Place) -> None:
        rows = (await self.decode(place)).records
        assert isinstance(rows, Rows), "the pages are ordinary"
        async for _ in encoded(REALM, self.run_id, rows):
            pass

    async def land(self, place: _Place) -> None:
        await self._landed(place, Expected.NEW)

    async def ask(self, place: _Place) -> None:
        await self._landed(place, Expected.KNOWN)

    async def _landed(self, place: _Place, expected: Expected) -> None:
        page = await self.decode(place)
        landed = await self.store.land(
            self.lease, self.run_id, place.entity, page.records, checkpoint=place.checkpoint, expected=expected
        )
        assert landed.landed == (len(page.records) if expected is Expected.NEW else 0), landed

    def _request(self, place: _Place) -> Request:
        entity = CATALOGUE[place.entity]
        start = place.number * query.PAGE_ROWS_MAX + 1
        return calls.query(REALM, query.page(entity, start_position=start))


async def _bench(rows: int, *, gzipped: bool, rounds: int) -> None:
    results: dict[str, list[dict[str, float]]] = {stage: [] for stage in (*STAGES, "floor")}
    places = [_Place(entity, page) for page in range(-(-rows // query.PAGE_ROWS_MAX)) for entity in ENTITIES]
    async with ground() as empty:
        with served(empty, rows, gzipped=gzipped) as place:
            floor = Floor(place)
            for round_ in range(rounds + 1):
                async with open_http(place.address, f"{place.address}/oauth2/v1/tokens/bearer") as http:
                    async for stage, path in _prepared(place, http.api, places):
                        measured = await _measured(place, getattr(path, stage), places)
                        if round_:  # the first warms up: pages are compressed, connections opened
                            results[stage].append(measured)
                if round_ == 0:
                    await floor.prepare(1, rows)
                    continue
                results["floor"].append(await floor.load())
                if round_ == 1:
                    await floor.check()
    _report(rows, gzipped, results)


async def _prepared(
    ground_: Ground, transport: HttpTransport, places: Sequence[_Place]
) -> AsyncIterator[tuple[str, _Path]]:
    """Each stage with what it works on: empty tables, and a scan whose slices are the pages."""
    await ground_.emptied(1)
    async with open_database(ground_.dsn) as database:
        store = PostgresStore(database, owner=Owner.current(), lease_s=DEADLINE_S)
        started = await Runs(database, owner=Owner.current(), silence_s=DEADLINE_S).start("extract", {}, [REALM])
        lease = await store.acquire(REALM)
        slices = [Slice(place.entity, place.number, None, None) for place in places]
        await store.begin_scan(lease, started.run_id, started_at=datetime.now(UTC), census={}, slices=slices)
        for stage in STAGES:
            if stage == "ask":
                await ground_.vacuum()
            yield stage, _Path(transport, store, lease, started.run_id)


async def _measured(
    ground_: Ground, stage: Callable[[_Place], Awaitable[object]], places: Sequence[_Place]
) -> dict[str, float]:
    waiting: Iterator[_Place] = iter(places)

    async def reader() -> None:
        for place in waiting:
            await stage(place)

    postgres = await ground_.postmaster()
    postgres_before, client_before, began = cpu_of_tree(postgres), time.process_time(), time.perf_counter()
    async with anyio.create_task_group() as group:
        for _ in range(READERS):
            group.start_soon(reader)
    return {
        "wall_s": time.perf_counter() - began,
        "cpu_s": time.process_time() - client_before,
        "postgres_cpu_s": cpu_of_tree(postgres) - postgres_before,
    }


def _report(rows: int, gzipped: bool, results: dict[str, list[dict[str, float]]]) -> None:
    total = rows * len(ENTITIES)
    middle = {side: {name: median([run[name] for run in runs]) for name in runs[0]} for side, runs in results.items()}
    print(f"{len(ENTITIES)} entities of {rows:,} rows, {total:,} rows{', gzip' if gzipped else ''}; microseconds a row")
    print(f"  {'stage':<8} {'rows/s':>10} {'client':>8} {'adds':>8} {'Postgres':>9}")
    before = 0.0
    summary: dict[str, float] = {"rows": total}
    for side, values in middle.items():
        client, postgres = (values.get(name, 0.0) / total * 1e6 for name in ("cpu_s", "postgres_cpu_s"))
        rate = total / values["wall_s"]
        adds = client - before if side in STAGES[:4] else 0.0
        before = client
        print(f"  {side:<8} {rate:10,.0f} {client:8.2f} {adds:8.2f} {postgres:9.2f}")
        summary |= {
            f"{side}_rows_per_s": rate,
            f"{side}_client_us_per_row": client,
            f"{side}_postgres_us_per_row": postgres,
        }
    ratios = [land["wall_s"] / floor["wall_s"] for land, floor in zip(results["land"], results["floor"], strict=True)]
    summary["land_wall_over_floor"] = median(ratios)
    name = f"hot-path{'-gzip' if gzipped else ''}"
    path = write_result(name, {"rows_per_entity": rows, "gzip": gzipped, "summary": summary, "runs": results})
    print(f"  land takes {summary['land_wall_over_floor']:.2f} x the floor's time")
    print(f"  parity: counts and checksums equal; result in {path.name}")


if __name__ == "__main__":
    main()
