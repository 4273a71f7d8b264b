"""Companies that were proven once are brought up to date after an outage."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from backfill.jobs.extract import ExtractOptions, outcome_of
from backfill.jobs.fleet import RealmJob, RealmOutcome
from backfill.jobs.outage import Outage
from backfill.jobs.resync import resync_realm
from backfill.jobs.work import RealmWork
from backfill.model import Scan
from backfill.qbo.catalogue import CATALOGUE
from backfill.rehearsal.held import hold, outage
from backfill.rehearsal.jobs.at_work import realm_job
from backfill.rehearsal.jobs.extract import Extract

if TYPE_CHECKING:  # a process holds its world, and the world its job
    from backfill.rehearsal.ground import Ground
    from backfill.rehearsal.process import Process
    from backfill.rehearsal.stage import Stage

LONGEST_S = 45 * 86_400.0
"""Beyond what change data capture reaches; within the hundred days after which an unused token dies."""


class Resync(Extract):
    """`backfill resync` of every entity, since the oldest proof."""

    name: ClassVar[str] = "resync"

    async def begin(self, stage: Stage, ground: Ground) -> None:
        await hold(stage, ground)
        await outage(stage, longest_s=LONGEST_S)

    def realm_job(self, process: Process) -> RealmJob:
        world = process.stage.world
        options = ExtractOptions(entities=tuple(CATALOGUE.values()), readers=world.readers, costs=world.costs)

        async def task(work: RealmWork, scan: Scan) -> RealmOutcome:
            proven_at = await work.store.proven_at(work.realm_id)
            outage = Outage(since=min(proven_at.values()))
            return outcome_of(work.realm_id, await resync_realm(work, outage, options, scan))

        return realm_job(process, task)
