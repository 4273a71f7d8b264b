"""How much is asked for at once, after what was too much: quickly to the row that fails, seldom to what always does."""

from __future__ import annotations

import random
from collections.abc import Collection

import pytest

from backfill.jobs.too_much import AskSize


def test_it_shrinks_to_one_and_grows_to_what_was_asked() -> None:
    size = AskSize.of(1000)
    sizes = []
    for _ in range(12):
        size.shrink(suspect=True)
        sizes.append(size.now)
    assert sizes == [500, 250, 125, 62, 31, 15, 7, 3, 1, 1, 1, 1]
    suspects = []
    for _ in range(12):
        suspects.append(size.suspect)
        size.grow()
    assert size.now == 1000
    assert suspects == [True] * 11 + [False], "until a whole page came"


def test_what_shrinks_for_its_size_alone_is_no_suspect() -> None:
    size = AskSize.of(1000)
    size.shrink(suspect=False)
    assert not size.suspect


def walk(rows: int, *, broken: Collection[int] = (), most: int = 1000) -> tuple[int, int]:
    """Ask for so many rows of a server that answers `most` at once: how often it was asked, and how often in vain."""
    size, at, asked, failed = AskSize.of(1000), 0, 0, 0
    while at < rows:
        asked += 1
        end = at + size.now
        if size.now > most or any(at <= row < end for row in broken):
            failed += 1
            at += size.now == 1
            size.shrink(suspect=True)
        else:
            size.grow()
            at = end
    return asked, failed


@pytest.mark.parametrize("most", [30, 300, 700, 999])
def test_what_is_always_too_much_is_tried_ever_more_rarely(most: int) -> None:
    """Each vain attempt takes the server's whole 120 s. To double after each answer would fail with every other one."""
    asked, failed = walk(100_000, most=most)
    assert asked - failed >= 100_000 // most
    assert failed <= 20
    assert walk(200_000, most=most)[1] <= failed + 2


def test_rows_that_cannot_be_read_are_each_found_in_a_few_questions() -> None:
    drawn = random.Random(1)
    for _ in range(100):
        asked, _ = walk(20_000, broken={drawn.randrange(20_000) for _ in range(5)})
        assert asked < 20 + 5 * 40


def test_once_the_row_is_found_all_is_asked_for_again_soon() -> None:
    size = AskSize.of(1000)
    size.shrink(suspect=True)
    for _ in range(5):  # what is a thousand fails, again and again
        while size.now < 1000:
            size.grow()
        size.shrink(suspect=True)
    while size.now > 1:
        size.shrink(suspect=True)
    size.shrink(suspect=True)
    answers = 0
    while size.now < 1000:
        size.grow()
        answers += 1
    assert answers == 10
