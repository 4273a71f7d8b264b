"""The cheaper way to read objects that are known by their Ids."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from backfill.jobs.costs import Costs
from backfill.jobs.targets import CHANGED, cost_of, pack, plan_reads
from backfill.pacing.metering import BatchCountsAs

NOW = datetime(2026, 11, 28, tzinfo=UTC)
LATELY = NOW - timedelta(hours=1)
BY_CALLS, BY_ITEMS = (Costs(batch_counts_as=counted) for counted in (BatchCountsAs.CALL, BatchCountsAs.ITEMS))


def ids(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def test_calls_hold_what_a_batch_may_ask_and_answer() -> None:
    wanted = {"Invoice": ids(1250), "Customer": ids(3), "TimeActivity": ids(1)}
    calls = pack(wanted)
    assert [[(question.entity.name, len(question.ids)) for question in call] for call in calls] == [
        [("Invoice", 200)] * 5,
        [("Invoice", 200), ("Invoice", 50), ("Customer", 3), ("TimeActivity", 1)],
    ]
    for call in calls:
        assert len(call) <= 30
        assert sum(len(question.ids) for question in call) <= 1000
    asked = [id_ for call in calls for question in call for id_ in question.ids if question.entity.name == "Invoice"]
    assert asked == ids(1250)


def test_statements() -> None:
    ((invoice, preferences),) = pack({"Invoice": ["7", "8"], "Preferences": ["1"]})
    assert invoice.statement == "SELECT * FROM Invoice WHERE Id IN ('7', '8') STARTPOSITION 1 MAXRESULTS 1000"
    assert preferences.statement == "SELECT * FROM Preferences STARTPOSITION 1 MAXRESULTS 1000"


def test_a_question_alone_is_a_query_and_several_are_a_batch() -> None:
    assert cost_of(pack({"Invoice": ids(3)}), BY_ITEMS) == 1
    assert cost_of(pack({"Invoice": ids(3), "Bill": ids(3)}), BY_CALLS) == 1
    assert cost_of(pack({"Invoice": ids(3), "Bill": ids(3)}), BY_ITEMS) == 2


@pytest.mark.parametrize(
    ("wanted", "costs", "by_cdc", "calls"),
    [
        ({"Invoice": 3, "Bill": 3}, BY_CALLS, [], 1),  # one batch costs what CDC costs, and says more
        ({"Invoice": 3, "Bill": 3}, BY_ITEMS, ["Invoice", "Bill"], 0),
        ({"Invoice": 3}, BY_ITEMS, [], 1),
        ({"Invoice": 3, "TimeActivity": 1}, BY_ITEMS, [], 1),  # the second is asked for by Id either way
        ({"Invoice": 3, "Bill": 1, "TimeActivity": 1}, BY_ITEMS, ["Invoice", "Bill"], 1),
        ({"Invoice": 300, "Bill": 201}, BY_ITEMS, [], 1),  # CDC's answer would most likely be cut
    ],
)
def test_cdc_is_taken_where_it_is_cheaper(wanted: dict[str, int], costs: Costs, by_cdc: list[str], calls: int) -> None:
    plan = plan_reads({name: ids(count) for name, count in wanted.items()}, LATELY, NOW, costs)
    assert [entity.name for entity in plan.by_cdc] == by_cdc
    assert len(plan.calls) == calls


def test_what_is_not_named_only_cdc_can_tell_and_only_for_a_month() -> None:
    wanted = {"Customer": ["1", CHANGED], "Invoice": ["1"]}
    plan = plan_reads(wanted, LATELY, NOW, BY_CALLS)
    assert [entity.name for entity in plan.by_cdc] == ["Customer", "Invoice"], "since it is asked anyway"
    assert plan.calls == []
    many = plan_reads({**wanted, "Invoice": ids(700)}, LATELY, NOW, BY_CALLS)
    assert [entity.name for entity in many.by_cdc] == ["Customer"], "700 invoices may fill its answer"
    assert sum(len(question.ids) for call in many.calls for question in call) == 701
    old = plan_reads(wanted, NOW - timedelta(days=29), NOW, BY_CALLS)
    assert old.by_cdc == []
    assert len(old.calls) == 1
