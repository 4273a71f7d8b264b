"""The store that jobs know (`jobs/ports.py`, `jobs/report_ports.py`), over Postgres: a front for its parts."""

from __future__ import annotations

from backfill.store.database import Database
from backfill.store.landing import Landing
from backfill.store.leases import DEFAULT_LEASE_S, Leases
from backfill.store.owners import Owner
from backfill.store.reports import Reports
from backfill.store.scans import Scans
from backfill.store.verifications import Verifications


class PostgresStore:
    """Each method is a part's own, and its contract the port's; the parts say what they add to it."""

    def __init__(self, database: Database, *, owner: Owner | None = None, lease_s: float = DEFAULT_LEASE_S) -> None:
        """`owner` holds the leases: this process, unless a test says otherwise. `lease_s`: how long one lasts."""
        leases = Leases(database, owner=owner or Owner.current(), lease_s=lease_s)
        self.acquire = leases.acquire
        self.renew = leases.renew
        self.release = leases.release

        scans = Scans(database)
        self.scan = scans.scan
        self.begin_scan = scans.begin
        self.finish_scan = scans.finish
        self.held = scans.held
        self.live_ids = scans.live_ids
        self.marked_ids = scans.marked_ids
        self.aside = scans.aside
        self.created_up_to = scans.created_up_to
        self.proven_at = scans.proven_at
        self.proofs = scans.proofs
        self.park = scans.park

        self.land = Landing(database).land

        verifications = Verifications(database)
        self.documents = verifications.documents
        self.documents_after = verifications.documents_after
        self.forget_marks = verifications.forget_marks
        self.keep_verdicts = verifications.keep_verdicts

        reports = Reports(database)
        self.held_reports = reports.held_reports
        self.report_evidence = reports.report_evidence
        self.land_report = reports.land_report
