"""Permits are taken before a request goes, and given back by what became of it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

import anyio
import pytest

from backfill.errors import (
    Disposition,
    FaultError,
    RequestError,
    StoppedError,
    ThrottledError,
    UnansweredError,
    UnreadableError,
)
from backfill.model import RealmId
from backfill.pacing.budget import RealmBudget
from backfill.pacing.limits import load_limits
from backfill.pacing.metering import MeteredBudget
from backfill.pacing.paced import Paced
from backfill.wire import Lane, Request, Response
from tests.pacing.budgets import used

pytestmark = pytest.mark.virtual

REALM = RealmId("9130350000000001")
LIMITS = replace(load_limits(), freeze_jitter_s=0.0)


@dataclass
class Inner:
    """Answers after `takes_s`, or raises."""

    error: BaseException | None = None
    status: int = 200
    takes_s: float = 0.0
    deadlines: list[float] = field(default_factory=list)

    async def send(self, request: Request, *, deadline: float) -> Response:
        self.deadlines.append(deadline)
        await anyio.sleep(self.takes_s)
        if self.error is not None:
            raise self.error
        return Response(status=self.status)


def query(lane: Lane = Lane.QUERY) -> Request:
    return Request(realm_id=REALM, lane=lane, method="GET", path="/query")


def realm_budget() -> RealmBudget:
    return RealmBudget(REALM, LIMITS, rng=random.Random(1))


def held_at(budget: RealmBudget) -> tuple[int, int]:
    """Permits of the window held, and places in flight."""
    return used(budget), budget._in_flight.statistics().held


@pytest.mark.parametrize(
    ("error", "held", "resting"),
    [
        (None, (1, 0), False),
        (FaultError("bad", realm_id=REALM, status=400), (1, 0), False),
        (UnreadableError("cut", realm_id=REALM, status=200), (1, 0), False),
        (UnansweredError("lost", realm_id=REALM), (1, 1), False),
        (UnansweredError("refused", realm_id=REALM, sent=False), (0, 0), False),
        (ThrottledError("slow down", realm_id=REALM, status=429), (1, 0), True),
        (FaultError("slow down", realm_id=REALM, disposition=Disposition.WAIT), (1, 0), True),
        (ZeroDivisionError(), (1, 1), False),
    ],
)
async def test_what_became_of_the_request_decides_what_is_given_back(
    error: BaseException | None, held: tuple[int, int], resting: bool
) -> None:
    budget = realm_budget()
    paced = Paced(Inner(error, takes_s=0.5), budget)
    if error is None:
        assert (await paced.send(query(), deadline=math.inf)).status == 200
    else:
        with pytest.raises(type(error)) as raised:
            await paced.send(query(), deadline=math.inf)
        assert raised.value is error
    assert held_at(budget) == held
    assert (budget.frozen_until is not None) == resting


async def test_a_request_cancelled_on_its_way_is_abandoned() -> None:
    budget = realm_budget()
    with anyio.move_on_after(1):
        await Paced(Inner(takes_s=5), budget).send(query(), deadline=math.inf)
    assert held_at(budget) == (1, 1)
    await anyio.sleep_until(71.1)  # cancelled at 1, in by 11
    assert held_at(budget) == (0, 1)
    await anyio.sleep_until(120.3)
    assert held_at(budget) == (0, 0)


async def test_a_request_cancelled_before_it_goes_leaves_nothing() -> None:
    budget = realm_budget()
    grants = [await budget.take(Lane.QUERY) for _ in range(10)]
    inner = Inner()
    with anyio.move_on_after(1):
        await Paced(inner, budget).send(query(), deadline=math.inf)
    for grant in grants:
        budget.unsent(grant)
    assert held_at(budget) == (0, 0)
    assert inner.deadlines == []


async def test_what_the_server_asks_for_reaches_the_budget() -> None:
    budget = realm_budget()
    error = ThrottledError("slow down", realm_id=REALM, status=429, retry_after_s=17.0)
    with pytest.raises(ThrottledError):
        await Paced(Inner(error), budget).send(query(), deadline=math.inf)
    assert budget.frozen_until == 17.0


@pytest.mark.parametrize(("lane", "timeout_s"), [(Lane.QUERY, 30), (Lane.BATCH, 130), (Lane.REPORT, 130)])
async def test_the_lanes_time_out_begins_when_the_permits_are_there(lane: Lane, timeout_s: float) -> None:
    budget, inner = realm_budget(), Inner()
    grants = [await budget.take(Lane.QUERY) for _ in range(10)]
    paced = Paced(inner, budget)
    async with anyio.create_task_group() as group:
        group.start_soon(_send, paced, query(lane))
        await anyio.sleep_until(50)
        budget.answered(grants[0])
    assert inner.deadlines == pytest.approx([50 + timeout_s])


async def _send(paced: Paced, request: Request) -> None:
    await paced.send(request, deadline=math.inf)


async def test_the_callers_deadline_holds_where_it_is_sooner() -> None:
    inner = Inner()
    await Paced(inner, realm_budget()).send(query(), deadline=12.0)
    assert inner.deadlines == [12.0]


async def test_no_permit_before_the_deadline_is_an_unsent_request_and_not_a_time_out_of_the_server() -> None:
    budget, inner = realm_budget(), Inner()
    for _ in range(10):
        await budget.take(Lane.QUERY)
    with pytest.raises(UnansweredError, match=REALM) as raised:
        await Paced(inner, budget).send(query(), deadline=20.0)
    assert anyio.current_time() == pytest.approx(20)
    assert not raised.value.sent
    assert raised.value.code == "permit"
    assert inner.deadlines == []
    assert used(budget) == 10


@pytest.mark.parametrize(
    ("make", "used"),
    [
        (Inner, 1),
        (lambda: Inner(status=404), 0),
        (lambda: Inner(FaultError("bad", realm_id=REALM, status=400)), 0),
        (lambda: Inner(FaultError("fault in a 200", realm_id=REALM, status=200)), 1),
        (lambda: Inner(UnreadableError("cut", realm_id=REALM, status=200)), 1),
        (lambda: Inner(ThrottledError("slow down", realm_id=REALM, status=429)), 0),
        (lambda: Inner(UnansweredError("lost", realm_id=REALM)), 1),
        (lambda: Inner(UnansweredError("refused", realm_id=REALM, sent=False)), 0),
        (lambda: Inner(RequestError("no token", realm_id=REALM)), 1),
    ],
)
async def test_a_call_is_counted_where_intuit_bills_it_or_may(make: Callable[[], Inner], used: int) -> None:
    metered = MeteredBudget(cap=10)
    paced = Paced(make(), realm_budget(), metered=metered)
    with suppress(RequestError):
        await paced.send(query(), deadline=math.inf)
    assert metered.used == used


async def test_a_cancelled_call_stays_counted() -> None:
    metered = MeteredBudget(cap=10)
    with anyio.move_on_after(1):
        await Paced(Inner(takes_s=5), realm_budget(), metered=metered).send(query(), deadline=math.inf)
    assert metered.used == 1


async def test_a_call_that_got_no_permit_is_not_counted() -> None:
    budget, metered = realm_budget(), MeteredBudget(cap=20)
    paced = Paced(Inner(takes_s=20), budget, metered=metered)
    async with anyio.create_task_group() as group:
        for _ in range(budget.limits.in_flight):
            group.start_soon(lambda: paced.send(query(), deadline=math.inf))
        await anyio.sleep(5)
        with pytest.raises(UnansweredError):
            await paced.send(query(), deadline=anyio.current_time() + 1)
    assert metered.used == budget.limits.in_flight


async def test_the_cap_stops_a_call_before_it_goes() -> None:
    budget, inner, metered = realm_budget(), Inner(), MeteredBudget(cap=1)
    paced = Paced(inner, budget, metered=metered)
    await paced.send(query(), deadline=math.inf)
    with pytest.raises(StoppedError):
        await paced.send(query(), deadline=math.inf)
    await paced.send(query(Lane.WRITE), deadline=math.inf)  # single writes are free
    assert len(inner.deadlines) == 2
    assert used(budget) == 2
    assert metered.used == 1
