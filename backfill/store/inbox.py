"""What Intuit's webhooks told: stored once each, handed out realm by realm, settled when it was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from backfill.model import Lease, RealmId, Told, WaitingEvent
from backfill.store.database import Database
from backfill.store.leases import require

UNKNOWN_REALMS_SHOWN = 100
"""Of realms that nobody registered; there should be none."""

# Nobody is told later than it happened: a time beyond ours is a clock that is wrong, and would be waited for. In the
# order of the keys, so that two deliveries of the same events wait for one another and never deadlock.
STORE = """
WITH told AS MATERIALIZED (
    SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
        AS told (key, realm_id, entity, object_id, operation, occurred_at)
    ORDER BY key
),
stored AS (
    INSERT INTO backfill.webhook_event (key, realm_id, entity, object_id, operation, occurred_at)
    SELECT key, realm_id, entity, object_id, operation, least(occurred_at, clock_timestamp()) FROM told
    ON CONFLICT (key) DO NOTHING
    RETURNING 1
)
SELECT
    (SELECT count(*) FROM stored) AS stored,
    ARRAY(
        SELECT DISTINCT realm_id FROM told
        WHERE NOT EXISTS (SELECT FROM backfill.realm WHERE realm.realm_id = told.realm_id)
    ) AS unknown
"""

STORE_UNREAD = """
INSERT INTO backfill.webhook_unread (key, reason, raw)
SELECT * FROM unnest($1::bytea[], $2::text[], $3::bytea[]) AS unread (key, reason, raw) ORDER BY key
ON CONFLICT (key) DO NOTHING
"""

# A look into the index of what waits for each company, instead of a count of all that waits.
DUE = """
SELECT realm_id FROM backfill.realm
WHERE state = 'active' AND EXISTS (
    SELECT FROM backfill.webhook_event AS event
    WHERE event.realm_id = realm.realm_id AND event.settled_at IS NULL
        AND event.received_at <= clock_timestamp() - $1 * interval '1 second'
)
ORDER BY realm_id
"""

# BETWEEN asks for the realm's in the order of the index of what waits. As one realm's in the order of their Ids, they
# would be looked for from the first event on that ever came, in hope of an early hit.
TAKE = """
SELECT event_id, entity, object_id, operation, occurred_at FROM backfill.webhook_event
WHERE realm_id BETWEEN $1 AND $1 AND settled_at IS NULL
ORDER BY realm_id, event_id LIMIT $2
"""

# That they wait is not asked: it would lead to the index of what waits, and all of the realm's would be read each time.
SETTLE = """
UPDATE backfill.webhook_event AS event SET settled_at = clock_timestamp(), outcome = settled.outcome
FROM unnest($2::bigint[], $3::text[]) AS settled (event_id, outcome)
WHERE event.event_id = settled.event_id AND event.realm_id = $1
"""

COUNTS = """
SELECT
    (SELECT count(*) FROM backfill.webhook_event WHERE settled_at IS NULL) AS waiting,
    (SELECT count(*) FROM backfill.webhook_unread) AS unread
"""

# From each company's first event that waits to the next company's: a look into the index for each, however many wait.
UNKNOWN = f"""
WITH RECURSIVE named AS (
    (
        SELECT realm_id FROM backfill.webhook_event WHERE settled_at IS NULL
        ORDER BY realm_id LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT event.realm_id FROM backfill.webhook_event AS event
        WHERE event.settled_at IS NULL AND event.realm_id > named.realm_id
        ORDER BY event.realm_id LIMIT 1
    )
    FROM named WHERE named.realm_id IS NOT NULL
)
SELECT realm_id FROM named
WHERE realm_id IS NOT NULL AND NOT EXISTS (SELECT FROM backfill.realm WHERE realm.realm_id = named.realm_id)
ORDER BY realm_id LIMIT {UNKNOWN_REALMS_SHOWN}
"""  # noqa: S608  # a number of ours

# What waits for a registered company is never thrown away; what nobody can work is, like what was done long ago.
FORGET = """
WITH old AS MATERIALIZED (SELECT clock_timestamp() - $1 * interval '1 day' AS at),
events AS (
    DELETE FROM backfill.webhook_event WHERE event_id = ANY (ARRAY(
        SELECT event_id FROM backfill.webhook_event AS event
        WHERE received_at < (SELECT at FROM old) AND (
            settled_at IS NOT NULL
            OR NOT EXISTS (SELECT FROM backfill.realm WHERE realm.realm_id = event.realm_id)
        )
        ORDER BY received_at LIMIT $2
    ))
    RETURNING 1
),
unread AS (
    DELETE FROM backfill.webhook_unread WHERE unread_id = ANY (ARRAY(
        SELECT unread_id FROM backfill.webhook_unread WHERE received_at < (SELECT at FROM old)
        ORDER BY received_at LIMIT $2
    ))
    RETURNING 1
)
SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM unread)
"""

FORGOTTEN_AT_ONCE = 10_000
"""Events, and as many parts that say nothing: some tenths of a second. All of a receiver that was off for a month would
take longer than a statement may, each time anew."""


class Unread(msgspec.Struct, frozen=True):
    """A part of a signed delivery that says nothing we understand."""

    key: bytes
    reason: str
    raw: bytes


class Stored(msgspec.Struct, frozen=True):
    """What one delivery brought: events that were new, and the realms among all of it that are not registered."""

    new: int
    unknown_realms: Sequence[RealmId] = ()


class InboxCounts(msgspec.Struct, frozen=True):
    """What is in the inbox for somebody to do, of all realms."""

    waiting: int
    unread: int


class Inbox:
    """The table of webhook events. All of it is durable at once: what is answered with 200 is never told again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def store(self, events: Sequence[Told], unread: Sequence[Unread] = ()) -> Stored:
        """Keep what a delivery told, in one transaction. What was told before changes nothing."""
        distinct = list({event.key: event for event in events}.values())
        asides = list({part.key: part for part in unread}.values())
        async with self._database.control() as connection, connection.transaction():
            if asides:
                columns = zip(*((part.key, part.reason, part.raw) for part in asides), strict=True)
                await connection.execute(STORE_UNREAD, *map(list, columns))
            row = await connection.fetchrow(
                STORE,
                [event.key for event in distinct],
                [event.realm_id for event in distinct],
                [event.entity for event in distinct],
                [event.object_id for event in distinct],
                [event.operation for event in distinct],
                [event.occurred_at for event in distinct],
            )
        assert row is not None, "a SELECT of counts has a row"
        return Stored(row["stored"], row["unknown"])

    async def due(self, *, gathered_s: float) -> Sequence[RealmId]:
        """Registered realms, not parked, with an event that was received at least so many seconds ago and waits."""
        async with self._database.control() as connection:
            return [RealmId(row["realm_id"]) for row in await connection.fetch(DUE, gathered_s)]

    async def take(self, realm_id: RealmId, *, at_most: int) -> Sequence[WaitingEvent]:
        """The realm's oldest events that wait. They go on waiting until they are settled."""
        async with self._database.control() as connection:
            return [WaitingEvent(*row.values()) for row in await connection.fetch(TAKE, realm_id, at_most)]

    async def settle(self, lease: Lease, outcomes: Mapping[int, str]) -> None:
        """Write down that events (by event_id) are done with, and how.

        What they stand for was landed before: this commit is durable, and makes every earlier one so. Raises
        LeaseLostError, and writes nothing, if the realm was taken over.
        """
        async with self._database.control() as connection, connection.transaction():
            await require(connection, lease)
            await connection.execute(SETTLE, lease.realm_id, list(outcomes), list(outcomes.values()))

    async def counts(self) -> InboxCounts:
        async with self._database.control() as connection:
            row = await connection.fetchrow(COUNTS)
        assert row is not None, "a SELECT of counts has a row"
        return InboxCounts(*row.values())

    async def unknown_realms(self) -> Sequence[RealmId]:
        """Realms that events wait for and that are not registered, at most a hundred."""
        async with self._database.control() as connection:
            return [RealmId(row["realm_id"]) for row in await connection.fetch(UNKNOWN)]

    async def forget(self, *, older_than_days: int) -> int:
        """Drop what was received so long ago and is settled, unread, or of a realm that nobody registered.

        The oldest only, FORGOTTEN_AT_ONCE of each: there may be more if as many were dropped.
        """
        async with self._database.control() as connection:
            return int(await connection.fetchval(FORGET, older_than_days, FORGOTTEN_AT_ONCE))
