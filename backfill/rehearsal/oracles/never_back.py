"""Law 2: a landing never puts an older version in the place of a newer one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from backfill.rehearsal.oracles.oracle import Commit, Oracle
from backfill.rehearsal.stage import Stage


class NeverBack(Oracle):
    """Compares what was held of each landed row with what is held now."""

    name: ClassVar[str] = "never back"
    law: ClassVar[str] = "no landed row goes back in time"

    def landed(self, stage: Stage, commit: Commit) -> Iterable[str]:
        rows = stage.store.rows(commit.lease.realm_id, commit.entity)
        for id_, before in commit.before.items():
            after = rows[id_]
            if before.updated_at is None or after.updated_at is None:
                continue
            was, is_ = max(before.updated_at, before.deleted_at or before.updated_at), after.updated_at
            if after.deleted_at is not None:
                is_ = max(is_, after.deleted_at)
            if is_ < was:
                yield f"{commit.lease.realm_id} {commit.entity} {id_} went back from {was} to {is_}"
