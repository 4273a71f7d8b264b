"""Companies' reports are read and held against one another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from random import Random
from typing import TYPE_CHECKING, ClassVar

from backfill.jobs.extract import outcome_of
from backfill.jobs.fleet import RealmJob, RealmOutcome
from backfill.jobs.report_options import ReportOptions
from backfill.jobs.reports import report_realm
from backfill.jobs.work import RealmWork
from backfill.model import RealmId, RunId, Scan
from backfill.pacing.retried import READING, RetryPolicy
from backfill.qbo.reports import REPORTS, Basis
from backfill.rehearsal.jobs.at_work import realm_job, unproven
from backfill.rehearsal.jobs.extract import CHANGES_BETWEEN
from backfill.rehearsal.jobs.job import RehearsedJob
from backfill.simulator.settings import ReportSettings, SimulatorSettings

if TYPE_CHECKING:  # a process holds its world, and the world its job
    from backfill.rehearsal.ground import Ground
    from backfill.rehearsal.process import Process
    from backfill.rehearsal.stage import Stage
    from backfill.rehearsal.world import World

BASED = ("GeneralLedger", "ProfitAndLoss", "BalanceSheet", "TrialBalance", "ProfitAndLossDetail", "CustomerIncome")
UNBASED = ("CashFlow", "JournalReport", "TransactionList", "AccountList", "AgedReceivables", "AgedPayableDetail")

SINCE = date(2025, 11, 1)
"""Of worlds that read from a day of their own: a year, and not from a period's beginning."""

JOURNAL_CELLS, JOURNAL_CELLS_PER_CHANGE = 300, 10
"""Together more than any journal of one day has in its fewest columns, by the changes that people made in the day. The
most in 1,500 companies was 560 cells of 33 changes, in 700 of them 890 of 80 and 1,060 of 110."""


class Reports(RehearsedJob):
    """`backfill reports` of some of them; the general ledger always."""

    name: ClassVar[str] = "reports"
    policy: ClassVar[RetryPolicy] = READING
    lands: ClassVar[bool] = True

    def options(self, seed: int) -> ReportOptions:
        """What is read in the world of a seed."""
        rng = Random(f"reports of world {seed}")
        names = {"GeneralLedger", *rng.sample((*BASED, *UNBASED), k=rng.randint(1, 2))}
        whole = rng.random() < 0.03  # ten years, which cost as much as twenty of the other worlds
        return ReportOptions(
            reports=tuple(report for name, report in REPORTS.items() if name in names),
            bases=(Basis.ACCRUAL,) if whole or rng.random() < 0.7 else tuple(Basis),
            first=None if whole else SINCE,
            period_months=rng.choice((6, 6, 12)),
            newest_first=rng.random() < 0.3,
            readers=rng.choice((1, 4)),
        )

    def settings(self, world: World) -> SimulatorSettings:
        rng = Random(f"service of reports of world {world.seed}")
        # People may make all their changes in one day, and of a journal nothing smaller than a day's fewest columns can
        # be asked for: where the service never gives that whole, the report is rightly unproven, however sound all is.
        changes = world.changes_most + (CHANGES_BETWEEN if world.again_after_s else 0)
        day_cells = JOURNAL_CELLS + JOURNAL_CELLS_PER_CHANGE * changes
        reports = ReportSettings(
            cells=max(rng.choice((400_000, 400_000, 900, 500)), day_cells),  # a half year's ledger has 250 to 550
            shape=rng.choice(("old", "modern")),
            lists=rng.choice(("wrapped", "bare")),
            lone_subaccount=rng.choice(("recorded", "own")),
            base_s=rng.choice((0.0, 2.0)),
            cell_s=rng.choice((0.0, 0.0, 0.03)),
            deadline_s=2.0 + 0.03 * max(600, day_cells),  # of the slower cells: no world is to last for days
        )
        return replace(world.settings, reports=reports)

    async def begin(self, stage: Stage, ground: Ground) -> None:
        """Nothing was there."""

    async def healed(self, stage: Stage, ground: Ground) -> None:
        """The same command is given again, and nothing else."""

    def is_done(self, stage: Stage, run_id: RunId, realm_id: RealmId) -> bool:
        return stage.store.scan_now(run_id, realm_id).finished

    def missing(self, stage: Stage, realm_id: RealmId) -> Iterable[str]:
        """A proof that holds for every report, on every basis."""
        options = self.options(stage.world.seed)
        names = [report.name for report in options.reports]
        based = [f"{name} {basis.value}" for name in names if name in BASED for basis in options.bases]
        return unproven(stage, realm_id, (*based, *(name for name in names if name not in BASED)))

    async def again(self, stage: Stage, ground: Ground) -> None:  # noqa: ARG002  # the signature is all jobs'
        for realm_id in stage.realm_ids:
            stage.simulator.people(realm_id).act(CHANGES_BETWEEN)

    def realm_job(self, process: Process) -> RealmJob:
        """As the command puts it together."""
        options = self.options(process.stage.world.seed)

        async def task(work: RealmWork, scan: Scan) -> RealmOutcome:
            return outcome_of(work.realm_id, await report_realm(work, process.reports, options, scan))

        return realm_job(process, task)
