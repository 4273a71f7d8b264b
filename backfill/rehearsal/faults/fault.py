"""What a fault is: something that goes wrong in a world, drawn from its seed, injected while it lasts, and healed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

from backfill.model import RealmId
from backfill.simulator.injection.injection import Injection
from backfill.simulator.settings import SimulatorSettings

if TYPE_CHECKING:  # faults act on the stage, and the stage holds faults
    from backfill.rehearsal.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(ABC):
    """A fault does nothing by itself: each kind overrides what it needs. Its fields say how it was drawn.

    Whoever injects it says so by `stage.injected(self)`, once for each time it struck.
    """

    name: ClassVar[str]
    chance: ClassVar[float]
    """Share of the worlds that have it."""
    jobs: ClassVar[frozenset[str]] = frozenset()
    """The jobs whose worlds may have it; all, if none is named."""
    refuses: ClassVar[bool] = False
    """Whether Intuit may say for it that there were too many requests, though we kept to the limits."""
    bunches: ClassVar[bool] = False
    """Whether requests that have their turn may wait for it and then go together."""
    parks: ClassVar[bool] = False
    """Whether a realm may be parked for it that is connected all the while."""
    runs_more: ClassVar[int] = 0
    """Commands more that may end for it, in a healed world as well."""

    @classmethod
    @abstractmethod
    def drawn(cls, rng: Random, *, realms: int) -> Self:
        """One of this kind, for a world of so many realms."""

    def settings(self, settings: SimulatorSettings) -> SimulatorSettings:
        """What of the server is so from the beginning."""
        return settings

    def open(self, stage: Stage) -> None:  # noqa: B027  # most kinds need few of these
        """Before anything runs."""

    async def strike(self, stage: Stage) -> None:  # noqa: B027  # most kinds need few of these
        """Beside the processes, while phase one lasts; cancelled at its end."""

    def injections(self) -> Sequence[Injection]:
        """What the simulator is told to let happen, until phase one is over. It counts by itself."""
        return ()

    def cuts_off(self, stage: Stage, realm_id: RealmId) -> bool:  # noqa: ARG002  # most kinds do not
        """Whether a connection that a process is about to make for the realm is refused."""
        return False

    def heal(self, stage: Stage) -> None:  # noqa: B027  # most kinds need few of these
        """After phase one: from now on it must not strike any more."""
