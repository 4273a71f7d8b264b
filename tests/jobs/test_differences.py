"""What differs is counted exactly, however much it is, and held in bounded memory."""

from __future__ import annotations

import pytest

from backfill.jobs import differences
from backfill.jobs.differences import Differences
from backfill.verdict_model import Difference, DifferenceKind


def missing(id_: str, about: str = "") -> Difference:
    return Difference(id_, DifferenceKind.MISSING, about)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Differences:
    """As if three could be named and five be known by Id."""
    monkeypatch.setattr(differences, "NAMED_MAX", 3)
    monkeypatch.setattr(differences, "REPAIRED_MAX", 5)
    return Differences()


def test_each_counts_once_whether_it_is_known_by_id_or_not(few: Differences) -> None:
    assert not few
    for _ in range(3):
        for number in range(100):
            few.add(missing(str(number)))
    assert len(few) == 100
    assert list(few.ids) == ["0", "1", "2", "3", "4"]
    assert [one.id for one in few.named()] == ["0", "1", "2"]


def test_the_latest_words_stand(few: Differences) -> None:
    for number in range(5):
        few.add(missing(str(number)))
    few.add(Difference("1", DifferenceKind.EXTRA, "later"))
    few.add(Difference("4", DifferenceKind.EXTRA, "not named"))
    assert [(one.id, one.about) for one in few.named()] == [("1", "later"), ("0", ""), ("2", "")]
    assert len(few) == 5


def test_what_is_forgiven_counts_no_more(few: Differences) -> None:
    """Only what is landed alone can have been deleted since."""
    few.add(missing("1"))
    assert not few.has_extra
    for id_ in ("2", "3"):
        few.add(Difference(id_, DifferenceKind.EXTRA, ""))
    assert few.has_extra
    assert few.forgive_extra(["1", "2", "2", "777"]) == 1
    assert [one.id for one in few.named()] == ["3", "1"]
    assert len(few) == 2
    assert few.forgive_extra(["2"]) == 0
