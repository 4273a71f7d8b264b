"""The registry: importing again replaces tokens and takes a realm back, and keeps everything else."""

from __future__ import annotations

import pytest

from backfill.errors import UsageError
from backfill.model import Realm, RealmId, Secret
from backfill.store.database import Database
from backfill.store.realms import Imported, RealmGrant, Realms
from backfill.store.tokens import TokenVault
from tests.store.scene import NOW, OTHER_REALM, REALM, Work


async def test_an_import_counts_what_it_added_and_what_it_updated(realms: Realms, vault: TokenVault) -> None:
    grants = [RealmGrant(REALM, Secret("new")), RealmGrant(RealmId("3"), Secret("r"), name="Three", weight=2.5)]
    assert await realms.import_grants(grants, vault, granted_at=NOW) == Imported(added=1, updated=1)
    assert await realms.get(RealmId("3")) == Realm(RealmId("3"), "Three", 2.5, "active")


async def test_realms_are_listed_in_order(realms: Realms) -> None:
    assert [realm.realm_id for realm in await realms.list()] == [REALM, OTHER_REALM]


async def test_a_file_of_new_tokens_keeps_name_and_weight(realms: Realms, vault: TokenVault) -> None:
    await realms.import_grants([RealmGrant(REALM, Secret("a"), name="Books", weight=3.0)], vault, granted_at=NOW)
    await realms.import_grants([RealmGrant(REALM, Secret("b"))], vault, granted_at=NOW)
    assert await realms.get(REALM) == Realm(REALM, "Books", 3.0, "active")
    assert (await vault.read(REALM)).refresh_token == Secret("b")


async def test_an_import_takes_a_parked_realm_back(realms: Realms, work: Work, vault: TokenVault) -> None:
    await work.store.park(REALM, work.run_id, code="invalid_grant", message="the token is dead", action="reconnect")
    assert await realms.get(REALM) == Realm(REALM, "", 1.0, "parked", "the token is dead", "reconnect")
    await realms.import_grants([RealmGrant(REALM, Secret("b"))], vault, granted_at=NOW)
    assert (await realms.get(REALM)).state == "active"


async def test_an_import_leaves_lease_and_epoch_alone(realms: Realms, work: Work, vault: TokenVault) -> None:
    await realms.import_grants([RealmGrant(REALM, Secret("b"))], vault, granted_at=NOW)
    await work.store.renew(work.lease)


async def test_a_realm_is_armed_and_disarmed(realms: Realms) -> None:
    await realms.arm(REALM)
    assert await realms.armed() == {REALM}
    await realms.arm(REALM, armed=False)
    assert await realms.armed() == frozenset()


async def test_an_unknown_realm_is_a_mistake_of_the_user(realms: Realms) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        await realms.get(RealmId("nowhere"))
    with pytest.raises(UsageError, match="nowhere"):
        await realms.arm(RealmId("nowhere"))


@pytest.mark.parametrize("weight", [0.0, -1.0, float("inf"), float("nan")])
async def test_a_share_that_is_none_is_kept_out(
    realms: Realms, database: Database, weight: float, vault: TokenVault
) -> None:
    with pytest.raises(UsageError, match="weight"):
        await realms.import_grants([RealmGrant(RealmId("9"), Secret("r"), weight=weight)], vault, granted_at=NOW)
    assert len(await realms.list()) == 2
