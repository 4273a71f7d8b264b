"""The registry: importing again replaces tokens and takes a realm back, and keeps everything else."""

from __future__ import annotations

from datetime import timedelta

import anyio
import pytest
from msgspec import structs

from backfill.errors import UsageError
from backfill.model import Realm, RealmId, Secret
from backfill.store.database import Database
from backfill.store.encryption import Keyring
from backfill.store.leases import require
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
    assert await realms.get(REALM) == Realm(REALM, "", 1.0, "parked", "the token is dead", "reconnect", "invalid_grant")
    await realms.import_grants([RealmGrant(REALM, Secret("b"))], vault, granted_at=NOW)
    assert (await realms.get(REALM)).state == "active"


async def test_an_import_leaves_lease_and_epoch_alone(realms: Realms, work: Work, vault: TokenVault) -> None:
    await realms.import_grants([RealmGrant(REALM, Secret("b"))], vault, granted_at=NOW)
    await work.store.renew(work.lease)


async def test_an_access_token_lives_an_hour_whatever_the_file_says(realms: Realms, vault: TokenVault) -> None:
    """Or it is taken for good as long as the refresh token beside it, which dies of disuse meanwhile."""
    for given, believed in ((timedelta(days=101), timedelta(hours=1)), (timedelta(minutes=5), timedelta(minutes=5))):
        token = Secret(f"refresh-{given}")
        grant = RealmGrant(REALM, token, access_token=Secret("a"), access_expires_at=NOW + given)
        await realms.import_grants([grant], vault, granted_at=NOW)
        assert (await vault.read(REALM)).access_expires_at == NOW + believed


async def refreshed(vault: TokenVault, value: str) -> None:
    """Intuit replaces the refresh token, as it does about once a day."""
    async with vault.locked(REALM) as held:
        await held.store(structs.replace(held.current, refresh_token=Secret(value)))


async def test_a_token_that_was_imported_before_does_not_replace_what_became_of_it(
    realms: Realms, vault: TokenVault
) -> None:
    """A file is imported again with companies added: its tokens are long dead, and to use one may lose a company."""
    first, second = RealmGrant(REALM, Secret("first")), RealmGrant(REALM, Secret("second"))
    assert await realms.import_grants([first], vault, granted_at=NOW) == Imported(added=0, updated=1)
    await refreshed(vault, "of the first")
    again = structs.replace(first, name="Books", client_id=Secret("id"), client_secret=Secret("secret"))
    assert await realms.import_grants([again], vault, granted_at=NOW) == Imported(added=0, updated=1, kept=1)
    kept = await vault.read(REALM)
    assert (kept.refresh_token, kept.client_secret) == (Secret("of the first"), Secret("secret"))
    assert (await realms.get(REALM)).name == "Books"
    assert await realms.import_grants([second], vault, granted_at=NOW) == Imported(added=0, updated=1)
    await refreshed(vault, "of the second")
    for old in (first, second):
        assert (await realms.import_grants([old], vault, granted_at=NOW)).kept == 1
        assert (await vault.read(REALM)).refresh_token == Secret("of the second")


async def test_a_token_is_taken_again_where_what_became_of_it_is_worth_nothing(
    realms: Realms, work: Work, vault: TokenVault
) -> None:
    grant = RealmGrant(REALM, Secret("first"))
    await realms.import_grants([grant], vault, granted_at=NOW)
    await refreshed(vault, "refused")
    await work.store.park(REALM, work.run_id, code="invalid_grant", message="the token is dead", action="reconnect")
    assert (await realms.import_grants([grant], vault, granted_at=NOW)).kept == 0
    assert (await vault.read(REALM)).refresh_token == Secret("first")


async def test_a_token_that_another_machines_key_encrypts_is_kept_and_named(
    realms: Realms, vault: TokenVault, database: Database
) -> None:
    """Whoever imports the same file there would put a token that is long dead over the one that is used here."""
    grant = RealmGrant(REALM, Secret("first"), client_id=Secret("id"), client_secret=Secret("secret"))
    await realms.import_grants([grant], vault, granted_at=NOW)
    await refreshed(vault, "of the first")
    elsewhere = TokenVault(database, Keyring([bytes(32)]))
    imported = await realms.import_grants([grant], elsewhere, granted_at=NOW)
    assert imported == Imported(added=0, updated=1, kept=1, unreadable=(REALM,))
    kept = await vault.read(REALM)
    assert (kept.refresh_token, kept.client_secret) == (Secret("of the first"), Secret("secret"))
    connected_again = RealmGrant(REALM, Secret("new"))
    assert await realms.import_grants([connected_again], elsewhere, granted_at=NOW) == Imported(added=0, updated=1)
    assert (await elsewhere.read(REALM)).refresh_token == Secret("new")


async def test_an_import_does_not_wait_for_a_page(
    realms: Realms, work: Work, vault: TokenVault, database: Database
) -> None:
    async with database.landing() as page, page.transaction():
        await require(page, work.lease)
        with anyio.fail_after(5):
            await realms.import_grants([RealmGrant(REALM, Secret("b"))], vault, granted_at=NOW)


async def test_companies_are_taken_back_with_the_tokens_they_have(
    realms: Realms, work: Work, vault: TokenVault
) -> None:
    third = RealmId("3")
    await realms.import_grants([RealmGrant(third, Secret("c"))], vault, granted_at=NOW)
    before = await vault.read(REALM)
    for realm_id, code in ((REALM, "3100"), (OTHER_REALM, "3100"), (third, "6190")):
        await work.store.park(realm_id, work.run_id, code=code, message="m", action="a")
    everyone = [REALM, OTHER_REALM, third]
    assert await realms.unpark([REALM], code="6190") == []
    assert await realms.unpark([REALM]) == [REALM]
    assert await realms.unpark(everyone, code="3100") == [OTHER_REALM]
    assert [(realm.realm_id, realm.state) for realm in await realms.list() if realm.state == "parked"] == [
        (third, "parked")
    ]
    assert await realms.get(REALM) == Realm(REALM, "", 1.0, "active")
    assert await vault.read(REALM) == before


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
