"""The order of copies equals the sorted list of all of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backfill.simulator.sown.names import Name, NameOrder
from backfill.simulator.sown.order import Order, Place, Timed

TIMES = st.lists(st.tuples(st.integers(0, 400), st.booleans(), st.booleans()), max_size=12)


@given(TIMES, st.integers(1, 9), st.integers(1, 90))
def test_places_are_those_of_all_copies_sorted(rows: list[tuple[int, bool, bool]], copies: int, step_s: int) -> None:
    timed = [Timed(at, number, copies if copied else 1, moves) for number, (at, copied, moves) in enumerate(rows)]
    order = Order(timed, copies=copies, step_s=step_s)
    wanted = sorted(
        Place(row.at + copy * step_s * row.moves, row.row, copy) for row in timed for copy in range(row.copies)
    )
    assert len(order) == len(wanted)
    assert list(order.places(0, len(order))) == wanted
    assert [order.place(index) for index in range(len(order))] == wanted
    assert [order.rank(place) for place in wanted] == list(range(len(wanted)))
    assert list(order.places(3, 7)) == wanted[3:7]
    for at in (-5, 0, 33, 400, 5_000):
        missing = Place(at, 99, 0)
        assert order.rank(missing) == sum(place < missing for place in wanted)


NAMES = st.lists(
    st.tuples(st.text("a (é2", max_size=4), st.sampled_from(["", " (deleted)"]), st.booleans()), max_size=8
)


@given(NAMES, st.integers(1, 25))
def test_names_are_those_of_all_copies_sorted(rows: list[tuple[str, str, bool]], copies: int) -> None:
    named = [
        (number, Name.of(stem + tail), copies if copied else 1) for number, (stem, tail, copied) in enumerate(rows)
    ]
    order = NameOrder(named)
    wanted = sorted((name.in_copy(copy), row, copy) for row, name, count in named for copy in range(count))
    assert len(order) == len(wanted)
    assert [(place.row, place.copy) for place in order.places(0, len(order))] == [place[1:] for place in wanted]
    assert [order.rank(Place(*place)) for place in wanted] == list(range(len(wanted)))
    assert [order.place(index).row for index in range(len(order))] == [row for _, row, _ in wanted]
