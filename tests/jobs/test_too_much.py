"""A server that cannot answer as much at once as Intuit allows: companies are read all the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import anyio
import pytest

from backfill.errors import Disposition, RequestError, UnansweredError, UnreadableError
from backfill.events import Retrying
from backfill.jobs.costs import Costs
from backfill.jobs.swept import SWEPT, sweep_realm
from backfill.jobs.targeted import Ending, Reads, read_objects
from backfill.jobs.work import RealmWork
from backfill.model import Proof, RunId, Scan
from backfill.qbo.catalogue import CATALOGUE
from backfill.simulator.injection.batches import ItemFault, MissingItems
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.rows import PoisonedRow
from backfill.simulator.injection.sizes import AnswerTooLarge
from backfill.wire import Lane, Request, Response, Transport
from tests.jobs.verifying import broken, differing, verified
from tests.jobs.world import Tap, World, breaches, fault, now, statement_of

pytestmark = pytest.mark.virtual


@pytest.mark.parametrize("code", ["10100", "6002", "10000"])
@pytest.mark.parametrize("over_rows", [300, 30])
async def test_batches_that_are_too_much_are_asked_for_smaller(
    code: Literal["10100", "6002", "10000"], over_rows: int
) -> None:
    world = World(seed=1, rows_min=800, rows_max=800)
    world.simulator.injections.add(Injection(AnswerTooLarge(over_rows=over_rows, code=code), lanes=("batch",)))
    result = await world.extract()
    assert result.proven == [world.realm]
    assert breaches(world) == []
    named = broken(world)
    assert differing(await verified(world, run=2)) == named
    assert differing(await verified(world, run=3, repair=True)) == set()


async def test_rows_that_cannot_be_read_are_each_set_aside_in_a_few_questions() -> None:
    world = World(seed=1, entities=[CATALOGUE["Customer"]])
    ids = world.sow("Customer", 6000, second=lambda number: 60 * number)
    unread = ids[300::500]
    world.simulator.injections.add(Injection(PoisonedRow(ids=tuple(unread), share=0.0)))
    result = await world.extract()
    assert result.proven == [world.realm]
    assert len(world.store.refusals(world.realm, "Customer")) == len(unread)
    pages = [asked for asked in world.statements() if "SELECT * FROM Customer" in asked]
    assert len(pages) < len(unread) * 60


@pytest.mark.parametrize("entity", ["Invoice", "TimeActivity"])
@pytest.mark.parametrize(("code", "detail"), [("1000", "Operation failed"), ("6000", "unexpected error. Try again.")])
@pytest.mark.parametrize("counts", [True, False])
async def test_what_the_application_goes_on_saying_of_one_entity_is_that_entitys(
    entity: str, code: str, detail: str, counts: bool
) -> None:
    def before(request: Request, asked: str) -> Response | None:
        if request.path == "/cdc":
            return fault(code, detail) if entity in asked else None
        is_of_it = request.path == "/query" and f"FROM {entity} " in f"{asked} "
        return fault(code, detail) if is_of_it and not (counts and "COUNT" in asked) else None

    world = World(seed=1, rows_min=900, rows_max=900, page_rows=60)
    world.sow(entity, 1200, second=lambda number: 90_000 + number)
    world.wrap = lambda inner: Tap(inner, before=before)
    result = await world.extract()
    assert breaches(world, unproven={entity}) == []
    assert [trouble.entity for trouble in result.troubles] == [entity]


class Renamed:
    """Whatever is refused with 10000 is refused with 1000."""

    def __init__(self, inner: Transport) -> None:
        self.inner = inner

    async def send(self, request: Request, *, deadline: float) -> Response:
        response = await self.inner.send(request, deadline=deadline)
        return replace(response, body=response.body.replace(b'"10000"', b'"1000"'))


async def test_a_row_of_which_it_says_so_is_set_aside() -> None:
    world = World(seed=1, entities=[CATALOGUE["Customer"]], wrap=Renamed)
    ids = world.sow("Customer", 1500, second=lambda number: 60 * number)
    world.simulator.injections.add(Injection(PoisonedRow(ids=(ids[700],), share=0.0, code="10000")))
    result = await world.extract()
    assert [refusal.code for refusal in world.store.refusals(world.realm, "Customer")] == ["1000"]
    assert result.proven == [world.realm]


class Quoting:
    """A server that does not escape the quote in one row's text, where another row has the same, escaped."""

    def __init__(self, inner: Transport, spoilt: str, other: str) -> None:
        self.inner = inner
        self.notes = {spoilt: b'12" pipe', other: rb"12\" pipe"}

    async def send(self, request: Request, *, deadline: float) -> Response:
        response = await self.inner.send(request, deadline=deadline)
        body = response.body
        for id_, note in self.notes.items():
            row = b'"Id":"%s","SyncToken":' % id_.encode()
            at = body.find(row, max(0, body.find(b'"Customer":')))
            if at >= 0 and b'"Customer":' in body:
                body = body[:at] + b'"Notes":"' + note + b'",' + body[at:]
        return replace(response, body=body)


@pytest.mark.parametrize("page_rows", [60, 1000])
@pytest.mark.parametrize("distance", [1, 5])
async def test_a_row_that_is_no_json_takes_no_others_with_it(page_rows: int, distance: int) -> None:
    """Its quote turns what follows inside out, up to the next one: the rows between were taken for its text."""
    world = World(seed=1, rows_min=900, rows_max=900, page_rows=page_rows)
    ids = [row.id for row in world.company_of().table("Customer").by_created()]
    spoilt, other = ids[3], ids[3 + distance]
    world.wrap = lambda inner: Quoting(inner, spoilt, other)
    result = await world.extract()
    landed = world.store.live_documents(world.realm, "Customer")
    assert set(ids) - landed.keys() == {spoilt}
    proof = world.store.proofs(world.realm)["Customer"]
    assert (proof.proven, proof.landed_live, proof.quarantined) == (True, len(ids) - 1, 1)
    assert result.proven == [world.realm], "and every other entity is read"


@pytest.mark.parametrize("page_rows", [60, 1000])
@pytest.mark.parametrize("error", [
    UnreadableError("more than we take", realm_id="", code="unreadable", disposition=Disposition.SHRINK),
    UnreadableError("not whole", realm_id="", code="unreadable"),
    UnansweredError("cut", sent=True, realm_id="", code="cut"),
])  # fmt: skip
async def test_answers_that_are_too_large_for_us_or_for_the_way_are_asked_for_smaller(
    error: RequestError, page_rows: int
) -> None:
    class Narrow:
        def __init__(self, inner: Transport) -> None:
            self.inner = inner

        async def send(self, request: Request, *, deadline: float) -> Response:
            response = await self.inner.send(request, deadline=deadline)
            if len(response.body) > 25_000:
                raise error
            return response

    world = World(seed=1, rows_min=900, rows_max=900, page_rows=page_rows, wrap=Narrow)
    result = await world.extract()
    assert breaches(world) == []
    assert result.troubles == []


async def test_what_can_be_shown_in_a_batch_alone_and_every_one_leaves_out_is_unproven() -> None:
    world = World(seed=1)
    world.sow("TimeActivity", 1200, second=lambda number: 90_000 + number)
    world.simulator.injections.add(Injection(MissingItems(share=1.0, item_entities=("TimeActivity",))))
    result = await world.extract()
    assert [trouble.entity for trouble in result.troubles] == ["TimeActivity"]
    assert breaches(world, unproven={"TimeActivity"}) == []


@pytest.mark.parametrize("entity", ["Invoice", "Budget", "TimeActivity", "CompanyInfo"])
async def test_what_every_batch_leaves_out_is_asked_for_by_itself(entity: str) -> None:
    world = World(seed=1, rows_min=900, rows_max=900, page_rows=60)
    world.simulator.injections.add(Injection(MissingItems(share=1.0, item_entities=(entity,))))
    result = await world.extract()
    assert breaches(world) == []
    assert result.proven == [world.realm]


class SlowChanges:
    """Change data capture of more than so many entities takes longer than anybody waits."""

    def __init__(self, inner: Transport, most: int) -> None:
        self.inner = inner
        self.most = most

    async def send(self, request: Request, *, deadline: float) -> Response:
        asked = dict(request.params).get("entities", "").split(",")
        if request.lane is Lane.CDC and len(asked) > self.most:
            await anyio.sleep_until(deadline)
            raise UnansweredError("it took too long", sent=True, realm_id=request.realm_id, code="timeout")
        return await self.inner.send(request, deadline=deadline)


@pytest.mark.parametrize("most", [2, 1, 0])
async def test_changes_of_many_entities_that_take_too_long_are_asked_for_of_fewer(most: int) -> None:
    world = World(seed=1, rows_min=900, rows_max=900, page_rows=60)
    world.wrap = lambda inner: SlowChanges(inner, most)
    result = await world.extract()
    assert result.proven == [world.realm]
    assert breaches(world) == []
    assert sum(isinstance(event, Retrying) for event in world.events) == 5, "of the first; its parts are asked for once"


@pytest.mark.parametrize("answer", [
    Response(status=504, body=b"<html>504 Gateway Time-out</html>"),
    Response(status=500, body=b'{"Fault":{"Error":[{"code":"500"}]}}'),
])  # fmt: skip
async def test_an_outage_is_not_taken_for_changes_that_take_too_long(answer: Response) -> None:
    world = World(seed=1, rows_min=900, rows_max=900, page_rows=60)
    failed = []

    def before(request: Request, asked: str) -> Response | None:
        if failed or request.lane is Lane.CDC:
            failed.append(asked)
        return answer if failed else None

    world.wrap = lambda inner: Tap(inner, before=before)
    result = await world.extract()
    assert [trouble.entity for trouble in result.troubles] == [""], "the realm's, which is gone on with later"
    assert len(failed) == 12, "six attempts at the changes, and six to count"


@pytest.mark.parametrize("answer", [
    Response(status=503, body=b"<html>503 Service Unavailable</html>"),
    Response(status=503, body=b'{"Fault":{"Error":[{"code":"500"}]}}'),
    Response(status=200, body=b"<html>Sorry</html>"),
])  # fmt: skip
async def test_while_change_data_capture_alone_is_out_of_order_it_is_done_without(answer: Response) -> None:
    world = World(seed=1, rows_min=900, rows_max=900, page_rows=60)
    failed = []

    def before(request: Request, asked: str) -> Response | None:
        if request.lane is not Lane.CDC:
            return None
        failed.append(asked.split(","))
        return answer

    world.wrap = lambda inner: Tap(inner, before=before)
    result = await world.extract()
    assert result.proven == [world.realm]
    assert breaches(world) == []
    assert len(failed) <= 6 + 2 * len(failed[0]), "six attempts, and one for each of its parts"


@pytest.mark.parametrize("lane", [Lane.BATCH, Lane.QUERY, Lane.CDC])
@pytest.mark.parametrize("code", ["500", "2000", "4001", "2010", "3100", "5020"])
async def test_a_server_that_fails_twice_with_whatever_code_stops_nothing(lane: Lane, code: str) -> None:
    said: list[str] = []

    def before(request: Request, asked: str) -> Response | None:
        if request.lane is not lane or len(said) == 2:
            return None
        said.append(asked)
        return fault(code, "Operation is not supported", status=503)

    world = World(seed=1, rows_min=900, rows_max=900, page_rows=60)
    world.wrap = lambda inner: Tap(inner, before=before)
    result = await world.extract()
    assert (result.proven, len(said)) == ([world.realm], 2)
    assert breaches(world) == []


@pytest.mark.parametrize("by_path", [False, True])
async def test_of_objects_that_are_named_one_that_takes_too_long_is_set_aside(by_path: bool) -> None:
    """A list with it is asked for in halves; one that was deleted is confirmed by its own path."""

    class Slow:
        def __init__(self, inner: Transport) -> None:
            self.inner = inner

        async def send(self, request: Request, *, deadline: float) -> Response:
            is_slow = request.path == f"/invoice/{slow}" if by_path else f"'{slow}'" in statement_of(request)
            if is_slow and "COUNT" not in statement_of(request):
                await anyio.sleep_until(deadline)
                raise UnansweredError("it took too long", sent=True, realm_id=request.realm_id, code="timeout")
            return await self.inner.send(request, deadline=deadline)

    reads: Reads = {}

    async def task(work: RealmWork, _scan: Scan) -> Sequence[Proof]:
        reads.update(await read_objects(work, {"Invoice": ids}, oldest=now(), costs=Costs()))
        return []

    world = World(seed=1, wrap=Slow, task=task)
    ids = [row.id for row in world.company_of().table("Invoice").all()][:8]
    slow = ids[5]
    if by_path:
        world.company_of().delete("Invoice", slow)
    result = await world.extract()
    assert result.troubles == []
    assert {id_: read.ending for (_, id_), read in reads.items()} == {
        id_: Ending.QUARANTINED if id_ == slow else Ending.LANDED for id_ in ids
    }


async def test_the_daily_sweep_goes_on_without_the_entity_of_which_the_application_says_so() -> None:
    world = World(seed=1)
    await world.extract()
    item = ItemFault(code="1000", share=1.0, item_entities=("Vendor",))
    world.simulator.injections.add(Injection(item, entities=("Vendor",)))
    world.task = lambda work, _scan: sweep_realm(work)
    before = world.store.proofs(world.realm)["Vendor"]
    await anyio.sleep(3600)
    result = await world.extract(run_id=RunId(2))
    assert [trouble.entity for trouble in result.troubles] == ["Vendor"]
    # As it was proven before it is proven still, and the next sweep goes on from there, without anybody's help.
    assert world.store.proofs(world.realm)["Vendor"] == before
    assert not world.store.scan_now(RunId(2), world.realm).finished
    world.company_of().create("Vendor", {"DisplayName": "new meanwhile", "Active": True})
    world.simulator.injections.clear()
    await anyio.sleep(3600)
    assert (await world.extract(run_id=RunId(2))).troubles == []
    assert breaches(world) == []


async def test_what_is_too_long_ago_for_a_sweep_takes_no_other_along() -> None:
    world = World(seed=1, entities=SWEPT)
    await world.extract()
    item = ItemFault(code="1000", share=1.0, item_entities=("Vendor",))
    world.simulator.injections.add(Injection(item, entities=("Vendor",)))
    asked: list[RealmWork] = []

    async def swept(work: RealmWork, _scan: Scan) -> Sequence[Proof]:
        asked.append(work)
        return await sweep_realm(work)

    world.task = swept
    for run in (2, 3):
        await anyio.sleep(20 * 86_400)
        await world.extract(run_id=RunId(run))
    assert "Vendor" in asked[0].proven_at
    assert asked[1].proven_at.keys() == {entity.name for entity in SWEPT} - {"Vendor"}


@pytest.mark.parametrize("path", ["/taxclassification", "ExchangeRate"])
async def test_what_has_no_smaller_part_and_cannot_be_read_leaves_the_others_proven(path: str) -> None:
    def before(request: Request, asked: str) -> Response | None:
        unreadable = Response(status=200, headers={"content-type": "text/html"}, body=b"<html>Sorry</html>")
        return unreadable if path in asked else None

    world = World(seed=2)
    world.wrap = lambda inner: Tap(inner, before=before)
    result = await world.extract()
    entity = {"/taxclassification": "TaxClassification"}.get(path, path)
    assert [trouble.entity for trouble in result.troubles] == [entity]
    assert breaches(world, unproven={entity}) == []
