"""What a job is to the rehearsal: what it begins with, how a process does it for a realm, and when it is done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Protocol

from backfill.jobs.fleet import RealmJob
from backfill.model import RealmId, RunId
from backfill.pacing.retried import RetryPolicy
from backfill.simulator.settings import SimulatorSettings

if TYPE_CHECKING:  # a process holds its world, and the world its job
    from backfill.rehearsal.ground import Ground
    from backfill.rehearsal.process import Process
    from backfill.rehearsal.stage import Stage
    from backfill.rehearsal.world import World


class RehearsedJob(Protocol):
    """One of the program's jobs, as it is rehearsed."""

    name: ClassVar[str]
    moves_on: ClassVar[bool] = False
    """Whether it may land what is newer than the proof: then of what has changed since nothing is said by that."""
    policy: ClassVar[RetryPolicy]
    """What its command may send twice."""

    lands: ClassVar[bool]
    """Whether it takes room for pages, and holds them until they are landed."""

    async def begin(self, stage: Stage, ground: Ground) -> None:
        """What was there, or was done, before the command is given for the first time."""
        ...

    def realm_job(self, process: Process) -> RealmJob:
        """What the process does for each realm."""
        ...

    async def healed(self, stage: Stage, ground: Ground) -> None:
        """What a user does once the trouble is over, before the command is given again."""
        ...

    def is_done(self, stage: Stage, run_id: RunId, realm_id: RealmId) -> bool:
        """Whether the run has nothing left to do for the realm; else the same command is given again."""
        ...

    def missing(self, stage: Stage, realm_id: RealmId) -> Iterable[str]:
        """In words, what a realm must have in the end that no person has to see to, and has not."""
        ...

    async def again(self, stage: Stage, ground: Ground) -> None:
        """What happens, after all is done, before the command is given once more, if the world has it so."""
        ...

    def settings(self, world: World) -> SimulatorSettings:
        """The server's settings in that world, with what of them is so for this job."""
        return world.settings
