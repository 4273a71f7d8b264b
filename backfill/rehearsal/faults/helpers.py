"""Other machines help with the run: more processes work on it, come when they like, and go when it is done."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

import anyio

from backfill.rehearsal.faults.fault import Fault

if TYPE_CHECKING:
    from backfill.rehearsal.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Helpers(Fault):
    """No fault by itself: `backfill worker`. A realm goes from hand to hand, between two turns or when one dies."""

    name: ClassVar[str] = "helpers"
    chance: ClassVar[float] = 0.25
    jobs: ClassVar[frozenset[str]] = frozenset({"extract", "resync", "reports"})
    at_s: tuple[float, ...]

    @classmethod
    def drawn(cls, rng: Random, *, realms: int) -> Self:  # noqa: ARG003  # the signature is all faults'
        return cls(
            at_s=tuple(rng.choice((0.0, rng.uniform(0, 5), rng.uniform(0, 60))) for _ in range(rng.choice((1, 1, 2))))
        )

    async def strike(self, stage: Stage) -> None:
        async def help_from(at_s: float) -> None:
            await anyio.sleep(at_s)
            stage.injected(self)
            await stage.helper()

        async with anyio.create_task_group() as group:
            for at_s in self.at_s:
                group.start_soon(help_from, at_s)
