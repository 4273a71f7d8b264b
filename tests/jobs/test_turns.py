"""The places of a fleet: who has them, for how long, who is next. Without a loop: time is a number."""

from __future__ import annotations

from collections import Counter

import pytest

from backfill.errors import StoppedError
from backfill.jobs.turns import Places, Turn
from backfill.model import RealmId

A, B, C, D = (RealmId(name) for name in "abcd")


def places(number: int, *realms: RealmId, weights: dict[str, float] | None = None) -> Places:
    made = Places(number, turn_s=30.0, early_end_s=0.5, rest_s=5.0)
    for realm_id in realms:
        made.join(realm_id, weight=(weights or {}).get(realm_id, 1.0))
    return made


def begun(of: Places, now: float) -> list[Turn]:
    """Give away all free places, and end what is due."""
    turns = []
    while (turn := of.begin(now)) is not None:
        turns.append(turn)
    of.end_turns(now)
    return turns


def names(turns: list[Turn]) -> str:
    return "".join(turn.realm_id for turn in turns)


def held_shares(weights: dict[str, float], *, number: int, for_s: float) -> Counter[str]:
    """Place-seconds of realms that want a place without end, and give it up at once when they are asked to."""
    of = places(number, *(RealmId(name) for name in weights), weights=weights)
    held: Counter[str] = Counter()
    now = 0.0
    turns = begun(of, now)
    while now < for_s:
        now = max(now, min(of.next_at(), for_s))
        of.end_turns(now)
        for turn in [turn for turn in turns if turn.over]:
            turns.remove(turn)
            of.leave_for_now(turn, now)
            held[turn.realm_id] += now - turn.began_at  # type: ignore[assignment]  # seconds
        turns += begun(of, now)
    for turn in turns:
        held[turn.realm_id] += for_s - turn.began_at  # type: ignore[assignment]  # seconds
    return held


class TestPlaces:
    def test_who_comes_first_has_a_place_first_and_the_rest_waits(self) -> None:
        of = places(2, A, B, C)
        assert names(begun(of, 0)) == "ab"
        assert (of.waiting, of.idle) == (1, False)

    def test_while_nobody_waits_no_turn_is_ended(self) -> None:
        of = places(2, A, B)
        turns = begun(of, 0)
        assert of.next_at() == float("inf"), "no timer"
        of.end_turns(1e6)
        assert [turn.over for turn in turns] == [False, False]

    def test_a_free_place_is_enough(self) -> None:
        of = places(3, A, B)
        turns = begun(of, 0)
        of.join(C)
        turns += begun(of, 100)
        assert names(turns) == "abc"
        assert not any(turn.over for turn in turns)

    def test_a_newcomer_ends_one_turn_at_once_and_another_newcomer_one_half_a_second_later(self) -> None:
        of = places(3, A, B, C)
        turns = begun(of, 0)
        of.join(D)
        assert begun(of, 10) == []
        assert [turn.over for turn in turns] == [True, False, False]
        of.join(RealmId("e"))
        of.end_turns(10.25)
        assert [turn.over for turn in turns] == [True, False, False]
        assert of.next_at() == 10.5
        of.end_turns(10.5)
        assert [turn.over for turn in turns] == [True, True, False]
        assert of.next_at() == float("inf"), "as many places come free as are waited for"

    def test_whoever_begins_after_all_were_asked_is_asked_too(self) -> None:
        """The first goes on to its end, as small ones do; the giant behind it kept its place as long as it wanted."""
        of = places(1, A, B, C)
        (small,) = begun(of, 0)
        of.end_turns(0.5)
        assert (small.over, of.next_at()) == (True, float("inf"))
        of.leave(small)
        (giant,) = begun(of, 3)
        assert of.next_at() == 3.5
        of.end_turns(3.5)
        assert giant.over, "C waits for a first turn"

    def test_a_burst_of_newcomers_has_the_place_of_each_who_had_a_whole_turn(self) -> None:
        of = places(3, A, B, C)
        turns = begun(of, 0)
        of.join(D)
        of.join(RealmId("e"))
        of.end_turns(31)
        assert [turn.over for turn in turns] == [True, True, False]

    def test_who_was_served_before_waits_for_a_whole_turn(self) -> None:
        of = places(1, A, B)
        (first,) = begun(of, 0)
        of.leave_for_now(first, 30)
        (second,) = begun(of, 30)
        assert (second.realm_id, of.next_at()) == (B, 60)
        of.end_turns(59.9)
        assert not second.over
        of.end_turns(60)
        assert second.over

    def test_a_realm_that_has_had_less_keeps_its_place(self) -> None:
        """A heavy realm's time counts for less: it is not behind who waits."""
        of = places(1, A, B, weights={B: 10.0})
        (turn,) = begun(of, 0)
        of.end_turns(30)
        of.leave_for_now(turn, 30)
        (heavy,) = begun(of, 30)
        of.end_turns(30 + 299)
        assert not heavy.over
        of.end_turns(30 + 300)
        assert heavy.over

    def test_a_realm_that_rests_need_not_stay(self) -> None:
        of = places(2, A, B)
        resting, other = begun(of, 0)
        of.join(C)
        (of.end_turns(0), of.leave_for_now(resting, 1))
        _ = begun(of, 1)
        other.rest_until = 60.0
        of.end_turns(1.5)
        assert not other.over, "nobody says so"
        of.look_again()
        of.end_turns(2)
        assert other.over

    def test_who_wants_no_turn_before_some_time_is_not_in_line(self) -> None:
        of = places(1, A, B)
        (turn,) = begun(of, 0)
        of.leave_for_now(turn, 1, until=61)
        (turn,) = begun(of, 1)
        assert (turn.realm_id, of.waiting, of.idle, of.next_at()) == (B, 0, False, 61)
        assert not turn.over
        of.end_turns(61)
        assert (turn.over, of.waiting) == (True, 1)

    def test_of_two_that_are_due_whoever_has_had_more_goes(self) -> None:
        """And only then: while a place is free none is to be given up."""
        of = places(2, A)
        (first,) = begun(of, 0)
        of.join(B)
        (second,) = begun(of, 20)
        of.join(C)
        of.begin(29)
        for turn in (first, second):
            turn.rest_until = 99
        of.look_again()
        of.end_turns(29)
        assert (first.over, second.over) == (True, False)

    def test_no_turn_is_ended_while_a_place_is_free(self) -> None:
        of = places(2, A)
        (turn,) = begun(of, 0)
        of.join(B)
        of.end_turns(99)
        assert not turn.over

    def test_whoever_comes_again_weighs_what_it_says_then(self) -> None:
        of = places(1, A, weights={"a": 3.0})
        (turn,) = begun(of, 0)
        assert turn.weight == 3.0
        of.leave(turn)
        of.join(A)
        assert [turn.weight for turn in begun(of, 1)] == [1.0]

    def test_everybody_goes_home(self) -> None:
        of = places(1, A, B, C)
        (turn,) = begun(of, 0)
        of.leave_for_now(turn, 1, until=61)
        (turn,) = begun(of, 1)
        assert sorted(of.leave_all()) == [A, C]
        assert turn.over
        of.leave(turn)
        assert of.idle


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize(
    "weights",
    [
        {"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0, "e": 1.0},
        {"a": 2.0, "b": 1.0, "c": 1.0, "d": 1.0, "e": 1.0},
        {"a": 1.0, "b": 0.25, "c": 1.0, "d": 0.5, "e": 1.0},
    ],
)
def test_giants_share_the_places_by_weight(weights: dict[str, float], number: int) -> None:
    """Over any time each has what is its by weight, but for a turn; none can have more than one place."""
    for_s = 6000.0
    held = held_shares(weights, number=number, for_s=for_s)
    share = number * for_s / sum(weights.values())
    if share * max(weights.values()) > for_s:  # who has a place all the time leaves the rest to the others
        heavy = max(weights, key=weights.__getitem__)
        assert held.pop(heavy) >= for_s - 60
        share = (number - 1) * for_s / (sum(weights.values()) - weights[heavy])
    for name, seconds in held.items():
        assert abs(seconds - share * weights[name]) <= 2 * 30.0, (name, held)


def test_an_endless_stream_of_small_realms_does_not_keep_a_giant_out_once_all_have_begun() -> None:
    of = places(2, *(RealmId(f"giant {n}") for n in range(4)))
    turns = begun(of, 0)
    now, served = 0.0, Counter[str]()
    for number in range(2000):
        if number < 500:
            of.join(RealmId(f"small {number}"))
        now += 0.5
        of.end_turns(now)
        for turn in list(turns):
            if turn.over or turn.realm_id.startswith("small"):
                turns.remove(turn)
                served[turn.realm_id] += 1
                if turn.realm_id.startswith("small"):
                    of.leave(turn)
                else:
                    of.leave_for_now(turn, now)
        turns += begun(of, now)
    assert sum(name.startswith("small") for name in served) == 500
    assert min(served[f"giant {n}"] for n in range(4)) >= 2


class TestTurns:
    @pytest.mark.virtual
    async def test_it_ends_only_what_can_be_gone_on_with(self) -> None:
        turn = Turn(A)
        turn.end()
        turn.check()
        with turn.breakable(), pytest.raises(StoppedError):
            turn.check()
        with turn.patience.waiting():
            pass

    @pytest.mark.virtual
    async def test_what_only_waits_is_broken_off_at_once(self) -> None:
        turn = Turn(A)
        with turn.breakable():
            turn.end()
            with pytest.raises(StoppedError), turn.patience.waiting():
                raise AssertionError("nobody waits any more")

    @pytest.mark.virtual
    async def test_what_comes_after_it_is_not_broken_off(self) -> None:
        turn = Turn(A)
        with turn.breakable():
            pass
        turn.end()
        turn.check()
        with turn.patience.waiting():
            pass

    @pytest.mark.virtual
    async def test_what_counts_only_as_a_whole_is_waited_for(self) -> None:
        turn = Turn(A)
        with turn.breakable():
            with turn.whole():
                turn.end()
                with turn.patience.waiting():
                    pass
            with pytest.raises(StoppedError), turn.patience.waiting():
                raise AssertionError("nobody waits any more")

    @pytest.mark.virtual
    async def test_it_is_waited_for_too_if_the_turn_was_over_before(self) -> None:
        """Else a turn that is always over by then would never come to the end of it."""
        turn = Turn(A)
        with turn.breakable():
            turn.end()
            with turn.whole(), turn.patience.waiting():
                pass
            with pytest.raises(StoppedError), turn.patience.waiting():
                raise AssertionError("nobody waits any more")
