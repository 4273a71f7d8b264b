"""What the reports' job needs from a store, said by the job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from backfill.model import Lease, RealmId, RunId
from backfill.report_model import Figures, HeldReport, ReportDocument, ReportPart


class ReportStore(Protocol):
    """Reports, each replaced whole. What is held is its own checkpoint: what is not held is still to be read."""

    async def held_reports(self, realm_id: RealmId) -> Sequence[HeldReport]:
        """All parts that are held of a realm, without their figures and faults."""
        ...

    async def report_evidence(
        self, realm_id: RealmId, report: str, parameters: str, *, run_id: RunId | None = None
    ) -> Sequence[HeldReport]:
        """The parts of one report with figures and faults, in order of parameters, dates and number.

        Those with the parameters, and whatever the run, if one is said, has landed with others.
        """
        ...

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
        """Put the part in the place of what is held of its period for any of its dates, in one transaction.

        Of several cuts of the same dates (`part.number` above 0) those with a lower number stay.
        Raises `LeaseLostError`, and changes nothing, if the realm was taken over.
        """
        ...
