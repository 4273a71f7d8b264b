"""What the server did not bring, and is asked for once more before it counts as gone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import anyio
import pytest

from backfill.jobs.vanished import Asked, mark_vanished
from backfill.jobs.work import RealmWork
from backfill.model import Proof, RunId, Scan
from backfill.qbo.catalogue import CATALOGUE
from backfill.qbo.query import PAGE_ROWS_MAX
from backfill.wire import Request
from tests.jobs.verifying import differing, rows, verified
from tests.jobs.world import Tap, World

pytestmark = pytest.mark.virtual


async def templates(world: World) -> list[str]:
    """More than one answer's worth of what nobody can ask for by Id, read; their Ids in their order."""
    company = world.company_of()
    company.create("RecurringTransaction", {"Bill": {"RecurringInfo": {"Name": "first"}}})
    world.sow("RecurringTransaction", PAGE_ROWS_MAX + 100, second=lambda number: 90_000 + number)
    await world.extract()
    await anyio.sleep(3600)
    return [row.id for row in company.table("RecurringTransaction").all()]


def gone(world: World) -> set[str]:
    """The Ids of those that are marked deleted."""
    held = rows(world, "RecurringTransaction").items()
    return {id_.partition(":")[2] for id_, row in held if row.deleted_at is not None}


async def test_more_than_an_answer_holds_are_gone_or_there_by_all_of_them() -> None:
    world = World(seed=2)
    ids = await templates(world)
    for id_ in (ids[5], ids[-5]):
        world.company_of().delete("RecurringTransaction", id_)
    held = rows(world, "RecurringTransaction")
    for key in [key for key in held if key.partition(":")[2] in {ids[7], ids[-7]}]:
        del held[key]
    await verified(world, run=2, repair=True)
    assert gone(world) == {ids[5], ids[-5]}
    assert differing(await verified(world, run=3)) == set()


async def test_who_is_moved_past_the_reader_meanwhile_is_not_gone() -> None:
    """One that is deleted once it was met moves the first of the next answer into the one before."""
    world = World(seed=2)
    ids = await templates(world)
    asked = [id_ for id_ in rows(world, "RecurringTransaction") if id_.partition(":")[2] in ids[990:1010]]
    meanwhile: Iterator[str] = iter(ids)

    def meddle(_request: Request, statement: str) -> None:
        if "FROM RecurringTransaction STARTPOSITION 1 " in statement:
            world.company_of().delete("RecurringTransaction", next(meanwhile))

    async def task(work: RealmWork, _scan: Scan) -> Sequence[Proof]:
        assert await mark_vanished(work, CATALOGUE["RecurringTransaction"], asked) == Asked()
        return []

    world.wrap = lambda inner: Tap(inner, after=meddle)
    world.task = task
    result = await world.extract(run_id=RunId(2))
    assert (result.troubles, gone(world), next(meanwhile)) == ([], set(), ids[2])
