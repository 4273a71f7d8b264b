"""In which order, and at which second, the rows of ten years came into being."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random

from backfill.simulator.seed.draw import between, chance
from backfill.simulator.seed.quotas import Import

YEARS = 10
DAY_S = 86_400
HISTORY_S = YEARS * 365 * DAY_S + 2 * DAY_S
"""Ten years with their leap days."""

_BURST = 0.002  # of the rows begin a group that some program saved within one second


def timeline(
    counts: Mapping[str, int], imports: Sequence[Import], *, start_s: int, end_s: int, rng: Random
) -> Iterator[tuple[str, int, bool]]:
    """(entity, CreateTime in epoch seconds, whether imported) of every row, in the order of CreateTime.

    The imports come first, all at `start_s`, and are taken from the entities' counts; everything else lies after
    `start_s` and before `end_s`.
    """
    left = dict(counts)
    for group in imports:
        left[group.entity] -= group.rows
        yield from ((group.entity, start_s, True) for _ in range(group.rows))
    kinds = [entity for entity, count in left.items() for _ in range(count)]
    rng.shuffle(kinds)
    step_s = (end_s - start_s) / max(1, len(kinds))
    second, burst = start_s + 1, 0
    for number, entity in enumerate(kinds):
        if burst:
            burst -= 1
        else:
            second = max(second, start_s + int((number + rng.random()) * step_s))
            burst = between(rng, 3, 40) if chance(rng, _BURST) else 0
        yield entity, second, False
