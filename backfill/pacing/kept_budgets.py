"""The budgets of all realms of an app, each kept for as long as it remembers something."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import anyio

from backfill.errors import LeaseLostError, UnavailableError
from backfill.model import Lease, RealmId
from backfill.pacing.budget import RealmBudget
from backfill.pacing.ledger import PermitLedger

_SETTLE_S = 5.0
"""For one statement. What is not settled counts as just used up, which only costs whoever comes next some minutes."""

_LOOKED_AT = 2
"""Kept budgets looked at whenever one comes: with one coming and two looked at, those to forget never pile up."""


@dataclass(frozen=True, slots=True)
class _Kept:
    epoch: int
    budget: RealmBudget


class KeptBudgets:
    """Hands a realm's budget to whoever works on the realm, turn after turn.

    A budget knows more than the ledger holds: that the realm rests after a refusal, how fast it may go since, which
    calls that were given up still occupy a place in flight. So it is kept between two turns until it is forgettable
    (a window after the last answer, mostly), and taken up again if nobody else worked on the realm meanwhile, which
    the lease's epoch says. Else a new one begins with what the ledger holds.
    """

    def __init__(self, make: Callable[[RealmId], RealmBudget], ledger: PermitLedger) -> None:
        self._make = make
        self._ledger = ledger
        self._kept: dict[RealmId, _Kept] = {}  # in the order in which they were last looked at

    def __len__(self) -> int:
        return len(self._kept)

    @asynccontextmanager
    async def of(self, lease: Lease) -> AsyncIterator[RealmBudget]:
        """The budget of the leased realm for the length of the block; settled in the ledger afterwards."""
        kept = self._kept.pop(lease.realm_id, None)
        if kept is not None and kept.epoch + 1 == lease.epoch:
            budget = kept.budget
        else:
            budget = self._make(lease.realm_id)
            budget.restore(await self._ledger.held(lease.realm_id))
        budget.work_under(lease.epoch)
        try:
            yield budget
        finally:
            with anyio.move_on_after(_SETTLE_S, shield=True), suppress(UnavailableError, LeaseLostError):
                await budget.settle()
            self._kept[lease.realm_id] = _Kept(lease.epoch, budget)
            self._forget()

    def _forget(self) -> None:
        for realm_id in list(self._oldest()):
            kept = self._kept.pop(realm_id)
            if not kept.budget.forgettable():
                self._kept[realm_id] = kept  # behind all others

    def _oldest(self) -> list[RealmId]:
        oldest = iter(self._kept)
        return [realm_id for _, realm_id in zip(range(_LOOKED_AT), oldest, strict=False)]
