"""The reports with the oracles beside them: they see each landing at the moment at which it takes effect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast
from zlib import crc32

from backfill.jobs.report_ports import ReportStore
from backfill.model import Lease, RunId
from backfill.rehearsal.oracles import ORACLES
from backfill.rehearsal.oracles.oracle import ReportCommit
from backfill.rehearsal.stage import Stage
from backfill.report_model import Figures, ReportDocument, ReportPart


def witnessed_reports(stage: Stage, reports: ReportStore) -> ReportStore:
    """`reports` as one process sees them. Nothing is awaited between a commit and the oracles' look at it."""
    return cast("ReportStore", _Witnessed(stage, reports))


class _Witnessed:
    def __init__(self, stage: Stage, reports: ReportStore) -> None:
        self._stage = stage
        self._reports = reports

    def __getattr__(self, name: str) -> object:
        """All else is the store's."""
        return getattr(self._reports, name)

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
        self._stage.trace.add("report", lease.realm_id, part, crc32(document.body), len(faults))
        commit = ReportCommit(lease=lease, run_id=run_id, part=part, document=document)
        for oracle in ORACLES:
            self._stage.broken(oracle.name, oracle.report_landed(self._stage, commit))
