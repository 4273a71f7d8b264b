"""What calls are worth: the one place that the planners of the phases ask before they spend more than they must.

Every phase asks as few questions as its proof allows, whatever is optimised: small entities share their calls, and
what is likely to be small is read at once instead of counted. Only where a call more buys time, or fresher rows,
is there anything to choose.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from backfill.pacing.metering import BatchCountsAs


class Optimise(StrEnum):
    """What a run is to keep low."""

    TIME = "time"
    """Finish soonest: large entities are cut, so that several readers share them."""
    CALLS = "calls"
    """Cost the fewest metered calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What is optimised, and how Intuit is taken to count a batch."""

    optimise: Optimise = Optimise.TIME
    batch_counts_as: BatchCountsAs = BatchCountsAs.CALL

    def of_batches(self, sizes: Iterable[int]) -> int:
        """Metered calls that batch calls of so many items cost."""
        return sum(self.batch_counts_as.units(items) for items in sizes)

    @property
    def prefers_singles(self) -> bool:
        """Whether an entity is cheaper read at once, in a call of its own, than counted and read in shared batches."""
        return self.optimise is Optimise.CALLS and self.of_batches([2]) > 1

    def allows(self, more: int) -> bool:
        """Whether `more` metered calls than there must be may be spent on an earlier end, or on fresher rows."""
        return more <= 0 or self.optimise is Optimise.TIME
