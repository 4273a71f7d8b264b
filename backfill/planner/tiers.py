"""What Intuit charges for metered calls, by the tier that an app is on. Pure.

Intuit App Partner Program, as published in November 2025. What is not published of a tier is taken at its worst.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier. Money in US dollars."""

    name: str
    month_usd: int
    included: int
    """Metered calls a calendar month."""
    over_usd: Fraction | None
    """For each further call; None: there are none, the app is switched off until the month ends."""
    connections_min: int = 0
    """Companies that must be connected."""


_OVER_USD = Fraction("3.50") / 1000
"""Of Silver. Of Gold it is said to be lower, of Platinum down to 0.25 for a thousand: not more, then."""

TIERS: Sequence[Tier] = (
    Tier("Builder", 0, 500_000, None),
    Tier("Silver", 300, 1_000_000, _OVER_USD),
    Tier("Gold", 1_700, 10_000_000, _OVER_USD, connections_min=500),
    Tier("Platinum", 4_500, 75_000_000, _OVER_USD, connections_min=3_000),
)


@dataclass(frozen=True, slots=True)
class Charge:
    """What some calls cost on a tier."""

    tier: Tier
    months: int | None
    """Calendar months that they take if no call is to be paid beyond the fee; None: they never end."""
    extra_usd: int | None
    """What is paid beyond the fee if they are all made in one month, at most; None: they cannot be."""
    is_open: bool
    """Enough companies are connected for the tier."""


def charges(calls: int, *, elsewhere: int, connections: int) -> list[Charge]:
    """What `calls` metered calls cost on each tier, where other work needs `elsewhere` of them each month."""
    return [_charge(tier, calls, elsewhere, connections) for tier in TIERS]


def _charge(tier: Tier, calls: int, elsewhere: int, connections: int) -> Charge:
    free = tier.included - elsewhere
    over = max(0, calls - max(0, free))
    if over == 0:
        extra: int | None = 0
    else:
        extra = None if tier.over_usd is None else ceil(over * tier.over_usd)
    months = ceil(calls / free) if free > 0 else (None if calls else 0)
    return Charge(tier, months, extra, connections >= tier.connections_min)
