"""Permits survive a crash: what was kept last comes back, in the database's own time."""

from __future__ import annotations

import anyio
import pytest

from backfill.model import RealmId
from backfill.pacing.ledger import HeldPermits, MemoryPermitLedger, PermitLedger
from backfill.store.database import Database
from backfill.store.permits import PostgresPermitLedger
from backfill.store.realms import Realms
from tests.store.scene import OTHER_REALM, REALM


@pytest.fixture(params=["memory", "postgres"])
def ledger(request: pytest.FixtureRequest, database: Database, realms: Realms) -> PermitLedger:
    return MemoryPermitLedger() if request.param == "memory" else PostgresPermitLedger(database, HeldPermits)


async def test_a_realm_never_seen_holds_nothing(ledger: PermitLedger) -> None:
    assert await ledger.held(REALM) == []


async def test_the_last_word_counts_and_is_the_realms_own(ledger: PermitLedger) -> None:
    await ledger.reserve(REALM, [HeldPermits("requests", 400, 30.0)])
    began_s = anyio.current_time()
    await ledger.reserve(REALM, [HeldPermits("requests", 25, None), HeldPermits("batches", 3, 5000.0)])
    await ledger.reserve(OTHER_REALM, [])
    first, second = await ledger.held(REALM)
    passed_s = anyio.current_time() - began_s
    assert (first.ring, first.permits, first.free_in_s) == ("requests", 25, None)
    assert (second.ring, second.permits) == ("batches", 3)
    assert second.free_in_s is not None
    assert 5000 - passed_s - 1 < second.free_in_s < 5000, "time passes while they are kept, by another clock"
    assert await ledger.held(OTHER_REALM) == []


async def test_what_has_come_back_is_left_out(ledger: PermitLedger) -> None:
    await ledger.reserve(REALM, [HeldPermits("requests", 9, 0.000001)])
    assert await ledger.held(REALM) == []


async def test_permits_are_kept_for_registered_realms_only(database: Database) -> None:
    with pytest.raises(Exception, match="permit"):
        await PostgresPermitLedger(database, HeldPermits).reserve(RealmId("404"), [])
