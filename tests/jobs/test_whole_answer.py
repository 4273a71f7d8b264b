"""One answer that holds all of an entity, or all that changed of it: what it lands, and what it proves."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from backfill.errors import Disposition, FaultError, StoppedError
from backfill.jobs.whole_answer import WholeAnswer, land_whole, prove_whole, read_alone
from backfill.jobs.work import RealmWork
from backfill.model import Proof
from backfill.qbo.answers import Page
from backfill.qbo.catalogue import CATALOGUE, Entity
from backfill.qbo.query import PAGE_ROWS_MAX
from tests.jobs.answering import ANSWERED_AT, T0, Server, aside, deleted, live, memory_of, refusal, row, work_with

TERM, RECURRING = CATALOGUE["Term"], CATALOGUE["RecurringTransaction"]

pytestmark = pytest.mark.virtual


def day(number: int) -> datetime:
    return T0 + timedelta(days=number)


async def answer_of(work: RealmWork, entity: Entity = TERM, since: datetime | None = None) -> WholeAnswer:
    answer = await read_alone(work, entity, since)
    assert answer is not None
    return answer


async def proven(work: RealmWork, entity: Entity = TERM, since: datetime | None = None) -> Proof:
    (proof,) = await prove_whole(work, [await answer_of(work, entity, since)], since)
    return proof


@pytest.mark.parametrize(("rows", "is_whole"), [(PAGE_ROWS_MAX - 1, True), (PAGE_ROWS_MAX, False)])
async def test_only_a_short_answer_is_whole(rows: int, is_whole: bool) -> None:
    work = await work_with(Server(beside=rows))
    assert (await read_alone(work, TERM, None) is not None) == is_whole


@pytest.mark.parametrize("disposition", [Disposition.REJECT, Disposition.PARK, Disposition.QUARANTINE])
async def test_what_is_too_much_may_be_read_otherwise_and_what_is_refused_is_raised(disposition: Disposition) -> None:
    server = Server([row("a")])

    async def refuses(_entity: Entity, _statement: str) -> Page:
        raise FaultError("refused", realm_id="1", code="4002", disposition=disposition, status=400)

    server.page = refuses  # type: ignore[method-assign,assignment]  # whatever is asked
    work = await work_with(server)
    if disposition is Disposition.QUARANTINE:
        assert await read_alone(work, TERM, None) is None
        return
    with pytest.raises(FaultError):
        await read_alone(work, TERM, None)


async def test_who_was_asked_to_stop_asks_no_more() -> None:
    server = Server()
    work = await work_with(server)
    work.stopping = lambda: True
    with pytest.raises(StoppedError):
        await read_alone(work, TERM, None)
    assert server.asked == []


async def test_an_answer_of_nothing_but_what_cannot_be_read_sets_that_aside() -> None:
    server = Server([row("a"), row("n")], unreadable=["a"], nameless=["n"])
    work = await work_with(server)
    proof = await proven(work)
    assert len(server.asked) == 1, "what it has is not asked for by its Id"
    assert (sorted(aside(work, TERM)), proof.proven, proof.counted, proof.quarantined) == (["", "a"], True, 2, 2)


async def test_what_it_brings_is_the_latest() -> None:
    """Of two versions that look the same, and of a company that was restored since."""
    work = await work_with(Server([row("a", doc=b'{"Of":1}'), row("b", doc=b'{"Of":1}')]))
    await work.land(TERM, [row("a", doc=b'{"Of":2}'), row("b", updated_day=2, doc=b'{"Of":2}')])
    await answer_of(work)
    assert memory_of(work).live_documents("1", "Term") == {"a": b'{"Of":1}', "b": b'{"Of":1}'}


async def test_what_is_held_beside_is_asked_for_and_marked() -> None:
    """Be it live or set aside; what the answer has and cannot be read is there."""
    server = Server([row("a"), row("b")], unreadable=["b"])
    work = await work_with(server)
    await work.land(TERM, [row("b"), row("c")], refusals=[refusal("d")])
    proof = await proven(work)
    assert (set(deleted(work, TERM)), aside(work, TERM), live(work, TERM)) == ({"c", "d"}, ["b"], {"a", "b"})
    assert (proof.proven, proof.counted, proof.landed_live, proof.quarantined) == (True, 2, 1, 1)
    assert proof.watermark == ANSWERED_AT
    assert len(server.asked) == 2, "and nothing else"


async def test_as_many_others_are_not_the_same() -> None:
    """The answer brings as many rows as are held: one came, one went, and one could not be read before."""
    work = await work_with(Server([row("a"), row("b")]))
    await work.land(TERM, [row("z")])
    answer = WholeAnswer(TERM, {"a"}, [], 1, ANSWERED_AT)
    (proof,) = await prove_whole(work, [answer], None)
    assert set(deleted(work, TERM)) == {"z"}
    assert not proof.proven, "what it said to have brought is not held"


async def test_a_nameless_row_that_is_met_no_more_counts_no_longer() -> None:
    work = await work_with(Server([row("a"), row("n")], nameless=["n"]))
    await work.land(TERM, (), refusals=[refusal("", b"old")])
    proof = await proven(work)
    assert [refused.raw for refused in memory_of(work).refusals("1", "Term")] == [b"n"]
    assert (proof.proven, proof.quarantined) == (True, 1)


async def test_of_a_part_only_what_was_updated_since_is_compared_and_asked_for() -> None:
    server = Server([row("a", day=3)])
    work = await work_with(server)
    await work.land(TERM, [row("old"), row("gone", day=3)], refusals=[refusal("", b"old")])
    proof = await proven(work, since=day(2))
    assert set(deleted(work, TERM)) == {"gone"}
    assert [refused.raw for refused in memory_of(work).refusals("1", "Term")] == [b"old"], "it may be older"
    assert [named for named, _ in server.hasty] == [0, 1]
    assert proof.counted == 1


async def test_what_has_no_time_to_go_by_is_whole_whatever_is_asked_for() -> None:
    server = Server([row("Bill:1"), row("Bill:2", day=3)])
    work = await work_with(server)
    await work.land(RECURRING, [row("Bill:0")])
    proof = await proven(work, RECURRING, since=day(2))
    assert "WHERE" not in server.asked[0]
    assert (set(deleted(work, RECURRING)), live(work, RECURRING)) == ({"Bill:0"}, {"Bill:1", "Bill:2"})
    assert (proof.proven, proof.counted) == (True, 2)


async def test_nothing_is_landed_of_nothing() -> None:
    work = await work_with(Server())
    whole = await land_whole(work, TERM, Page([], [], 0, ANSWERED_AT))
    assert (whole.ids, whole.received, whole.at) == (set(), 0, ANSWERED_AT)
