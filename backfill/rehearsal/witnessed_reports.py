"""The reports with the oracles beside them: they see each landing at the moment at which it takes effect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast
from zlib import crc32

from backfill.jobs.report_ports import ReportStore
from backfill.model import Lease, RunId
from backfill.rehearsal.oracles import judge
from backfill.rehearsal.oracles.oracle import ReportCommit
from backfill.rehearsal.stage import Stage
from backfill.rehearsal.witnessed import Beside
from backfill.report_model import Figures, ReportDocument, ReportPart


def witnessed_reports(stage: Stage, reports: ReportStore) -> ReportStore:
    """`reports` as one process sees them. Nothing is awaited between a commit and the oracles' look at it."""
    return cast("ReportStore", _Witnessed(stage, reports))


class _Witnessed(Beside):
    def __init__(self, stage: Stage, reports: ReportStore) -> None:
        super().__init__(stage, reports)
        self._reports = reports

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
        commit = ReportCommit(lease=lease, run_id=run_id, part=part, document=document, faults=faults)
        judge(self._stage, lambda oracle: oracle.report_landed(self._stage, commit))
