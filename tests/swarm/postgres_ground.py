"""A rehearsal's ground of real Postgres: the processes work on it, and the oracles on its mirror in memory."""

from __future__ import annotations

import os
from typing import Any, cast

from isal import igzip
from msgspec import structs

from backfill.entities import ENTITIES
from backfill.jobs.ports import Store
from backfill.jobs.report_ports import ReportStore
from backfill.jobs.verify_ports import VerificationStore
from backfill.model import Landed, Proof, RealmId, Refusal, RunId, Scan, Told, WaitingEvent
from backfill.pacing.ledger import HeldPermits
from backfill.rehearsal.ground import EventStore
from backfill.rehearsal.oracles.whole_reports import WholeReports
from backfill.rehearsal.pages_in_hand import PagesInHand
from backfill.rehearsal.served_reports import count_lines
from backfill.rehearsal.stage import Stage
from backfill.store.database import Database
from backfill.store.encryption import Keyring
from backfill.store.entity_tables import table_of
from backfill.store.inbox import Inbox
from backfill.store.memory_inbox import KeptEvent
from backfill.store.memory_rows import Row
from backfill.store.memory_store import Parked
from backfill.store.metered import MeteredCounts
from backfill.store.owners import Owner
from backfill.store.permits import PostgresPermitLedger
from backfill.store.postgres_store import PostgresStore
from backfill.store.realms import RealmGrant, Realms
from backfill.store.runs import Runs
from backfill.store.tokens import TokenVault
from tests.swarm.postgres_ledger import UsersPostgresLedger

RUNS = 4
"""A world's own, its rivals', the one that reads again, and the one that left what is held."""


class _Telling:
    """The store as one process has it: it tells when a page is landed, for then it is in hand no more."""

    def __init__(self, store: PostgresStore, pages: PagesInHand) -> None:
        self._store = store
        self._pages = pages

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def land(self, *page: Any, **more: Any) -> Landed:
        landed = await self._store.land(*page, **more)
        self._pages.gone()
        return landed


class PostgresGround:
    """As `rehearsal.ground.Ground`, over one database, which `register` fills with the world's realms and runs."""

    def __init__(self, stage: Stage, database: Database, *, lease_s: float) -> None:
        self._stage = stage
        self._database = database
        self._lease_s = lease_s
        self._store = PostgresStore(database)
        self.vault = TokenVault(database, Keyring([os.urandom(32)]))
        self.permits = PostgresPermitLedger(database, HeldPermits)
        self.metered = MeteredCounts(database)
        self.answers = 0
        """Reports that are held."""
        self.ledger = UsersPostgresLedger(database)

    async def register(self) -> None:
        stage = self._stage
        grants = []
        for realm_id in stage.realm_ids:
            stored = stage.vault.stored(realm_id)
            grants.append(
                RealmGrant(
                    realm_id, stored.refresh_token, client_id=stored.client_id, client_secret=stored.client_secret
                )
            )
        await Realms(self._database).import_grants(grants, self.vault, granted_at=stage.our_clock())
        runs = Runs(self._database, owner=Owner.current())
        begun = [(await runs.start("extract", {"number": number}, stage.realm_ids)).run_id for number in range(RUNS)]
        assert begun == list(range(1, RUNS + 1))

    def store(self, owner: str, pages: PagesInHand) -> Store:
        """Each process is on a machine of its own: nobody can see that another is dead."""
        return cast("Store", _Telling(self._seen_by(owner), pages))

    def inbox(self, owner: str) -> EventStore:  # a table is the same for all
        return Inbox(self._database)

    def verifications(self, owner: str) -> VerificationStore:
        return self._seen_by(owner)

    def reports(self, owner: str) -> ReportStore:
        return self._seen_by(owner)

    def _seen_by(self, owner: str) -> PostgresStore:
        return PostgresStore(self._database, owner=Owner(owner, "boot", 1, 1), lease_s=self._lease_s)

    async def mirror(self) -> None:
        await self._look_at_reports()
        await self.ledger.mirror(self._stage.ledger)
        for realm_id in self._stage.realm_ids:
            await self._mirror_realm(realm_id)
        async with self._database.control() as connection:
            rows = await connection.fetch(
                "SELECT key, realm_id, entity, object_id, operation, occurred_at, event_id, received_at, outcome"
                " FROM backfill.webhook_event ORDER BY event_id"
            )
        self._stage.inbox._events.clear()
        for row in rows:
            told = Told(*list(row.values())[:6])
            waiting = WaitingEvent(row["event_id"], told.entity, told.object_id, told.operation, row["occurred_at"])
            self._stage.inbox._events[told.key] = KeptEvent(told, waiting, row["received_at"], row["outcome"])

    async def _look_at_reports(self) -> None:
        """No report has landed half, whenever a process was killed: each has the rows that its own body has."""
        async with self._database.control() as connection:
            held = await connection.fetch(
                "SELECT report, date_end, body,"
                " (SELECT count(*) FROM qbo.report_row WHERE report_id = report.report_id) AS rows FROM qbo.report"
            )
        self.answers = len(held)
        half = [row for row in held if row["rows"] != count_lines(igzip.decompress(row["body"]))]
        self._stage.broken(
            WholeReports.name,
            (f"{row['report']} of {row['date_end']} has {row['rows']} rows, and its body others" for row in half),
        )

    async def _mirror_realm(self, realm_id: RealmId) -> None:
        memory = self._stage.store._realms[realm_id]
        async with self._database.control() as connection:
            for entity in ENTITIES:
                rows = await connection.fetch(
                    "SELECT id, sync_token, created_at, updated_at, deleted_at, doc::text AS doc"
                    f" FROM {table_of(entity)} WHERE realm_id = $1",
                    realm_id,
                )
                memory.rows[entity] = {
                    row["id"]: Row(
                        row["sync_token"], row["created_at"], row["updated_at"], row["deleted_at"], row["doc"].encode()
                    )
                    for row in rows
                }
            refused = await connection.fetch(
                "SELECT entity, key, id, code, message, raw, run_id FROM backfill.quarantine WHERE realm_id = $1",
                realm_id,
            )
            memory.quarantine = {
                (row["entity"], row["key"]): (
                    Refusal(row["id"], row["code"], row["message"], row["raw"]),
                    row["run_id"],
                )
                for row in refused
            }
            proofs = await connection.fetch(
                "SELECT entity, proven, method, counted, landed_live, quarantined, watermark, reason, run_id"
                " FROM backfill.proof WHERE realm_id = $1",
                realm_id,
            )
            memory.proofs = {row["entity"]: (Proof(*list(row.values())[:-1]), row["run_id"]) for row in proofs}
            parked = await connection.fetchrow(
                "SELECT parked_code, parked_message, parked_action FROM backfill.realm"
                " WHERE realm_id = $1 AND state = 'parked'",
                realm_id,
            )
            memory.parked = None if parked is None else Parked(*parked.values())
        for run_id in map(RunId, range(1, RUNS + 1)):
            scan: Scan = await self._store.scan(run_id, realm_id)
            self._stage.store._scans[run_id, realm_id] = structs.replace(scan)
