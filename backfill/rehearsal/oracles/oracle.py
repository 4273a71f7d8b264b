"""What an oracle is: it watches a world at its moments and says in words what must not be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from backfill.jobs.fleet import FleetResult
from backfill.model import Checkpoint, Lease, Proof, Record, RunId, WaitingEvent
from backfill.rehearsal.pages_in_hand import PagesInHand
from backfill.rehearsal.stage import Stage
from backfill.report_model import ReportDocument, ReportPart
from backfill.store.memory_rows import Row
from backfill.verdict_model import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One landing, at the very moment at which it took effect."""

    lease: Lease
    run_id: RunId
    entity: str
    records: Sequence[Record]
    checkpoint: Checkpoint | None
    before: Mapping[str, Row]
    """What was held of these records, by Id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportCommit:
    """One answer to a report, at the very moment at which it took the place of what was held of its dates."""

    lease: Lease
    run_id: RunId
    part: ReportPart
    document: ReportDocument
    faults: Sequence[str]
    """What was said at once to be wrong with it: it is held, and proves nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proving:
    """The proofs of a realm, at the very moment at which they were stored."""

    lease: Lease
    run_id: RunId
    proofs: Sequence[Proof]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """Events of a realm, at the very moment at which they were written down as done with."""

    lease: Lease
    events: Sequence[WaitingEvent]
    outcomes: Mapping[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """What `verify` found of a realm, at the very moment at which it was stored."""

    lease: Lease
    verdicts: Sequence[Verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A process, at the moment of its end, in order or not."""

    run_id: RunId
    killed: bool
    result: FleetResult | None
    pages: PagesInHand
    memory_bytes: int


class Oracle:
    """An oracle sees nothing by itself: each overrides the moments it needs, and returns what is wrong, in words.

    It judges by the simulator's own state and by what the store holds, never by what the program says of itself.
    """

    name: ClassVar[str]
    law: ClassVar[str]
    """What it stands for, in a few words."""

    def landed(self, _stage: Stage, _commit: Commit) -> Iterable[str]:
        """After each landing."""
        return ()

    def report_landed(self, _stage: Stage, _commit: ReportCommit) -> Iterable[str]:
        """After each answer to a report that was landed."""
        return ()

    def proved(self, _stage: Stage, _proving: Proving) -> Iterable[str]:
        """After proofs were stored."""
        return ()

    def settled(self, _stage: Stage, _settling: Settling) -> Iterable[str]:
        """After events were settled."""
        return ()

    def judged(self, _stage: Stage, _judging: Judging) -> Iterable[str]:
        """After verdicts were stored."""
        return ()

    def process_ended(self, _stage: Stage, _ending: Ending) -> Iterable[str]:
        """After a process ended or was killed."""
        return ()

    def over(self, _stage: Stage) -> Iterable[str]:
        """At the end of the world, healed and complete."""
        return ()
