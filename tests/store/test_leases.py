"""One owner a realm: who may take it over, when, and that a hand-over always raises the epoch."""

from __future__ import annotations

import subprocess
import sys

import anyio
import pytest

from backfill.errors import LeaseLostError, RealmBusyError, UsageError
from backfill.model import RealmId
from backfill.store.database import Database
from backfill.store.leases import Leases
from backfill.store.owners import Owner
from backfill.store.realms import Realms
from tests.store.scene import REALM

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
