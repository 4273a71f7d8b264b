"""What was not met is asked for by Id: what is there lands, what cannot be read is set aside, only the rest is gone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from backfill.errors import Disposition, FaultError
from backfill.jobs.vanished import Asked, ask_for_set_aside, count_set_aside, mark_vanished, mark_vanished_together
from backfill.model import Record
from backfill.qbo.catalogue import CATALOGUE
from tests.jobs.answering import (
    ANSWERED_AT,
    REALM,
    T0,
    Server,
    aside,
    deleted,
    live,
    memory_of,
    refusal,
    row,
    work_with,
)

INVOICE, BILL, RECURRING = (CATALOGUE[name] for name in ("Invoice", "Bill", "RecurringTransaction"))

pytestmark = pytest.mark.virtual


def fault(disposition: Disposition, code: str = "4002") -> FaultError:
    return FaultError("refused", realm_id=REALM, code=code, disposition=disposition, status=400)


async def test_each_is_what_the_server_says_of_it() -> None:
    """Landed, set aside, or marked as of the server's own time, whatever our clock says."""
    work = await work_with(Server([row("a"), row("b")], unreadable=["b"]))
    await work.land(INVOICE, [row("a"), row("b"), row("c")])
    asked = await mark_vanished(work, INVOICE, ["a", "b", "c"])
    assert asked == Asked(there=1, landed=0, deleted=1)
    assert deleted(work, INVOICE) == {"c": ANSWERED_AT}
    assert aside(work, INVOICE) == ["b"]


async def test_what_is_found_is_as_new_as_the_answer() -> None:
    """Of two versions that look the same it stands; and one that is older stands where what is held had settled."""
    rows = [row("a", doc=b'{"Balance":1}'), row("b", doc=b'{"DocNumber":"old"}')]
    work = await work_with(Server(rows))
    await work.land(INVOICE, [row("a"), Record("b", 3, T0, T0 + timedelta(hours=1), b"{}")])
    asked = await mark_vanished(work, INVOICE, ["a", "b"])
    assert asked == Asked(there=2, landed=2)
    assert memory_of(work).live_documents(REALM, "Invoice") == {one.id: bytes(one.doc) for one in rows}


async def test_what_is_not_said_of_one_object_is_raised_and_sets_nothing_aside() -> None:
    work = await work_with(Server(fails={"a": fault(Disposition.REJECT, "2010")}))
    with pytest.raises(FaultError):
        await mark_vanished(work, INVOICE, ["a"])
    assert aside(work, INVOICE) == []
    assert deleted(work, INVOICE) == {}


async def test_the_one_that_cannot_be_read_is_set_aside_and_its_neighbours_are_not() -> None:
    ids = [f"i{number}" for number in range(8)]
    server = Server([row(id_) for id_ in ids if id_ != "i6"], fails={"i5": fault(Disposition.QUARANTINE)})
    work = await work_with(server)
    assert await mark_vanished(work, INVOICE, ids) == Asked(there=6, landed=6, deleted=1, set_aside=1)
    assert aside(work, INVOICE) == ["i5"]
    assert set(deleted(work, INVOICE)) == {"i6"}
    assert all(hasty == (named > 1) for named, hasty in server.hasty[1:]), "one alone is asked for with patience"


async def test_what_was_set_aside_is_asked_for_again() -> None:
    work = await work_with(Server([row("a"), row("b")], unreadable=["b"]))
    await work.land(INVOICE, (), refusals=[refusal(id_) for id_ in "abc"])
    await work.land(BILL, (), refusals=[refusal("d")])
    await ask_for_set_aside(work, INVOICE)
    assert live(work, INVOICE) == {"a"}
    assert aside(work, INVOICE) == ["b"]
    assert (set(deleted(work, INVOICE)), set(deleted(work, BILL))) == ({"c"}, set())


@pytest.mark.parametrize(("received", "gone"), [(999, {"Bill:9"}), (1000, set[str]())])
async def test_an_answer_of_all_rows_that_may_be_cut_marks_nothing(received: int, gone: set[str]) -> None:
    """A wrapper is asked for with all others; what it is not asked for may have come since, and is not to be proven."""
    rows = [row(f"Invoice:{number}") for number in (1, 2, 3)]
    server = Server(rows, unreadable=["Invoice:3"], beside=received - 3)
    work = await work_with(server)
    asked = await mark_vanished(work, RECURRING, ["Invoice:1", "Bill:9"])
    assert set(deleted(work, RECURRING)) == gone
    assert live(work, RECURRING) == ({"Invoice:1"} if gone else set())
    assert aside(work, RECURRING) == []
    assert asked.there == len(gone)
    assert "WHERE" not in server.asked[0], "nobody can ask for it by an Id"


class TestTogether:
    async def test_few_of_each_are_one_call(self) -> None:
        server = Server([row("a")])
        work = await work_with(server)
        brought = await mark_vanished_together(work, {INVOICE: ["a", "b"], BILL: ["c"], RECURRING: []})
        assert brought == {INVOICE: Asked(there=1, landed=1, deleted=1), BILL: Asked(deleted=1)}
        assert (server.batches, len(server.asked)) == ([2], 2), "and nothing is asked again"

    @pytest.mark.parametrize(("there", "questions"), [("a", 2), ("ac", 4)])
    async def test_of_a_batch_that_may_be_cut_nothing_is_believed(self, there: str, questions: int) -> None:
        """Two answers of 500 rows."""
        server = Server([row(id_) for id_ in there], beside=499)
        work = await work_with(server)
        await mark_vanished_together(work, {INVOICE: ["a", "b"], BILL: ["c", "d"]})
        assert len(server.asked) == questions

    async def test_more_entities_than_a_batch_takes(self) -> None:
        server = Server()
        work = await work_with(server)
        missing = {entity: ["a"] for entity in list(CATALOGUE.values())[:33]}
        brought = await mark_vanished_together(work, missing)
        assert set(brought) == set(missing)
        assert server.batches == [30]

    async def test_a_long_list_is_asked_for_by_itself(self) -> None:
        server = Server()
        work = await work_with(server)
        many = [f"i{number}" for number in range(450)]
        await mark_vanished_together(work, {INVOICE: many, BILL: ["a"]})
        assert server.batches == []
        assert len(server.asked) == 3 + 1
        assert len(deleted(work, INVOICE)) == 450


class TestCountSetAside:
    async def test_only_what_is_neither_met_nor_live_and_lies_between_the_bounds(self) -> None:
        server = Server([row(id_, day=day) for id_, day in zip("abcdef", (2, 2, 2, 1, 3, 2), strict=True)])
        work = await work_with(server)
        await work.land(INVOICE, [row("c", day=2)], refusals=[refusal(id_) for id_ in "abcdefg"])
        low, high = T0 + timedelta(days=2), T0 + timedelta(days=2)
        assert await count_set_aside(work, INVOICE, {"a"}, low, high) == 2, "b and f"
        assert await count_set_aside(work, INVOICE, {"a"}, None, None) == 4, "and d and e"

    async def test_a_row_that_is_live_beyond_the_bounds_is_no_reason_to_leave_one_out(self) -> None:
        """It is known by an older version, of another day: what the server has of it now lies between them."""
        server = Server([row("a", day=2)])
        work = await work_with(server)
        await work.land(INVOICE, [row("a", day=1)], refusals=[refusal("a")])
        assert await count_set_aside(work, INVOICE, (), T0 + timedelta(days=2), None) == 1

    async def test_more_than_a_statement_names_are_counted_in_several(self) -> None:
        ids = [f"i{number}" for number in range(450)]
        server = Server([row(id_) for id_ in ids])
        work = await work_with(server)
        await work.land(INVOICE, (), refusals=[refusal(id_) for id_ in ids])
        assert await count_set_aside(work, INVOICE, (), None, None) == 450
        assert server.batches == [3]
