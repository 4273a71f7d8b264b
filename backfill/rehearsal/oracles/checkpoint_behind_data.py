"""Law 4: effect and bookmark commit together. No checkpoint stands ahead of what is landed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from backfill.model import RealmId, Slice
from backfill.rehearsal.oracles.equal_state import filed_under
from backfill.rehearsal.oracles.oracle import Commit, Ending, Oracle
from backfill.rehearsal.stage import Stage


class CheckpointBehindData(Oracle):
    """Every object that a slice has passed, and that is still there, is held or set aside."""

    name: ClassVar[str] = "checkpoint behind data"
    law: ClassVar[str] = "effect and bookmark commit together"

    def landed(self, stage: Stage, commit: Commit) -> Iterable[str]:
        if commit.checkpoint is not None:  # of any slice: another's page may be half committed
            for part in stage.store.scan_now(commit.run_id, commit.lease.realm_id).slices:
                yield from _ahead(stage, commit.lease.realm_id, part)

    def process_ended(self, stage: Stage, ending: Ending) -> Iterable[str]:
        for realm_id in stage.realm_ids:
            for part in stage.store.scan_now(ending.run_id, realm_id).slices:
                yield from _ahead(stage, realm_id, part)


def _ahead(stage: Stage, realm_id: RealmId, part: Slice) -> Iterator[str]:
    if part.cursor is None and not part.done:
        return
    low = float("-inf") if part.lower is None else part.lower.timestamp()
    high = float("inf") if part.upper is None else part.upper.timestamp()
    rows = stage.store.rows(realm_id, part.entity)
    aside = stage.world.settings.poisoned.get((realm_id, part.entity), frozenset())
    for row in stage.simulator.fleet.company(realm_id).table(part.entity).all():
        # At the cursor's own second more may be to come, and in that of the upper bound, which may be the present one,
        # people may create more.
        passed = row.created < high if part.done else part.cursor is not None and row.created < part.cursor.timestamp()
        held = row.id in aside or filed_under(part.entity, row.id, row.doc) in rows
        if low <= row.created and passed and not held:
            yield f"{realm_id} {part.entity} slice {part.number} is at {part.cursor} and {row.id} is not landed"
