"""Access tokens live for seconds, and the refresh token's value changes at every use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from backfill.rehearsal.faults.fault import Fault
from backfill.simulator.settings import SimulatorSettings

if TYPE_CHECKING:
    from backfill.rehearsal.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortTokens(Fault):
    """The fields are the simulator's settings of the same meaning."""

    name: ClassVar[str] = "tokens expire and rotate"
    chance: ClassVar[float] = 0.4
    bunches: ClassVar[bool] = True
    runs_more: ClassVar[int] = 3  # two that end on the way of one request end a run: of many writes, often
    access_life_s: float
    rotation_s: float
    old_life_s: float
    reuse: Literal["refused", "ends_consent"]
    ends_access_token: bool

    @classmethod
    def drawn(cls, rng: Random, *, realms: int) -> Self:  # noqa: ARG003  # the signature is all faults'
        return cls(
            access_life_s=rng.choice((10.0, 30.0, 600.0)),  # of less, one request in ten outlives two of them
            rotation_s=rng.choice((0.0, 0.0, 60.0)),
            old_life_s=rng.choice((0.0, 86_400.0)),
            reuse=rng.choice(("refused", "ends_consent")),
            ends_access_token=rng.random() < 0.3,
        )

    def settings(self, settings: SimulatorSettings) -> SimulatorSettings:
        return replace(
            settings,
            access_token_life_s=self.access_life_s,
            refresh_rotation_s=self.rotation_s,
            old_refresh_token_life_s=self.old_life_s,
            refresh_reuse=self.reuse,
            refresh_ends_access_token=self.ends_access_token,
        )

    def heal(self, stage: Stage) -> None:
        for _ in range(stage.refreshes.rotations):
            stage.injected(self)
