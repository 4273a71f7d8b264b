"""The contract of parking: one suite, for the twin in memory and for Postgres."""

from __future__ import annotations

from backfill.model import Lease
from tests.store.contract import Subject
from tests.store.scene import OTHER_REALM, REALM


async def test_parking_says_why_and_is_not_finishing(subject: Subject, lease: Lease) -> None:
    await subject.begin(lease)
    await subject.store.park(REALM, subject.run_id, code="3100", message="closed", action="drop it")
    assert await subject.is_parked(REALM) == ("3100", "closed", "drop it")
    assert await subject.is_parked(OTHER_REALM) is None
    assert not (await subject.store.scan(subject.run_id, REALM)).finished


async def test_who_was_connected_again_meanwhile_is_not_parked_for_the_old_token(
    subject: Subject, lease: Lease
) -> None:
    """The run finds the token dead, a new one is imported, and only then does the run say what it found."""
    await subject.begin(lease)
    await subject.reconnect(REALM)
    why = {"code": "invalid_grant", "message": "dead", "action": "reconnect"}
    await subject.store.park(REALM, subject.run_id, **why, imported_at=lease.imported_at)
    assert await subject.is_parked(REALM) is None
    await subject.store.release(lease)
    newer = await subject.store.acquire(REALM)
    await subject.store.park(REALM, subject.run_id, **why, imported_at=newer.imported_at)
    assert await subject.is_parked(REALM) == ("invalid_grant", "dead", "reconnect")
