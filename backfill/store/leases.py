"""One owner a realm: taken, prolonged and given back on Postgres's clock, fenced by the epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

from backfill.errors import LeaseLostError, RealmBusyError, RealmGoneError
from backfill.model import Lease, RealmId
from backfill.store.database import CONTROL_COMMAND_TIMEOUT_S, Database
from backfill.store.owners import Owner, owner_in_words

if TYPE_CHECKING:  # the driver's generic types exist only in its stubs
    from backfill.store.database import Connection

DEFAULT_LEASE_S = 30.0
"""Three renewals of ten seconds: two may be lost before another machine takes over."""

TAKE_TRIES = 5
"""Each further try means that another process took the realm and died between two statements of ours."""

BLOCKED_MOST_S = CONTROL_COMMAND_TIMEOUT_S / 2
"""Half of what a statement may take: the server is the one that says that a lock was not to be had."""

# Pages of one realm wait neither for one another nor for a renewal. A hand-over waits for them: it raises the epoch,
# which is part of a key, and FOR KEY SHARE conflicts with a change of a key only.
FENCE = "SELECT FROM backfill.realm WHERE realm_id = $1 AND epoch = $2 AND owner = $3 FOR KEY SHARE"

REMOVING = "removing"
"""The fault that a company is parked for while it is removed: nothing but its removal works on it any more."""

# clock_timestamp(), not now(): the statement may have waited for a page to commit, though no longer than $6.
# $4 and $5 name the holder that was seen to be dead; it must still be the same. $7 is the fault that bars us.
ACQUIRE = """
WITH bound AS MATERIALIZED (SELECT set_config('lock_timeout', $6, true))
UPDATE backfill.realm
SET owner = $2, epoch = epoch + 1, lease_until = clock_timestamp() + $3 * interval '1 second'
FROM bound
WHERE realm_id = $1
    AND (owner IS NULL OR lease_until <= clock_timestamp() OR (owner = $4 AND epoch = $5))
    AND (parked_code IS NULL OR parked_code IS DISTINCT FROM $7)
RETURNING epoch, imported_at
"""

HOLDER = """
SELECT owner, epoch, lease_until <= clock_timestamp() AS silent, parked_code FROM backfill.realm WHERE realm_id = $1
"""

# Whatever is fenced has looked at the table of realms within its transaction; a commit of tokens has not.
END_SESSIONS = """
SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
WHERE application_name = $1 AND datname = current_database() AND pg_has_role(usesysid, 'USAGE')
    AND pid <> pg_backend_pid() AND pid IN (SELECT pid FROM pg_locks WHERE relation = 'backfill.realm'::regclass)
"""

RENEW = """
UPDATE backfill.realm SET lease_until = clock_timestamp() + $4 * interval '1 second'
WHERE realm_id = $1 AND epoch = $2 AND owner = $3
RETURNING true
"""

RELEASE = "UPDATE backfill.realm SET owner = NULL, lease_until = NULL WHERE realm_id = $1 AND epoch = $2 AND owner = $3"


class Leases:
    """The right to work on realms, for one owner."""

    def __init__(
        self, database: Database, *, owner: Owner, lease_s: float = DEFAULT_LEASE_S, removes: bool = False
    ) -> None:
        """`removes`: companies that are being removed are taken, too."""
        self._database = database
        self._barred = None if removes else REMOVING
        self._owner = str(owner)
        self._lease_s = lease_s
        self._blocked_most = f"{min(lease_s, BLOCKED_MOST_S) * 1000:.0f}ms"

    async def acquire(self, realm_id: RealmId) -> Lease:
        """Take the realm at once if it is free, its lease has run out, or its owner is a dead process of this machine.

        Waits for what the former owner is committing, but no longer than one lease more: then the former owner's
        transactions are ended at the server. One that is paused, or whose network is cut, would hold its row until
        it wakes: in the middle of a COPY, or once the driver has had a statement parsed and not yet sent what it is
        about, the session is not idle, and no timeout of Postgres's ends it. Afterwards nothing of the former owner
        is in our way: taking changes the epoch, which waits for every transaction that was fenced by the last one.
        Raises RealmBusyError while a live process holds it, and RealmGoneError if the realm is not registered, or is
        being removed.
        """
        dead_owner: str | None = None
        dead_epoch: int | None = None
        for _ in range(TAKE_TRIES):
            async with self._database.control() as connection:
                try:
                    taken = await connection.fetchrow(
                        ACQUIRE,
                        realm_id,
                        self._owner,
                        self._lease_s,
                        dead_owner,
                        dead_epoch,
                        self._blocked_most,
                        self._barred,
                    )
                except asyncpg.LockNotAvailableError:
                    await _end_sessions(connection, realm_id)
                    continue
                if taken is not None:
                    return Lease(realm_id, taken["epoch"], self._owner, taken["imported_at"])
                holder = await connection.fetchrow(HOLDER, realm_id)
            if holder is None:
                raise unknown_realm(realm_id)
            if self._barred is not None and holder["parked_code"] == self._barred:
                raise realm_leaves(realm_id)
            dead_owner, dead_epoch = holder["owner"], holder["epoch"]
            if dead_owner is not None and not _is_surely_dead(dead_owner):
                raise _busy(realm_id, dead_owner)
        raise _busy(realm_id, dead_owner or "another process")

    async def renew(self, lease: Lease) -> None:
        """Prolong the lease from now. A lease that ran out and was taken by nobody is prolonged as well."""
        async with self._database.control() as connection:
            renewed = await connection.fetchval(RENEW, *fence_of(lease), self._lease_s)
        if not renewed:
            raise lease_lost(lease)

    async def release(self, lease: Lease) -> None:
        """Give the realm back, if it is still ours. Nothing can be committed with the lease afterwards."""
        async with self._database.control() as connection:
            await connection.execute(RELEASE, *fence_of(lease))


async def require(connection: Connection, lease: Lease) -> None:
    """Hold the realm for the caller's transaction. Raises LeaseLostError if another has taken it."""
    require_fence(await connection.fetchrow(FENCE, *fence_of(lease)), lease)


def fence_of(lease: Lease) -> tuple[str, int, str]:
    """The first parameters of a statement that begins with the fence."""
    return lease.realm_id, lease.epoch, lease.owner


def require_fence(row: asyncpg.Record | None, lease: Lease) -> None:
    """Of what a statement selected from its fence. Raises LeaseLostError if the realm is not ours: it wrote nothing."""
    if row is None:
        raise lease_lost(lease)


def lease_lost(lease: Lease) -> LeaseLostError:
    return LeaseLostError(
        f"another process took over realm {lease.realm_id}: our lease (epoch {lease.epoch}) is not valid any more",
        realm_id=lease.realm_id,
    )


def unknown_realm(realm_id: RealmId) -> RealmGoneError:
    return RealmGoneError(
        f"realm {realm_id} is not registered", realm_id=realm_id, action="import it first: backfill realms import FILE"
    )


def realm_leaves(realm_id: RealmId) -> RealmGoneError:
    return RealmGoneError(
        f"realm {realm_id} is being removed",
        realm_id=realm_id,
        action=f"see that this ends: backfill realms remove {realm_id}",
    )


async def _end_sessions(connection: Connection, realm_id: RealmId) -> None:
    """End the transactions of the realm's owner, if its lease is over: what it did not commit by now is read again."""
    holder = await connection.fetchrow(HOLDER, realm_id)
    if holder is None or holder["owner"] is None:
        return
    owner = Owner.parse(holder["owner"])
    if owner is not None and (holder["silent"] or owner.is_surely_dead()):
        await connection.execute(END_SESSIONS, owner.session_name)


def _is_surely_dead(owner: str) -> bool:
    parsed = Owner.parse(owner)
    return parsed is not None and parsed.is_surely_dead()


def _busy(realm_id: RealmId, owner: str) -> RealmBusyError:
    return RealmBusyError(
        f"realm {realm_id} is being worked on by {owner_in_words(owner)}",
        realm_id=realm_id,
        owner=owner,
        action="wait for it to finish; a dead owner's lease runs out by itself",
    )
