"""Permits survive a crash: what was kept last comes back, in the database's own time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio
import pytest

from backfill.errors import LeaseLostError
from backfill.jobs.ports import Store
from backfill.model import RealmId
from backfill.pacing.ledger import HeldPermits, MemoryPermitLedger, PermitLedger
from backfill.store.database import Database
from backfill.store.memory_store import MemoryStore
from backfill.store.permits import PostgresPermitLedger
from backfill.store.postgres_store import PostgresStore
from backfill.store.realms import Realms
from tests.store.scene import NOW, OTHER_REALM, REALM


@dataclass(frozen=True)
class Kept:
    """A ledger, and what takes a realm over: it says the new epoch."""

    ledger: PermitLedger
    take_over: Callable[[RealmId], Awaitable[int]]


@pytest.fixture(params=["memory", "postgres"])
def kept(request: pytest.FixtureRequest, database: Database, realms: Realms) -> Kept:
    if request.param == "memory":
        store = MemoryStore([REALM, OTHER_REALM], now=lambda: NOW)
        return Kept(MemoryPermitLedger(store.epoch), lambda realm_id: taken_over(store, realm_id))
    postgres = PostgresStore(database)
    return Kept(PostgresPermitLedger(database, HeldPermits), lambda realm_id: taken_over(postgres, realm_id))


async def taken_over(store: Store, realm_id: RealmId) -> int:
    lease = await store.acquire(realm_id)
    await store.release(lease)
    return lease.epoch


@pytest.fixture
def ledger(kept: Kept) -> PermitLedger:
    return kept.ledger


async def test_a_realm_never_seen_holds_nothing(ledger: PermitLedger) -> None:
    assert await ledger.held(REALM) == []


async def test_the_last_word_counts_and_is_the_realms_own(ledger: PermitLedger) -> None:
    await ledger.reserve(REALM, [HeldPermits("requests", 400, 30.0)], epoch=0)
    began_s = anyio.current_time()
    await ledger.reserve(REALM, [HeldPermits("requests", 25, None), HeldPermits("batches", 3, 5000.0)], epoch=0)
    await ledger.reserve(OTHER_REALM, [], epoch=0)
    first, second = await ledger.held(REALM)
    passed_s = anyio.current_time() - began_s
    assert (first.ring, first.permits, first.free_in_s) == ("requests", 25, None)
    assert (second.ring, second.permits) == ("batches", 3)
    assert second.free_in_s is not None
    assert 5000 - passed_s - 1 < second.free_in_s < 5000, "time passes while they are kept, by another clock"
    assert await ledger.held(OTHER_REALM) == []


async def test_what_has_come_back_is_left_out(ledger: PermitLedger) -> None:
    await ledger.reserve(REALM, [HeldPermits("requests", 9, 0.000001)], epoch=0)
    assert await ledger.held(REALM) == []


async def test_a_process_that_was_overtaken_does_not_write_over_its_successors_permits(kept: Kept) -> None:
    first = await kept.take_over(REALM)
    await kept.ledger.reserve(REALM, [HeldPermits("requests", 25, None)], epoch=first)
    second = await kept.take_over(REALM)
    with pytest.raises(LeaseLostError, match=REALM):
        await kept.ledger.reserve(REALM, [], epoch=first)
    assert await kept.ledger.held(REALM) == [HeldPermits("requests", 25, None)]
    await kept.ledger.reserve(REALM, [], epoch=second)
    assert await kept.ledger.held(REALM) == []


async def test_permits_are_kept_for_registered_realms_only(database: Database) -> None:
    with pytest.raises(LeaseLostError):
        await PostgresPermitLedger(database, HeldPermits).reserve(RealmId("404"), [], epoch=0)
