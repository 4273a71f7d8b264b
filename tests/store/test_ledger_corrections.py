"""What becomes of rows that are corrected: those of the dead letter, and waiting ones."""

from __future__ import annotations

from msgspec import structs

from backfill.load_model import (
    LoadId,
    Outcome,
    RowState,
    mark_of,
)
from tests.store.ledger_books import Books, new
from tests.store.scene import OTHER_REALM, REALM


async def test_a_rejected_change_gives_way_to_the_one_that_corrects_it(books: Books) -> None:
    wrong, right = (new("a", operation="update", payload={"Notes": note}) for note in ("wrong", "right"))
    (row,) = await books.waiting(await books.add([wrong]))
    await books.ledger.settle(books.lease, [Outcome(row.row_id, RowState.REJECTED, code="2050", message="no")])
    of_it, of_another = (mark_of(row.row_id, change.payload_hash) for change in (wrong, right))
    for other in ({"realm_id": OTHER_REALM, "corrects": of_it}, {"source_key": "b", "corrects": of_another}):
        await books.add([structs.replace(right, **other)])
    assert await books.ledger.counts(REALM, [LoadId(1)]) == {"rejected": 1}
    assert (await books.add([structs.replace(right, corrects=of_it)])).added == 1
    assert await books.ledger.counts(REALM, [LoadId(1)]) == {"undone": 1}
    assert (await books.add([wrong, right])).known == 2, "nor is it made anew"


async def test_what_was_said_of_content_that_gave_way_is_not_said_of_what_came(books: Books) -> None:
    row = (await books.rows((await books.add([new("a"), new("b")])).loads))["a"]
    about = Outcome(row.row_id, RowState.REJECTED, message="no such thing", generation=0)
    await books.add([new("a", payload={"DisplayName": "better"})])
    assert set(await books.ledger.settle(books.lease, [about])) == set()
    assert await books.states() == {"a": "waiting", "b": "waiting"}
    assert set(await books.ledger.settle(books.lease, [structs.replace(about, generation=1)])) == {row.row_id}
    assert await books.states() == {"a": "rejected", "b": "waiting"}


async def test_what_was_refused_for_what_it_needs_waits_again_when_it_comes_again(books: Books) -> None:
    """It may be there now. What the company refused it would refuse again."""
    change = new("a", operation="update", payload={"Notes": "x"})
    rows = [new("a"), change, new("refused")]
    codes = ("reference", "reference", "6240")
    waiting = await books.waiting(await books.add(rows))
    refused = {row.row_id: code for row, code in zip(waiting, codes, strict=True)}
    outcomes = [Outcome(row_id, RowState.REJECTED, code=code, message="no") for row_id, code in refused.items()]
    await books.ledger.settle(books.lease, outcomes)
    again = await books.add(rows)
    assert (again.added, again.replaced, again.known) == (0, 2, 1)
    assert await books.ledger.counts(REALM, again.loads) == {"waiting": 2, "rejected": 1}
    assert [row.generation for row in await books.waiting(again)] == [1, 1]
