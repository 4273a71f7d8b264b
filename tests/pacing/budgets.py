"""Budgets as the tests want them: without a reserve and without jitter."""

from __future__ import annotations

import random
from dataclasses import replace

import anyio

from backfill.model import RealmId
from backfill.pacing.budget import Grant, RealmBudget
from backfill.pacing.limits import Limits, load_limits
from backfill.pacing.quota import QuotaBreaker
from backfill.wire import Lane

REALM = RealmId("9130350000000001")
LIMITS = replace(load_limits(), reserve=0.0, freeze_jitter_s=0.0)
WIDE = replace(LIMITS, in_flight=500)
"""Many answers may be awaited at once, so that windows can be filled without answers."""


def budget(limits: Limits = LIMITS, *, breaker: QuotaBreaker | None = None, **options: object) -> RealmBudget:
    """`breaker`: that of several realms of an app."""
    made = RealmBudget(REALM, limits, rng=random.Random(1), **options)  # type: ignore[arg-type]
    made.breaker = breaker or made.breaker
    return made


def used(one: RealmBudget) -> int:
    """Requests that count in the present window, those under way included."""
    return one._rings["requests"].statistics().held


def allowed(one: RealmBudget) -> int:
    """Requests that it allows itself in a window at the present speed."""
    one._apply_speed(anyio.current_time())
    return one._rings["requests"].statistics().permits


async def takes(one: RealmBudget, lane: Lane, *, within_s: float) -> Grant | None:
    """A grant, if there is one within `within_s`."""
    with anyio.move_on_after(within_s):
        return await one.take(lane)
    return None


async def use(one: RealmBudget, lane: Lane, count: int) -> None:
    for _ in range(count):
        one.answered(await one.take(lane))
