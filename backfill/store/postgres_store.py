"""The store that jobs know (`jobs/ports.py`, `jobs/report_ports.py`), over Postgres: a front for its parts."""

from __future__ import annotations

from backfill.store.database import Database
from backfill.store.held_rows import HeldRows
from backfill.store.landing import Landing
from backfill.store.leases import DEFAULT_LEASE_S, Leases
from backfill.store.owners import Owner
from backfill.store.reports import Reports
from backfill.store.scans import Scans
from backfill.store.verifications import Verifications


class PostgresStore:
    """Each method is a part's own, and its contract the port's; the parts say what they add to it."""

    def __init__(
        self,
        database: Database,
        *,
        owner: Owner | None = None,
        lease_s: float = DEFAULT_LEASE_S,
        removes: bool = False,
    ) -> None:
        """`owner` holds the leases: this process, unless a test says otherwise. `lease_s`: how long one lasts.
        `removes`: also of companies that are being removed.
        """
        leases = Leases(database, owner=owner or Owner.current(), lease_s=lease_s, removes=removes)
        self.acquire = leases.acquire
        self.renew = leases.renew
        self.release = leases.release

        scans = Scans(database)
        self.scan = scans.scan
        self.begin_scan = scans.begin
        self.finish_scan = scans.finish
        self.proven_at = scans.proven_at
        self.proofs = scans.proofs
        self.park = scans.park

        held_rows = HeldRows(database)
        self.held = held_rows.held
        self.held_since = held_rows.held_since
        self.holds_more = held_rows.holds_more
        self.held_by_id = held_rows.held_by_id
        self.live_ids = held_rows.live_ids
        self.marked_ids = held_rows.marked_ids
        self.aside = held_rows.aside
        self.created_up_to = held_rows.created_up_to

        landing = Landing(database)
        self.prepare_landing = landing.prepare
        self.land = landing.land
        self.forget_nameless = landing.forget_nameless

        verifications = Verifications(database)
        self.documents = verifications.documents
        self.documents_after = verifications.documents_after
        self.sample_ids = verifications.sample_ids
        self.forget_versions = verifications.forget_versions
        self.differed = verifications.differed
        self.keep_verdicts = verifications.keep_verdicts

        reports = Reports(database)
        self.held_reports = reports.held_reports
        self.report_evidence = reports.report_evidence
        self.land_report = reports.land_report
