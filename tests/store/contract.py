"""What the contract of `jobs.ports.Store` is tried on: the twin in memory and Postgres, with a look behind each."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import anyio
import anyio.from_thread

from backfill.jobs.ports import Store
from backfill.model import Landed, Lease, Proof, RealmId, Record, Refusal, RunId, Secret, Slice
from backfill.store.database import Database, open_database
from backfill.store.encryption import Keyring
from backfill.store.entity_tables import table_of
from backfill.store.memory_store import MemoryStore
from backfill.store.owners import Owner
from backfill.store.postgres_store import PostgresStore
from backfill.store.realms import RealmGrant, Realms
from backfill.store.runs import Runs
from backfill.store.tokens import TokenVault
from tests.postgres import SMALL_POOLS, PostgresServer
from tests.store.scene import NOW, OTHER_REALM, REALM, at

REALMS = (REALM, OTHER_REALM)
ELSEWHERE = Owner("another-machine", "boot", 1, 1)

A, B = b'{"v":"a"}', b'{"v":"b"}'

Content = dict[str, tuple[str, datetime | None]]
"""Id to the document (canonical) and the mark of deletion."""


@dataclass(frozen=True)
class Subject:
    """A store under the contract, as two processes see it, and a look behind it."""

    store: Store
    theirs: Store
    run_id: RunId
    other_run: RunId
    content: Callable[[RealmId, str], Awaitable[Content]]
    proofs: Callable[[RealmId], Awaitable[dict[str, Proof]]]
    is_parked: Callable[[RealmId], Awaitable[tuple[str, str, str] | None]]
    expire: Callable[[RealmId], Awaitable[None]]
    """Let the realm's lease run out."""
    reconnect: Callable[[RealmId], Awaitable[None]]
    """Give the realm new tokens."""
    partial_run: RunId
    """That reads only what changed since some time."""
    after_a_death: Store
    """As a process sees it whose predecessor, `dead`, is gone for certain."""
    dead: Store

    async def land(
        self, lease: Lease, *records: Record, entity: str = "Invoice", refusals: Sequence[Refusal] = (), **more: bool
    ) -> Landed:
        return await self.store.land(lease, self.run_id, entity, records, refusals=refusals, **more)

    async def begin(self, lease: Lease, *slices: Slice, run_id: RunId | None = None, **census: int) -> None:
        await self.store.begin_scan(lease, run_id or self.run_id, started_at=NOW, census=census, slices=slices)


def canonical(doc: bytes) -> str:
    """Members in order, numbers with their scale."""
    exact = json.loads(doc, parse_int=lambda text: f"number {text}", parse_float=lambda text: f"number {text}")
    return json.dumps(exact, sort_keys=True)


def in_memory() -> Subject:
    store = MemoryStore(REALMS, now=lambda: at(86_400))

    async def content(realm_id: RealmId, entity: str) -> Content:
        return {id_: (canonical(row.doc), row.deleted_at) for id_, row in store.rows(realm_id, entity).items()}

    async def proofs(realm_id: RealmId) -> dict[str, Proof]:
        return store.proofs(realm_id)

    async def is_parked(realm_id: RealmId) -> tuple[str, str, str] | None:
        parked = store.parked(realm_id)
        return None if parked is None else (parked.code, parked.message, parked.action)

    async def expire(realm_id: RealmId) -> None:
        store._realms[realm_id].lease_until = anyio.current_time()

    async def reconnect(realm_id: RealmId) -> None:
        store.reconnect(realm_id)

    store.scope_since(RunId(3))
    dead = store.seen_by("a dead process")
    store.end("a dead process")
    theirs = store.seen_by(str(ELSEWHERE))
    return Subject(
        store,
        theirs,
        RunId(1),
        RunId(2),
        content,
        proofs,
        is_parked,
        expire,
        reconnect,
        RunId(3),
        after_a_death=theirs,
        dead=dead,
    )


async def in_postgres(database: Database) -> Subject:
    async with database.control() as connection:
        await connection.execute("INSERT INTO backfill.realm (realm_id) SELECT unnest($1::text[])", REALMS)
    runs = Runs(database, owner=Owner.current())
    first = (await runs.start("extract", {"number": 1}, REALMS)).run_id
    second = (await runs.start("extract", {"number": 2}, REALMS)).run_id
    third = (await runs.start("extract", {"since": NOW.isoformat()}, REALMS)).run_id

    async def content(realm_id: RealmId, entity: str) -> Content:
        async with database.control() as connection:
            rows = await connection.fetch(
                f"SELECT id, doc, deleted_at FROM {table_of(entity)} WHERE realm_id = $1", realm_id
            )
        return {row["id"]: (canonical(bytes(row["doc"])), row["deleted_at"]) for row in rows}

    async def proofs(realm_id: RealmId) -> dict[str, Proof]:
        async with database.control() as connection:
            rows = await connection.fetch(
                "SELECT entity, proven, method, counted, landed_live, quarantined, watermark, reason"
                " FROM backfill.proof WHERE realm_id = $1",
                realm_id,
            )
        return {row["entity"]: Proof(*row.values()) for row in rows}

    async def is_parked(realm_id: RealmId) -> tuple[str, str, str] | None:
        async with database.control() as connection:
            row = await connection.fetchrow(
                "SELECT parked_code, parked_message, parked_action FROM backfill.realm"
                " WHERE realm_id = $1 AND state = 'parked'",
                realm_id,
            )
        return None if row is None else tuple(row.values())

    async def expire(realm_id: RealmId) -> None:
        async with database.control() as connection:
            await connection.execute(
                "UPDATE backfill.realm SET lease_until = clock_timestamp() WHERE realm_id = $1", realm_id
            )

    async def reconnect(realm_id: RealmId) -> None:
        vault = TokenVault(database, Keyring([bytes(32)]))
        await Realms(database).import_grants([RealmGrant(realm_id, Secret("new"))], vault, granted_at=NOW)

    theirs = PostgresStore(database, owner=ELSEWHERE)
    here = Owner.current()
    dead = Owner(here.host, here.boot, here.pid, here.start_time - 1)  # the number was another process's before us
    store = PostgresStore(database)
    return Subject(
        store,
        theirs,
        first,
        second,
        content,
        proofs,
        is_parked,
        expire,
        reconnect,
        third,
        after_a_death=store,
        dead=PostgresStore(database, owner=dead),
    )


@asynccontextmanager
async def fresh(server: PostgresServer) -> AsyncIterator[Database]:
    dsn = await server.create()
    async with open_database(dsn, sizes=SMALL_POOLS) as database:
        yield database
    await server.drop(dsn)
