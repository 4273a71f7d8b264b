"""One owner a realm: who may take it over, when, and that a hand-over always raises the epoch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from msgspec import structs

from backfill.errors import LeaseLostError, RealmBusyError, UnavailableError, UsageError
from backfill.model import Lease, RealmId, RunId, Secret
from backfill.rows import Rows
from backfill.store.bulk import COLUMNS, encoded
from backfill.store.database import ABANDONED_TRANSACTION_S, Database, open_database
from backfill.store.encryption import Keyring
from backfill.store.leases import Leases, require
from backfill.store.owners import Owner
from backfill.store.realms import Realms
from backfill.store.tokens import TokenVault
from tests.postgres import SMALL_POOLS
from tests.store.scene import REALM, live, rows_of

if TYPE_CHECKING:  # the driver's generic types exist only in its stubs
    from backfill.store.database import Connection

ELSEWHERE = Owner("another-machine", "boot", 1, 1)


def leases(database: Database, owner: Owner | None = None, *, lease_s: float = 30) -> Leases:
    return Leases(database, owner=owner or Owner.current(), lease_s=lease_s)


def dead_owner() -> Owner:
    """A process of this machine that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    here = Owner.current()
    return Owner(here.host, here.boot, child.pid, here.start_time)


@pytest.fixture(autouse=True)
def _registered(realms: Realms) -> None:
    """Every test here works on registered realms."""


async def test_a_free_realm_is_taken_and_the_epoch_raised(database: Database) -> None:
    first = await leases(database).acquire(REALM)
    await leases(database).release(first)
    second = await leases(database, ELSEWHERE).acquire(REALM)
    assert second.epoch == first.epoch + 1


async def test_a_live_owner_keeps_it_and_is_named(database: Database) -> None:
    await leases(database, ELSEWHERE).acquire(REALM)
    with pytest.raises(RealmBusyError) as caught:
        await leases(database).acquire(REALM)
    assert (caught.value.realm_id, caught.value.owner) == (REALM, str(ELSEWHERE))


async def test_a_live_process_of_this_machine_keeps_it(database: Database) -> None:
    """Also from another task of the same process: two would each think themselves alone."""
    await leases(database).acquire(REALM)
    with pytest.raises(RealmBusyError):
        await leases(database).acquire(REALM)


async def test_a_dead_process_of_this_machine_loses_it_at_once(database: Database) -> None:
    former = await leases(database, dead_owner()).acquire(REALM)
    assert (await leases(database).acquire(REALM)).epoch == former.epoch + 1


async def left_s(database: Database) -> float:
    """How much longer the lease runs, by Postgres's clock."""
    async with database.control() as connection:
        return float(
            await connection.fetchval(
                "SELECT extract(epoch FROM lease_until - clock_timestamp()) FROM backfill.realm WHERE realm_id = $1",
                REALM,
            )
        )


async def pass_time(database: Database, seconds: float) -> None:
    """As if so much time went by for the lease: a test that slept would hang on the machine's pace."""
    async with database.control() as connection:
        await connection.execute(
            "UPDATE backfill.realm SET lease_until = lease_until - $2 * interval '1 second' WHERE realm_id = $1",
            *(REALM, seconds),
        )


async def test_a_process_of_another_machine_keeps_it_until_it_runs_out(database: Database) -> None:
    former = await leases(database, ELSEWHERE, lease_s=1000).acquire(REALM)
    await pass_time(database, 500)
    with pytest.raises(RealmBusyError):
        await leases(database).acquire(REALM)
    await pass_time(database, 500)
    taken = await leases(database).acquire(REALM)
    assert taken.epoch == former.epoch + 1
    with pytest.raises(LeaseLostError):
        await leases(database, ELSEWHERE).renew(former)


async def test_renewing_prolongs_it(database: Database) -> None:
    holder = leases(database, ELSEWHERE, lease_s=1000)
    lease = await holder.acquire(REALM)
    for _ in range(3):
        await pass_time(database, 600)
        assert await left_s(database) <= 400
        await holder.renew(lease)
        assert 900 < await left_s(database) <= 1000
    with pytest.raises(RealmBusyError):
        await leases(database).acquire(REALM)


async def test_a_lease_that_ran_out_untaken_is_renewed(database: Database) -> None:
    holder = leases(database, ELSEWHERE, lease_s=1000)
    lease = await holder.acquire(REALM)
    await pass_time(database, 2000)
    await holder.renew(lease)
    assert await left_s(database) > 900


async def test_a_former_holder_cannot_release_the_realm(database: Database) -> None:
    former = await leases(database, dead_owner()).acquire(REALM)
    await leases(database, ELSEWHERE).acquire(REALM)
    await leases(database).release(former)
    with pytest.raises(RealmBusyError):
        await leases(database).acquire(REALM)


async def test_of_many_at_once_one_gets_it(database: Database) -> None:
    won: list[int] = []
    refused: list[str] = []

    async def attempt(number: int) -> None:
        try:
            lease = await leases(database, Owner("machine", "boot", number, 1)).acquire(REALM)
            won.append(lease.epoch)
        except RealmBusyError as error:
            refused.append(error.owner)

    former = await leases(database, dead_owner()).acquire(REALM)
    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(attempt, number)
    assert won == [former.epoch + 1]
    assert len(refused) == 9


async def test_an_unknown_realm_is_a_mistake_of_the_user(database: Database) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        await leases(database).acquire(RealmId("nowhere"))


PAGE = [live(str(number), 1) for number in range(300)]


@pytest.fixture
async def paused(database_dsn: str) -> AsyncIterator[Database]:
    """The sessions of a process of another machine, which are to be found in the middle of something."""
    async with open_database(database_dsn, owner=ELSEWHERE, sizes=SMALL_POOLS) as opened:
        yield opened


async def taken_over(database: Database) -> Lease:
    """The realm, taken from a silent owner by one who has short leases. Waiting for ever is a failure."""
    await pass_time(database, 1000)
    with anyio.move_on_after(ABANDONED_TRANSACTION_S / 2):
        return await leases(database, lease_s=0.3).acquire(REALM)
    pytest.fail("it is blocked, and for as long as the server lets it")


@asynccontextmanager
async def fenced(database: Database, lease: Lease) -> AsyncIterator[Connection]:
    """A page's transaction, begun as all are: it holds the realm's row."""
    async with database.landing() as connection, connection.transaction():
        await require(connection, lease)
        yield connection


@pytest.mark.parametrize("parsed", [False, True], ids=["between two statements", "between two messages of one"])
async def test_an_owner_that_is_paused_within_a_transaction_does_not_block_the_next(
    database: Database, paused: Database, parsed: bool
) -> None:
    """Its machine does not answer any more. Where a statement is parsed and not bound, it counts as active."""
    former = await leases(paused, ELSEWHERE, lease_s=500).acquire(REALM)

    async def between_two_statements() -> None:
        async with fenced(paused, former) as connection:
            if parsed:
                await connection.prepare("SELECT 2")
            assert (await taken_over(database)).epoch == former.epoch + 1
            await connection.execute("SELECT 1")

    with pytest.raises(UnavailableError):
        await between_two_statements()
    with pytest.raises(LeaseLostError):  # its other sessions are there, and by them it learns why
        await leases(paused, ELSEWHERE).renew(former)


async def test_an_owner_that_is_paused_within_a_copy_does_not_block_the_next(
    database: Database, paused: Database
) -> None:
    """There its session counts as active: it waits for the client, and no timeout of the server's ends that."""
    former = await leases(paused, ELSEWHERE, lease_s=500).acquire(REALM)

    async def a_page_in_two_halves() -> AsyncIterator[bytes]:
        pieces = [piece async for piece in encoded(REALM, RunId(1), Rows.of(PAGE))]
        yield b"".join(pieces[:2])
        assert (await taken_over(database)).epoch == former.epoch + 1
        yield b"".join(pieces[2:])

    async def copied() -> None:
        into: dict[str, Any] = {"schema_name": "qbo", "columns": COLUMNS, "format": "binary"}
        async with fenced(paused, former) as connection:
            await connection.copy_to_table("invoice", source=a_page_in_two_halves(), **into)

    with pytest.raises(UnavailableError):
        await copied()
    assert await rows_of(database) == {}, "nothing of its page is there, nor in the way of the next owner's"


async def test_a_page_that_is_only_slow_is_waited_for(database: Database, paused: Database) -> None:
    former = await leases(paused, ELSEWHERE, lease_s=500).acquire(REALM)
    taken: list[Lease] = []

    async def take() -> None:
        await pass_time(database, 1000)
        taken.append(await leases(database, lease_s=30).acquire(REALM))

    async with anyio.create_task_group() as group, fenced(paused, former) as connection:
        group.start_soon(take)
        assert await until_one_waits_for_a_lock(database)
        await connection.execute("UPDATE backfill.realm SET name = 'committed' WHERE realm_id = $1", REALM)
        assert not taken
    async with database.control() as connection:
        assert await connection.fetchval("SELECT name FROM backfill.realm WHERE realm_id = $1", REALM) == "committed"
    assert taken


async def until_one_waits_for_a_lock(database: Database) -> bool:
    async with database.control() as connection:
        for _ in range(1000):
            if await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                return True
            await anyio.sleep(0.01)
    return False


async def test_a_refresh_of_tokens_is_let_alone(database: Database, paused: Database, keyring: Keyring) -> None:
    """Whatever becomes of the realm: only who asked Intuit has the new value."""
    await leases(paused, ELSEWHERE, lease_s=500).acquire(REALM)
    async with TokenVault(paused, keyring).locked(REALM) as held:
        async with paused.landing() as connection:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute("SELECT FROM backfill.realm WHERE realm_id = $1 FOR KEY SHARE", REALM)
            await taken_over(database)
        async with database.control() as connection:
            assert await connection.fetchval("SELECT claimed_by FROM backfill.token WHERE realm_id = $1", REALM)
        await held.store(structs.replace(held.current, refresh_token=Secret("refreshed")))
    assert (await TokenVault(database, keyring).read(REALM)).refresh_token == Secret("refreshed")


async def test_whoever_else_holds_the_row_is_let_alone_and_waited_for(database: Database, paused: Database) -> None:
    """A person's psql, say. The realm is busy, and can be looked at again."""
    await leases(database, ELSEWHERE, lease_s=500).acquire(REALM)
    async with paused.control() as connection, connection.transaction():
        await connection.execute("SET LOCAL application_name = 'psql'")
        await connection.execute("SELECT FROM backfill.realm WHERE realm_id = $1 FOR KEY SHARE", REALM)
        with pytest.raises(RealmBusyError):
            await taken_over(database)
        assert await connection.fetchval("SELECT 1") == 1
