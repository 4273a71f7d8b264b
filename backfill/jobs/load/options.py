"""How the rows of a load are written: what a user may choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from backfill.load_model import LoadId


class Mode(StrEnum):
    """What a load's writes are sent as."""

    FASTEST = "fastest"
    """All that the limits allow: full batches, and single writes in what they leave of the requests."""
    FREE = "free"
    """Single writes only, which Intuit does not bill."""
    BATCH = "batch"
    """Batches only, but for what has no certain form in one (voids)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """How rows are written."""

    loads: Sequence[LoadId]
    mode: Mode = Mode.FASTEST
    settled_s: float = 130.0
    """After so long without an answer the server has either done a request or never will: the 120 s for which it may
    work on one, and the time for which one may still be on its way."""
    allow_duplicate_numbers: bool = False
    """Ask QuickBooks to take a document number that is used already."""
    held_rows_max: int = 2_000
    """Rows of a realm in memory, some 500 bytes each: more than a minute's full speed (1,660)."""
    single_window: int = 460
    """Single writes in a window beside full batches: what 40 of them leave of 500 requests."""
    window_s: float = 60.0
    request_permits: int = 500
