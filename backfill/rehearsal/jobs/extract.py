"""Companies are read whole and proven."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from backfill.entities import ENTITIES
from backfill.jobs.extract import ExtractOptions, extract_realm, outcome_of
from backfill.jobs.fleet import RealmJob, RealmOutcome
from backfill.jobs.questions import Questions
from backfill.jobs.turns import Turn
from backfill.jobs.work import RealmWork
from backfill.model import Lease, RealmId, RunId
from backfill.pacing.retried import READING, RetryPolicy
from backfill.qbo.catalogue import CATALOGUE
from backfill.rehearsal.jobs.job import RehearsedJob

if TYPE_CHECKING:  # a process holds its world, and the world its job
    from backfill.rehearsal.ground import Ground
    from backfill.rehearsal.process import Process
    from backfill.rehearsal.stage import Stage

CALL_S = 3600.0
"""Bound on one question with all its waits, as the command has it."""

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

        async def realm(lease: Lease, turn: Turn, /) -> RealmOutcome:
            scan = await process.store.scan(process.run_id, lease.realm_id)
            if scan.finished:
                return RealmOutcome(proven=True)
            room = process.room_of(lease, turn)
            async with process.ways.to(lease, room) as way:
                work = RealmWork(
                    lease=lease,
                    run_id=process.run_id,
                    ask=Questions(way, lease.realm_id, call_s=CALL_S, hasty=way.hasty()),
                    store=process.store,
                    room=room,
                    observe=process.observe,
                    stopping=lambda: False,
                    turn=turn,
                    now=process.stage.our_clock,
                    page_rows=world.page_rows,
                )
                return outcome_of(lease.realm_id, await extract_realm(work, options, scan))

        return realm

    async def healed(self, stage: Stage, ground: Ground) -> None:
        """The same command is given again, and nothing else."""

    def is_done(self, stage: Stage, run_id: RunId, realm_id: RealmId) -> bool:
        return stage.store.scan_now(run_id, realm_id).finished

    def missing(self, stage: Stage, realm_id: RealmId) -> Iterable[str]:
        """A proof that holds for every entity."""
        proofs = stage.store.proofs(realm_id)
        missing = [entity for entity in ENTITIES if entity not in proofs]
        if missing:
            yield f"no word on {', '.join(missing)}"
        for entity, proof in proofs.items():
            if not proof.proven:
                yield f"{entity} is unproven in a healed world: {proof.reason}"

    async def again(self, stage: Stage, ground: Ground) -> None:  # noqa: ARG002  # the signature is all jobs'
        for realm_id in stage.realm_ids:
            stage.simulator.people(realm_id).act(CHANGES_BETWEEN)
