"""The plan that a run is held to: what `backfill plan --json` wrote, as far as a run is measured by it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backfill.cli.output import counted, duration
from backfill.config.faults import faults_of, refused
from backfill.errors import UsageError
from backfill.pacing.metering import BatchCountsAs, Capped, Count

MARGIN = 0.1
"""So much more than it says a run may call: the real books are not the simulated ones."""

FILE_BYTES_MAX = 1024 * 1024
"""A plan has some kB."""

Number = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)  # a plan says more than is read here


class _Total(_Part):
    total: Number


class _Metered(_Part):
    calls: Number
    items: Number


class PlannedRun(_Part):
    """What a plan says of the whole run."""

    realms: _Total
    requests: _Total
    metered: _Metered
    wall_s: Annotated[float, Field(ge=0)]

    def calls_max(self, reading: BatchCountsAs) -> int:
        """How many metered calls the run may make: what was planned and a tenth more."""
        return int(Count(self.metered.calls, self.metered.items).read(reading) * (1 + MARGIN))

    def too_small_for(self, realms: int) -> str:
        """What to say before a run of so many realms; empty if the plan is for as many."""
        if realms <= self.realms.total:
            return ""
        return f"The plan is for {counted(self.realms.total, 'company', 'companies')}; {realms:,} are to be read."

    def against(self, *, requests: int, wall_s: float, resumed: bool) -> str:
        """What was planned beside what it took, for a person. `resumed`: it took what was left of the run."""
        planned = f"{duration(self.wall_s)} and {self.requests.total:,} requests"
        whole, it = (" for the whole run", "what was left of it") if resumed else ("", "it")
        return f"Planned{whole} were {planned}; {it} took {duration(wall_s)} and {requests:,}."

    def as_json(self) -> Mapping[str, object]:
        """Beside the result, under the names that the same things have there."""
        return self.model_dump()


def read_plan(file: Path) -> PlannedRun:
    """The plan in `file`. Raises `UsageError` if it is none."""
    try:
        with file.open("rb") as source:
            text = source.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(f"The plan {file} cannot be read: {error.strerror}.") from error
    try:
        return PlannedRun.model_validate_json(text)
    except ValidationError as error:
        wrong = refused(f"The plan {file}", faults_of(error, PlannedRun))
        raise UsageError(wrong.message, action="Make it with: backfill plan SCENARIO --json > plan.json") from None


def capped(file: Path) -> Capped:
    """What the cap is called that a plan sets, and what to do once it is reached."""
    return Capped(
        f"The plan {file}, with a tenth more than it says, allows no further call: its cap",
        "Everything landed is kept. Make a plan that fits the companies, or leave --plan out, and run the same command"
        " again: it goes on where it stopped.",
    )
