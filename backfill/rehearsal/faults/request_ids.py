"""What Intuit does not promise of a requestid: that it is remembered for long or at all; what a second use does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from backfill.rehearsal.faults.fault import Fault
from backfill.simulator.settings import SimulatorSettings

if TYPE_CHECKING:
    from backfill.rehearsal.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestIds(Fault):
    """The fields are the simulator's settings of the same meaning: from the beginning, and for good."""

    name: ClassVar[str] = "requestid not kept"
    chance: ClassVar[float] = 0.5
    life_s: float
    again: Literal["replayed", "refused", "unexpected", "executed"]
    changed: Literal["replayed", "refused", "executed"]
    faults: bool

    @classmethod
    def drawn(cls, rng: Random, *, realms: int) -> Self:  # noqa: ARG003  # the signature is all faults'
        return cls(
            life_s=rng.choice((60.0, 60.0, 86_400.0)),
            again=rng.choice(("replayed", "refused", "unexpected", "executed", "executed")),
            changed=rng.choice(("replayed", "refused", "executed")),
            faults=rng.random() < 0.3,
        )

    def settings(self, settings: SimulatorSettings) -> SimulatorSettings:
        return replace(
            settings,
            request_id_life_s=self.life_s,
            request_id_again=self.again,
            request_id_changed=self.changed,
            request_id_faults=self.faults,
        )

    def heal(self, stage: Stage) -> None:
        """It struck where a seal was sent more than once."""
        for seal in stage.ledger.kept_seals():
            if seal.sends > 1:
                stage.injected(self)
