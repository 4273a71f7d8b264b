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
from backfill.jobs.changes import OVERLAP, CaughtUp
from backfill.jobs.swept import SWEPT, sweep_realm
from backfill.jobs.work import RealmWork
from backfill.model import Held, Proof, Record, RunId, Scan
from backfill.qbo.catalogue import CATALOGUE
from backfill.simulator.documents import decode
from backfill.wire import Request, Response, Transport
from tests.jobs.answering import T0, Server, deleted, live, refusal, row, work_with
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


class TestCounted:
    """What is created just now may not be told of yet, and counts on neither side."""

    CAUGHT_UP = T0 + timedelta(days=5, seconds=0.5)
    BEFORE, SINCE = CAUGHT_UP - OVERLAP - timedelta(seconds=2), CAUGHT_UP - OVERLAP + timedelta(seconds=2)

    async def _proof(
        self, monkeypatch: pytest.MonkeyPatch, *, created_at: datetime, is_told: bool, since: datetime | None = None
    ) -> Proof:
        async def catch_up(*_arguments: Any, **_rounds: Any) -> CaughtUp:
            return CaughtUp({"Invoice": self.CAUGHT_UP}, changed={"Invoice"})

        async def look_again(*_arguments: Any, **_options: Any) -> None:
            return None

        monkeypatch.setattr(prove, "catch_up", catch_up)
        monkeypatch.setattr(prove, "_look_again", look_again)
        new = Record("new", 0, created_at, created_at, b"{}")
        work = await work_with(Server([row("a"), new]))
        await work.land(INVOICE, [row("a"), *([new] if is_told else [])])
        census: Any = SimpleNamespace(taken_at=T0, counts={"Invoice": 1})
        found = await prove.prove_changes(work, [INVOICE], census, since=T0, scope_since=since)
        return found.proofs[0]

    @pytest.mark.parametrize("is_told", [True, False])
    async def test_what_is_too_new(self, monkeypatch: pytest.MonkeyPatch, is_told: bool) -> None:
        proof = await self._proof(monkeypatch, created_at=self.SINCE, is_told=is_told)
        assert (proof.proven, proof.counted, proof.watermark) == (True, 1, self.CAUGHT_UP)

    @pytest.mark.parametrize("is_told", [True, False])
    async def test_what_would_have_been_told(self, monkeypatch: pytest.MonkeyPatch, is_told: bool) -> None:
        proof = await self._proof(monkeypatch, created_at=self.BEFORE, is_told=is_told)
        assert (proof.proven, proof.counted) == (is_told, 2)

    async def test_of_a_part_all_that_was_updated_since(self, monkeypatch: pytest.MonkeyPatch) -> None:
        proof = await self._proof(monkeypatch, created_at=self.SINCE, is_told=True, since=T0 + timedelta(days=1))
        assert (proof.proven, proof.counted, proof.landed_live) == (True, 1, 1)


async def test_the_last_look_finds_what_is_gone_and_proves_as_of_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a row that is held and gone, and one that was set aside and is whole by now, no changes tell."""
    looks = iter(CaughtUp({"Invoice": NOW + timedelta(hours=hours)}, changed={"Invoice"}) for hours in range(3))

    async def catch_up(*_arguments: Any, **_rounds: Any) -> CaughtUp:
        return next(looks)

    monkeypatch.setattr(prove, "catch_up", catch_up)
    work = await work_with(Server([row("a"), row("b")]))
    await work.land(INVOICE, [row("a"), row("gone")], refusals=[refusal("b"), refusal("gone as well")])
    census: Any = SimpleNamespace(taken_at=NOW, counts={"Invoice": 1})
    (proof,) = (await prove.prove_changes(work, [INVOICE], census, since=NOW, scope_since=None)).proofs
    assert (proof.proven, proof.counted, proof.quarantined) == (True, 2, 0)
    assert proof.watermark == NOW + timedelta(hours=2)
    assert (live(work, INVOICE), set(deleted(work, INVOICE))) == ({"a", "b"}, {"gone", "gone as well"})
