"""Whose turn it is: no giant starves the small, weights hold, the new start soon, the idle are forgotten."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfill.pacing.fair import SWEPT_ENDS, FairQueue


def rounds(queue: FairQueue[str], turns: int, weights: dict[str, float] | None = None) -> list[str]:
    """Pop and push again `turns` times: every key has endless work."""
    order = []
    for _ in range(turns):
        key = queue.pop()
        order.append(key)
        queue.push(key, weight=(weights or {}).get(key, 1.0))
    return order


def filled(*keys: str, weights: dict[str, float] | None = None) -> FairQueue[str]:
    queue: FairQueue[str] = FairQueue()
    for key in keys:
        queue.push(key, weight=(weights or {}).get(key, 1.0))
    return queue


@pytest.mark.parametrize(
    ("weights", "order"),
    [
        ({"a": 1.0, "b": 1.0}, "abababab"),
        ({"a": 2.0, "b": 1.0}, "abaabaab"),
        ({"a": 1.0, "b": 1.0, "c": 1.0}, "abcabcabc"),
        ({"a": 3.0, "b": 1.0}, "abaaabaa"),
    ],
)
def test_turns_are_shared_by_weight(weights: dict[str, float], order: str) -> None:
    served = rounds(filled(*weights, weights=weights), len(order), weights)
    assert Counter(served) == Counter(order)
    assert served[: len(weights)] == sorted(weights)


@given(turns=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5), st.sampled_from((0.5, 1.0, 3.0)))))
def test_who_passes_by_is_charged_as_who_stood_in_line(turns: list[tuple[str, int, float]]) -> None:
    line: FairQueue[str] = FairQueue()
    passing: FairQueue[str] = FairQueue()
    for key, cost, weight in turns:
        line.push(key, cost=cost, weight=weight)
        assert line.pop() == key
        passing.pass_by(key, cost=cost, weight=weight)
        assert passing.present == line.present
    for queue in (line, passing):
        for key in "abc":
            queue.push(key)
    assert [passing.pop() for _ in "abc"] == [line.pop() for _ in "abc"]


def test_a_giant_does_not_starve_the_small() -> None:
    queue: FairQueue[str] = FairQueue()
    for _ in range(10_000):
        queue.push("giant")
    queue.pop()
    for number in range(50):
        queue.push(f"small {number}")
    first = [queue.pop() for _ in range(51)]
    assert sum(key != "giant" for key in first) == 50


def test_a_new_one_goes_before_all_that_had_a_turn() -> None:
    queue = filled(*(f"old {number}" for number in range(5000)))
    rounds(queue, 12_345)
    queue.push("new")
    assert queue.pop() == "new"


def test_going_away_and_coming_back_gains_nothing() -> None:
    queue = filled("a", "b")
    served = []
    for _ in range(20):
        key = queue.pop()
        served.append(key)
        queue.push(key)  # "a" is never away for longer than its turn, and "b" neither
    assert abs(served.count("a") - served.count("b")) <= 1


def test_the_idle_save_nothing_up() -> None:
    queue = filled("busy", "idle")
    queue.pop()
    queue.pop()
    queue.push("busy")
    rounds(queue, 1000)
    queue.push("idle")
    after = rounds(queue, 20)
    assert after.count("idle") in (10, 11)


def test_a_costly_turn_counts_for_more() -> None:
    queue: FairQueue[str] = FairQueue()
    costs = {"cheap": 1.0, "dear": 10.0}
    for key, cost in costs.items():
        queue.push(key, cost=cost)
    served = []
    for _ in range(110):
        key = queue.pop()
        served.append(key)
        queue.push(key, cost=costs[key])
    assert served.count("dear") in (9, 10, 11)


def test_nothing_is_remembered_of_the_idle() -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(1000):
        queue.push(f"passer-by {number}")
        queue.pop()
        queue.push("resident")
        queue.pop()
    assert len(queue) == 0
    assert len(queue._ends) <= SWEPT_ENDS


def test_whose_last_turn_is_long_over_is_as_new() -> None:
    queue: FairQueue[str] = FairQueue()
    for key, cost in (("idle", 1.0), ("a", 5.0), ("b", 5.0)):
        queue.push(key, cost=cost)
        queue.pop()
    queue.push("a")
    queue.push("b")
    assert queue.pop() == "a"
    queue.push("idle")
    assert queue.pop() == "idle"


def test_all_that_have_turns_are_remembered() -> None:
    """Whoever comes first goes before all of them, however many they are."""
    queue: FairQueue[str] = FairQueue()
    for number in range(10 * SWEPT_ENDS):
        queue.push(f"{number}", cost=1e6)
    queue.pop()
    queue.push("1", cost=1.0)
    queue.push("new", cost=1.0)
    order = [queue.pop() for _ in range(len(queue))]
    assert order.index("new") == 10 * SWEPT_ENDS - 1
    assert order[-1] == "1"


def test_an_empty_queue_says_so() -> None:
    with pytest.raises(IndexError):
        FairQueue().pop()


@settings(max_examples=100)
@given(
    weights=st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([0.5, 1.0, 2.0, 4.0]), min_size=2),
    turns=st.integers(10, 300),
)
def test_over_any_stretch_the_share_is_the_weights_within_a_turn_each(weights: dict[str, float], turns: int) -> None:
    served = rounds(filled(*weights, weights=weights), turns, weights)
    for begin in range(0, turns, 7):
        counts = Counter(served[begin:])
        for one, its in weights.items():
            for other, others in weights.items():
                # The theorem of start-time fair queueing: the difference is at most one turn of each.
                assert abs(counts[one] / its - counts[other] / others) <= 1 / its + 1 / others + 1e-9


def test_a_new_realm_starts_within_a_second_beside_five_thousand() -> None:
    # Ten workers, turns of half a second: twenty turns begin each second, in step.
    queue = filled(*(f"old {number}" for number in range(5000)))
    rounds(queue, 5000)
    waited: list[int] = []
    for step in range(400):
        if step % 4 == 0:
            queue.push(f"new {step}")
        served = [queue.pop() for _ in range(10)]
        if step % 4 == 0:
            waited.append(0 if f"new {step}" in served else 1)
        for key in served:
            queue.push(key)
    assert sum(waited) == 0
