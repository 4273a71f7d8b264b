"""What a page does to a walk: which rows are new, and where the next page starts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from backfill.errors import FaultError
from backfill.jobs.keys import BY_PLACE, CREATED, UNKEYED, UPDATED, Key
from backfill.jobs.pages import PageRead, PageSize
from backfill.jobs.scan import Step, advance
from backfill.model import Record, Refusal

T0 = datetime(2026, 1, 1, tzinfo=UTC)
BROKEN = FaultError("broken", realm_id="1")


def at(second: int) -> datetime:
    return T0 + timedelta(seconds=second)


def row(id_: str, second: int | None) -> Record:
    when = None if second is None else at(second)
    return Record(id=id_, sync_token=0, created_at=when, updated_at=when, doc=b"{}")


def page(*rows: Record, refused: Sequence[str] = (), full: bool = True, unread: bool = False) -> PageRead:
    refusals = [Refusal(id=id_, code="x", message="x", raw=b"") for id_ in refused]
    return PageRead(rows, refusals, len(rows) + len(refusals) + unread, full, [BROKEN] if unread else [])


A, B, C, D = row("a", 1), row("b", 2), row("c", 2), row("d", 3)
NONE: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("came", "low", "seen", "skip", "expected"),
    [
        # in order: on from the last row's second, whose rows are known
        (page(A, B), None, NONE, 0, Step([A, B], at(2), frozenset("b"), 0, dense=False)),
        (page(B, C, D), at(2), frozenset("b"), 0, Step([C, D], at(3), frozenset("d"), 0, dense=False)),
        (page(B, D, full=False), at(2), frozenset("b"), 0, Step([D], at(3), frozenset("d"), 0, dense=False)),
        # nothing came: the walk stays where it is
        (page(full=False), at(2), frozenset("b"), 0, Step([], at(2), frozenset("b"), 0, dense=False)),
        # a page that lies in one second, full: the key cannot get past it
        (page(B, C), at(2), NONE, 0, Step([B, C], at(2), frozenset("bc"), 2, dense=True)),
        (page(B, C), None, NONE, 0, Step([B, C], at(2), frozenset("bc"), 0, dense=True)),
        (page(B, C), at(1), frozenset("a"), 0, Step([B, C], at(2), frozenset("bc"), 0, dense=True)),
        # the same, not full: that was the rest of it
        (page(B, C, full=False), at(2), frozenset("b"), 0, Step([C], at(2), frozenset("bc"), 2, dense=False)),
        # a row that is refused under its Id has no time, and is passed over
        (page(refused=["x"]), at(2), frozenset("b"), 1, Step([], at(2), frozenset("b"), 2, dense=False)),
        (page(B, refused=["x"]), at(2), frozenset("b"), 0, Step([], at(2), frozenset("b"), 2, dense=False)),
        (page(D, refused=["x"]), at(2), frozenset("b"), 3, Step([D], at(3), frozenset("d"), 0, dense=True)),
        (page(C, D, refused=["x"]), at(2), frozenset("b"), 3, Step([C, D], at(3), frozenset("d"), 0, dense=False)),
        # out of order, before the bound, without a time, or of unknown place: not the key's order
        (page(D, A), None, NONE, 0, None),
        (page(A, D), at(2), NONE, 0, None),
        (page(A, row("n", None)), None, NONE, 0, None),
        (page(unread=True), at(2), frozenset("b"), 0, None),
    ],
)
def test_advance(came: PageRead, low: datetime | None, seen: frozenset[str], skip: int, expected: Step | None) -> None:
    assert advance(came, CREATED, low, seen, skip) == expected


@pytest.mark.parametrize("key", [UNKEYED, BY_PLACE])
def test_a_walk_without_a_time_is_read_by_offset(key: Key) -> None:
    assert advance(page(A, B), key, None, NONE, 0) is None


def test_a_walk_by_change_goes_by_last_updated_time() -> None:
    edited = Record(id="a", sync_token=1, created_at=at(1), updated_at=at(9), doc=b"{}")
    step = advance(page(B, edited), UPDATED, None, NONE, 0)
    assert step is not None
    assert step.low == at(9)


def test_a_page_shrinks_to_a_row_and_grows_to_what_was_asked() -> None:
    size = PageSize.of(1000)
    sizes = []
    for _ in range(12):
        size.shrink()
        sizes.append(size.rows)
    assert sizes == [500, 250, 125, 62, 31, 15, 7, 3, 1, 1, 1, 1]
    for _ in range(12):
        size.grow()
    assert size.rows == 1000
