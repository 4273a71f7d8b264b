"""One call at its instant, and what its handler gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from backfill.simulator.call import Call
from backfill.simulator.company import Company
from backfill.simulator.endpoints.files import Files
from backfill.simulator.envelopes import Answer
from backfill.simulator.reports.shelf import Shelves
from backfill.simulator.settings import SimulatorSettings
from backfill.simulator.writing.replays import Replays


@dataclass(frozen=True, slots=True)
class Content:
    """The members of a good answer's JSON, before `time`; `rows` is how many objects it holds."""

    members: bytes
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Acting:
    """One call at its instant."""

    call: Call
    company: Company
    settings: SimulatorSettings
    instant: datetime
    files: Files
    items: Replays[bytes] = field(default_factory=Replays)
    """What items of batches were answered that came with a request id."""
    shelves: Shelves = field(default_factory=Shelves)
    """What is kept of companies between their reports."""


Handler = Callable[[Acting], Content | Answer]
"""Answers one kind of call: the members of a JSON answer, or a whole answer where it is not JSON."""
