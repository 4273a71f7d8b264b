"""One owner a realm: nothing is committed under a lease that another process has taken over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from backfill.model import Lease
from backfill.rehearsal.oracles.oracle import Commit, Oracle, Proving, ReportCommit
from backfill.rehearsal.stage import Stage


class OneOwner(Oracle):
    """Compares the lease of each commit with the realm's epoch at that moment."""

    name: ClassVar[str] = "one owner"
    law: ClassVar[str] = "a stale lease commits nothing"

    def landed(self, stage: Stage, commit: Commit) -> Iterable[str]:
        return _stale(stage, commit.lease, commit.entity)

    def report_landed(self, stage: Stage, commit: ReportCommit) -> Iterable[str]:
        return _stale(stage, commit.lease, commit.part.report)

    def proved(self, stage: Stage, proving: Proving) -> Iterable[str]:
        return _stale(stage, proving.lease, "proofs")


def _stale(stage: Stage, lease: Lease, what: str) -> Iterable[str]:
    epoch = stage.store.epoch(lease.realm_id)
    if lease.epoch != epoch:
        yield f"{lease.realm_id}: {what} committed under epoch {lease.epoch}, and it is {epoch}"
