"""Who waits to be paid: first come, first served, and no more than the limit."""

from __future__ import annotations

from backfill.simulator.seed.drafts import Draft, OpenItems


def _draft(number: int) -> Draft:
    return Draft("Invoice", number, str(number), {}, 0, 0, 0)


def test_parties_take_turns_and_their_documents_are_settled_in_order() -> None:
    line = OpenItems(10)
    for number, party in enumerate("abab"):
        assert line.add(party, _draft(number)) is None
    assert [draft.slot for draft in line.take(1)] == [0]
    assert [draft.slot for draft in line.take(3)] == [1, 3]
    assert [draft.slot for draft in line.take(3)] == [2]
    assert line.take(1) == []


def test_a_full_line_lets_the_oldest_go() -> None:
    line = OpenItems(2)
    left = [line.add(party, _draft(number)) for number, party in enumerate("abc")]
    assert [draft and draft.slot for draft in left] == [None, None, 0]
