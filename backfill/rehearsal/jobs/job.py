"""What a job is to the rehearsal: how a process does it for a realm, and when it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from backfill.jobs.fleet import RealmJob

if TYPE_CHECKING:  # a process holds its world, and the world its job
    from backfill.rehearsal.process import Process


class RehearsedJob(Protocol):
    """One of the program's jobs, as it is rehearsed."""

    name: ClassVar[str]

    def realm_job(self, process: Process) -> RealmJob:
        """What the process does for each realm."""
        ...
