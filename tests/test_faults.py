"""What is wrong with a file, in words: each fault with its place, what may stand there, and no value."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from backfill.config.faults import faults_of, refused


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    depth: int = 0
    length: int = 0


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    one: Inner = Inner()
    several: tuple[Inner, ...] = ()
    perhaps: Inner | None = None
    listed: list[Inner] | None = None
    numbers: tuple[int, ...] = ()
    free: dict[str, int] = {}


def said(table: object, **names: str) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(table)
    by_path = {tuple(place.split("__")): name for place, name in names.items()}
    head, *lines = refused("The file", faults_of(caught.value, Outer, by_path)).message.splitlines()
    assert head == f"The file has {len(lines)} fault{'s' * (len(lines) != 1)}:"
    assert all(line.startswith("  ") for line in lines)
    return [line.removeprefix("  ") for line in lines]


@pytest.mark.parametrize(
    ("table", "place"),
    [
        ({"one": {"dept": 1}}, "one.dept"),
        ({"several": [{}, {"dept": 1}]}, "several #2.dept"),
        ({"perhaps": {"dept": 1}}, "perhaps.dept"),
        ({"listed": [{"dept": 1}]}, "listed #1.dept"),
    ],
)
def test_a_key_that_nobody_knows_is_near_to_one_of_its_own_table(table: object, place: str) -> None:
    assert said(table) == [f"{place}: there is no such key. Did you mean depth?"]


def test_the_keys_of_its_own_table_are_told_where_none_is_near() -> None:
    assert said({"several": [{"zebra": 1}], "zebra": 1}) == [
        "several #1.zebra: there is no such key. Known: depth, length.",
        f"zebra: there is no such key. Known: {', '.join(Outer.model_fields)}.",
    ]


@pytest.mark.parametrize(
    ("table", "place"),
    [({"one": 3}, "one"), ({"several": [{}, 3]}, "several #2"), ({"perhaps": "x"}, "perhaps")],
)
def test_a_value_where_a_table_belongs(table: object, place: str) -> None:
    headed = "" if "#" in place else f", headed [{place}]"
    assert said(table) == [f"{place}: it is a table{headed}. Its keys: depth, length."]


def test_places_are_counted_from_one_and_a_key_that_is_a_number_is_a_key() -> None:
    numbers, free = said({"numbers": [1, "x"], "free": {"0": "x"}})
    assert numbers.startswith("numbers #2: ")
    assert free.startswith("free.0: ")


def test_what_came_from_elsewhere_is_called_as_there() -> None:
    assert said({"one": {"depth": "x", "length": "y"}}, one__depth="DEPTH") == [
        "DEPTH: Input should be a valid integer, unable to parse string as an integer",
        "one.length: Input should be a valid integer, unable to parse string as an integer",
    ]


def test_no_value_is_repeated() -> None:
    """Law 7."""
    table = {"one": {"depth": "hunter2"}, "several": "hunter2", "perhaps": "hunter2", "free": ["hunter2"]}
    assert "hunter2" not in "".join(said(table))
    assert len(said(table)) == len(table)


def test_what_concerns_all_of_it() -> None:
    assert said(3) == [f"(together): it is a table. Its keys: {', '.join(Outer.model_fields)}."]
