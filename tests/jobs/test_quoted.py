"""What is quoted of a text: never more than a line, around the place that matters, with its length."""

from __future__ import annotations

import time

import pytest

from backfill.jobs.quoted import QUOTED_MAX, first_difference, quoted


@pytest.mark.parametrize("text", ["", "639.00", "x" * QUOTED_MAX])
def test_what_is_short_is_quoted_whole(text: str) -> None:
    assert quoted(text) == text


def test_of_what_is_long_a_part_is_quoted_and_its_length_is_said() -> None:
    assert quoted("a" * 1_000_000) == "a" * QUOTED_MAX + "... (1,000,000 characters)"


def test_the_part_is_the_one_around_what_matters() -> None:
    text = "a" * 500_000 + "HERE" + "b" * 500_000
    said = quoted(text, around=500_000)
    assert said.startswith("...aaa")
    assert "HEREbbb" in said
    assert said.endswith("bbb... (1,000,004 characters)")
    assert said.count("a") + said.count("b") + 4 <= QUOTED_MAX + len("characters")


def test_at_its_end_nothing_follows() -> None:
    said = quoted("a" * 1000 + "Z", around=1000)
    assert "aaaZ (1,001 characters)" in said
    assert quoted("a" * 1000, around=1000).startswith("...aaa"), "where the other has more"


@pytest.mark.parametrize(
    ("one", "other", "at"),
    [("", "", 0), ("a", "b", 0), ("abc", "abd", 2), ("abc", "abcd", 3), ("abcd", "abc", 3), ("same", "same", 4)],
)
def test_two_texts_differ_from_somewhere_on(one: str, other: str, at: int) -> None:
    assert first_difference(one, other) == at


def test_it_is_found_wherever_it_is() -> None:
    for length in (1, 2, 3, 7, 64, 100):
        for at in range(length):
            one = "a" * length
            assert first_difference(one, f"{one[:at]}b{one[at + 1 :]}") == at


def test_it_is_found_at_once_in_what_is_large() -> None:
    one = "a" * 20_000_000
    began = time.process_time()
    assert first_difference(f"{one}b", f"{one}c") == len(one)
    assert time.process_time() - began < 0.5, "not a character at a time"
