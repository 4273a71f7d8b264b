"""The schedule of a fleet: exact where it is small, within bounds that hold for any, as the fleet's places have it."""

from __future__ import annotations

from math import inf
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backfill.jobs.fleet import FleetOptions
from backfill.planner.schedule import Bound, Capacity, Resource, Schedule, Work, scheduled
from tests.planner import places_by_turns

PROGRAM: Resource = (Bound.PROGRAM, "")
SHARED: Resource = (Bound.PROCESSORS, "")
ASKED: Resource = (Bound.MEMORY, "asked")
COME: Resource = (Bound.MEMORY, "come")

EARLY_END_S = FleetOptions().early_end_s

NOTHING: Capacity = {PROGRAM: inf}


def work(seconds: float, *, can_pause: bool = False, last_s: float = 0.0, pause_s: float = 0.0, **uses: float) -> Work:
    """`last_s`: at its end, in which it cannot pause any more."""
    names = {"program": PROGRAM, "shared": SHARED, "asked": ASKED, "come": COME}
    breakable_s = seconds - last_s if can_pause else 0.0
    return Work(seconds, {names[name]: used for name, used in uses.items()}, breakable_s, pause_s)


def schedule(
    *works: Work, places: int = 100, turn_s: float = 30.0, early_end_s: float = inf, capacity: Capacity = NOTHING
) -> Schedule:
    """By hand turns are whole ones, if not said otherwise."""
    return scheduled(works, capacity, realms_at_once=places, turn_s=turn_s, early_end_s=early_end_s)


class TestByHand:
    def test_with_room_for_all_the_longest_company_is_all_it_takes(self) -> None:
        made = schedule(work(10), work(25), work(3))
        assert made.wall_s == 25
        assert made.bound_s == {Bound.INTUIT: 25}

    def test_one_place_is_one_after_another(self) -> None:
        made = schedule(work(10), work(25), work(3), places=1)
        assert made.wall_s == 38
        assert made.bound_s == {Bound.PLACES: 35, Bound.INTUIT: 3}, "with the last one open nobody waits"

    def test_a_place_that_comes_free_goes_to_the_next_in_line(self) -> None:
        # [0, 4) a and b; [4, 10) b and c; c has 2 left.
        made = schedule(work(4), work(10), work(8), places=2)
        assert made.wall_s == 12
        assert made.bound_s == {Bound.PLACES: 4, Bound.INTUIT: 8}

    def test_who_asks_for_too_much_of_one_thing_together_goes_as_much_slower(self) -> None:
        # Two at three fifths each of one processor: speed 5/6 for 10 s of work; then one alone, unhindered.
        made = schedule(work(10, program=0.6), work(20, program=0.6), capacity={PROGRAM: 1})
        assert made.wall_s == pytest.approx(12 + 10)
        assert made.bound_s == pytest.approx({Bound.PROGRAM: 12, Bound.INTUIT: 10})

    def test_one_company_alone_can_be_too_much(self) -> None:
        made = schedule(work(10, shared=6), capacity={SHARED: 2})
        assert made.wall_s == pytest.approx(30)
        assert made.bound_s == pytest.approx({Bound.PROCESSORS: 30})

    def test_as_much_as_there_is_is_not_too_much(self) -> None:
        made = schedule(work(10, shared=1), work(10, shared=1), capacity={SHARED: 2})
        assert made.bound_s == {Bound.INTUIT: 10}

    def test_the_scarcest_bounds(self) -> None:
        made = schedule(work(10, program=2, shared=6), capacity={PROGRAM: 1, SHARED: 2})
        assert made.wall_s == pytest.approx(30)
        assert made.bound is Bound.PROCESSORS
        made = schedule(work(10, program=2, shared=3), capacity={PROGRAM: 1, SHARED: 2})
        assert made.wall_s == pytest.approx(20)
        assert made.bound is Bound.PROGRAM

    @pytest.mark.parametrize("part", ["asked", "come"])
    def test_either_part_of_the_memory_bounds_as_the_memory(self, part: str) -> None:
        companies = [work(10, **{part: 3_000}) for _ in range(4)]
        made = schedule(*companies, capacity={ASKED: 6_000, COME: 6_000})
        assert made.wall_s == pytest.approx(20)
        assert made.bound_s == pytest.approx({Bound.MEMORY: 20})

    def test_what_bounds_takes_the_time_even_where_others_wait(self) -> None:
        companies = [work(10, program=2) for _ in range(4)]
        made = schedule(*companies, places=2, capacity={PROGRAM: 1})
        assert made.wall_s == pytest.approx(80)
        assert made.bound_s == pytest.approx({Bound.PROGRAM: 80}), "more places would not help"

    def test_bounded_by_is_what_took_longest(self) -> None:
        assert schedule(work(4), work(10), work(8), places=2).bound is Bound.INTUIT
        assert schedule(work(9), work(10), work(2), places=2).bound is Bound.PLACES


class TestPauses:
    def test_who_can_pause_gives_its_place_to_who_waits_and_lines_up_again(self) -> None:
        # [0, 30) the giant; [30, 40) the small one; [40, 110) the giant.
        made = schedule(work(100, can_pause=True), work(10), places=1)
        assert made.wall_s == 110
        assert made.bound_s == {Bound.PLACES: 40, Bound.INTUIT: 70}

    def test_who_cannot_pause_keeps_its_place(self) -> None:
        made = schedule(work(100), work(10), places=1)
        assert made.bound_s == {Bound.PLACES: 100, Bound.INTUIT: 10}

    def test_who_has_read_its_slices_keeps_its_place_to_its_end(self) -> None:
        # [0, 60) each giant twice; the first goes on beyond its third turn, to 115; then the other has 55 left.
        made = schedule(work(85, can_pause=True, last_s=30), work(85, can_pause=True, last_s=30), places=1)
        assert (made.wall_s, made.paused) == (170, 2)
        made = schedule(work(50, can_pause=True, last_s=25), work(50, can_pause=True, last_s=25), places=1)
        assert (made.wall_s, made.paused) == (100, 0), "when its turn is over it has no slice left"

    def test_who_waits_for_a_first_turn_is_given_one_early(self) -> None:
        """So all are paused but the last as many as there are places: for them nobody waits who never had a turn."""
        giants = [work(20, can_pause=True, last_s=2) for _ in range(6)]
        made = schedule(*giants, places=2, early_end_s=0.5)
        assert (made.wall_s, made.paused) == (pytest.approx(60, abs=1), 4)
        assert schedule(*giants, places=2).paused == 0, "none lasts for a whole turn"

    def test_turns_end_early_one_after_another(self) -> None:
        # Of four that begin together one ends each 4 s: 4, 8, 12; the first two of those that came then end as well.
        giants = [work(100, can_pause=True) for _ in range(9)]
        made = schedule(*giants, places=4, turn_s=1_000, early_end_s=4)
        assert made.paused == 5

    def test_who_is_passed_over_by_nobody_keeps_its_place(self) -> None:
        # With two places nobody ever waits: were the giant closed for nobody, the turn's end would show in the time.
        made = schedule(work(100, can_pause=True), work(10), places=2)
        assert made.bound_s == {Bound.INTUIT: 100}

    def test_a_turn_over_for_long_ends_as_soon_as_nobody_else_can_give_way(self) -> None:
        # Turns are of time and not of work: at half the speed a turn is half the work.
        made = schedule(work(40, can_pause=True, program=2), work(5, program=2), places=1, capacity={PROGRAM: 1})
        assert made.wall_s == pytest.approx(90)
        assert made.bound_s == pytest.approx({Bound.PROGRAM: 90})

    def test_giants_take_turns_and_end_together(self) -> None:
        # By turns of 30 s: the second of them ends a turn after the first.
        made = schedule(work(90, can_pause=True), work(90, can_pause=True), places=1)
        assert made.wall_s == 180
        assert made.bound_s == {Bound.PLACES: 150, Bound.INTUIT: 30}

    def test_pausing_pays_where_a_giant_would_be_left_over(self) -> None:
        """Which is what turns are for: the giant last in line is begun before the others are done."""
        giants = [work(120, can_pause=can_pause) for can_pause in (True, True, True)]
        assert schedule(*giants, places=2).wall_s < schedule(*[work(120)] * 3, places=2).wall_s

    def test_a_pause_costs_what_it_costs(self) -> None:
        # [0, 30) the giant; [30, 40) the small one; then the giant, with what its pause has cost.
        assert schedule(work(100, can_pause=True, pause_s=2), work(10), places=1).wall_s == 112
        assert schedule(work(100, can_pause=True, pause_s=50), work(10), places=1).wall_s == 160

    def test_all_pauses_but_the_first_cost_no_more_than_half_of_their_turn(self) -> None:
        # Each: 70 - 30 + 50 = 90; then 75, 60, 45, 30, of which the last turn is the whole.
        giants = [work(70, can_pause=True, pause_s=50) for _ in range(2)]
        assert schedule(*giants, places=1).wall_s == 2 * (70 + 50 + 4 * 15)

    def test_who_is_paused_again_and_again_loses_nothing(self) -> None:
        companies = [work(1_000, can_pause=True), *[work(29) for _ in range(40)]]
        assert schedule(*companies, places=1).wall_s == pytest.approx(1_000 + 40 * 29)


@st.composite
def fleets(draw: st.DrawFn) -> tuple[list[Work], Capacity, int, float]:
    some = st.floats(0, 5)
    works = draw(
        st.lists(
            st.builds(
                lambda seconds, can_pause, program, shared, come: work(
                    seconds, can_pause=can_pause, program=program, shared=shared, come=come
                ),
                st.floats(0.01, 500),
                st.booleans(),
                some,
                some,
                some,
            ),
            min_size=1,
            max_size=30,
        )
    )
    capacity = {PROGRAM: 1.0, SHARED: draw(st.floats(1, 64)), COME: draw(st.floats(0.5, 50))}
    return works, capacity, draw(st.integers(1, 12)), draw(st.sampled_from([0.5, 30.0, 1_000.0]))


class TestOfAnyFleet:
    @given(fleets())
    def test_it_takes_no_less_than_each_thing_alone_would_bound_it_to(
        self, fleet: tuple[list[Work], Capacity, int, float]
    ) -> None:
        works, capacity, places, turn_s = fleet
        made = scheduled(works, capacity, realms_at_once=places, turn_s=turn_s, early_end_s=EARLY_END_S)
        at_least = [
            max(one.seconds for one in works),
            sum(one.seconds for one in works) / places,
            *(sum(one.seconds * one.uses[what] for one in works) / most for what, most in capacity.items()),
        ]
        assert made.wall_s >= max(at_least) * (1 - 1e-9)

    @given(fleets())
    @example(([work(10, program=1, shared=0, come=0)], {PROGRAM: 1.0, SHARED: 1.0, COME: 1.0}, 1, 30.0))
    def test_it_takes_no_longer_than_one_after_another_each_as_slow_as_it_makes_all(
        self, fleet: tuple[list[Work], Capacity, int, float]
    ) -> None:
        """At a moment of speed 1 some company goes on; at any other, something is used up: all of it or all alone."""
        works, capacity, places, turn_s = fleet
        made = scheduled(works, capacity, realms_at_once=places, turn_s=turn_s, early_end_s=EARLY_END_S)
        in_full = [sum(one.seconds * one.uses[what] for one in works) / most for what, most in capacity.items()]
        assert made.wall_s <= (sum(one.seconds for one in works) + sum(in_full)) * (1 + 1e-9)

    @given(fleets())
    def test_what_bounds_it_adds_up_and_is_among_what_there_is(
        self, fleet: tuple[list[Work], Capacity, int, float]
    ) -> None:
        works, capacity, places, turn_s = fleet
        made = scheduled(works, capacity, realms_at_once=places, turn_s=turn_s, early_end_s=EARLY_END_S)
        assert sum(made.bound_s.values()) == pytest.approx(made.wall_s)
        assert all(bound_s >= 0 for bound_s in made.bound_s.values())
        if len(works) <= places:
            assert Bound.PLACES not in made.bound_s
        if max(sum(one.uses[PROGRAM] for one in works), 0) <= 1:
            assert Bound.PROGRAM not in made.bound_s

    @given(fleets(), st.floats(1, 100))
    def test_without_a_line_more_of_anything_never_makes_it_longer(
        self, fleet: tuple[list[Work], Capacity, int, float], more: float
    ) -> None:
        """With a line it can: see below."""
        works, capacity, _, turn_s = fleet
        made = scheduled(works, capacity, realms_at_once=len(works), turn_s=turn_s, early_end_s=EARLY_END_S)
        larger = {what: most * more for what, most in capacity.items()}
        with_more = scheduled(works, larger, realms_at_once=len(works), turn_s=turn_s, early_end_s=EARLY_END_S)
        assert with_more.wall_s <= made.wall_s * (1 + 1e-9)

    def test_one_place_more_can_make_it_longer(self) -> None:
        """Known of lists since Graham, 1966: who comes earlier may meet others at the thing that is scarce."""
        # With two: 4 s of the first two; the last beside the second, at two thirds of its speed for 1.5 s; 1 s alone.
        works = [work(4, program=0.5), work(5, program=0.5), work(2, program=1)]
        assert schedule(*works, places=2, capacity={PROGRAM: 1}).wall_s == pytest.approx(6.5)
        assert schedule(*works, places=3, capacity={PROGRAM: 1}).wall_s == pytest.approx(7)


class TestAgainstTheFleetsOwnPlaces:
    """The fleet asks also small companies, which cannot pause, to give their places up early, and has other lines."""

    @pytest.mark.parametrize("load", [0.5, 1.5, 4.0], ids="load {}".format)
    @pytest.mark.parametrize(("places", "off_max"), [(5, 0.03), (20, 0.03), (60, 0.03)])
    @pytest.mark.parametrize("seed", [1, 2])
    def test_it_takes_as_long(self, seed: int, places: int, off_max: float, load: float) -> None:
        """`load`: how much of each thing the open companies use together, on average, of what there is."""
        rng = Random(seed)
        works = [_company(rng, load / places) for _ in range(rng.randrange(200, 400))]
        capacity = {PROGRAM: 1.0, SHARED: 1.0, COME: 1.0}
        made = scheduled(works, capacity, realms_at_once=places, turn_s=30.0, early_end_s=EARLY_END_S)
        meant_s, meant_paused = places_by_turns.taken(works, capacity, realms_at_once=places, turn_s=30.0)
        assert made.wall_s == pytest.approx(meant_s, rel=off_max)
        assert made.paused == pytest.approx(meant_paused, rel=0.03)


def _company(rng: Random, load: float) -> Work:
    seconds = 3 * 100 ** rng.random()
    return work(
        seconds,
        can_pause=seconds > 20,
        program=load * rng.uniform(0.2, 1.8) / 2,
        shared=load * rng.uniform(0.2, 1.8),
        come=load * rng.uniform(0, 2),
    )
