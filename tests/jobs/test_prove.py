"""Proofs by changes and counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import anyio
import msgspec
import pytest

from backfill.jobs import prove
from backfill.jobs.changes import CaughtUp
from backfill.jobs.swept import SWEPT, sweep_realm
from backfill.jobs.work import RealmWork
from backfill.model import Held, Proof, RunId, Scan
from backfill.qbo.catalogue import CATALOGUE
from backfill.simulator.documents import decode
from backfill.wire import Request, Response, Transport
from tests.jobs.verifying import verified
from tests.jobs.world import World, breaches, now

INVOICE = CATALOGUE["Invoice"]
NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def test_what_outgrows_its_changes_at_the_second_look_is_left_to_another_proof(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And where that is all there was to count, nothing is asked: a batch of nothing has no answer."""
    looks = iter([CaughtUp({"Invoice": NOW}, changed={"Invoice"}), CaughtUp(saturated=[INVOICE])])

    async def catch_up(*_arguments: Any, **_rounds: Any) -> CaughtUp:
        return next(looks)

    async def many(statements: list[str]) -> SimpleNamespace:
        assert statements, "a batch of nothing is not asked"
        return SimpleNamespace(items=[SimpleNamespace(total_count=2)])

    async def held(*_arguments: Any, **_bounds: Any) -> Held:
        return Held(live=1, quarantined=0)

    monkeypatch.setattr(prove, "catch_up", catch_up)
    work: Any = SimpleNamespace(ask=SimpleNamespace(many=many), held=held, realm_id="1")
    census: Any = SimpleNamespace(taken_at=NOW, counts={"Invoice": 1})
    found = await prove.prove_changes(work, [INVOICE], census, since=NOW, scope_since=None)
    assert (found.proofs, found.saturated) == ([], [INVOICE])


@pytest.mark.virtual
async def test_what_is_longer_ago_than_changes_are_kept_is_not_asked_of_them() -> None:
    """A reading that was begun in time took long: its month's calls were used up, or it was gone on with late."""
    world = World(seed=6, rows_min=300, rows_max=300)
    found: list[CaughtUp] = []

    async def task(work: RealmWork, _scan: Scan) -> Sequence[Proof]:
        found.append(await prove.catch_up(work, [INVOICE], now() - timedelta(days=29, hours=1)))
        return []

    world.task = task
    await world.extract()
    assert (found[0].saturated, found[0].watermarks) == ([INVOICE], {})
    assert world.statements() == []


@pytest.mark.virtual
async def test_a_count_without_a_number_is_not_none() -> None:
    """Of what nothing is held it would equal that."""
    world = World(seed=6, rows_min=300, rows_max=300)
    await world.extract()
    await anyio.sleep(86_400)
    held = world.store.rows(world.realm, "Estimate")
    assert isinstance(held, dict)
    held.clear()
    world.wrap = Numberless
    world.task = lambda work, _scan: sweep_realm(work)
    before = world.store.proofs(world.realm)["Estimate"]
    result = await world.extract(run_id=RunId(2))
    assert [trouble.entity for trouble in result.troubles] == ["Estimate"]
    assert world.store.proofs(world.realm)["Estimate"] == before, "as of then"
    verdict = (await verified(world, run=3, deep=False))["Estimate"]
    assert len(verdict.differences) == len(world.company_of().table("Estimate"))


class Numberless:
    """Stands between client and simulator: no COUNT of estimates says how many there are."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    async def send(self, request: Request, *, deadline: float) -> Response:
        response = await self._inner.send(request, deadline=deadline)
        if request.path != "/batch":
            return response
        counted = {
            str(item["bId"])
            for item in msgspec.json.decode(request.body)["BatchItemRequest"]
            if item.get("Query") == "SELECT COUNT(*) FROM Estimate"
        }
        answer = msgspec.json.decode(response.body)
        for item in answer["BatchItemResponse"]:
            if item["bId"] in counted:
                item["QueryResponse"] = {"maxResults": 0}
        return replace(response, body=msgspec.json.encode(answer))


class Forgetful:
    """Stands between client and simulator: change data capture leaves out what was created since the seed."""

    def __init__(self, inner: Transport, left_out: str) -> None:
        self._inner = inner
        self._left_out = left_out

    async def send(self, request: Request, *, deadline: float) -> Response:
        response = await self._inner.send(request, deadline=deadline)
        if request.path != "/cdc" or response.status != 200:
            return response
        answer = msgspec.json.decode(response.body)
        for part in answer["CDCResponse"][0]["QueryResponse"]:
            part.update(
                {name: [row for row in part[name] if row["Id"] != self._left_out] for name in {"Invoice"} & part.keys()}
            )
        return replace(response, body=msgspec.json.encode(answer))


@pytest.mark.virtual
async def test_what_was_created_since_the_last_sweep_is_counted_by_the_next() -> None:
    """Of an entity that changed: the changes that were told are not believed to be all."""
    world = World(seed=6, rows_min=1500, rows_max=1500, entities=SWEPT)
    await world.extract()
    await anyio.sleep(86_400)
    company = world.company_of()
    invoice = company.table("Invoice").all()[0]
    created = company.create("Invoice", decode(invoice.doc)).id
    await anyio.sleep(3600)
    company.delete("Invoice", company.table("Invoice").all()[1].id)
    world.wrap = lambda inner: Forgetful(inner, created)
    world.task = lambda work, _scan: sweep_realm(work)
    await world.extract(run_id=RunId(2))
    assert breaches(world) == []
    assert created in world.store.live_documents(world.realm, "Invoice")
