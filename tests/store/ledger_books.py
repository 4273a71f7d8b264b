"""A ledger under its contract, in memory and in Postgres."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from backfill.jobs.load.ports import BEGINNING, Ledger
from backfill.load_model import (
    Imported,
    LoadId,
    LoadRow,
    NewRow,
    Outcome,
    RowState,
    Seal,
    SealItem,
)
from backfill.model import Lease
from backfill.store.database import Database
from backfill.store.ledger import PostgresLedger
from backfill.store.ledger_import import Imports
from backfill.store.memory_ledger import MemoryLedger
from backfill.store.memory_store import MemoryStore
from tests.postgres import PostgresServer
from tests.store import contract
from tests.store.contract import Subject
from tests.store.scene import REALM, at


@dataclass(frozen=True)
class Books:
    """A ledger under the contract, with the store whose leases it takes."""

    ledger: Ledger
    stores: Subject
    lease: Lease
    add: Callable[[Sequence[NewRow]], Awaitable[Imported]]
    states: Callable[[], Awaitable[dict[str, str]]]
    """Source key to state."""
    before: Callable[[str], Awaitable[Any]]

    async def rows(self, loads: Sequence[LoadId]) -> dict[str, Any]:
        """Waiting rows by source key."""
        found = await self.ledger.waiting(REALM, loads, after=BEGINNING, limit=100)
        return {row.source_key: row for row in found}

    async def waiting(self, imported: Imported) -> Sequence[LoadRow]:
        return await self.ledger.waiting(REALM, imported.loads, after=BEGINNING, limit=100)

    async def settle(self, done: Mapping[int, str]) -> None:
        """Row to the Id of its object: as if each had been sent."""
        outcomes = [Outcome(row_id, RowState.APPLIED, object_id) for row_id, object_id in done.items()]
        await self.ledger.settle(self.lease, outcomes)

    async def sealed(self, *rows: Any, request_id: str = "r1", **more: Any) -> Seal:
        seal = await self.ledger.seal(self.lease, seal_of(*rows, request_id=request_id), more.get("before", ()))
        assert seal is not None
        return seal


def new(key: str, entity: str = "Customer", operation: str = "create", **more: Any) -> NewRow:
    payload = json.dumps(more.pop("payload", {"DisplayName": key}), separators=(",", ":")).encode()
    fields: dict[str, Any] = {
        "line": 1,
        "realm_id": REALM,
        "entity": entity,
        "operation": operation,
        "source_key": key,
        "payload": payload,
        "payload_hash": hashlib.sha256(payload).digest(),
        "needs": (),
        "object_key": f"{entity}/{key}",
        "natural_key": f"DisplayName={key}" if operation == "create" else "",
        "rank": 5,
    }
    return NewRow(**(fields | more))


def seal_of(*rows: Any, request_id: str = "r1") -> Seal:
    items = tuple(
        SealItem(str(number), row.row_id, row.entity, row.operation, row.source_key, generation=row.generation)
        for number, row in enumerate(rows)
    )
    return Seal(0, request_id, "batch", "/batch", (("requestid", request_id),), b"the body", items)


async def _in_memory() -> Books:
    subject = contract.in_memory()
    store = subject.store
    assert isinstance(store, MemoryStore)
    clock = itertools.count()
    ledger = MemoryLedger(store, now=lambda: at(next(clock)))

    async def states() -> dict[str, str]:
        return {row.new.source_key: row.state.value for row in ledger.kept_rows()}

    async def before(key: str) -> Any:
        (row,) = [row for row in ledger.kept_rows() if row.new.source_key == key]
        return None if row.before is None else json.loads(row.before)

    return Books(ledger, subject, await store.acquire(REALM), ledger.add, states, before)


async def in_postgres(database: Database) -> Books:
    subject = await contract.in_postgres(database)

    async def add(rows: Sequence[NewRow]) -> Imported:
        async with Imports(database).begin("a file") as importing:
            await importing.add(rows)
            return await importing.finish()

    async def states() -> dict[str, str]:
        async with database.control() as connection:
            rows = await connection.fetch("SELECT source_key, state FROM backfill.load_row")
        return {row["source_key"]: row["state"] for row in rows}

    async def before(key: str) -> Any:
        async with database.control() as connection:
            found = await connection.fetchval("SELECT before FROM backfill.load_row WHERE source_key = $1", key)
        return None if found is None else json.loads(bytes(found))

    return Books(PostgresLedger(database), subject, await subject.store.acquire(REALM), add, states, before)


@pytest.fixture(params=["memory", "postgres"])
async def books(request: pytest.FixtureRequest) -> AsyncIterator[Books]:
    if request.param == "memory":
        yield await _in_memory()
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    async with contract.fresh(server) as database:
        yield await in_postgres(database)
