"""Companies that were proven once are swept, as every day."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from backfill.jobs.extract import outcome_of
from backfill.jobs.fleet import RealmJob, RealmOutcome
from backfill.jobs.swept import sweep_realm
from backfill.jobs.targets import CDC_AGE_MAX
from backfill.jobs.work import RealmWork
from backfill.model import RealmId, RunId, Scan
from backfill.rehearsal.held import hold, outage, proven_since
from backfill.rehearsal.jobs.at_work import realm_job
from backfill.rehearsal.jobs.extract import Extract

if TYPE_CHECKING:  # a process holds its world, and the world its job
    from backfill.rehearsal.ground import Ground
    from backfill.rehearsal.process import Process
    from backfill.rehearsal.stage import Stage

LONGEST_S = 20 * 86_400.0
"""Change data capture still reaches back."""


class Care(Extract):
    """The daily sweep of `backfill care`."""

    name: ClassVar[str] = "care"

    async def begin(self, stage: Stage, ground: Ground) -> None:
        await hold(stage, ground)
        await outage(stage, longest_s=LONGEST_S)

    def realm_job(self, process: Process) -> RealmJob:
        async def task(work: RealmWork, _scan: Scan) -> RealmOutcome:
            return outcome_of(work.realm_id, await sweep_realm(work))

        return realm_job(process, task)

    def is_done(self, stage: Stage, run_id: RunId, realm_id: RealmId) -> bool:
        """Whoever was not swept for a month is told to extract: there is no more to sweep."""
        too_old = proven_since(stage, realm_id) <= stage.our_clock() - CDC_AGE_MAX
        return too_old or super().is_done(stage, run_id, realm_id)
