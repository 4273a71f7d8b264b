"""Trying again: only what can help, only what is safe, with bounds on attempts and on time."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise

import anyio
import pytest

from backfill.errors import (
    Disposition,
    FaultError,
    RequestError,
    ThrottledError,
    TokenError,
    UnansweredError,
    UnavailableError,
)
from backfill.events import Event, Retrying
from backfill.model import RealmId
from backfill.pacing.budget import RealmBudget
from backfill.pacing.limits import load_limits
from backfill.pacing.paced import Paced
from backfill.pacing.retried import READING, WRITING, Retried, RetryPolicy
from backfill.wire import Lane, Request, Response
from tests.pacing.budgets import used

pytestmark = pytest.mark.virtual

REALM = RealmId("9130350000000001")


@dataclass
class Inner:
    """Raises what it is given, one after the other (the last one for ever), then answers."""

    errors: Sequence[Exception]
    for_ever: bool = False
    times: list[float] = field(default_factory=list)

    async def send(self, request: Request, *, deadline: float) -> Response:
        number = len(self.times)
        self.times.append(anyio.current_time())
        if number < len(self.errors) or self.for_ever:
            raise self.errors[min(number, len(self.errors) - 1)]
        return Response(status=200)


def retried(inner: Inner, policy: RetryPolicy = READING, seed: int = 1, **options: object) -> Retried:
    return Retried(inner, policy=policy, rng=random.Random(seed), **options)  # type: ignore[arg-type]


def query(lane: Lane = Lane.QUERY) -> Request:
    return Request(realm_id=REALM, lane=lane, method="GET", path="/query")


def fault(disposition: Disposition, code: str = "10000", status: int = 500) -> FaultError:
    return FaultError("no", realm_id=REALM, disposition=disposition, code=code, status=status)


LOST = UnansweredError("lost", realm_id=REALM, code="timeout")
UNSENT = UnansweredError("refused", realm_id=REALM, sent=False, code="connect")
REFUSED = ThrottledError("slow down", realm_id=REALM, code="3001", status=429)


async def test_a_passing_trouble_passes_and_every_attempt_is_told() -> None:
    events: list[Event] = []
    inner = Inner([LOST, fault(Disposition.RETRY)])
    response = await retried(inner, observe=events.append).send(query(), deadline=math.inf)
    assert response.status == 200
    waits_s = [later - earlier for earlier, later in pairwise(inner.times)]
    told = [event for event in events if isinstance(event, Retrying)]
    assert [(event.realm_id, event.path, event.attempt, event.reason) for event in told] == [
        (REALM, "/query", 1, "timeout"),
        (REALM, "/query", 2, "10000"),
    ]
    assert [event.wait_s for event in told] == pytest.approx(waits_s, abs=1e-5)


async def test_attempts_are_bounded_and_the_last_error_comes_out() -> None:
    last = fault(Disposition.RETRY)
    inner = Inner([LOST, last], for_ever=True)
    with pytest.raises(FaultError) as raised:
        await retried(inner).send(query(), deadline=math.inf)
    assert raised.value is last
    assert len(inner.times) == READING.attempts


@pytest.mark.parametrize("seed", range(5))
async def test_waits_are_drawn_below_a_bound_that_doubles(seed: int) -> None:
    inner = Inner([LOST], for_ever=True)
    policy = replace(READING, attempts=9, longest_wait_s=20.0)
    with pytest.raises(UnansweredError):
        await retried(inner, policy, seed).send(query(), deadline=math.inf)
    waits_s = [later - earlier for earlier, later in pairwise(inner.times)]
    bounds_s = [1, 2, 4, 8, 16, 20, 20, 20]
    assert all(wait_s <= bound_s + 1e-5 for wait_s, bound_s in zip(waits_s, bounds_s, strict=True))
    assert len({round(wait_s, 6) for wait_s in waits_s}) == len(waits_s)


async def test_the_jitter_is_full() -> None:
    first_waits_s = []
    for seed in range(200):
        inner = Inner([LOST])
        began = anyio.current_time()
        await retried(inner, seed=seed).send(query(), deadline=math.inf)
        first_waits_s.append(anyio.current_time() - began)
    assert min(first_waits_s) < 0.05
    assert max(first_waits_s) > 0.95


async def test_the_same_seed_waits_the_same() -> None:
    traces = []
    for _ in range(2):
        began, inner = anyio.current_time(), Inner([LOST, LOST, LOST])
        await retried(inner).send(query(), deadline=math.inf)
        traces.append([time - began for time in inner.times])
    assert traces[0] == pytest.approx(traces[1], abs=1e-5)


async def test_a_wait_that_would_pass_the_deadline_is_not_begun() -> None:
    inner = Inner([LOST], for_ever=True)
    with pytest.raises(UnansweredError):
        await retried(inner, replace(READING, attempts=1000)).send(query(), deadline=45.0)
    assert 0 < anyio.current_time() < 45
    assert inner.times[-1] < 45


@pytest.mark.parametrize(
    "disposition",
    [
        Disposition.SHRINK,
        Disposition.REREAD,
        Disposition.READ_BACK,
        Disposition.REJECT,
        Disposition.QUARANTINE,
        Disposition.PARK,
        Disposition.STOP,
    ],
)
async def test_everything_else_is_the_callers(disposition: Disposition) -> None:
    inner = Inner([fault(disposition)])
    with pytest.raises(FaultError):
        await retried(inner).send(query(), deadline=math.inf)
    assert len(inner.times) == 1


@pytest.mark.parametrize("error", [UnavailableError("cap"), TokenError("dead", realm_id=REALM), ValueError("bug")])
async def test_what_is_not_a_matter_of_trying_again_comes_out_at_once(error: Exception) -> None:
    inner = Inner([error])
    with pytest.raises(type(error)):
        await retried(inner).send(query(), deadline=math.inf)
    assert len(inner.times) == 1


async def test_a_refused_token_is_tried_once_more_and_at_once() -> None:
    refreshed: list[RequestError] = []

    async def refresh(request: Request, error: RequestError) -> None:
        refreshed.append(error)

    stale = fault(Disposition.REFRESH, "3200")
    inner = Inner([stale])
    await retried(inner, refresh=refresh).send(query(), deadline=math.inf)
    assert (refreshed, inner.times) == ([stale], [0, 0])
    inner = Inner([stale], for_ever=True)
    with pytest.raises(FaultError):
        await retried(inner).send(query(), deadline=math.inf)
    assert len(inner.times) == 2


async def test_a_refusal_does_not_use_up_the_attempts_but_is_bounded_in_number() -> None:
    inner = Inner([*[REFUSED] * 10, *[LOST] * 5])
    await retried(inner).send(query(), deadline=math.inf)
    assert len(inner.times) == 16
    inner = Inner([REFUSED], for_ever=True)
    with pytest.raises(ThrottledError):
        await retried(inner).send(query(), deadline=math.inf)
    assert len(inner.times) == READING.throttled_attempts


async def test_a_refused_request_waits_out_the_rest_and_is_bounded_in_time() -> None:
    inner = Inner([REFUSED], for_ever=True)
    limits = replace(load_limits(), freeze_jitter_s=0.0)
    paced = Paced(inner, RealmBudget(REALM, limits, rng=random.Random(1)))
    policy = replace(READING, throttled_s=200.0)
    with pytest.raises(ThrottledError):
        await Retried(paced, policy=policy, rng=random.Random(1)).send(query(), deadline=math.inf)
    assert inner.times == pytest.approx([0, 60, 120, 180, 240], abs=1.5)


async def test_every_attempt_takes_new_permits() -> None:
    inner = Inner([fault(Disposition.RETRY)] * 3)
    budget = RealmBudget(REALM, load_limits(), rng=random.Random(1))
    await Retried(Paced(inner, budget), policy=READING, rng=random.Random(1)).send(query(), deadline=math.inf)
    assert used(budget) == 4


@pytest.mark.parametrize(
    ("policy", "lane", "error", "attempts"),
    [
        (WRITING, Lane.WRITE, LOST, 1),
        (WRITING, Lane.BATCH, LOST, 1),
        (WRITING, Lane.QUERY, LOST, 2),
        (READING, Lane.BATCH, LOST, 2),
        (READING, Lane.WRITE, LOST, 1),
        (WRITING, Lane.WRITE, UNSENT, 2),
        (WRITING, Lane.BATCH, fault(Disposition.RETRY), 1),
        (WRITING, Lane.BATCH, REFUSED, 1),
        (WRITING, Lane.BATCH, fault(Disposition.REFRESH, status=401), 2),
        (WRITING, Lane.BATCH, fault(Disposition.REFRESH, status=500), 1),
    ],
)
async def test_what_may_have_taken_effect_is_sent_again_only_where_that_does_no_harm(
    policy: RetryPolicy, lane: Lane, error: Exception, attempts: int
) -> None:
    inner = Inner([error])
    with suppress(RequestError):
        await retried(inner, policy).send(query(lane), deadline=math.inf)
    assert len(inner.times) == attempts


def test_scaling_divides_the_waits_and_not_the_attempts() -> None:
    scaled = READING.scaled(60)
    assert (scaled.first_wait_s, scaled.longest_wait_s, scaled.throttled_s) == (1 / 60, 1.0, 20.0)
    assert (scaled.attempts, scaled.throttled_attempts, scaled.resend) == (6, 15, READING.resend)


@pytest.mark.parametrize(("asked_s", "least_s", "most_s"), [(None, 0, 1), (20.0, 20, 21), (3600.0, 60, 60)])
async def test_a_server_that_asks_for_time_is_given_it_within_bounds(
    asked_s: float | None, least_s: float, most_s: float
) -> None:
    busy = FaultError("503", realm_id=REALM, disposition=Disposition.RETRY, status=503, retry_after_s=asked_s)
    inner = Inner([busy])
    await retried(inner).send(query(), deadline=math.inf)
    assert least_s <= inner.times[1] <= most_s
