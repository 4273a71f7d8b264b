"""How an entity is cut into slices by CreateTime: by count, never by calendar. Pure.

A small entity is one slice. A large one is counted at a few moments (`cut_moments`), and the counts say
where to cut so that every slice holds about the same number of rows (`slices_by_count`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil

from backfill.model import Slice

ROWS_PER_SLICE = 5_000
"""Five full pages: long enough that the cut costs little, short enough that the last reader ends soon."""

CUTS_PER_SLICE = 2
"""Moments counted per slice wanted: rows are not spread evenly, so more moments than slices are needed."""

CUTS_MAX = 29
"""Cut moments of one entity: with 30 items to a batch call, a giant costs one call to cut."""

SEGMENT_ROWS_MAX = 2 * ROWS_PER_SLICE
"""Rows between two counted moments above which it is worth to count inside: the years before a company came to
QuickBooks may be empty, and all that it has lie within a day."""

ONE_SECOND = timedelta(seconds=1)
"""The resolution of CreateTime and LastUpdatedTime."""

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
"""Before any object of QuickBooks Online: as good as no bound, where one is needed."""


def whole(entity: str, lower: datetime | None, upper: datetime | None) -> Slice:
    """The entity as one slice between two bounds, None open."""
    return Slice(entity=entity, number=0, lower=lower, upper=upper)


def unplanned(entity: str, lower: datetime | None, upper: datetime | None) -> Slice:
    """A part between two bounds that is read beside the plan: it leaves no checkpoint."""
    return Slice(entity=entity, number=-1, lower=lower, upper=upper)


def cut_moments(count: int, first: datetime, last: datetime) -> list[datetime]:
    """Moments strictly between `first` and `last`, in whole seconds, at which an entity of `count` rows is counted."""
    wanted = min(CUTS_MAX, ceil(count / ROWS_PER_SLICE) * CUTS_PER_SLICE) if count > ROWS_PER_SLICE else 0
    return _evenly(wanted, first, last)


def _evenly(wanted: int, first: datetime, last: datetime) -> list[datetime]:
    step = (last - first) / (wanted + 1)
    moments = ((first + step * number).replace(microsecond=0) for number in range(1, wanted + 1))
    return sorted({moment for moment in moments if first < moment < last})


def crowded_moments(counted: Mapping[datetime, int], total: int, first: datetime, last: datetime) -> list[datetime]:
    """Moments to count at next: inside the stretches between counted ones that hold too many rows; at most CUTS_MAX."""
    most = max(SEGMENT_ROWS_MAX, 2 * total // CUTS_MAX)  # of a giant, twice what an even stretch holds
    points = [(first, 0), *sorted(counted.items()), (last, total)]
    crowded = [
        (low, high)
        for (low, before), (high, up_to) in pairwise(points)
        if up_to - before > most and high - low > ONE_SECOND
    ][:CUTS_MAX]
    return [moment for low, high in crowded for moment in _evenly(CUTS_MAX // len(crowded), low, high)]


def slices_by_count(entity: str, counted: Mapping[datetime, int], total: int, upper: datetime) -> list[Slice]:
    """Slices of about ROWS_PER_SLICE rows, from the counts of rows created up to and including each moment.

    Neighbours share the second of their cut: CreateTime is documented in whole seconds, and should it ever
    be finer, a row read twice lands once, while a row between two bounds would be lost.
    """
    cuts = _cuts(sorted(counted.items()), total)
    bounds: Sequence[datetime | None] = [None, *cuts, upper]
    return [
        Slice(entity=entity, number=number, lower=lower, upper=upper_)
        for number, (lower, upper_) in enumerate(pairwise(bounds))
    ]


def _cuts(counted: Sequence[tuple[datetime, int]], total: int) -> list[datetime]:
    cuts: list[datetime] = []
    behind = 0
    for moment, up_to in counted:
        # A cut that leaves next to nothing on its far side would buy a request for an empty page.
        if up_to - behind >= ROWS_PER_SLICE and total - up_to > 0:
            cuts.append(moment)
            behind = up_to
    return cuts


def next_second(moment: datetime) -> datetime:
    """The second after the one that `moment` lies in."""
    return moment.replace(microsecond=0) + ONE_SECOND
