"""What a world's load is: the rows that are asked for, how they are sent, and whether they are taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backfill.jobs.load.options import Mode
from backfill.load_model import LoadId
from backfill.rehearsal.asked_rows import AskedRow


@dataclass(slots=True)
class LoadPlan:
    """Empty in worlds that load nothing."""

    rows: Sequence[AskedRow] = ()
    mode: Mode = Mode.FASTEST
    held_rows_max: int = 1
    loads: Sequence[LoadId] = ()
    """Those that the command is given now."""
    taken_back: bool = False
    """What was written is to be gone again."""
