"""Companies are read whole and proven."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from backfill.entities import ENTITIES
from backfill.jobs.extract import ExtractOptions, extract_realm, outcome_of
from backfill.jobs.fleet import RealmJob, RealmOutcome
from backfill.jobs.work import RealmWork
from backfill.model import RealmId, RunId, Scan
from backfill.pacing.retried import READING, RetryPolicy
from backfill.qbo.catalogue import CATALOGUE
from backfill.rehearsal.jobs.at_work import realm_job, unproven
from backfill.rehearsal.jobs.job import RehearsedJob

if TYPE_CHECKING:  # a process holds its world, and the world its job
    from backfill.rehearsal.ground import Ground
    from backfill.rehearsal.process import Process
    from backfill.rehearsal.stage import Stage

CHANGES_BETWEEN = 30
"""That people make in each realm between two readings."""


class Extract(RehearsedJob):
    """`backfill extract` of every entity."""

    name: ClassVar[str] = "extract"
    policy: ClassVar[RetryPolicy] = READING
    lands: ClassVar[bool] = True

    async def begin(self, stage: Stage, ground: Ground) -> None:
        """The companies are there."""

    def realm_job(self, process: Process) -> RealmJob:
        """As the command puts it together."""
        world = process.stage.world
        options = ExtractOptions(entities=tuple(CATALOGUE.values()), readers=world.readers, costs=world.costs)

        async def task(work: RealmWork, scan: Scan) -> RealmOutcome:
            return outcome_of(work.realm_id, await extract_realm(work, options, scan))

        return realm_job(process, task)

    async def healed(self, stage: Stage, ground: Ground) -> None:
        """The same command is given again, and nothing else."""

    def is_done(self, stage: Stage, run_id: RunId, realm_id: RealmId) -> bool:
        return stage.store.scan_now(run_id, realm_id).finished

    def missing(self, stage: Stage, realm_id: RealmId) -> Iterable[str]:
        """A proof that holds for every entity."""
        return unproven(stage, realm_id, ENTITIES)

    async def again(self, stage: Stage, ground: Ground) -> None:  # noqa: ARG002  # the signature is all jobs'
        for realm_id in stage.realm_ids:
            stage.simulator.people(realm_id).act(CHANGES_BETWEEN)
