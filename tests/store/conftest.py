"""What the store's tests share: a fresh database each, a registered realm with a lease, and a run."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from backfill.model import Lease, Secret
from backfill.store.database import Database
from backfill.store.encryption import Keyring
from backfill.store.owners import Owner
from backfill.store.postgres_store import PostgresStore
from backfill.store.realms import RealmGrant, Realms
from backfill.store.runs import Runs
from backfill.store.tokens import TokenVault
from tests.postgres import PostgresServer, database, database_dsn, postgres_server
from tests.store import contract
from tests.store.contract import Subject
from tests.store.ledger_books import books
from tests.store.scene import NOW, OTHER_REALM, REALM, Work
from tests.store.servers import cluster, command, files, fresh
from tests.store.sown_fleet import sown

__all__ = ["books", "cluster", "command", "database", "database_dsn", "files", "fresh", "postgres_server", "sown"]


@pytest.fixture
def keyring() -> Keyring:
    return Keyring([os.urandom(32)])


@pytest.fixture
def vault(database: Database, keyring: Keyring) -> TokenVault:
    return TokenVault(database, keyring)


@pytest.fixture
async def realms(database: Database, vault: TokenVault) -> Realms:
    """The registry, with two realms in it."""
    registry = Realms(database)
    await registry.import_grants(
        [RealmGrant(realm, Secret(f"refresh-{realm}")) for realm in (REALM, OTHER_REALM)], vault, granted_at=NOW
    )
    return registry


@pytest.fixture
async def work(database: Database, realms: Realms) -> Work:
    store = PostgresStore(database)
    started = await Runs(database, owner=Owner.current()).start("extract", {}, [REALM, OTHER_REALM])
    return Work(store, await store.acquire(REALM), started.run_id)


@pytest.fixture(params=["memory", "postgres"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "memory":
        yield contract.in_memory()
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    async with contract.fresh(server) as database:
        yield await contract.in_postgres(database)


@pytest.fixture
async def lease(subject: Subject) -> Lease:
    return await subject.store.acquire(REALM)
