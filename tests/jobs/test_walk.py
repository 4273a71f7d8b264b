"""Walking a part to its end: what each page leaves to go on from, what is found to be gone, what stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from backfill.jobs.keys import BY_PLACE, CREATED, UPDATED
from backfill.jobs.scan import UNREAD_MAX, read_slice
from backfill.jobs.slices import ONE_SECOND, unplanned, whole
from backfill.jobs.work import RealmWork
from backfill.model import Checkpoint, Record, Slice
from backfill.qbo.catalogue import CATALOGUE
from tests.jobs.answering import RUN, T0, Server, aside, deleted, live, memory_of, refusal, row, work_with

INVOICE = CATALOGUE["Invoice"]

pytestmark = pytest.mark.virtual


def day(number: int) -> datetime:
    return T0 + timedelta(days=number)


async def planned(server: Server, part: Slice, *, page_rows: int = 2) -> RealmWork:
    work = await work_with(server, page_rows=page_rows)
    await work.store.begin_scan(work.lease, RUN, started_at=T0, census={}, slices=[part])
    return work


def left(*pages: tuple[datetime | None, int, bool]) -> Sequence[Checkpoint]:
    """What is left by pages: the cursor, the rows, and whether it was the last one."""
    return [Checkpoint(entity="Invoice", number=0, cursor=cursor, rows=rows, done=done) for cursor, rows, done in pages]


class TestCheckpoints:
    async def test_each_page_says_where_the_next_begins_and_the_last_that_it_was(self) -> None:
        part = whole("Invoice", None, day(5))
        work = await planned(Server([row(id_, day=number) for number, id_ in enumerate("abcd")]), part)
        await read_slice(work, INVOICE, part, CREATED)
        pages = left((day(1), 2, False), (day(2), 3, False), (day(3), 4, False), (day(3), 4, True))
        assert memory_of(work).checkpoints == pages
        assert live(work, INVOICE) == set("abcd")

    async def test_it_goes_on_where_the_page_before_ended(self) -> None:
        part = Slice("Invoice", 0, None, day(5), cursor=day(2), rows=7)
        server = Server([row(id_, day=number) for number, id_ in enumerate("abcd")])
        work = await planned(server, part, page_rows=10)
        await read_slice(work, INVOICE, part, CREATED)
        assert live(work, INVOICE) == set("cd"), "what was read before is not asked for again"
        assert memory_of(work).checkpoints == left((day(3), 9, True))

    async def test_a_crowded_second_is_done_when_all_of_it_is(self) -> None:
        """Its pages leave nothing to go on from; what comes behind it begins at the next second."""
        part = whole("Invoice", None, day(5))
        behind = Record("z", 0, day(1) + ONE_SECOND, day(1), b"{}")
        server = Server([row("a"), *(row(id_, day=1) for id_ in "bcdef"), behind])
        work = await planned(server, part)
        await read_slice(work, INVOICE, part, CREATED)
        assert memory_of(work).checkpoints == left(
            (day(1), 2, False), (day(1) + ONE_SECOND, 7, False), (behind.created_at, 8, True)
        )
        assert live(work, INVOICE) == set("abcdefz")

    async def test_what_comes_in_no_order_is_read_by_its_place_from_there_to_the_end_of_the_part(self) -> None:
        part = whole("Invoice", day(1), day(3))
        server = Server([row(id_, day=number) for id_, number in zip("adcbe", (0, 3, 2, 1, 4), strict=True)])
        server.is_ordered = False
        work = await planned(server, part)
        await read_slice(work, INVOICE, part, CREATED)
        assert memory_of(work).checkpoints[-1:] == left((None, 3, True))
        assert live(work, INVOICE) == set("bcd")

    async def test_a_part_beside_the_plan_leaves_none(self) -> None:
        work = await work_with(Server([row("a")]))
        await read_slice(work, INVOICE, unplanned("Invoice", None, None), CREATED)
        assert memory_of(work).checkpoints == []


class TestReconciled:
    @pytest.mark.parametrize("gone", ["a", "c", "f", "abcdef", "bd"])
    async def test_what_the_server_has_no_more_is_marked_wherever_it_stood(self, gone: str) -> None:
        """Nothing else is asked for by its Id: neither what comes with a later page, nor what is beyond the part."""
        rows = [row(id_, day=number) for id_, number in zip("abcdef", (0, 1, 1, 3, 4, 5), strict=True)]
        server = Server([one for one in rows if one.id not in gone])
        work = await work_with(server, page_rows=2)
        await work.land(INVOICE, [*rows, row("y", day=-1), row("z", day=9)])
        await read_slice(work, INVOICE, unplanned("Invoice", day(0), day(5)), CREATED, reconcile=True)
        assert set(deleted(work, INVOICE)) == set(gone)
        assert sum(named for named, _ in server.hasty) == len(gone)

    async def test_what_is_in_no_order_as_well(self) -> None:
        server = Server([row("c", day=3), row("b", day=2)], is_ordered=False)
        work = await work_with(server)
        await work.land(INVOICE, [row(id_, day=number) for number, id_ in enumerate("abcdef")])
        await read_slice(work, INVOICE, unplanned("Invoice", day(1), day(3)), CREATED, reconcile=True)
        assert set(deleted(work, INVOICE)) == {"d"}

    async def test_without_it_nothing_is_marked(self) -> None:
        work = await work_with(Server([row("b", day=1)]))
        await work.land(INVOICE, [row("a")])
        await read_slice(work, INVOICE, unplanned("Invoice", None, None), CREATED)
        assert deleted(work, INVOICE) == {}

    async def test_a_nameless_row_is_forgotten_only_by_who_reads_all_and_does_not_meet_it(self) -> None:
        for low, kept in ((day(2), [b"n", b"old"]), (None, [b"n"])):
            work = await work_with(Server([row("n", day=3)], nameless=["n"]))
            await work.land(INVOICE, (), refusals=[refusal("", b"old")])
            await read_slice(work, INVOICE, unplanned("Invoice", low, None), CREATED, reconcile=True, first=False)
            assert sorted(refused.raw for refused in memory_of(work).refusals("1", "Invoice")) == kept

    async def test_more_nameless_rows_than_are_remembered_are_all_kept(self) -> None:
        ids = [f"n{number}" for number in range(2 * UNREAD_MAX)]
        work = await work_with(Server([row(id_) for id_ in ids], nameless=ids), page_rows=10)
        await read_slice(work, INVOICE, unplanned("Invoice", None, None), CREATED, reconcile=True)
        assert len(aside(work, INVOICE)) == len(ids)

    async def test_who_is_set_aside_under_a_name_is_not_looked_for(self) -> None:
        server = Server([row("a"), row("b")], unreadable=["b"])
        work = await work_with(server)
        await work.land(INVOICE, [row("a"), row("b")])
        await read_slice(work, INVOICE, unplanned("Invoice", None, None), CREATED, reconcile=True)
        assert (deleted(work, INVOICE), aside(work, INVOICE)) == ({}, ["b"])


class TestWhatStands:
    async def test_a_slice_of_the_plan_does_not_undo_what_came_beside_it(self) -> None:
        """Changes are told while slices are read: of two versions that look the same, theirs may be the newer."""
        part = whole("Invoice", None, None)
        work = await planned(Server([row("a", doc=b'{"Balance":1}')]), part)
        await work.land(INVOICE, [row("a", doc=b'{"Balance":2}')])
        await read_slice(work, INVOICE, part, CREATED)
        assert memory_of(work).live_documents("1", "Invoice") == {"a": b'{"Balance":2}'}

    @pytest.mark.parametrize(("number", "key"), [(0, UPDATED), (-1, CREATED), (-1, UPDATED)])
    async def test_a_walk_by_changes_or_beside_the_plan_reads_the_latest(self, number: int, key: object) -> None:
        part = Slice("Invoice", number, day(0), None)
        work = await planned(Server([row("a", doc=b'{"Balance":1}')]), part)
        await work.land(INVOICE, [row("a", doc=b'{"Balance":2}')])
        await read_slice(work, INVOICE, part, UPDATED if key is UPDATED else CREATED)
        assert memory_of(work).live_documents("1", "Invoice") == {"a": b'{"Balance":1}'}

    async def test_a_company_that_was_restored_is_as_it_is_now(self) -> None:
        part = whole("Invoice", None, None)
        work = await planned(Server([row("a", doc=b'{"Of":"old"}')]), part)
        await work.land(INVOICE, [row("a", updated_day=3, doc=b'{"Of":"undone"}')])
        await read_slice(work, INVOICE, part, CREATED)
        assert memory_of(work).live_documents("1", "Invoice") == {"a": b'{"Of":"old"}'}


class TestByPlace:
    async def test_rows_that_come_while_it_is_read_are_read(self) -> None:
        """More are counted than were met, so it is read again."""
        server = Server([row("a"), row("b")])
        work = await work_with(server, page_rows=2)
        count = server.count

        async def comes(statement: str) -> int:
            server.rows = [row("c"), row("a"), row("b")]
            return await count(statement)

        server.count = comes  # type: ignore[method-assign]  # something happens just then
        await read_slice(work, INVOICE, unplanned("Invoice", None, None), BY_PLACE)
        assert live(work, INVOICE) == set("abc")

    async def test_a_row_that_goes_while_it_is_read_does_not_stand_for_one_that_was_passed_over(self) -> None:
        """As many were met as are counted; but `a` is gone, and `c` moved to where it had been looked before."""
        rows = [row(id_) for id_ in "abcd"]
        server = Server(rows)
        work = await work_with(server, page_rows=2)
        page = server.page_to_land

        async def goes(*arguments: object, **options: bool) -> object:
            brought = await page(*arguments, **options)  # type: ignore[arg-type]  # as it came
            if len(server.asked) == 1:
                server.rows = [*rows[1:], row("e")]
            return brought

        server.page_to_land = goes  # type: ignore[assignment]  # something happens just then
        await read_slice(work, INVOICE, unplanned("Invoice", None, None), BY_PLACE)
        assert live(work, INVOICE) == set("abcde"), "who looks for deletes finds that `a` is gone"
