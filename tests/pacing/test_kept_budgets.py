"""Budgets between turns: what a realm's budget knows is not lost, and what it need not know is not kept."""

from __future__ import annotations

import random

import anyio
import pytest

from backfill.model import Lease, RealmId
from backfill.pacing.budget import RealmBudget
from backfill.pacing.kept_budgets import KeptBudgets
from backfill.pacing.ledger import MemoryPermitLedger
from backfill.wire import Lane
from tests.pacing.budgets import LIMITS, takes, use, used

pytestmark = pytest.mark.virtual


class Kept:
    """Budgets of one process; `ledger` is shared with others."""

    def __init__(self, ledger: MemoryPermitLedger | None = None) -> None:
        self.ledger = ledger or MemoryPermitLedger()
        self.made: list[RealmId] = []
        self.budgets = KeptBudgets(self._make, self.ledger)

    def _make(self, realm_id: RealmId) -> RealmBudget:
        self.made.append(realm_id)
        return RealmBudget(realm_id, LIMITS, rng=random.Random(1), ledger=self.ledger)


def lease(epoch: int, realm_id: str = "1") -> Lease:
    return Lease(realm_id=RealmId(realm_id), epoch=epoch, owner="this process")


async def test_a_realm_that_comes_back_has_all_permits_that_it_did_not_use() -> None:
    kept = Kept()
    async with kept.budgets.of(lease(1)) as budget:
        await use(budget, Lane.QUERY, 30)
    async with kept.budgets.of(lease(2)) as budget:
        assert used(budget) == 30
        began_at = anyio.current_time()
        await use(budget, Lane.QUERY, 470)
        assert anyio.current_time() - began_at < 60, "one every 0.12 s, as if it had never been away"
        assert used(budget) == 500


async def test_a_rest_is_not_forgotten_between_two_turns() -> None:
    kept = Kept()
    async with kept.budgets.of(lease(1)) as budget:
        budget.refused(await budget.take(Lane.QUERY))
    async with kept.budgets.of(lease(2)) as budget:
        assert budget.frozen_until == pytest.approx(60, abs=0.1)
        assert await takes(budget, Lane.QUERY, within_s=50) is None


async def test_nor_a_call_that_was_given_up_and_may_still_be_worked_on() -> None:
    kept = Kept()
    async with kept.budgets.of(lease(1)) as budget:
        for _ in range(LIMITS.in_flight):
            budget.abandoned(await budget.take(Lane.QUERY))
    async with kept.budgets.of(lease(2)) as budget:
        assert await takes(budget, Lane.QUERY, within_s=60) is None, "ten are in flight"


async def test_if_another_process_had_the_realm_its_word_counts() -> None:
    ours = Kept()
    theirs = Kept(ours.ledger)
    async with ours.budgets.of(lease(1)) as budget:
        await use(budget, Lane.QUERY, 30)
    async with theirs.budgets.of(lease(2)) as budget:
        await use(budget, Lane.QUERY, 100)
    async with ours.budgets.of(lease(3)) as budget:
        assert used(budget) == 130
    assert len(ours.made) == 2


async def test_what_remembers_nothing_is_not_kept() -> None:
    kept = Kept()
    for number in range(1000):
        async with kept.budgets.of(lease(1, str(number))) as budget:
            await use(budget, Lane.QUERY, 5)
        # A budget is forgettable a minute after its last answer; these take four gaps of 0.06 s each.
        assert len(kept.budgets) <= 2 * 60 / 0.24, "each is looked at before it is as old again"


async def test_one_that_rests_for_long_does_not_keep_the_others() -> None:
    kept = Kept()
    async with kept.budgets.of(lease(1, "resting")) as budget:
        budget.refused(await budget.take(Lane.QUERY), retry_after_s=500)
    for number in range(500):
        async with kept.budgets.of(lease(1, str(number))) as budget:
            await use(budget, Lane.QUERY, 5)
    assert len(kept.budgets) <= 2 * 60 / 0.24
