"""Postings kept in order while they come and go, against a list that is sorted each time."""

from __future__ import annotations

from random import Random

import pytest

from backfill.simulator.books.entries import Posting
from backfill.simulator.books.ordered import Ordered, Posted


def _rows(rng: Random, number: int) -> list[Posted]:
    return [
        Posted(f"2026-01-{rng.randrange(1, 29):02}", number, "Invoice", place, str(number), _posting(rng))
        for place in range(rng.randrange(4))
    ]


def _posting(rng: Random) -> Posting:
    cents = rng.randrange(-9, 9)
    return Posting(rng.choice("abc"), cents, cents)


def _place(posted: Posted) -> tuple[str, int, str, int]:
    return posted.day, posted.number, posted.entity, posted.place


@pytest.mark.parametrize("seed", range(20))
def test_whatever_comes_and_goes_the_order_and_the_sums_are_right(seed: int) -> None:
    rng, ordered, kept = Random(seed), Ordered(), {}
    for _ in range(60):
        number = rng.randrange(12)
        kept[number] = _rows(rng, number) if rng.random() < 0.8 else []
        ordered.put(number, tuple(kept[number]))
        if rng.random() < 0.5:
            _compare(rng, ordered, [posted for rows in kept.values() for posted in rows])
    assert list(ordered.of(number)) == kept[number]


def _compare(rng: Random, ordered: Ordered[int], everything: list[Posted]) -> None:
    start, end = sorted(f"2026-01-{rng.randrange(1, 29):02}" for _ in range(2))
    within = sorted((posted for posted in everything if start <= posted.day <= end), key=_place)
    assert list(ordered.postings(start=start, end=end)) == within
    assert sorted(ordered.unsorted(start=start, end=end), key=_place) == within
    for account in "abc":
        assert list(ordered.postings(start=start, end=end, account=account)) == [
            posted for posted in within if posted.posting.account == account
        ]
    until = {
        account: sum(p.posting.cents for p in everything if p.day <= end and p.posting.account == account)
        for account in "abc"
    }
    assert ordered.balances(as_of=end) == {account: cents for account, cents in until.items() if cents}
