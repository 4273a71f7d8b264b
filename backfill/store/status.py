"""What `backfill status` shows: runs, how far each realm is, proofs, quarantine. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import structs

from backfill.model import Proof, RealmId, RunId
from backfill.store.database import Database
from backfill.store.runs import DEFAULT_SILENCE_S, HELPED, WORKER, RunStatus, is_abandoned

# The newest runs first, then their realms alone: all runs that ever were have millions. Of those who help with a run
# there may be dozens: they are told with it.
RUNS = f"""
WITH newest AS (SELECT * FROM backfill.run WHERE kind <> '{WORKER}' ORDER BY run_id DESC LIMIT $1)
SELECT
    run_id, kind, scope, status, owner, started_at, heartbeat_at, finished_at, summary, realms, realms_done,
    realms_parked, heartbeat_at < clock_timestamp() - $2 * interval '1 second' AS silent
FROM newest CROSS JOIN LATERAL (
    SELECT
        count(*) AS realms,
        count(*) FILTER (WHERE state = 'done') AS realms_done,
        count(*) FILTER (WHERE state = 'parked') AS realms_parked
    FROM backfill.realm_run WHERE realm_run.run_id = newest.run_id
) AS parts
ORDER BY run_id DESC
"""  # noqa: S608  # a word of ours

HELPERS = f"""
SELECT
    (scope ->> '{HELPED}')::bigint AS run_id, owner,
    heartbeat_at < clock_timestamp() - $1 * interval '1 second' AS silent
FROM backfill.run WHERE status = 'running' AND kind = '{WORKER}'
"""  # noqa: S608  # words of ours

# The page of realms first, then one aggregate of each kind for it: never a join that multiplies rows. A realm's proofs
# are few, and of which run each is, is looked at afterwards: where the planner has no statistics yet, it would look for
# them among all of the run's, once for each realm.
PROGRESS = """
WITH part AS (
    SELECT * FROM backfill.realm_run WHERE run_id = $1 AND realm_id > $2 ORDER BY realm_id LIMIT $3
)
SELECT
    part.realm_id, realm.name, part.state, part.scan_started_at, part.finished_at,
    coalesce(census.counted, 0), coalesce(slices.rows_read, 0), coalesce(proofs.held, 0),
    proofs.proven, proofs.unproven, quarantine.refused,
    coalesce(realm.parked_code, ''), coalesce(realm.parked_message, ''), coalesce(realm.parked_action, '')
FROM part
JOIN backfill.realm USING (realm_id)
CROSS JOIN LATERAL (
    SELECT sum(counted)::bigint AS counted FROM backfill.census
    WHERE census.run_id = part.run_id AND census.realm_id = part.realm_id
) AS census
CROSS JOIN LATERAL (
    SELECT sum(rows_read)::bigint AS rows_read FROM backfill.slice
    WHERE slice.run_id = part.run_id AND slice.realm_id = part.realm_id
) AS slices
CROSS JOIN LATERAL (
    SELECT
        sum(landed_live) FILTER (WHERE proof.run_id = part.run_id)::bigint AS held,
        count(*) FILTER (WHERE proof.run_id = part.run_id AND proven) AS proven,
        count(*) FILTER (WHERE proof.run_id = part.run_id AND NOT proven) AS unproven
    FROM backfill.proof WHERE proof.realm_id = part.realm_id
) AS proofs
CROSS JOIN LATERAL (
    SELECT count(*) AS refused FROM backfill.quarantine WHERE quarantine.realm_id = part.realm_id
) AS quarantine
ORDER BY part.realm_id
"""

PROOFS = """
SELECT
    realm_id, run_id, proven_at,
    entity, proven, method, counted, landed_live, quarantined, watermark, reason
FROM backfill.proof
WHERE realm_id = $1
ORDER BY entity
LIMIT $2
"""

QUARANTINE = """
SELECT realm_id, entity, id, run_id, code, message, refused_at
FROM backfill.quarantine
WHERE realm_id = $1
ORDER BY entity, key
LIMIT $2
"""

ROWS_LIMIT = 1000
"""Rows of one answer: thousands of realms go page by page."""


class RunRow(msgspec.Struct, frozen=True):
    """A run and how many of its realms are where."""

    run_id: RunId
    kind: str
    scope: msgspec.Raw
    status: RunStatus
    owner: str | None
    started_at: datetime
    heartbeat_at: datetime
    finished_at: datetime | None
    summary: msgspec.Raw | None
    realms: int
    realms_done: int
    realms_parked: int
    helpers: int
    """Other processes that are at it: see `backfill worker`."""


class RealmProgress(msgspec.Struct, frozen=True):
    """A realm within a run. `counted` is its census, `rows_read` what its slices have read so far, and `rows_held` the
    live rows of the entities that this run has proofs of."""

    realm_id: RealmId
    name: str
    state: str
    scan_started_at: datetime | None
    finished_at: datetime | None
    counted: int
    rows_read: int
    rows_held: int
    entities_proven: int
    entities_unproven: int
    quarantined: int
    parked_code: str
    parked_message: str
    parked_action: str


class ProofRow(msgspec.Struct, frozen=True):
    """The latest proof of one entity of one realm, and the run that gave it."""

    realm_id: RealmId
    run_id: RunId
    proven_at: datetime
    proof: Proof


class QuarantineRow(msgspec.Struct, frozen=True):
    """A row set aside. Its bytes stay in the table."""

    realm_id: RealmId
    entity: str
    id: str
    run_id: RunId
    code: str
    message: str
    refused_at: datetime


class Status:
    """Answers about what is stored. Every list is bounded, but for a run's realms, of which all are told."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def runs(self, *, limit: int, silence_s: float = DEFAULT_SILENCE_S) -> Sequence[RunRow]:
        """The newest runs, newest first. `silence_s`: after so long without a heartbeat a run is taken for dead."""
        async with self._database.control() as connection:
            rows = await connection.fetch(RUNS, limit, silence_s)
            helping = await connection.fetch(HELPERS, silence_s)
        helpers = Counter(row["run_id"] for row in helping if not is_abandoned(row["owner"], silent=row["silent"]))
        return [_run_row(dict(row), helpers[row["run_id"]]) for row in rows]

    async def progress(self, run_id: RunId, *, of_run: RunStatus = RunStatus.RUNNING) -> Sequence[RealmProgress]:
        """The run's realms by realm id. `of_run`: how the run fares, for nobody works on a realm of one that ended."""
        found: list[RealmProgress] = []
        full = True
        async with self._database.control() as connection:
            while full:
                after = found[-1].realm_id if found else ""
                page = await connection.fetch(PROGRESS, run_id, after, ROWS_LIMIT)
                found += [_realm_progress(RealmProgress(*row), of_run) for row in page]
                full = len(page) == ROWS_LIMIT
        return found

    async def proofs(self, realm_id: RealmId) -> Sequence[ProofRow]:
        """The realm's proofs by entity."""
        async with self._database.control() as connection:
            rows = await connection.fetch(PROOFS, realm_id, ROWS_LIMIT)
        values = [tuple(row) for row in rows]
        return [ProofRow(realm, run, at, Proof(*proof)) for realm, run, at, *proof in values]

    async def quarantine(self, realm_id: RealmId) -> Sequence[QuarantineRow]:
        """The realm's rows that were set aside, by entity."""
        async with self._database.control() as connection:
            return [QuarantineRow(*row) for row in await connection.fetch(QUARANTINE, realm_id, ROWS_LIMIT)]


def _realm_progress(part: RealmProgress, of_run: RunStatus) -> RealmProgress:
    """What a realm that did not come to its end is stored as is how it was left: it fares as its run does.

    One that was not begun waits for whoever goes on with the run, unless that is over.
    """
    left = {"running", "pending"} if of_run is RunStatus.INCOMPLETE else {"running"}
    return structs.replace(part, state=of_run) if part.state in left else part


def _run_row(row: dict[str, Any], helpers: int) -> RunRow:
    """A run is not running because it says so: whoever dies says nothing."""
    silent, status = row.pop("silent"), RunStatus(row["status"])
    if status is RunStatus.RUNNING and is_abandoned(row["owner"], silent=silent):
        status = RunStatus.INTERRUPTED
    return RunRow(**{**row, "status": status, "helpers": helpers})
