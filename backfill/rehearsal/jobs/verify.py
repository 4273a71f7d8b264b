"""What is landed is broken on purpose, compared with the companies, and repaired."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from backfill.jobs.fleet import RealmJob, RealmOutcome
from backfill.jobs.verified import holds, verified_realm
from backfill.jobs.verify import VerifyOptions
from backfill.jobs.work import RealmWork
from backfill.model import RealmId, Scan
from backfill.qbo.catalogue import CATALOGUE
from backfill.rehearsal.damage import damage
from backfill.rehearsal.held import hold, outage
from backfill.rehearsal.jobs.at_work import realm_job
from backfill.rehearsal.jobs.extract import Extract
from backfill.rehearsal.runs import FIRST_RUN

if TYPE_CHECKING:  # a process holds its world, and the world its job
    from backfill.rehearsal.ground import Ground
    from backfill.rehearsal.process import Process
    from backfill.rehearsal.stage import Stage


class Verify(Extract):
    """`backfill verify --deep`, and then `--repair`; the trial balance is rehearsed with the reports."""

    name: ClassVar[str] = "verify"
    moves_on: ClassVar[bool] = True
    lands: ClassVar[bool] = False

    async def begin(self, stage: Stage, ground: Ground) -> None:
        await hold(stage, ground)
        await outage(stage, longest_s=86_400.0)
        damage(stage)

    def realm_job(self, process: Process) -> RealmJob:
        world = process.stage.world
        options = VerifyOptions(
            entities=tuple(CATALOGUE.values()), deep=True, trial_balance=False, readers=world.readers, costs=world.costs
        )

        async def task(work: RealmWork, _scan: Scan) -> RealmOutcome:
            await verified_realm(work, process.verifications, options, repair=False)
            verdicts, _ = await verified_realm(work, process.verifications, options, repair=True)
            return RealmOutcome(proven=all(map(holds, verdicts)))

        return realm_job(process, task)

    def missing(self, stage: Stage, realm_id: RealmId) -> Iterable[str]:
        """A verification that holds, too: all that was broken is repaired."""
        yield from super().missing(stage, realm_id)
        if not self.is_done(stage, FIRST_RUN, realm_id):
            yield "it was never verified to hold in a healed world"
