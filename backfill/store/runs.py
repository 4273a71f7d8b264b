"""Runs: begun, taken over where a dead process left them, finished."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from backfill.model import RealmId, RunId
from backfill.store.database import Database
from backfill.store.owners import Owner

if TYPE_CHECKING:  # the driver's generic types exist only in its stubs
    from backfill.store.database import Connection

DEFAULT_SILENCE_S = 30.0
"""After this long without a heartbeat a run's process is taken for dead where that cannot be seen otherwise."""

CANDIDATES_LIMIT = 100
"""Unfinished runs that are looked at, the newest first; each live one is another command running now."""


WORKER = "worker"
"""The kind of run that only helps with another, and has no realms of its own."""
HELPED = "run"
"""In its scope: which run it helps with."""


class RunStatus(StrEnum):
    """How a run ended, or did not."""

    RUNNING = "running"
    STOPPED = "stopped"
    """Stopped by its user: the same command goes on with it."""
    DONE = "done"
    """Everything done and proven."""
    INCOMPLETE = "incomplete"
    """Finished, but something is parked, quarantined, rejected or unproven."""
    INTERRUPTED = "interrupted"
    """Stored as running, but its process is gone: killed, or ended by an error. The same command goes on with it."""


# One starter at a time for each kind: two commands begun together must not take over the same run, nor both begin one
# that the other could have taken over.
SERIALISE = "SELECT pg_advisory_xact_lock(hashtextextended('backfill run ' || $1, 0))"

CANDIDATES = f"""
SELECT run_id, owner, heartbeat_at < clock_timestamp() - $3 * interval '1 second' AS silent
FROM backfill.run
WHERE status IN ('running', 'stopped') AND kind = $1 AND scope = $2
ORDER BY run_id DESC LIMIT {CANDIDATES_LIMIT}
"""  # noqa: S608  # a number of ours

RUNNING = """
SELECT kind, owner, heartbeat_at < clock_timestamp() - $1 * interval '1 second' AS silent
FROM backfill.run WHERE status = 'running' ORDER BY run_id
"""

TAKE_OVER = """
UPDATE backfill.run SET status = 'running', owner = $2, heartbeat_at = clock_timestamp(), metered_max = $3
WHERE run_id = $1
"""

BEGIN = "INSERT INTO backfill.run (kind, scope, owner, metered_max) VALUES ($1, $2, $3, $4) RETURNING run_id"

# The oldest first: it is nearest to its end.
UNDER_WAY = """
SELECT run_id, kind, scope, owner, metered_max, heartbeat_at < clock_timestamp() - $2 * interval '1 second' AS silent
FROM backfill.run WHERE status = 'running' AND kind = ANY ($1::text[]) ORDER BY run_id
"""

IS_RUNNING = "SELECT status = 'running' FROM backfill.run WHERE run_id = $1"

# In an order of the asker's own: who began the run goes through its realms by their ids, and several help.
OPEN_REALMS = """
SELECT realm_id, weight FROM backfill.realm_run AS part JOIN backfill.realm USING (realm_id)
WHERE part.run_id = $1 AND part.state IN ('pending', 'running') AND realm.state = 'active'
ORDER BY hashtextextended(realm_id || $2, 0)
"""

# A conflict waits for whoever is changing the row that is there. That may be the process which is taken over: stopped
# within a transaction, which is ended only when its realm is taken. A company that is removed just now is left out: the
# lock, which the foreign key takes anyway, sees to it.
ADD_REALMS = """
INSERT INTO backfill.realm_run (run_id, realm_id)
SELECT $1, realm_id FROM backfill.realm
WHERE realm_id = ANY ($2::text[])
    AND NOT EXISTS (SELECT FROM backfill.realm_run AS part WHERE part.run_id = $1 AND part.realm_id = realm.realm_id)
ORDER BY realm_id FOR KEY SHARE OF realm
ON CONFLICT DO NOTHING
"""

# Realms that a run of all has not got yet, and those it parked that have been connected again since.
NEWCOMERS = """
WITH come AS (
    SELECT realm.realm_id, realm.weight
    FROM backfill.realm LEFT JOIN backfill.realm_run AS part ON part.realm_id = realm.realm_id AND part.run_id = $1
    WHERE realm.state = 'active' AND (part.realm_id IS NULL OR part.state = 'parked')
    FOR KEY SHARE OF realm
),
added AS (
    INSERT INTO backfill.realm_run (run_id, realm_id) SELECT $1, realm_id FROM come
    ON CONFLICT (run_id, realm_id) DO UPDATE SET state = 'pending', finished_at = NULL
)
SELECT realm_id, weight FROM come ORDER BY realm_id
"""

# A realm that was parked and has been imported anew is work again.
REOPEN_REALMS = """
UPDATE backfill.realm_run AS part SET state = 'pending', finished_at = NULL
FROM backfill.realm WHERE realm.realm_id = part.realm_id
    AND part.run_id = $1 AND part.state = 'parked' AND realm.state = 'active'
"""

HEARTBEAT = """
UPDATE backfill.run SET heartbeat_at = clock_timestamp() WHERE run_id = $1 AND owner = $2 RETURNING true
"""

FINISH = """
UPDATE backfill.run SET
    status = $3, owner = NULL, summary = $4,
    finished_at = CASE WHEN $3 IN ('done', 'incomplete') THEN clock_timestamp() END
WHERE run_id = $1 AND owner = $2
RETURNING true
"""

# The row of the run stays, for proofs name it. With its realms go their plans. Those of each old run are looked for by
# the run, so that the newer runs' are not read.
FORGET = """
DELETE FROM backfill.realm_run WHERE ctid = ANY (ARRAY(
    SELECT part.place
    FROM backfill.run CROSS JOIN LATERAL (
        SELECT realm_run.ctid AS place FROM backfill.realm_run WHERE realm_run.run_id = run.run_id LIMIT $2
    ) AS part
    WHERE run.heartbeat_at < clock_timestamp() - $1 * interval '1 day'
    LIMIT $2
))
"""

REALMS_KEPT_DAYS = 30
"""How long it is kept how far a run was with each company: as long as CDC reaches back, after which a run that was left
unfinished has to begin anew anyway. A fleet that is read daily adds a hundred rows a company each time."""

FORGOTTEN_AT_ONCE = 1_000
"""Companies of old runs, each with some hundred rows of its plan: about a second."""


def is_abandoned(owner: str | None, *, silent: bool) -> bool:
    """Whether nobody works on a run that is not finished. `silent`: it had no heartbeat for too long."""
    process = None if owner is None else Owner.parse(owner)
    return silent or owner is None or (process is not None and process.is_surely_dead())


class Started(msgspec.Struct, frozen=True):
    """The run to work on, and whether an earlier process had begun it."""

    run_id: RunId
    resumed: bool


class UnderWay(msgspec.Struct, frozen=True):
    """A run that a process is at."""

    run_id: RunId
    kind: str
    scope: bytes
    """JSON: what it was begun with."""
    owner: str
    metered_max: int | None
    """The metered calls that it may make, all processes together."""


class Runs:
    """The table of runs, for one owner."""

    def __init__(self, database: Database, *, owner: Owner, silence_s: float = DEFAULT_SILENCE_S) -> None:
        self._database = database
        self._owner = str(owner)
        self._silence_s = silence_s

    async def start(
        self,
        kind: str,
        scope: Mapping[str, object],
        realm_ids: Sequence[RealmId],
        *,
        metered_max: int | None = None,
    ) -> Started:
        """Take over the newest unfinished run of this kind and scope whose process has died or stopped, or begin one.

        Realms that the run does not have yet are added. What was done in it stays done. `metered_max`: how many metered
        calls it may make, those of before included.
        """
        encoded = msgspec.json.encode(scope, order="sorted")
        async with self._database.control() as connection, connection.transaction():
            await connection.execute(SERIALISE, kind)
            run_id = await self._abandoned(connection, kind, encoded)
            resumed = run_id is not None
            if run_id is None:
                run_id = RunId(await connection.fetchval(BEGIN, kind, encoded, self._owner, metered_max))
            else:
                await connection.execute(TAKE_OVER, run_id, self._owner, metered_max)
                await connection.execute(REOPEN_REALMS, run_id)
            await connection.execute(ADD_REALMS, run_id, sorted(realm_ids))
        return Started(run_id=run_id, resumed=resumed)

    async def newcomers(self, run_id: RunId) -> Mapping[RealmId, float]:
        """Realms, each with its weight, that were registered or connected again since the run looked last.

        They are added to the run.
        """
        async with self._database.control() as connection:
            rows = await connection.fetch(NEWCOMERS, run_id)
        return {RealmId(row["realm_id"]): row["weight"] for row in rows}

    async def heartbeat(self, run_id: RunId) -> bool:
        """Say that we are at work. False: the run was taken over, so others thought us dead; leave it to them."""
        async with self._database.control() as connection:
            return await connection.fetchval(HEARTBEAT, run_id, self._owner) is True

    async def under_way(self, kinds: Collection[str]) -> Sequence[UnderWay]:
        """The runs of these kinds that some process is at, the oldest first."""
        async with self._database.control() as connection:
            rows = await connection.fetch(UNDER_WAY, list(kinds), self._silence_s)
        return [
            UnderWay(row["run_id"], row["kind"], row["scope"], row["owner"], row["metered_max"])
            for row in rows
            if not is_abandoned(row["owner"], silent=row["silent"])
        ]

    async def is_running(self, run_id: RunId) -> bool:
        """Whether the run was neither ended nor stopped; the process that was at it may have died."""
        async with self._database.control() as connection:
            return await connection.fetchval(IS_RUNNING, run_id) is True

    async def open_realms(self, run_id: RunId) -> Mapping[RealmId, float]:
        """Realms of the run that are neither done nor parked, each with its weight, in an order of this owner's."""
        async with self._database.control() as connection:
            rows = await connection.fetch(OPEN_REALMS, run_id, self._owner)
        return {RealmId(row["realm_id"]): row["weight"] for row in rows}

    async def at_work(self) -> Sequence[tuple[str, str]]:
        """The runs that some process is at, each with its kind and owner."""
        async with self._database.control() as connection:
            rows = await connection.fetch(RUNNING, self._silence_s)
        return [(row["kind"], row["owner"]) for row in rows if not is_abandoned(row["owner"], silent=row["silent"])]

    async def forget(self) -> bool:
        """Drop how far runs of long ago were with some of their companies. Whether there may be more."""
        async with self._database.control() as connection:
            told = await connection.execute(FORGET, REALMS_KEPT_DAYS, FORGOTTEN_AT_ONCE)
        return int(told.rpartition(" ")[2]) == FORGOTTEN_AT_ONCE

    async def finish(self, run_id: RunId, status: RunStatus, summary: Mapping[str, object]) -> bool:
        """Write down how the run ended. False if it was taken over: then it is not ours to end."""
        assert status not in {RunStatus.RUNNING, RunStatus.INTERRUPTED}, "a run that ends does not run"
        async with self._database.control() as connection:
            encoded = msgspec.json.encode(summary)
            return await connection.fetchval(FINISH, run_id, self._owner, status, encoded) is True

    async def _abandoned(self, connection: Connection, kind: str, scope: bytes) -> RunId | None:
        for row in await connection.fetch(CANDIDATES, kind, scope, self._silence_s):
            if is_abandoned(row["owner"], silent=row["silent"]):
                return RunId(row["run_id"])
        return None
