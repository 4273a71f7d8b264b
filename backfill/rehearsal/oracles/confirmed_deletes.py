"""A row is marked deleted only once the company has no such object: a void or an inactive name stays a row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from backfill.rehearsal.oracles.equal_state import filed_under
from backfill.rehearsal.oracles.oracle import Commit, Oracle
from backfill.rehearsal.stage import Stage


class ConfirmedDeletes(Oracle):
    """Looks for what was just marked among what the company has at that moment. Nothing that is gone comes back."""

    name: ClassVar[str] = "confirmed deletes"
    law: ClassVar[str] = "nothing is marked deleted that is there"

    def landed(self, stage: Stage, commit: Commit) -> Iterable[str]:
        realm_id, entity = commit.lease.realm_id, commit.entity
        rows = stage.store.rows(realm_id, entity)
        stubs = [record.id for record in commit.records if record.deleted]
        marked = [id_ for id_ in stubs if rows[id_].deleted_at is not None]
        if marked:
            live = stage.simulator.fleet.company(realm_id).table(entity).all()
            there = {filed_under(entity, row.id, row.doc) for row in live}
            for id_ in there.intersection(marked):
                yield f"{realm_id} {entity} {id_} was marked deleted, and the company has it"
