"""Rows by which the server itself fails, told from a server that fails."""

from __future__ import annotations

import anyio
import pytest

from backfill.errors import UnansweredError
from backfill.model import RunId
from backfill.wire import Request, Response, Transport
from tests.jobs.world import Tap, World, breaches

pytestmark = pytest.mark.virtual

SORRY = b"<html>Sorry</html>"


class Breaking:
    """Stands between client and simulator: an answer that would have `text` in it is `status`; None: there is none.

    Not `by_id`: the object alone is answered all the same.
    """

    def __init__(self, inner: Transport, text: bytes, status: int | None, *, by_id: bool) -> None:
        self._inner = inner
        self._text = text
        self._status = status
        self._by_id = by_id

    async def send(self, request: Request, *, deadline: float) -> Response:
        response = await self._inner.send(request, deadline=deadline)
        is_alone = request.path not in {"/query", "/batch", "/cdc"}
        if self._text not in response.body or (is_alone and not self._by_id):
            return response
        if self._status is not None:
            return Response(status=self._status, body=SORRY)
        await anyio.sleep_until(deadline)
        raise UnansweredError("it took too long", realm_id=request.realm_id, code="timeout")


@pytest.mark.parametrize("page_rows", [20, 1000])
@pytest.mark.parametrize("status", [500, 502, 503, 504, None])
@pytest.mark.parametrize("by_id", [True, False], ids=["not by its Id either", "by its Id"])
async def test_the_row_is_set_aside_and_all_others_land(page_rows: int, status: int | None, *, by_id: bool) -> None:
    """Reported beside 4002 and 10000: a page that holds it ends with a 5xx, or is never answered."""
    world = World(seed=2, rows_min=300, rows_max=300, page_rows=page_rows)
    (*_, broken) = world.company_of().table("Invoice").all()
    world.wrap = lambda inner: Breaking(inner, broken.doc[:60], status, by_id=by_id)
    result = await world.extract()
    assert result.proven == [world.realm]
    proof = world.store.proofs(world.realm)["Invoice"]
    assert (proof.landed_live + proof.quarantined, proof.quarantined) == (proof.counted, int(by_id))
    assert [refusal.id for refusal in world.store.refusals(world.realm, "Invoice")] == [broken.id] * by_id


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_an_outage_sets_no_row_aside(status: int) -> None:
    world = World(seed=22, rows_min=300, rows_max=300, page_rows=7)
    asked: list[str] = []

    def before(_request: Request, statement: str) -> Response | None:
        asked.append(statement)
        return Response(status=status, body=SORRY) if len(asked) > 10 else None

    world.wrap = lambda inner: Tap(inner, before=before)
    result = await world.extract()
    assert [trouble.entity for trouble in result.troubles] == [""]
    assert all(not world.store.refusals(world.realm, entity.name) for entity in world.entities)
    world.wrap = lambda inner: inner
    await world.extract()
    assert breaches(world) == []


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_an_outage_while_it_is_looked_for_what_vanished_sets_no_row_aside(status: int) -> None:
    world = World(seed=22, rows_min=300, rows_max=300)
    await world.extract()
    company = world.company_of()
    for row in list(company.table("TimeActivity").all()):
        company.delete("TimeActivity", row.id)
    asked: list[str] = []

    def before(_request: Request, statement: str) -> Response | None:
        asked.extend([statement] if "Id IN" in statement else [])
        return Response(status=status, body=SORRY) if asked else None

    world.wrap = lambda inner: Tap(inner, before=before)
    await world.extract(run_id=RunId(2))
    assert asked
    assert not world.store.refusals(world.realm, "TimeActivity")
    world.wrap = lambda inner: inner
    await world.extract(run_id=RunId(2))
    assert breaches(world) == []
