"""What metered calls cost, by hand from Intuit's published tiers."""

from __future__ import annotations

from fractions import Fraction

import pytest

from backfill.planner.tiers import TIERS, Charge, charges

OPEN_TO_ALL = 3_000
"""Companies enough for every tier."""


def charge(name: str, calls: int, *, elsewhere: int = 0, connections: int = OPEN_TO_ALL) -> Charge:
    made = {one.tier.name: one for one in charges(calls, elsewhere=elsewhere, connections=connections)}
    return made[name]


def test_the_tiers_are_those_that_are_published() -> None:
    assert [(tier.name, tier.month_usd, tier.included, tier.connections_min) for tier in TIERS] == [
        ("Builder", 0, 500_000, 0),
        ("Silver", 300, 1_000_000, 0),
        ("Gold", 1_700, 10_000_000, 500),
        ("Platinum", 4_500, 75_000_000, 3_000),
    ]
    assert TIERS[0].over_usd is None, "Builder stops hard"
    assert TIERS[1].over_usd == Fraction(35, 10_000), "$3.50 for a thousand"


def test_what_is_not_published_of_a_tier_is_taken_at_its_worst() -> None:
    """Of Gold and Platinum only that they are cheaper beyond what is included: then no more than Silver's."""
    assert all(tier.over_usd is not None and tier.over_usd <= Fraction(35, 10_000) for tier in TIERS[1:])


@pytest.mark.parametrize("name", [tier.name for tier in TIERS])
def test_up_to_what_is_included_nothing_is_paid_and_a_month_is_enough(name: str) -> None:
    included = next(tier.included for tier in TIERS if tier.name == name)
    for calls in (1, included - 1, included):
        made = charge(name, calls)
        assert (made.months, made.extra_usd) == (1, 0), calls
    assert charge(name, included + 1).months == 2
    assert charge(name, included + 1).extra_usd != 0


@pytest.mark.parametrize(
    ("name", "calls", "months", "extra_usd"),
    [
        ("Builder", 500_001, 2, None),
        ("Builder", 1_000_000, 2, None),
        ("Builder", 5_000_001, 11, None),
        ("Silver", 1_000_001, 2, 1),  # a third of a cent: never less than is billed
        ("Silver", 1_001_000, 2, 4),  # 3.50
        ("Silver", 1_002_000, 2, 7),
        ("Silver", 3_000_000, 3, 7_000),
        ("Gold", 11_000_000, 2, 3_500),
        ("Platinum", 76_000_000, 2, 3_500),
    ],
)
def test_beyond_what_is_included(name: str, calls: int, months: int, extra_usd: int | None) -> None:
    made = charge(name, calls)
    assert (made.months, made.extra_usd) == (months, extra_usd)


@pytest.mark.parametrize(
    ("name", "calls", "elsewhere", "months", "extra_usd"),
    [
        ("Builder", 100_000, 400_000, 1, 0),
        ("Builder", 100_001, 400_000, 2, None),
        ("Builder", 7, 499_999, 7, None),
        ("Builder", 1, 500_000, None, None),  # other work uses all
        ("Silver", 200_000, 900_000, 2, 350),
        ("Silver", 100_000, 1_000_000, None, 350),
        ("Silver", 100_000, 3_000_000, None, 350),  # what others pay is not ours
        ("Gold", 100_000, 9_950_000, 2, 175),
    ],
)
def test_other_work_comes_first(name: str, calls: int, elsewhere: int, months: int | None, extra_usd: int) -> None:
    made = charge(name, calls, elsewhere=elsewhere)
    assert (made.months, made.extra_usd) == (months, extra_usd)


@pytest.mark.parametrize("elsewhere", [0, 500_000, 10**9])
def test_no_calls_cost_nothing(elsewhere: int) -> None:
    assert {(made.months, made.extra_usd) for made in charges(0, elsewhere=elsewhere, connections=1)} == {(0, 0)}


@pytest.mark.parametrize(
    ("connections", "open_to"),
    [
        (1, ["Builder", "Silver"]),
        (499, ["Builder", "Silver"]),
        (500, ["Builder", "Silver", "Gold"]),
        (2_999, ["Builder", "Silver", "Gold"]),
        (3_000, ["Builder", "Silver", "Gold", "Platinum"]),
    ],
)
def test_a_tier_wants_companies(connections: int, open_to: list[str]) -> None:
    assert [made.tier.name for made in charges(1, elsewhere=0, connections=connections) if made.is_open] == open_to


@pytest.mark.parametrize("calls", [999_999_999_999, 10**15 + 1])
def test_months_are_whole_however_many_calls(calls: int) -> None:
    assert charge("Builder", calls, elsewhere=499_997).months == -(-calls // 3)
