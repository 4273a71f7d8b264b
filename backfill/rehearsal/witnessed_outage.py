"""The inbox and what `verify` writes down, with the oracles beside them: they see each commit as it takes effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from backfill.jobs.verify_ports import VerificationStore
from backfill.model import Lease, RunId
from backfill.rehearsal.oracles import judge
from backfill.rehearsal.oracles.oracle import Judging, Settling
from backfill.rehearsal.stage import Stage
from backfill.rehearsal.witnessed import Beside
from backfill.store.memory_inbox import MemoryInbox
from backfill.verdict_model import Verdict

if TYPE_CHECKING:  # a ground has both
    from backfill.rehearsal.ground import EventStore


def witnessed_inbox(stage: Stage, inbox: MemoryInbox) -> EventStore:
    """`inbox` as one process sees it. Nothing is awaited between a commit and the oracles' look at it."""
    return cast("EventStore", _Inbox(stage, inbox))


def witnessed_verdicts(stage: Stage, landed: VerificationStore) -> VerificationStore:
    """`landed` as one process sees it, likewise."""
    return cast("VerificationStore", _Verdicts(stage, landed))


class _Inbox(Beside):
    def __init__(self, stage: Stage, inbox: MemoryInbox) -> None:
        super().__init__(stage, inbox)
        self._inbox = inbox

    async def settle(self, lease: Lease, outcomes: Mapping[int, str]) -> None:
        waited = [one.waiting for one in self._inbox.kept() if one.outcome is None]
        await self._inbox.settle(lease, outcomes)
        self._stage.trace.add("settled", lease.realm_id, sorted(outcomes.items()))
        events = [event for event in waited if event.event_id in outcomes]
        settling = Settling(lease=lease, events=events, outcomes=outcomes)
        judge(self._stage, lambda oracle: oracle.settled(self._stage, settling))


class _Verdicts(Beside):
    def __init__(self, stage: Stage, landed: VerificationStore) -> None:
        super().__init__(stage, landed)
        self._landed = landed

    async def keep_verdicts(self, lease: Lease, run_id: RunId, verdicts: Sequence[Verdict]) -> None:
        await self._landed.keep_verdicts(lease, run_id, verdicts)
        self._stage.trace.add("verdicts", lease.realm_id, [(one.entity, one.differing) for one in verdicts])
        judging = Judging(lease=lease, verdicts=verdicts)
        judge(self._stage, lambda oracle: oracle.judged(self._stage, judging))
