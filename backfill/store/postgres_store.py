"""The store that jobs know (`jobs/ports.py`, `jobs/report_ports.py`), over Postgres: a front for its parts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from backfill.model import (
    Checkpoint,
    Expected,
    Held,
    Landed,
    Lease,
    Proof,
    RealmId,
    Record,
    Refusal,
    RunId,
    Scan,
    Slice,
)
from backfill.report_model import Figures, HeldReport, ReportDocument, ReportPart
from backfill.store.database import Database
from backfill.store.landing import Landing
from backfill.store.leases import DEFAULT_LEASE_S, Leases
from backfill.store.owners import Owner
from backfill.store.reports import Reports
from backfill.store.scans import Scans
from backfill.store.verifications import Verifications
from backfill.verdict_model import Verdict


class PostgresStore:
    """Each method's contract is the port's; the parts say what they add to it."""

    def __init__(self, database: Database, *, owner: Owner | None = None, lease_s: float = DEFAULT_LEASE_S) -> None:
        """`owner` holds the leases: this process, unless a test says otherwise. `lease_s`: how long one lasts."""
        self._leases = Leases(database, owner=owner or Owner.current(), lease_s=lease_s)
        self._scans = Scans(database)
        self._landing = Landing(database)
        self._verifications = Verifications(database)
        self._reports = Reports(database)

    async def acquire(self, realm_id: RealmId) -> Lease:
        return await self._leases.acquire(realm_id)

    async def renew(self, lease: Lease) -> None:
        await self._leases.renew(lease)

    async def release(self, lease: Lease) -> None:
        await self._leases.release(lease)

    async def scan(self, run_id: RunId, realm_id: RealmId) -> Scan:
        return await self._scans.scan(run_id, realm_id)

    async def begin_scan(
        self,
        lease: Lease,
        run_id: RunId,
        *,
        started_at: datetime,
        census: Mapping[str, int],
        slices: Sequence[Slice],
    ) -> None:
        await self._scans.begin(lease, run_id, started_at=started_at, census=census, slices=slices)

    async def land(
        self,
        lease: Lease,
        run_id: RunId,
        entity: str,
        records: Sequence[Record],
        *,
        refusals: Sequence[Refusal] = (),
        checkpoint: Checkpoint | None = None,
        overwrite_equal_from: datetime | None = None,
        expected: Expected = Expected.ANYTHING,
    ) -> Landed:
        return await self._landing.land(
            lease,
            run_id,
            entity,
            records,
            refusals=refusals,
            checkpoint=checkpoint,
            overwrite_equal_from=overwrite_equal_from,
            expected=expected,
        )

    async def held(
        self,
        realm_id: RealmId,
        entity: str,
        *,
        created_to: datetime | None = None,
        updated_from: datetime | None = None,
    ) -> Held:
        return await self._scans.held(realm_id, entity, created_to=created_to, updated_from=updated_from)

    async def proven_at(self, realm_id: RealmId) -> Mapping[str, datetime]:
        return await self._scans.proven_at(realm_id)

    async def live_ids(
        self,
        realm_id: RealmId,
        entity: str,
        *,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
    ) -> Sequence[str]:
        return await self._scans.live_ids(realm_id, entity, created_from=created_from, created_to=created_to)

    async def marked_ids(self, realm_id: RealmId, entity: str, ids: Collection[str]) -> Collection[str]:
        return await self._scans.marked_ids(realm_id, entity, ids)

    async def created_up_to(self, realm_id: RealmId, entity: str, *, parts: int) -> Sequence[tuple[datetime, int]]:
        return await self._scans.created_up_to(realm_id, entity, parts=parts)

    async def finish_scan(self, lease: Lease, run_id: RunId, proofs: Sequence[Proof]) -> None:
        await self._scans.finish(lease, run_id, proofs)

    async def proofs(self, realm_id: RealmId) -> Sequence[Proof]:
        return await self._scans.proofs(realm_id)

    async def aside(self, realm_id: RealmId) -> Mapping[str, Collection[str]]:
        return await self._verifications.aside(realm_id)

    async def documents(self, realm_id: RealmId, entity: str, ids: Sequence[str]) -> Mapping[str, bytes]:
        return await self._verifications.documents(realm_id, entity, ids)

    async def documents_after(self, realm_id: RealmId, entity: str, after: str, limit: int) -> Mapping[str, bytes]:
        return await self._verifications.documents_after(realm_id, entity, after, limit)

    async def forget_marks(self, lease: Lease, entity: str, ids: Sequence[str]) -> None:
        await self._verifications.forget_marks(lease, entity, ids)

    async def keep_verdicts(self, lease: Lease, run_id: RunId, verdicts: Sequence[Verdict]) -> None:
        await self._verifications.keep_verdicts(lease, run_id, verdicts)

    async def park(self, realm_id: RealmId, run_id: RunId, *, code: str, message: str, action: str) -> None:
        await self._scans.park(realm_id, run_id, code=code, message=message, action=action)

    async def held_reports(self, realm_id: RealmId) -> Sequence[HeldReport]:
        return await self._reports.held_reports(realm_id)

    async def report_evidence(self, realm_id: RealmId, report: str) -> Sequence[HeldReport]:
        return await self._reports.report_evidence(realm_id, report)

    async def land_report(
        self,
        lease: Lease,
        run_id: RunId,
        part: ReportPart,
        document: ReportDocument,
        *,
        figures: Figures,
        faults: Sequence[str],
    ) -> None:
        await self._reports.land_report(lease, run_id, part, document, figures=figures, faults=faults)
