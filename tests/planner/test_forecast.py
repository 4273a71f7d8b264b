"""A forecast: groups that add up, companies shared out, and what would help named only where it bounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from backfill.config import Settings
from backfill.config.sections import REALMS_AT_ONCE_MAX
from backfill.pacing.metering import BatchCountsAs, Count
from backfill.planner import forecast as module
from backfill.planner.company import CompanyCost, cost_of
from backfill.planner.forecast import Forecast, forecast
from backfill.planner.scenario import SAMPLES, Companies, Intuit, Machine, Scenario
from backfill.planner.schedule import Bound
from backfill.planner.tiers import charges

MB = 1024 * 1024


def group(name: str = "a", count: int = 1, objects: int | tuple[int, int] = 800) -> Companies:
    return Companies(name=name, count=count, objects=objects)


def plan(
    *groups: Companies, machine: Mapping[str, float] | None = None, elsewhere: int = 0, seed: int = 1, **extract: int
) -> Forecast:
    made = Scenario(companies=groups, machine=Machine(**(machine or {})), metered_elsewhere=elsewhere, seed=seed)
    return forecast(made, Settings.model_validate({"extract": extract}))


Simulated = list[tuple[int, int]]


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Simulated]:
    """Companies that cost what is said, and 10 s; which were asked for, by objects and number."""
    asked: Simulated = []

    def simulate(**said: Any) -> Simulated:
        def cost(objects: int, number: int, _scenario: Scenario, _settings: Settings, _stopping: object) -> CompanyCost:
            asked.append((objects, number))
            plain = {
                "rows": objects,
                "requests": {"query": objects // 1000 + 1, "batch": 3},
                "metered": Count(objects // 1000 + 4, objects // 1000 + 90),
                "seconds": 10.0,
                "asked_bytes": 0.0,
                "come_bytes": 0.0,
                "breakable_s": 0.0,
            }
            return CompanyCost(**plain | said)

        monkeypatch.setattr(module, "cost_of", cost)
        return asked

    return simulate


NO_COST = {"row_us": 1e-6, "row_postgres_us": 1e-6, "company_ms": 1e-6, "company_postgres_ms": 1e-6}
"""Of the machine; nothing is allowed to be free."""


class TestSums:
    def test_of_real_companies(self) -> None:
        planned = plan(group("small", 25, (100, 2_000)), group("one", 1, 3_000))
        assert planned.companies == 26
        assert planned.rows == sum(one.rows for one in planned.groups)
        assert planned.requests == sum((Counter(one.requests) for one in planned.groups), Counter())
        assert planned.metered == (
            sum(one.metered.calls for one in planned.groups),
            sum(one.metered.items for one in planned.groups),
        )
        assert planned.metered.calls == sum(planned.requests.values()), "nothing was refused"
        assert planned.schedule.wall_s >= max(one.seconds[1] for one in planned.groups)
        small, one = planned.groups
        assert small.seconds[0] < small.seconds[1]
        alone = cost_of(3_000, 0, Scenario(companies=(group(),)), Settings())
        assert (one.rows, one.requests, one.metered) == (alone.rows, alone.requests, alone.metered)
        assert one.seconds == (alone.seconds, alone.seconds)

    def test_companies_are_read_as_the_settings_say(self) -> None:
        assert sum(plan(group(), page_rows=100).requests.values()) > sum(plan(group()).requests.values())

    @pytest.mark.parametrize("count", [1, 2, SAMPLES - 1, SAMPLES, SAMPLES + 1, 2 * SAMPLES - 1, 1_000])
    def test_each_company_is_counted_once(self, simulated: Callable[..., Simulated], count: int) -> None:
        asked = simulated(requests={"query": 7}, metered=Count(5, 6), rows=11)
        planned = plan(group(count=count, objects=(100, 5_000)))
        assert len(asked) == min(count, SAMPLES)
        assert [number for _, number in asked] == list(range(len(asked))), "each is another company"
        (made,) = planned.groups
        assert (made.companies, made.rows, made.requests) == (count, 11 * count, {"query": 7 * count})
        assert made.metered == planned.metered == (5 * count, 6 * count)

    @pytest.mark.parametrize("count", [2, SAMPLES - 1, SAMPLES + 1, 2 * SAMPLES - 1, 1_001])
    def test_what_cannot_be_shared_evenly_goes_to_small_and_large_alike(
        self, simulated: Callable[..., Simulated], count: int
    ) -> None:
        asked = simulated()
        (made,) = plan(group(count=count, objects=(100, 50_000))).groups
        mean = sum(objects for objects, _ in asked) / len(asked)
        assert made.rows / made.companies == pytest.approx(mean, rel=0.1)

    def test_the_order_of_groups_changes_nothing_of_the_sums(self, simulated: Callable[..., Simulated]) -> None:
        simulated()
        groups = [group("a", 30, (100, 9_000)), group("b", 7, 20_000)]
        one, other = plan(*groups), plan(*reversed(groups))
        assert (one.rows, one.metered, one.requests) == (other.rows, other.metered, other.requests)

    def test_processor_time_is_that_of_rows_and_companies(self, simulated: Callable[..., Simulated]) -> None:
        simulated(rows=1_000)
        machine = {"row_us": 2, "company_ms": 3, "row_postgres_us": 5, "company_postgres_ms": 7}
        planned = plan(group(count=10), machine=machine)
        assert planned.program_s == pytest.approx(10 * (1_000 * 2e-6 + 3e-3))
        assert planned.postgres_s == pytest.approx(10 * (1_000 * 5e-6 + 7e-3))

    def test_it_tells_of_each_group(self, simulated: Callable[..., Simulated]) -> None:
        simulated()
        said: list[str] = []
        made = Scenario(companies=(group("many", 2_500, (100, 900)), group("one")))
        forecast(made, Settings(), tell=said.append)
        assert said == ["many: 12 of 2,500 companies are simulated", "one: 1 of 1 companies are simulated"]


class TestTime:
    def test_the_same_scenario_takes_the_same(self, simulated: Callable[..., Simulated]) -> None:
        simulated(breakable_s=10.0)
        groups = [group("a", 300, (100, 9_000)), group("b", 70, 20_000)]
        assert plan(*groups) == plan(*groups)

    def test_the_settings_places_are_those_of_the_run(self, simulated: Callable[..., Simulated]) -> None:
        simulated()
        assert plan(group(count=6), realms_at_once=2, machine=NO_COST).schedule.wall_s == pytest.approx(30)
        assert plan(group(count=6), realms_at_once=3, machine=NO_COST).schedule.wall_s == pytest.approx(20)

    def test_a_pause_costs_an_answer(self, simulated: Callable[..., Simulated]) -> None:
        """Of giants by turns of 30 s, each with four or five turns, the first of which may end early."""
        simulated(seconds=120.0, breakable_s=120.0)
        intuit = Intuit(latency_s=1, page_s=2)
        made = Scenario(companies=(group(count=4),), machine=Machine(**NO_COST), intuit=intuit)
        with_pauses = forecast(made, Settings.model_validate({"extract": {"realms_at_once": 1}})).schedule.wall_s
        assert 4 * 120 + 4 * 3 * 3 <= with_pauses <= 4 * 120 + 4 * 5 * 3

    def test_who_is_paused_asks_once_more(self, simulated: Callable[..., Simulated]) -> None:
        simulated(seconds=120.0, breakable_s=120.0)
        at_once, by_turns = (plan(group(count=4), realms_at_once=places, machine=NO_COST) for places in (4, 1))
        assert by_turns.schedule.paused == 4, "each, however often"
        assert by_turns.requests == at_once.requests + Counter(batch=4)
        assert by_turns.metered == at_once.metered.plus(Count(4, 4))
        assert at_once.schedule.paused == 0

    @pytest.mark.parametrize(("part", "share"), [("asked_bytes", 0.1), ("come_bytes", 0.9)])
    def test_either_part_of_the_settings_memory(
        self, simulated: Callable[..., Simulated], part: str, share: float
    ) -> None:
        simulated(**{part: share * 32 * MB / 2})
        planned = plan(group(count=8), memory_mb=32, machine=NO_COST)
        assert planned.schedule.wall_s == pytest.approx(40, rel=1e-3), "two at full speed, or eight at a quarter"
        assert planned.schedule.bound is Bound.MEMORY

    def test_a_process_uses_one_processor_however_many_there_are(self, simulated: Callable[..., Simulated]) -> None:
        simulated(rows=1_000_000)
        for processors, processes in ((2, 1), (64, 1), (64, 2)):
            machine = NO_COST | {"row_us": 10, "processors": processors, "processes": processes}
            planned = plan(group(count=5), machine=machine)
            assert planned.schedule.wall_s == pytest.approx(50 / processes, rel=1e-3)
            assert planned.schedule.bound is Bound.PROGRAM

    def test_each_process_has_places_and_memory_of_its_own(self, simulated: Callable[..., Simulated]) -> None:
        simulated()
        two = NO_COST | {"processes": 2}
        assert plan(group(count=6), realms_at_once=1, machine=two).schedule.wall_s == pytest.approx(30)
        for part, share in (("asked_bytes", 0.1), ("come_bytes", 0.9)):
            simulated(**{part: share * 32 * MB / 2})
            assert plan(group(count=8), memory_mb=32, machine=two).schedule.wall_s == pytest.approx(20, rel=1e-3)

    def test_postgres_shares_the_processors_or_has_its_own(self, simulated: Callable[..., Simulated]) -> None:
        simulated(rows=1_000_000)
        machine = NO_COST | {"row_us": 4, "row_postgres_us": 16, "processors": 2}
        shared = plan(group(count=2), machine=machine).schedule
        apart = plan(group(count=2), machine=machine | {"postgres_processors": 4}).schedule
        few = plan(group(count=2), machine=machine | {"postgres_processors": 1}).schedule
        assert (shared.bound, shared.wall_s) == (Bound.PROCESSORS, pytest.approx(20, rel=1e-3))
        assert (apart.bound, apart.wall_s) == (Bound.INTUIT, pytest.approx(10))
        assert (few.bound, few.wall_s) == (Bound.POSTGRES, pytest.approx(32, rel=1e-3))


class TestInstead:
    """What could be had twice is named where it bounds, with what the run would take then, and nowhere else."""

    def test_nothing_where_intuit_bounds(self, simulated: Callable[..., Simulated]) -> None:
        simulated()
        assert plan(group(count=5), machine=NO_COST).instead == {}

    def test_processes(self, simulated: Callable[..., Simulated]) -> None:
        simulated(rows=1_000_000)
        planned = plan(group(count=5), machine=NO_COST | {"row_us": 10, "processors": 64})
        assert {words: other.wall_s for words, other in planned.instead.items()} == {
            "2 processes (backfill worker)": pytest.approx(25, rel=1e-3)
        }

    def test_places(self, simulated: Callable[..., Simulated]) -> None:
        simulated()
        planned = plan(group(count=8), realms_at_once=2, machine=NO_COST)
        assert {words: other.wall_s for words, other in planned.instead.items()} == {
            "extract.realms_at_once = 4": pytest.approx(20)
        }

    @pytest.mark.parametrize(
        ("places", "instead"),
        [
            (REALMS_AT_ONCE_MAX - 1, [f"extract.realms_at_once = {REALMS_AT_ONCE_MAX}"]),
            (REALMS_AT_ONCE_MAX, []),
        ],
    )
    def test_no_more_places_than_can_be_set(
        self, simulated: Callable[..., Simulated], places: int, instead: list[str]
    ) -> None:
        simulated()
        planned = plan(group(count=2 * places), realms_at_once=places, machine=NO_COST)
        assert planned.schedule.bound_s[Bound.PLACES] > 0
        assert list(planned.instead) == instead

    def test_memory(self, simulated: Callable[..., Simulated]) -> None:
        simulated(come_bytes=32 * MB * 0.9)
        planned = plan(group(count=4), machine=NO_COST)
        assert {words: other.wall_s for words, other in planned.instead.items()} == {
            "extract.memory_mb = 64": pytest.approx(20, rel=1e-3)
        }

    def test_processors(self, simulated: Callable[..., Simulated]) -> None:
        simulated(rows=1_000_000)
        machine = NO_COST | {"row_postgres_us": 20, "processors": 2}
        planned = plan(group(count=4), machine=machine)
        assert {words: other.wall_s for words, other in planned.instead.items()} == {
            "4 processors": pytest.approx(20, rel=1e-3)
        }
        planned = plan(group(count=4), machine=machine | {"postgres_processors": 3})
        assert {words: other.wall_s for words, other in planned.instead.items()} == {
            "6 processors for Postgres": pytest.approx(80 / 6, rel=1e-3)
        }

    def test_what_bounds_for_a_moment_is_left_out(self, simulated: Callable[..., Simulated]) -> None:
        """Half a hundredth of the time, of one that gives its place to who waits."""
        simulated()
        long = 10 * 200

        def some(objects: int, *_: object) -> CompanyCost:
            seconds = 10.0 if objects == 1 else float(long)
            return CompanyCost(
                rows=1,
                requests={},
                metered=Count(),
                seconds=seconds,
                asked_bytes=0,
                come_bytes=0,
                breakable_s=0,
            )

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "cost_of", some)
            planned = plan(group("small", 2, 1), group("large", 1, 2), realms_at_once=2, machine=NO_COST)
        assert 0 < planned.schedule.bound_s[Bound.PLACES] < 0.01 * planned.schedule.wall_s
        assert planned.instead == {}


class TestCharges:
    def test_in_both_readings_of_a_batch(self, simulated: Callable[..., Simulated]) -> None:
        simulated(metered=Count(1_000, 7_000))
        planned = plan(group(count=600), elsewhere=400_000)
        assert planned.charges == {
            BatchCountsAs.CALL: charges(600_000, elsewhere=400_000, connections=600),
            BatchCountsAs.ITEMS: charges(4_200_000, elsewhere=400_000, connections=600),
        }
        assert planned.charges[BatchCountsAs.CALL] != planned.charges[BatchCountsAs.ITEMS]

    def test_the_companies_of_all_groups_open_a_tier(self, simulated: Callable[..., Simulated]) -> None:
        simulated()
        planned = plan(group("a", 250), group("b", 250))
        assert [one.tier.name for one in planned.charges[BatchCountsAs.CALL] if one.is_open][-1] == "Gold"
