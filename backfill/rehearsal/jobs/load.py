"""Rows are written into companies, each exactly once; and sometimes taken back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random
from typing import TYPE_CHECKING, ClassVar

import anyio

from backfill.jobs.fleet import RealmJob, RealmOutcome
from backfill.jobs.load.intake import row_of
from backfill.jobs.load.load import load_realm
from backfill.jobs.load.options import LoadOptions, Mode
from backfill.jobs.load.undo import reversal_of
from backfill.jobs.load.work import Learnt, LoadWork
from backfill.jobs.questions import Questions
from backfill.jobs.turns import Turn
from backfill.load_model import DONE_STATES, NewRow, RowState
from backfill.model import Lease, RealmId, RunId
from backfill.pacing.retried import WRITING, RetryPolicy
from backfill.qbo.operations import Operation
from backfill.qbo.payloads import decode, encode
from backfill.rehearsal.asked_rows import draw_rows
from backfill.rehearsal.jobs.job import RehearsedJob
from backfill.store.memory_ledger import KeptRow

if TYPE_CHECKING:  # a process holds its world, and the world its job
    from backfill.rehearsal.ground import Ground
    from backfill.rehearsal.process import Process
    from backfill.rehearsal.stage import Stage

RETRY_S = 30.0
"""Until a user has seen what was rejected, and sends it again."""

OPEN_STATES = frozenset({RowState.WAITING, RowState.SEALED})


class Load(RehearsedJob):
    """`backfill load`, `backfill load retry` once the world is healed, and `backfill load undo` if it goes on again."""

    name: ClassVar[str] = "load"
    policy: ClassVar[RetryPolicy] = WRITING
    lands: ClassVar[bool] = False

    async def begin(self, stage: Stage, ground: Ground) -> None:
        """The rows are drawn and imported."""
        rng = Random(f"load of world {stage.world.seed}")
        plan = stage.load
        plan.mode = rng.choice(list(Mode))
        plan.held_rows_max = rng.choice((10, 2_000))
        companies = [stage.simulator.fleet.company(realm_id) for realm_id in stage.realm_ids]
        plan.rows = [row for company in companies for row in draw_rows(rng, company)]
        rows: list[NewRow] = []
        for line, asked in enumerate(plan.rows, start=1):
            read = row_of(line, decode(encode(asked.record())))
            assert isinstance(read, NewRow), f"the rows that are drawn are in order: {asked}, {read}"
            rows.append(read)
        plan.loads = (await ground.ledger.add(rows)).loads
        stage.trace.add("imported", len(rows), plan.mode, plan.held_rows_max)

    def realm_job(self, process: Process) -> RealmJob:
        """As the command puts it together."""
        plan, limits = process.stage.load, process.stage.world.limits
        options = LoadOptions(
            loads=plan.loads,
            mode=plan.mode,
            settled_s=limits.abandoned_s + limits.late_arrival_s,
            allow_duplicate_numbers=plan.taken_back,
            held_rows_max=plan.held_rows_max,
            single_window=max(1, limits.request_permits - limits.batch_permits),
            window_s=limits.window_s,
            request_permits=limits.request_permits,
        )

        learnt: dict[RealmId, Learnt] = {}

        async def realm(lease: Lease, turn: Turn, /) -> RealmOutcome:
            room = process.room_of(lease, turn)
            async with process.ways.to(lease, room) as way:
                return await load_realm(
                    LoadWork(
                        lease=lease,
                        ask=Questions(way, lease.realm_id, hasty=way.hasty()),
                        transport=way,
                        ledger=process.ledger,
                        options=options,
                        observe=process.observe,
                        stopping=lambda: False,
                        turn=turn,
                        learnt=learnt.setdefault(lease.realm_id, Learnt()),
                    )
                )

        return realm

    async def healed(self, stage: Stage, ground: Ground) -> None:
        if await ground.ledger.retry(None):
            await anyio.sleep(RETRY_S / stage.world.scale)

    def is_done(self, stage: Stage, run_id: RunId, realm_id: RealmId) -> bool:  # noqa: ARG002  # all runs have the same rows
        return not any(row.state in OPEN_STATES for row in _rows(stage, realm_id))

    def missing(self, stage: Stage, realm_id: RealmId) -> Iterable[str]:
        """An end for every row."""
        for row in _rows(stage, realm_id):
            if row.state in OPEN_STATES:
                yield f"{row.new.operation} of {row.new.source_key} is {row.state.value} in a healed world"

    async def again(self, stage: Stage, ground: Ground) -> None:
        """All that took effect is to be taken back, the newest first."""
        done = [row for row in reversed(stage.ledger.kept_rows()) if row.state in DONE_STATES]
        made = {
            (row.new.realm_id, row.new.entity, str(row.object_id))
            for row in done
            if row.new.operation == Operation.CREATE
        }
        reversals = [
            reversal_of(
                row.row_id,
                row.new.realm_id,
                row.new.entity,
                Operation(row.new.operation),
                str(row.object_id),
                row.before,
                sent=row.new.payload,
                line=line,
                goes=row.new.operation != Operation.CREATE
                and (row.new.realm_id, row.new.entity, str(row.object_id)) in made,
            ).row
            for line, row in enumerate(done, start=1)
        ]
        stage.load.taken_back = True
        rows = [row for row in reversals if row is not None]
        stage.load.loads = (await ground.ledger.add(rows)).loads
        stage.trace.add("to be undone", len(rows))


def _rows(stage: Stage, realm_id: RealmId) -> Sequence[KeptRow]:
    return [row for row in stage.ledger.kept_rows() if row.new.realm_id == realm_id]
