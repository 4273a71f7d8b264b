"""What a page does to a walk: which rows are new, and where the next page starts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from backfill.errors import Disposition, FaultError, UnprovenError
from backfill.jobs.keys import BY_PLACE, CREATED, UNKEYED, UPDATED, Key
from backfill.jobs.pages import PageRead
from backfill.jobs.questions import Items, Questions
from backfill.jobs.scan import Step, advance, read_slice
from backfill.jobs.slices import ONE_SECOND
from backfill.jobs.turns import Turn
from backfill.jobs.work import RealmWork
from backfill.model import RealmId, Record, Refusal, RunId, Slice
from backfill.pacing.byte_budget import ByteBudget
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import CATALOGUE, Entity
from backfill.rows import Rows
from backfill.store.memory_store import MemoryStore

T0 = datetime(2026, 1, 1, tzinfo=UTC)
BROKEN = FaultError("broken", realm_id="1")


def at(second: int) -> datetime:
    return T0 + timedelta(seconds=second)


def row(id_: str, second: int | None) -> Record:
    when = None if second is None else at(second)
    return Record(id=id_, sync_token=0, created_at=when, updated_at=when, doc=b"{}")


def page(*rows: Record, refused: Sequence[str] = (), full: bool = True, unread: bool = False) -> PageRead:
    refusals = [Refusal(id=id_, code="x", message="x", raw=b"") for id_ in refused]
    return PageRead(list(rows), refusals, len(rows) + len(refusals) + unread, full, [BROKEN] if unread else [])


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
        (page(B, C, full=False), at(1), frozenset("a"), 0, Step([B, C], at(2), frozenset("bc"), 0, dense=False)),
        # a row that is refused under its Id has no time, and is passed over
        (page(refused=["x"]), at(2), frozenset("b"), 1, Step([], at(2), frozenset("b"), 2, dense=False)),
        (page(B, refused=["x"]), at(2), frozenset("b"), 0, Step([], at(2), frozenset("b"), 2, dense=False)),
        (page(C, refused=["x"]), at(2), frozenset("b"), 1, Step([C], at(2), frozenset("bc"), 3, dense=False)),
        (page(D, refused=["x"]), at(2), frozenset("b"), 3, Step([D], at(3), frozenset("d"), 0, dense=True)),
        (page(C, D, refused=["x"]), at(2), frozenset("b"), 3, Step([C, D], at(3), frozenset("d"), 0, dense=False)),
        # out of order, before the bound, without a time, or of unknown place: not the key's order
        (page(D, A), None, NONE, 0, None),
        (page(A, D), at(2), NONE, 0, None),
        (page(A, row("n", None)), None, NONE, 0, None),
        (page(row("n", None), row("m", None)), None, NONE, 0, None),
        (page(A, D, B), None, NONE, 0, None),
        (page(unread=True), at(2), frozenset("b"), 0, None),
    ],
)
@pytest.mark.parametrize("held", [list, Rows.of])
def test_advance(
    came: PageRead,
    low: datetime | None,
    seen: frozenset[str],
    skip: int,
    expected: Step | None,
    held: Callable[[Sequence[Record]], Sequence[Record]],
) -> None:
    """However the rows are held."""
    step = advance(replace(came, records=held(came.records)), CREATED, low, seen, skip)
    assert (None if step is None else replace(step, fresh=list(step.fresh))) == expected


@pytest.mark.parametrize("key", [UNKEYED, BY_PLACE])
def test_a_walk_without_a_time_is_read_by_offset(key: Key) -> None:
    assert advance(page(A, B), key, None, NONE, 0) is None


@pytest.mark.parametrize("held", [list, Rows.of])
def test_a_walk_by_change_goes_by_last_updated_time(held: Callable[[Sequence[Record]], Sequence[Record]]) -> None:
    edited = Record(id="a", sync_token=1, created_at=at(1), updated_at=at(9), doc=b"{}")
    step = advance(replace(page(B, edited), records=held([B, edited])), UPDATED, None, NONE, 0)
    assert step is not None
    assert step.low == at(9)


class Server:
    """Rows in whatever order each question finds them, of which `broken` cannot be read; answers in pages of one.

    `!` comes without an Id.
    """

    def __init__(self, orders: Sequence[str], broken: str) -> None:
        self.orders = list(orders)
        self.broken = broken
        self.passes = 0

    async def page(self, _entity: Entity, statement: str, *, hasty: bool = False) -> Page:
        assert hasty or "Id, MetaData" not in statement, "a single row is asked for with patience, its name is not"
        order = self.orders.pop(0) if len(self.orders) > 1 else self.orders[0]
        found = re.search(r"STARTPOSITION (\d+)", statement)
        assert found is not None
        start = int(found[1])
        self.passes += start == 1 and not hasty
        id_ = order[start - 1 : start]
        if id_ and id_ in self.broken:
            raise FaultError("broken", realm_id="1", code="4002", disposition=Disposition.QUARANTINE)
        if id_ == "!":
            return Page([], [Refusal("", "unreadable_row", "it has no Id", b"!")], 1, at(100))
        records = [row(id_, 2)] if id_ else []
        return Page(records, [], len(records), at(100))

    async def page_to_land(self, entity: Entity, statement: str, *, hasty: bool = False) -> Page:
        return await self.page(entity, statement, hasty=hasty)

    async def count(self, statement: str) -> int:
        named = re.search(r"Id IN \(([^)]*)\)", statement)
        return len(self.orders[-1] if named is None else set(re.findall(r"'(.)'", named[1])) & set(self.orders[-1]))


async def read(
    server: Server,
    *,
    held: Sequence[Record] = (),
    low: datetime | None = T0 + 2 * ONE_SECOND,
) -> tuple[set[str], list[Refusal]]:
    """What a walk over one second lands of the server, beside what is `held` already, and what it sets aside."""
    realm = RealmId("1")
    store = MemoryStore([realm], now=lambda: T0)
    lease = await store.acquire(realm)
    part = Slice("Invoice", 0, low, at(2))
    await store.begin_scan(lease, RunId(1), started_at=T0, census={"Invoice": 4}, slices=[part])
    await store.land(lease, RunId(1), "Invoice", held)
    work = RealmWork(
        lease=lease,
        run_id=RunId(1),
        ask=cast("Questions", server),
        store=store,
        room=ByteBudget(10**6),
        observe=lambda _event: None,
        stopping=lambda: False,
        turn=Turn(realm),
        now=lambda: T0,
        page_rows=1,
    )
    await read_slice(work, CATALOGUE["Invoice"], part, BY_PLACE)
    return set(store.live_documents(realm, "Invoice")), store.refusals(realm, "Invoice")


async def test_a_row_that_is_met_at_two_places_of_a_pass_is_not_two() -> None:
    """Nor does it stand for the row that was missed when it moved: two passes must agree on how many there are."""
    # The pass's first four looks see `?` in the second place, the next in the third; then all is still.
    # Each `?` is asked for three times: as a page, for its Id alone, and behind the row before it.
    the_pass = ["a?bc", "a?bc", "a?bc", "a?bc", "ab?c", "ab?c", "ab?c", "ab?c", "ab?c"]
    server = Server([*the_pass, "ab?c"], broken="?")
    landed, refused = await read(server)
    assert landed == set("abc")
    assert len(refused) == 1
    assert refused[0].id == ""
    assert server.passes == 3, "a wrong pass, and two that agree"


async def test_no_more_are_set_aside_than_the_server_counts() -> None:
    """Two passes agree on two rows, and each met the one at two places: together they met all the others."""
    first = ["a?bc"] * 4 + ["ab?c"] * 5
    second = ["b?ac"] * 4 + ["ba?c"] * 5
    server = Server([*first, *second, "ba?c"], broken="?")
    landed, refused = await read(server)
    assert landed == set("abc")
    assert len(refused) == 1
    assert server.passes == 2


async def test_a_row_that_was_met_and_deleted_since_takes_no_place_of_one_that_cannot_be_read() -> None:
    """The first pass meets `a`, which is deleted, so that `b` moves to where it looked before; the second meets `b`."""
    server = Server(["ab?c", "b?c"], broken="?")
    landed, refused = await read(server)
    assert landed == set("abc"), "who looks for deletes finds that `a` is gone"
    assert len(refused) == 1
    assert server.passes == 2


class ByIdServer(Server):
    """Is asked for rows by their Ids, too."""

    async def page(self, entity: Entity, statement: str, *, hasty: bool = False) -> Page:
        asked = re.search(r"Id IN \(([^)]*)\)", statement)
        if asked is None:
            return await super().page(entity, statement, hasty=hasty)
        ids = re.findall(r"'(.)'", asked[1])
        if set(ids) & set(self.broken):
            raise FaultError("broken", realm_id="1", code="4002", disposition=Disposition.QUARANTINE)
        records = [row(id_, 2) for id_ in ids if id_ in self.orders[-1]]
        return Page(records, [], len(records), at(100))

    async def many(self, statements: Sequence[str]) -> Items:
        assert not statements, "all that is in quarantine under its Id is held"
        return Items([], [])


async def test_what_cannot_be_read_is_set_aside_once_each_named_or_not() -> None:
    """Of two rows the Ids cannot be had. One was held before, so it is known by its own, and the other is not."""
    landed, refused = await read(ByIdServer(["a?bx"], broken="?x"), held=[row("x", 2)])
    assert landed == set("abx")
    assert sorted(refusal.id for refusal in refused) == ["", "x"]


async def test_a_row_without_an_id_is_there_although_nobody_can_ask_for_it() -> None:
    server = Server(["ab!c"], broken="?")
    landed, refused = await read(server)
    assert landed == set("abc")
    assert [refusal.raw for refusal in refused] == [b"!"]
    assert server.passes == 1


class GenerousServer(Server):
    """Sends one row more than it is asked for, so that a broken row fails the question for the one before it."""

    async def page(self, entity: Entity, statement: str, *, hasty: bool = False) -> Page:
        first = await super().page(entity, statement, hasty=hasty)
        if "Id, MetaData" in statement or not first.records:
            return first
        behind = re.sub(r"STARTPOSITION (\d+)", lambda found: f"STARTPOSITION {int(found[1]) + 1}", statement)
        more = await super().page(entity, behind, hasty=hasty)
        return Page([*first.records, *more.records], [], first.received + more.received, at(100))


async def test_the_row_before_a_broken_one_is_read_though_no_page_came_yet() -> None:
    """A walk that goes on right beside it cannot know that the server sends more than it is asked for."""
    landed, refused = await read(GenerousServer(["ab?"], broken="?"))
    assert landed == set("ab")
    assert len(refused) == 1


class AlwaysGenerousServer(Server):
    """Sends one more of whatever it is asked for: a whole row before a broken one cannot be had by any question."""

    async def page(self, entity: Entity, statement: str, *, hasty: bool = False) -> Page:
        first = await super().page(entity, statement, hasty=hasty)
        if not first.records:
            return first
        behind = re.sub(r"STARTPOSITION (\d+)", lambda found: f"STARTPOSITION {int(found[1]) + 1}", statement)
        more = await super().page(entity, behind, hasty=hasty)
        return Page([*first.records, *more.records], [], first.received + more.received, at(100))


@pytest.mark.parametrize(
    ("order", "low"),
    [("abc?x?de", at(2)), ("abc???de", at(2)), ("x?ab", None), ("abc?x??d", at(2))],
)
async def test_what_may_hide_a_whole_row_is_not_set_aside(order: str, low: datetime | None) -> None:
    """Nobody can tell whether what failed with its neighbour is broken itself: `x` would count as if it were."""
    with pytest.raises(UnprovenError, match="what stands between them cannot be read"):
        await read(AlwaysGenerousServer([order], broken="?"), low=low)


@pytest.mark.parametrize(("order", "aside"), [("abc?de", 1), ("abc??de", 2), ("abc?de?fg", 2)])
async def test_what_cannot_hide_a_whole_row_is_set_aside(order: str, aside: int) -> None:
    landed, refused = await read(AlwaysGenerousServer([order], broken="?"))
    assert landed == set(order) - {"?"}
    assert len(refused) == aside


async def test_neighbours_that_a_sound_server_cannot_read_hide_nothing() -> None:
    landed, refused = await read(Server(["a???b"], broken="?"), low=None)
    assert landed == set("ab")
    assert len(refused) == 3


async def test_the_refusal_of_a_nameless_row_is_the_same_each_time() -> None:
    """So that a walk that dies and is walked again does not set the row aside twice."""
    (_, first), (_, second) = [await read(Server(["a?bc"], broken="?")) for _ in range(2)]
    assert [refusal.raw for refusal in first] == [refusal.raw for refusal in second]
    assert [refusal.code for refusal in first] == ["4002"]
