"""The contract of `jobs.load.ports.Ledger`: one suite, for the twin in memory and for Postgres."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from msgspec import structs

from backfill.errors import LeaseLostError
from backfill.jobs.load.ports import BEGINNING
from backfill.load_model import (
    Before,
    Holder,
    LoadId,
    Need,
    Outcome,
    RowState,
    SealItem,
)
from tests.store.ledger_books import Books, new, seal_of
from tests.store.scene import OTHER_REALM, REALM, deleted, live


async def doubtful_since(books: Books) -> datetime | None:
    """Of the one row that is sealed."""
    (seal,) = await books.ledger.unsettled(REALM)
    (item,) = seal.items
    return item.doubtful_since


class TestImport:
    async def test_the_same_rows_twice_add_nothing(self, books: Books) -> None:
        rows = [new("a"), new("b"), new("a", operation="update", payload={"Notes": "x"})]
        first = await books.add(rows)
        assert (first.added, first.replaced, first.known) == (3, 0, 0)
        second = await books.add(rows)
        assert (second.added, second.replaced, second.known) == (0, 0, 3)
        assert second.loads == first.loads

    async def test_a_key_is_an_entitys_and_a_realms(self, books: Books) -> None:
        found = await books.add([new("a"), new("a", "Vendor"), new("a", realm_id=OTHER_REALM)])
        assert found.added == 3

    async def test_a_change_with_another_content_is_another_row(self, books: Books) -> None:
        assert (await books.add([new("a", operation="update", payload={"Notes": note}) for note in "xyy"])).added == 2

    async def test_what_is_done_to_one_object_keeps_its_order(self, books: Books) -> None:
        """Deletions of others come first."""
        change = {"operation": "update", "object_key": "Invoice#1"}
        gone = {"operation": "delete", "rank": 2}
        imported = await books.add(
            [
                new("early", **gone, line=1, object_key="Invoice#2"),
                new("late", line=2, **{**change, "object_key": "Invoice#2"}),
                new("first", line=3, **change),
                new("then", line=4, **gone, object_key="Invoice#1"),
                new("free", line=5, **gone, object_key="Invoice#3"),
                new("other", line=6, realm_id=OTHER_REALM, operation="update", object_key="Invoice#3"),
                new("else", line=7, realm_id=OTHER_REALM, **gone, object_key="Invoice#1"),
            ]
        )
        assert [row.source_key for row in await books.waiting(imported)] == ["early", "free", "late", "first", "then"]
        (first, *_) = await books.ledger.waiting(OTHER_REALM, imported.loads, after=BEGINNING, limit=9)
        assert (first.source_key, first.rank) == ("else", 2)

    async def test_what_was_not_sent_gives_way_to_what_comes(self, books: Books) -> None:
        first = await books.add([new("a")])
        again = await books.add([new("a", payload={"DisplayName": "better"}, needs=("Term/t",), rank=6)])
        assert (again.added, again.replaced) == (0, 1)
        assert again.loads != first.loads
        (row,) = (await books.rows(again.loads)).values()
        assert row.generation == 1, "another request"
        assert (row.needs, row.rank) == (("Term/t",), 6)
        payloads = await books.ledger.payloads(REALM, [row.row_id])
        assert json.loads(payloads[row.row_id]) == {"DisplayName": "better"}

    async def test_what_was_taken_back_may_be_made_again_and_so_may_its_changes(self, books: Books) -> None:
        """What its undoing has taken an object from is no more changed than what was changed back."""
        source = [new("a", object_key="new Customer/a")]
        source += [new("a", operation="update", object_key=f"Customer{it}", payload={"to": it}) for it in ("/a", "#9")]
        made, changed, other = [row.row_id for row in await books.waiting(await books.add(source))]
        await books.settle({made: "7", changed: "7", other: "9"})
        assert (await books.add(source)).known == 3, "all is as it is to be"
        undoing = [new("undo:1", operation="delete", undoes=made), new("undo:3", operation="update", undoes=other)]
        undo, undo_other = [row.row_id for row in await books.waiting(await books.add(undoing))]
        await books.settle({undo: "7", undo_other: "9"})
        again = await books.add(source)
        assert (again.added, again.replaced) == (0, 3)
        assert [row.generation for row in await books.waiting(again)] == [1, 1, 1], "other requests"
        assert (await books.add(undoing)).added == 2, "and taken back once more, by the same words"

    async def test_what_is_made_anew_is_told_what_it_was_and_is_changed_again(self, books: Books) -> None:
        """What is only done again by taking the undoing back has its changes still."""
        source = [new("a", object_key="new Customer/a"), new("a", operation="update", object_key="Customer/a")]
        made, changed = [row.row_id for row in await books.waiting(await books.add(source))]
        await books.settle({made: "7"})
        await books.settle({changed: "7"})
        for undoing, again in (("undo:1", "undo:3"), ("undo:1", "")):
            (undo,) = await books.waiting(await books.add([new(undoing, operation="delete", undoes=made)]))
            await books.settle({undo.row_id: "7"})
            if again:
                redo = await books.add([new(again, operation="full_update", undoes=undo.row_id)])
                await books.settle({row.row_id: "7" for row in await books.waiting(redo)})
                assert (await books.add(source)).known == 2
        (row,) = await books.waiting(await books.add(source[:1]))
        assert (row.row_id, row.object_id) == (made, "7")
        assert (await books.add(source[1:])).replaced == 1, "its object is to be made anew"
        await books.settle({changed: "7"})
        await books.settle({made: "7"})
        assert (await books.add(source[1:])).replaced == 1, "it was made anew"
        await books.settle({changed: "7"})
        assert (await books.add(source)).known == 2


class TestWaiting:
    async def test_by_rank_and_then_as_they_came(self, books: Books) -> None:
        loads = (await books.add([new("p", rank=6, line=1), new("b", line=2), new("a", line=3)])).loads
        found = await books.ledger.waiting(REALM, loads, after=BEGINNING, limit=2)
        assert [row.source_key for row in found] == ["b", "a"]
        rest = await books.ledger.waiting(REALM, loads, after=(found[-1].rank, found[-1].row_id), limit=2)
        assert [row.source_key for row in rest] == ["p"]
        assert rest[0].load_id == loads[0]

    async def test_only_of_the_loads_and_the_realm(self, books: Books) -> None:
        first = (await books.add([new("a"), new("o", realm_id=OTHER_REALM)])).loads
        second = (await books.add([new("b")])).loads
        assert set(await books.rows(first)) == {"a"}
        assert set(await books.rows(second)) == {"b"}
        row = (await books.rows(second))["b"]
        assert [found.source_key for found in await books.ledger.rows(REALM, [row.row_id])] == ["b"]
        assert await books.ledger.rows(OTHER_REALM, [row.row_id]) == []

    async def test_what_has_ended_is_not_read_any_more(self, books: Books) -> None:
        """Who waits for a row that has ended looks for what it made instead."""
        imported = await books.add([new("b", rank=6), new("a"), new("c")])
        sealed, ended, waiting = await books.waiting(imported)
        await books.sealed(sealed)
        await books.settle({ended.row_id: "7"})
        found = await books.ledger.rows(REALM, [waiting.row_id, ended.row_id, sealed.row_id])
        assert [row.row_id for row in found] == [sealed.row_id, waiting.row_id], "by rank"

    async def test_what_is_in_doubt_and_what_takes_back_says_so(self, books: Books) -> None:
        first = await books.add([new("a"), new("b")])
        made, doubted = await books.waiting(first)
        await books.sealed(made, doubted)
        undone = Outcome(made.row_id, RowState.APPLIED, "7")
        await books.ledger.settle(books.lease, [undone, Outcome(doubted.row_id, RowState.WAITING, doubtful=True)])
        second = await books.add([new("undo:1", operation="delete", payload={"Id": "7"}, undoes=made.row_id)])
        (undo,) = await books.waiting(second)
        read = await books.ledger.rows(REALM, [doubted.row_id, undo.row_id])
        for rows in ([*await books.waiting(first), undo], read):
            assert [(row.doubtful, row.takes_back) for row in rows] == [(True, False), (False, True)]

    async def test_what_a_row_needs_and_is_about_comes_back(self, books: Books) -> None:
        loads = (await books.add([new("a", needs=("Item/x y", "Account?Name=Cash"), object_key="Customer#9")])).loads
        row = (await books.rows(loads))["a"]
        assert (row.needs, row.object_key) == (("Item/x y", "Account?Name=Cash"), "Customer#9")
        assert row.size_bytes > 10


class TestHolders:
    async def test_by_key_and_by_name(self, books: Books) -> None:
        loads = (await books.add([new("a"), new("b", natural_key="DisplayName=acme")])).loads
        rows = await books.rows(loads)
        by_key, by_name, none = (
            Need("Customer", "", "a"),
            Need("Customer", "DisplayName", "ACME"),
            Need("Item", "", "a"),
        )
        found = await books.ledger.holders(REALM, [by_key, by_name, none])
        assert found == {
            by_key: Holder(rows["a"].row_id, RowState.WAITING, None),
            by_name: Holder(rows["b"].row_id, RowState.WAITING, None, next_row_id=rows["b"].row_id),
        }
        assert await books.ledger.holders(OTHER_REALM, [by_key]) == {}

    async def test_only_who_makes_it_in_the_realm(self, books: Books) -> None:
        """Of that name there is one below another parent: another realm's, and a vendor; and another name's."""
        below = {"ParentRef": {"value": "1"}}
        acme = {"natural_key": "DisplayName=acme"}
        others = [
            new("z", realm_id=OTHER_REALM, payload=below, **acme),
            new("z", "Vendor", payload=below, **acme),
            new("y", payload=below, natural_key="DisplayName=umbrella"),
        ]
        changes = [new(key, operation="update", payload={"Notes": "x"}) for key in ("b", "u")]
        rows = await books.waiting(await books.add([*others, new("b", **acme), *changes]))
        (maker,) = [row for row in rows if (row.source_key, row.operation) == ("b", "create")]
        by_key, by_name = Need("Customer", "", "b"), Need("Customer", "DisplayName", "acme")
        found = await books.ledger.holders(REALM, [by_key, by_name, Need("Customer", "", "u")])
        holder = Holder(maker.row_id, RowState.WAITING, None)
        assert found == {by_key: holder, by_name: structs.replace(holder, next_row_id=maker.row_id)}

    async def test_who_is_to_make_one_of_the_same_name_is_said_beside_who_made_it(self, books: Books) -> None:
        name = {"natural_key": "DisplayName=acme", "payload": {"DisplayName": "acme"}}
        rows = await books.waiting(await books.add([new(key, **name) for key in "abc"]))
        await books.settle({rows[0].row_id: "7"})
        need = Need("Customer", "DisplayName", "acme")
        made = Holder(rows[0].row_id, RowState.APPLIED, "7")
        for left, to_come in ((2, rows[1]), (1, rows[2]), (0, None)):
            found = await books.ledger.holders(REALM, [need])
            next_row_id = None if to_come is None else to_come.row_id
            assert found == {need: structs.replace(made, next_row_id=next_row_id)}, left
            if to_come is not None:
                outcome = Outcome(to_come.row_id, RowState.REJECTED, code="6240", message="there is one")
                await books.ledger.settle(books.lease, [outcome])

    async def test_of_one_name_who_is_done_stands(self, books: Books) -> None:
        source = [new(key, natural_key="DisplayName=acme") for key in "abc"]
        loads = (await books.add([*source, new("another's", operation="update", payload={"Id": "6"})])).loads
        rows = await books.rows(loads)
        await books.sealed(rows["a"], rows["b"], rows["another's"])
        await books.ledger.settle(
            books.lease,
            [
                Outcome(rows["a"].row_id, RowState.REJECTED, code="1", message="no"),
                Outcome(rows["b"].row_id, RowState.APPLIED, "5"),
                Outcome(rows["another's"].row_id, RowState.APPLIED, "6"),
            ],
        )
        need = Need("Customer", "DisplayName", "acme")
        assert (await books.ledger.holders(REALM, [need]))[need].object_id == "5"
        assert await books.ledger.owned(REALM, "Customer", ["5", "6"]) == {"5"}
        assert await books.ledger.owned(REALM, "Vendor", ["5"]) == frozenset()

    async def test_landed_objects_by_name(self, books: Books) -> None:
        lease, stores = books.lease, books.stores
        docs = [b'{"DisplayName":"Acme"}', b'{"DisplayName":"acme"}', b'{"DisplayName":"Gone","Active":false}']
        records = [live(str(number), 1, doc=doc) for number, doc in enumerate(docs)]
        records += [live("3", 1, doc=docs[0]), deleted("3", 2)]
        await stores.store.land(lease, stores.run_id, "Customer", records)
        acme, gone = Need("Customer", "DisplayName", "ACME"), Need("Customer", "DisplayName", "Gone")
        assert await books.ledger.landed(REALM, [acme, gone]) == {acme: ["0", "1"]}


class TestSeals:
    async def test_a_seal_is_read_back_with_its_rows(self, books: Books) -> None:
        rows = await books.rows((await books.add([new("a"), new("b")])).loads)
        item = SealItem(
            "0", rows["a"].row_id, "Customer", "create", "a", object_id="9", sync_token="3", stamp="[backfill 1]"
        )
        seal = structs.replace(seal_of(rows["a"]), items=(item,))
        stored = await books.ledger.seal(books.lease, seal, [Before(rows["a"].row_id, b'{"v":1.50}')])
        assert stored is not None
        (left,) = await books.ledger.unsettled(REALM)
        expected = structs.replace(seal, seal_id=stored.seal_id, sealed_at=stored.sealed_at)
        assert left == expected
        assert await books.before("a") == {"v": 1.5}
        assert set(await books.rows([LoadId(1)])) == {"b"}
        assert await books.ledger.unsettled(OTHER_REALM) == []

    async def test_nothing_is_sealed_if_a_row_is_another_by_now(self, books: Books) -> None:
        rows = await books.rows((await books.add([new("a"), new("b")])).loads)
        await books.add([new("b", payload={"DisplayName": "better"})])
        assert await books.ledger.seal(books.lease, seal_of(rows["a"], rows["b"]), ()) is None
        assert await books.states() == {"a": "waiting", "b": "waiting"}
        assert await books.ledger.unsettled(REALM) == []

    async def test_no_row_is_in_two_seals(self, books: Books) -> None:
        row = (await books.rows((await books.add([new("a")])).loads))["a"]
        await books.sealed(row)
        assert await books.ledger.seal(books.lease, seal_of(row, request_id="r2"), ()) is None

    async def test_some_settled_the_rest_is_open_and_not_whole(self, books: Books) -> None:
        rows = await books.rows((await books.add([new("a"), new("b")])).loads)
        seal = await books.sealed(rows["a"], rows["b"])
        await books.ledger.settle(books.lease, [Outcome(rows["a"].row_id, RowState.APPLIED, "7", "0")])
        (left,) = await books.ledger.unsettled(REALM)
        assert ([item.source_key for item in left.items], left.whole) == (["b"], False)
        await books.ledger.settle(books.lease, [Outcome(rows["b"].row_id, RowState.WAITING, doubtful=True)])
        assert await books.ledger.unsettled(REALM) == []
        again = (await books.rows([LoadId(1)]))["b"]
        assert (again.generation, again.doubtful) == (1, True)
        assert seal.whole

    async def test_since_when_a_seal_is_lost_is_kept(self, books: Books) -> None:
        row = (await books.rows((await books.add([new("a")])).loads))["a"]
        seal = await books.sealed(row)
        assert (await books.ledger.unsettled(REALM))[0].lost_for_s is None
        (lost,) = await books.ledger.lose(books.lease, [seal.seal_id], taken_over=True)
        assert lost.lost_for_s is not None
        (again,) = await books.ledger.lose(books.lease, [seal.seal_id], taken_over=False)
        assert again.lost_for_s is not None
        assert again.lost_for_s >= lost.lost_for_s
        await books.ledger.send_again(books.lease, seal.seal_id)
        (sent,) = await books.ledger.unsettled(REALM)
        assert sent.lost_for_s is None
        assert [item.doubtful for item in sent.items] == [True], "from now on 'exists already' may mean us"
        await books.ledger.settle(books.lease, [Outcome(row.row_id, RowState.ADOPTED, "7")])
        assert await books.ledger.lose(books.lease, [seal.seal_id], taken_over=False) == []

    async def test_since_when_a_row_is_in_doubt_is_kept_from_attempt_to_attempt(self, books: Books) -> None:
        loads = (await books.add([new("a")])).loads
        row = (await books.rows(loads))["a"]
        first = await books.sealed(row)
        assert await doubtful_since(books) is None
        await books.ledger.settle(books.lease, [Outcome(row.row_id, RowState.WAITING, doubtful=True)])
        second = await books.sealed((await books.rows(loads))["a"], request_id="r2")
        assert [item.doubtful_since for item in second.items] == [first.sealed_at]
        assert await doubtful_since(books) == first.sealed_at
        await books.ledger.send_again(books.lease, second.seal_id)
        assert await doubtful_since(books) == first.sealed_at

    async def test_a_seal_that_is_sent_again_is_in_doubt_since_it_was_sealed(self, books: Books) -> None:
        first, second, third = await books.waiting(await books.add([new("a"), new("b"), new("c")]))
        await books.sealed(first)
        seal = await books.sealed(second, request_id="r2")
        await books.sealed(third, request_id="r3")
        await books.ledger.send_again(books.lease, seal.seal_id)
        doubts = [item.doubtful_since for left in await books.ledger.unsettled(REALM) for item in left.items]
        assert doubts == [None, seal.sealed_at, None], "and no other"

    async def test_what_is_done_is_in_doubt_no_more(self, books: Books) -> None:
        """Else what is made anew would be taken for what was made and taken back."""
        row = (await books.rows((await books.add([new("a")])).loads))["a"]
        seal = await books.sealed(row)
        await books.ledger.send_again(books.lease, seal.seal_id)
        await books.ledger.settle(books.lease, [Outcome(row.row_id, RowState.ADOPTED, "7")])
        undoing = new("undo:1", operation="delete", payload={"Id": "7"}, undoes=row.row_id)
        undo = (await books.rows((await books.add([undoing])).loads))["undo:1"]
        await books.sealed(undo, request_id="r2")
        await books.ledger.settle(books.lease, [Outcome(undo.row_id, RowState.APPLIED, "7")])
        await books.sealed((await books.rows((await books.add([new("a")])).loads))["a"], request_id="r3")
        assert await doubtful_since(books) is None

    async def test_counts(self, books: Books) -> None:
        loads = (await books.add([new("a"), new("b"), new("c")])).loads
        rows = await books.rows(loads)
        await books.sealed(rows["a"])
        outcome = Outcome(rows["b"].row_id, RowState.REJECTED, code="reference", message="no such thing")
        await books.ledger.settle(books.lease, [outcome])
        assert await books.ledger.counts(REALM, loads) == {"sealed": 1, "rejected": 1, "waiting": 1}
        assert await books.ledger.counts(OTHER_REALM, loads) == {}


class TestUndoing:
    async def test_a_reversal_without_effect_takes_nothing_back(self, books: Books) -> None:
        """Else what is there would be made once more by whoever loads the source again."""
        (made,) = await books.waiting(await books.add([new("a")]))
        await books.settle({made.row_id: "7"})
        undoing = await books.add([new("undo:1", operation="delete", payload={"Id": "7"}, undoes=made.row_id)])
        for state, left in ((RowState.WAITING, "waiting"), (RowState.REJECTED, "rejected")):
            (undo,) = await books.waiting(undoing)
            await books.sealed(undo, request_id=left)
            outcome = Outcome(undo.row_id, state, code="none", message="not done")
            await books.ledger.settle(books.lease, [outcome])
            assert await books.states() == {"a": "applied", "undo:1": left}

    async def test_what_is_to_be_made_anew_is_not_what_a_reversal_of_its_reversal_makes(self, books: Books) -> None:
        (made,) = await books.waiting(await books.add([new("a")]))
        await books.settle({made.row_id: "7"})
        undoing = new("undo:1", operation="delete", payload={"Id": "7"}, undoes=made.row_id)
        (undo,) = await books.waiting(await books.add([undoing]))
        await books.settle({undo.row_id: "7"})
        redoing = await books.add([new("undo:2", payload={"DisplayName": "A"}, undoes=undo.row_id)])
        anew = await books.waiting(await books.add([new("a")]))
        assert [row.row_id for row in anew] == [made.row_id]
        await books.settle({row.row_id: "8" for row in await books.waiting(redoing)})
        assert (await books.states())["a"] == "waiting"


class TestFence:
    """With a lease that is not valid any more nothing is written, and that is said."""

    async def test_everything_that_changes_rows(self, books: Books) -> None:
        rows = await books.rows((await books.add([new("a"), new("b")])).loads)
        seal = await books.sealed(rows["a"])
        await books.stores.expire(REALM)
        await books.stores.theirs.acquire(REALM)
        outcome = Outcome(rows["a"].row_id, RowState.APPLIED, "7")
        for attempt in (
            lambda: books.ledger.seal(books.lease, seal_of(rows["b"], request_id="r2"), ()),
            lambda: books.ledger.settle(books.lease, [outcome]),
            lambda: books.ledger.lose(books.lease, [seal.seal_id], taken_over=False),
            lambda: books.ledger.send_again(books.lease, seal.seal_id),
        ):
            with pytest.raises(LeaseLostError, match=REALM):
                await attempt()
        assert await books.states() == {"a": "sealed", "b": "waiting"}
        (left,) = await books.ledger.unsettled(REALM)
        assert left.lost_for_s is None
