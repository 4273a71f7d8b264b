"""Reports in memory: the port's rules in executable form, for virtual time, where no database can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import anyio.lowlevel
from msgspec import structs

from backfill.model import Lease, RealmId, RunId
from backfill.report_model import Figures, HeldReport, ReportDocument, ReportPart
from backfill.store.memory_store import MemoryStore


@dataclass(frozen=True, slots=True)
class LandedReport:
    """One answer as it is held."""

    held: HeldReport
    document: ReportDocument


class MemoryReports:
    """As `jobs.report_ports.ReportStore`, beside a store that knows the leases."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._landed: dict[RealmId, list[LandedReport]] = {}

    def seen_by(self, store: MemoryStore) -> MemoryReports:
        """The same reports as another process sees them, whose store is `store`."""
        other = MemoryReports(store)
        other._landed = self._landed
        return other

    def landed(self, realm_id: RealmId) -> Sequence[LandedReport]:
        """What a test or a plan looks at: in order of report, parameters, dates and number."""
        return sorted(self._landed.get(realm_id, []), key=lambda one: _order(one.held.part))

    async def held_reports(self, realm_id: RealmId) -> Sequence[HeldReport]:
        await anyio.lowlevel.checkpoint()
        return [structs.replace(one.held, figures=Figures(), faults=()) for one in self.landed(realm_id)]

    async def report_evidence(
        self, realm_id: RealmId, report: str, parameters: str, *, run_id: RunId | None = None
    ) -> Sequence[HeldReport]:
        await anyio.lowlevel.checkpoint()
        held = [one.held for one in self.landed(realm_id) if one.held.part.report == report]
        return [one for one in held if one.part.parameters == parameters or one.run_id == run_id]

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
        await anyio.lowlevel.checkpoint()
        self._store.require(lease)
        held = HeldReport(part, run_id, document.cells, len(document.body), figures, list(faults))
        kept = [one for one in self._landed.get(lease.realm_id, []) if not _replaces(part, one.held.part)]
        self._landed[lease.realm_id] = [*kept, LandedReport(held, document)]


def _replaces(part: ReportPart, held: ReportPart) -> bool:
    """Whether `part` takes the place of `held`."""
    if (part.report, part.parameters, part.period) != (held.report, held.parameters, held.period):
        return False
    if held.dates.start > part.dates.end or held.dates.end < part.dates.start:
        return False
    return not (part.number > 0 and held.dates == part.dates and held.number < part.number)


def _order(part: ReportPart) -> tuple[object, ...]:
    return part.report, part.parameters, part.dates, part.period, part.number
