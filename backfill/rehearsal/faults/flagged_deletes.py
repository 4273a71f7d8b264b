"""Change data capture says of objects that live that they were deleted, as was reported of Intuit's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Self

from backfill.rehearsal.faults.fault import Fault
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.rows import FlaggedDeleted


@dataclass(frozen=True, slots=True, kw_only=True)
class FlaggedDeletes(Fault):
    """A share of the changed objects, the same ones each time."""

    name: ClassVar[str] = "flagged deleted"
    chance: ClassVar[float] = 0.3
    share: float

    @classmethod
    def drawn(cls, rng: Random, *, realms: int) -> Self:  # noqa: ARG003  # the signature is all faults'
        return cls(share=rng.choice((0.2, 1.0)))

    def injections(self) -> Sequence[Injection]:
        return [Injection(FlaggedDeleted(share=self.share))]
