"""What a fault is: something that goes wrong in a world, drawn from its seed, injected while it lasts, and healed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

from backfill.simulator.settings import SimulatorSettings

if TYPE_CHECKING:  # faults act on the stage, and the stage holds faults
    from backfill.rehearsal.mishap import Exchange, Mishap
    from backfill.rehearsal.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(ABC):
    """A fault does nothing by itself: each kind overrides what it needs. Its fields say how it was drawn.

    Whoever injects it says so by `stage.injected(self)`, once for each time it struck.
    """

    name: ClassVar[str]
    chance: ClassVar[float]
    """Share of the worlds that have it."""
    refusals: ClassVar[bool] = False
    """Whether Intuit may refuse a request for it, though we kept to the limits."""

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

    def mishap(self, stage: Stage, exchange: Exchange) -> Mishap | None:  # noqa: B027  # most kinds need few of these
        """What becomes of an exchange that is about to begin; None: nothing special."""

    def heal(self, stage: Stage) -> None:  # noqa: B027  # most kinds need few of these
        """After phase one: from now on it must not strike any more."""
