"""The contract of the inbox: events stored once each, settled under the lease only. The twin in memory and Postgres."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from backfill.errors import LeaseLostError
from backfill.jobs.ports import Store
from backfill.model import Lease, RealmId, RunId, Told
from backfill.store.database import Database
from backfill.store.inbox import Inbox, Unread
from backfill.store.memory_inbox import MemoryInbox
from backfill.store.memory_store import MemoryStore
from backfill.store.postgres_store import PostgresStore
from tests.postgres import PostgresServer
from tests.store import contract

HERE, THERE, NOWHERE = RealmId("1"), RealmId("2"), RealmId("4711")
AT = datetime(2026, 5, 10, 21, 31, 25, 179453, tzinfo=UTC)


@dataclass
class Subject:
    """An inbox under the contract, the store of the leases that fence it, and a hand behind both."""

    inbox: Inbox | MemoryInbox
    store: Store
    register: Callable[[RealmId], Awaitable[None]]
    pass_days: Callable[[int], Awaitable[None]]

    async def park(self, realm_id: RealmId) -> None:
        await self.store.park(realm_id, RunId(1), code="x", message="x", action="x")


def told(number: int, *, realm_id: RealmId = HERE, at: datetime | None = AT) -> Told:
    return Told(b"key %d" % number, realm_id, "Invoice", str(number), "update", at)


def in_memory() -> Subject:
    passed = timedelta()

    def now() -> datetime:
        return datetime.now(UTC) + passed

    async def register(realm_id: RealmId) -> None:
        store.register(realm_id)

    async def pass_days(days: int) -> None:
        nonlocal passed
        passed += timedelta(days=days)

    store = MemoryStore([HERE, THERE], now=now)
    return Subject(MemoryInbox(store, now=now), store, register, pass_days)


def in_postgres(database: Database) -> Subject:
    async def register(realm_id: RealmId) -> None:
        async with database.control() as connection:
            await connection.execute("INSERT INTO backfill.realm (realm_id) VALUES ($1)", realm_id)

    async def pass_days(days: int) -> None:
        async with database.control() as connection:
            for table in ("webhook_event", "webhook_unread"):
                await connection.execute(
                    f"UPDATE backfill.{table} SET received_at = received_at - $1 * interval '1 day'", days
                )

    return Subject(Inbox(database), PostgresStore(database), register, pass_days)


@pytest.fixture(params=["memory", "postgres"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "memory":
        yield in_memory()
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    async with contract.fresh(server) as database:
        made = in_postgres(database)
        await made.register(HERE)
        await made.register(THERE)
        yield made


@pytest.fixture
def inbox(subject: Subject) -> Inbox | MemoryInbox:
    return subject.inbox


async def test_an_event_is_stored_once_however_often_it_is_told(inbox: Inbox | MemoryInbox) -> None:
    assert (await inbox.store([told(1), told(2), told(1)])).new == 2
    assert (await inbox.store([told(2), told(3)])).new == 1
    assert [event.object_id for event in await inbox.take(HERE, at_most=10)] == ["1", "2", "3"]
    assert [event.object_id for event in await inbox.take(HERE, at_most=2)] == ["1", "2"]


async def test_many_that_tell_the_same_at_once_neither_fail_nor_store_twice(inbox: Inbox | MemoryInbox) -> None:
    new: list[int] = []

    async def deliver(events: list[Told]) -> None:
        new.append((await inbox.store(events)).new)

    events = [told(number) for number in range(4000)]  # long enough for two to overlap
    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(deliver, events if number % 2 else events[::-1])
    assert sum(new) == 4000
    assert (await inbox.counts()).waiting == 4000


async def test_what_is_settled_is_settled_under_the_lease(inbox: Inbox | MemoryInbox, subject: Subject) -> None:
    await inbox.store([told(1), told(2), told(3, realm_id=THERE)])
    first, second = await inbox.take(HERE, at_most=10)
    (other,) = await inbox.take(THERE, at_most=10)
    lease = await subject.store.acquire(HERE)
    await inbox.settle(lease, {first.event_id: "landed", other.event_id: "landed"})
    assert await inbox.take(HERE, at_most=10) == [second]
    assert await inbox.take(THERE, at_most=10) == [other], "of another realm than the lease's"
    with pytest.raises(LeaseLostError):
        await inbox.settle(Lease(lease.realm_id, lease.epoch - 1, lease.owner), {second.event_id: "landed"})
    assert await inbox.take(HERE, at_most=10) == [second]
    assert (await inbox.store([told(1)])).new == 0, "settled, and still known"


async def test_who_is_due(inbox: Inbox | MemoryInbox, subject: Subject) -> None:
    stored = await inbox.store([told(1), told(2, realm_id=THERE), told(3, realm_id=NOWHERE)])
    assert stored.unknown_realms == [NOWHERE]
    assert await inbox.due(gathered_s=0) == [HERE, THERE]
    assert await inbox.due(gathered_s=3600) == [], "others may come to share the call"
    assert await inbox.unknown_realms() == [NOWHERE]
    await subject.park(HERE)
    await subject.register(NOWHERE)
    assert await inbox.due(gathered_s=0) == [THERE, NOWHERE], "one that is registered later finds its events"


async def test_nothing_happens_later_than_it_is_told(inbox: Inbox | MemoryInbox) -> None:
    await inbox.store([told(1, at=datetime.now(UTC) + timedelta(days=400)), told(2, at=None), told(3)])
    future, unknown, past = await inbox.take(HERE, at_most=3)
    assert abs(future.occurred_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert abs(unknown.occurred_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert past.occurred_at == AT


async def test_what_waits_for_a_registered_realm_is_never_forgotten(
    inbox: Inbox | MemoryInbox, subject: Subject
) -> None:
    await inbox.store([told(1), told(2), told(3, realm_id=NOWHERE)], [Unread(b"key", "why", b"\x00raw")])
    (first, _) = await inbox.take(HERE, at_most=10)
    await inbox.settle(await subject.store.acquire(HERE), {first.event_id: "landed"})
    assert await inbox.forget(older_than_days=30) == 0
    await subject.pass_days(31)
    assert await inbox.forget(older_than_days=30) == 3
    counts = await inbox.counts()
    assert (counts.waiting, counts.unread) == (1, 0)


async def test_what_is_old_is_forgotten_in_pieces(
    inbox: Inbox | MemoryInbox, subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A month of a large fleet's events in one statement would run out of time, each time it is tried."""
    for module in ("inbox", "memory_inbox"):
        monkeypatch.setattr(f"backfill.store.{module}.FORGOTTEN_AT_ONCE", 2)
    await inbox.store([told(number, realm_id=NOWHERE) for number in range(5)], [Unread(b"key", "why", b"raw")])
    await subject.pass_days(31)
    dropped = [await inbox.forget(older_than_days=30) for _ in range(4)]
    assert dropped == [3, 2, 1, 0]


async def test_what_could_not_be_read_is_kept_once(inbox: Inbox | MemoryInbox) -> None:
    for _ in range(2):
        await inbox.store([], [Unread(b"key", "why", b"\x00raw"), Unread(b"other", "why", b"")])
    assert (await inbox.counts()).unread == 2
