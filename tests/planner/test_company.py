"""What one company takes: each thing that is set acts as it should, the same twice, and no world makes it hang."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from typing import Any

import pytest

from backfill.config import Settings
from backfill.errors import UnavailableError
from backfill.planner import company
from backfill.planner.company import CompanyCost, cost_of
from backfill.planner.scenario import Companies, Intuit, Machine, Scenario
from backfill.simulator.seed.profile import SMALLEST
from backfill.simulator.transport import SimulatedTransport
from backfill.wire import Request, Response

SMALL, MIDDLING, LARGE = 800, 5_000, 12_000

STRICT = {
    "requests_per_window": 24,
    "batches_per_window": 16,
    "realm_batches_per_window": 16,
    "reports_per_window": 16,
    "block_permits": 10,
}
"""Limits so low that they are what a company waits for."""

LOCAL = {"base_url": "http://127.0.0.1:1"}
"""Intuit's own limits are never scaled."""


def scenario(*, machine: Machine | None = None, seed: int = 1, **intuit: float) -> Scenario:
    group = Companies(name="a", count=1, objects=SMALL)
    return Scenario(companies=(group,), intuit=Intuit(**intuit), machine=machine or Machine(), seed=seed)


def settings(**tables: Any) -> Settings:
    return Settings.model_validate(tables)


PLAIN = settings()


def cost(
    objects: int, of: Scenario | None = None, /, number: int = 0, *, given: Settings = PLAIN, **intuit: float
) -> CompanyCost:
    return cost_of(objects, number, of or scenario(**intuit), given)


@cache
def plain(objects: int) -> CompanyCost:
    """With nothing set: the same whenever it is asked for, as a test holds."""
    return cost(objects)


@pytest.fixture
def exchanged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Request, Response]]:
    """Every exchange with the simulator, as it went over the wire."""
    seen: list[tuple[Request, Response]] = []

    class Watched(SimulatedTransport):
        async def send(self, request: Request, *, deadline: float) -> Response:
            response = await super().send(request, deadline=deadline)
            seen.append((request, response))
            return response

    monkeypatch.setattr(company, "SimulatedTransport", Watched)
    return seen


def billed(exchanges: list[tuple[Request, Response]]) -> tuple[int, int]:
    """In both readings: a batch as one call, and as its items."""
    answered = [request for request, response in exchanges if 200 <= response.status < 300]
    items = [len(json.loads(one.body)["BatchItemRequest"]) if one.path.endswith("batch") else 1 for one in answered]
    return len(answered), sum(items)


class TestCost:
    def test_a_small_company_costs_four_calls(self, exchanged: list[tuple[Request, Response]]) -> None:
        made = cost(SMALL)
        assert made.requests == {"batch": 3, "query": 1}
        assert made.rows == SMALL
        assert made.metered == billed(exchanged)
        assert made.metered.calls == 4 < made.metered.items
        assert made.breakable_s == 0, "nothing of it is read in slices"

    def test_of_a_larger_one_all_lanes_are_counted(self, exchanged: list[tuple[Request, Response]]) -> None:
        made = cost(MIDDLING)
        assert sum(made.requests.values()) == len(exchanged)
        assert made.metered == billed(exchanged)
        assert made.rows == MIDDLING
        assert 0 < made.breakable_s < made.seconds - 2, "what changed meanwhile is asked for after the slices"

    def test_no_company_is_smaller_than_quickbooks_begins_it(self) -> None:
        assert cost(1).rows == SMALLEST

    def test_what_was_refused_is_a_request_and_not_metered(self, exchanged: list[tuple[Request, Response]]) -> None:
        made = cost(SMALL, other_requests_per_minute=499)
        assert len(exchanged) == sum(made.requests.values()) > made.metered.calls
        assert Counter(response.status for _, response in exchanged)[429] > 0
        assert made.metered == billed(exchanged)

    @pytest.mark.parametrize("objects", [SMALL, MIDDLING])
    def test_the_same_scenario_costs_the_same(self, objects: int) -> None:
        assert cost(objects) == cost(objects)

    def test_also_where_others_are_at_work(self) -> None:
        busy = scenario(changes_per_minute=100.0, other_requests_per_minute=495)
        assert cost(2_000, busy) == cost(2_000, busy)

    def test_another_seed_or_number_is_another_company(self) -> None:
        assert plain(MIDDLING) != cost(MIDDLING, number=1)
        assert plain(MIDDLING) != cost(MIDDLING, scenario(seed=2))

    def test_pages_take_memory_within_what_there_is(self) -> None:
        given = settings(extract={"memory_mb": 16})
        made = cost(LARGE, given=given)
        assert 0 < made.asked_bytes < 16 * 1024 * 1024 / 10
        assert 0 < made.come_bytes < 16 * 1024 * 1024 * 9 / 10


class TestIntuit:
    def test_latency_takes_time_and_no_calls(self) -> None:
        near, far = cost(SMALL, latency_s=0.1), cost(SMALL, latency_s=1.1)
        assert far.requests == near.requests
        # One after another: token, census, pages. Each is a second later.
        assert far.seconds - near.seconds >= 3

    def test_a_page_takes_the_longer_the_more_is_in_it(self) -> None:
        small, large = (
            cost(objects, page_s=3).seconds - cost(objects, page_s=0).seconds for objects in (SMALL, MIDDLING)
        )
        assert 0 < small < large

    def test_an_answer_that_would_come_too_late_does_not_come(self) -> None:
        """A page that takes longer than a request may is asked for again in parts, as it would be in earnest."""
        limits = PLAIN.pacing_limits()
        soon, late = cost(MIDDLING, page_s=limits.read_timeout_s / 2), cost(MIDDLING, page_s=limits.read_timeout_s * 3)
        assert late.rows == soon.rows == MIDDLING
        assert sum(late.requests.values()) > sum(soon.requests.values())

    def test_changes_are_read_too(self) -> None:
        quiet, busy = plain(MIDDLING), cost(MIDDLING, changes_per_minute=300)
        assert busy.rows > quiet.rows
        assert busy.metered.calls >= quiet.metered.calls

    def test_who_takes_of_the_limits_makes_it_longer(self) -> None:
        alone, beside = plain(LARGE), cost(LARGE, other_requests_per_minute=490)
        assert beside.rows == alone.rows
        assert beside.seconds > 2 * alone.seconds

    @pytest.mark.parametrize("other", [501, 10_000])
    @pytest.mark.parametrize("objects", [SMALL, MIDDLING])
    def test_where_nothing_is_left_of_the_limits_it_says_so(self, objects: int, other: float) -> None:
        with pytest.raises(
            UnavailableError, match=f"company of {objects:,} objects cannot be read.*refuses every call"
        ):
            cost(objects, other_requests_per_minute=other)

    def test_where_no_token_is_to_be_had_it_says_so(self) -> None:
        """Which parks a company, and so ends no run."""
        with pytest.raises(UnavailableError, match=r"cannot be read to its end.*token endpoint"):
            cost(SMALL, latency_s=600)

    def test_what_takes_too_long_to_simulate_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(company, "WALL_LIMIT_S", 0.05)
        with pytest.raises(UnavailableError, match=r"cannot be read to its end.*more than 0\.05 s"):
            cost(LARGE)


class TestSettings:
    def test_one_reader_takes_longer_than_many(self) -> None:
        one = cost(LARGE, given=settings(extract={"readers_per_realm": 1}))
        assert one.seconds > plain(LARGE).seconds
        assert one.rows == plain(LARGE).rows

    @pytest.mark.parametrize(("reading", "objects"), [("call", 30_000), ("items", 2_000)])
    def test_to_optimise_calls_costs_fewer_and_more_time(self, reading: str, objects: int) -> None:
        metered = {"batch_counts_as": reading}
        time, calls = (
            cost(objects, given=settings(metered=metered, extract={"optimise": optimise}))
            for optimise in ("time", "calls")
        )
        field = "calls" if reading == "call" else "items"
        assert getattr(calls.metered, field) < getattr(time.metered, field)
        assert calls.seconds > time.seconds
        assert calls.rows == time.rows

    def test_reports_that_are_named_are_read_too(self) -> None:
        without = plain(SMALL)
        given = settings(reports={"names": ["ProfitAndLoss"], "basis": "accrual"})
        made = cost(SMALL, given=given)
        both = cost(SMALL, given=settings(reports={"names": ["ProfitAndLoss"], "basis": "both"}))
        assert "report" not in without.requests
        assert made.requests["report"] > 0
        assert both.requests["report"] > made.requests["report"]
        assert made.rows > without.rows
        assert made.seconds > without.seconds

    def test_what_is_not_named_is_not_read(self) -> None:
        made = cost(MIDDLING, given=settings(extract={"entities": ["Invoice"]}))
        assert 0 < made.rows < MIDDLING
        assert sum(made.requests.values()) < sum(plain(MIDDLING).requests.values())

    def test_smaller_pages_are_more_of_them(self) -> None:
        made = cost(MIDDLING, given=settings(extract={"page_rows": 100}))
        assert made.requests["query"] > plain(MIDDLING).requests["query"]
        assert made.rows == MIDDLING

    def test_limits_are_kept_to(self) -> None:
        strict = cost(LARGE, given=settings(limits=STRICT))
        assert strict.seconds > 2 * plain(LARGE).seconds
        assert strict.rows == plain(LARGE).rows

    def test_scaled_limits_take_less_of_the_time(self) -> None:
        strict, scaled = (
            cost(LARGE, given=settings(limits=STRICT, qbo=LOCAL, limits_scale=scale)) for scale in (1, 10)
        )
        assert scaled.seconds < strict.seconds / 2

    def test_the_server_is_scaled_as_well(self) -> None:
        """Or it would refuse, minutes long, what the scaled limits allow us."""
        made = cost(SMALL, given=settings(qbo=LOCAL, limits_scale=60), other_requests_per_minute=499)
        assert made.seconds < cost(SMALL, other_requests_per_minute=499).seconds / 10


class TestMachine:
    @pytest.mark.parametrize("name", ["row_us", "row_postgres_us"])
    def test_rows_take_time_to_land(self, name: str) -> None:
        slow = cost(SMALL, scenario(machine=Machine(**{name: 10_000})))
        # Eight seconds of work, by as many readers at a time as have a page in hand.
        assert slow.seconds > plain(SMALL).seconds + 1
        assert slow.requests == plain(SMALL).requests

    @pytest.mark.parametrize("name", ["company_ms", "company_postgres_ms"])
    def test_a_company_takes_time_beside_its_rows(self, name: str) -> None:
        quick, slow = (cost(SMALL, scenario(machine=Machine(**{name: ms}))) for ms in (10, 1_010))
        assert slow.seconds - quick.seconds == pytest.approx(1)
