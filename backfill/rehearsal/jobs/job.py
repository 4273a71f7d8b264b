"""What a job is to the rehearsal: how a process does it for a realm, and when it is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol

from backfill.jobs.fleet import RealmJob
from backfill.model import RealmId
from backfill.simulator.settings import SimulatorSettings

if TYPE_CHECKING:  # a process holds its world, and the world its job
    from backfill.rehearsal.process import Process
    from backfill.rehearsal.stage import Stage


class RehearsedJob(Protocol):
    """One of the program's jobs, as it is rehearsed."""

    name: ClassVar[str]

    def realm_job(self, process: Process) -> RealmJob:
        """What the process does for each realm."""
        ...

    def expected(self, stage: Stage, realm_id: RealmId) -> Sequence[str]:
        """What there must be a proof of in the end, by its name there."""
        ...

    def settings(self, seed: int, settings: SimulatorSettings) -> SimulatorSettings:  # noqa: ARG002  # few need it
        """What of the server is so for this job, in the world of a seed."""
        return settings
