"""Verify where Intuit does not let all be read: the others are compared, and what nobody could look at is not equal."""

from __future__ import annotations

import re
from dataclasses import replace

import anyio
import pytest

from backfill.jobs.comparison import IDS_PER_STATEMENT
from backfill.jobs.scan import UNREAD_MAX
from backfill.model import RunId
from backfill.qbo.catalogue import CATALOGUE
from backfill.qbo.query import PAGE_ROWS_MAX
from backfill.simulator.documents import decode
from backfill.simulator.injection.batches import ItemFault
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.refusals import GatewayTimeout
from backfill.simulator.injection.rows import PoisonedRow
from backfill.simulator.injection.sizes import AnswerTooLarge
from backfill.simulator.settings import SimulatorSettings
from backfill.verdict_model import DifferenceKind
from backfill.wire import Request, Response, Transport
from tests.jobs.verifying import broken, differing, rows, verified
from tests.jobs.world import Tap, World, fault


class WrongSyncToken:
    """Stands between client and simulator: the header of one row of an entity cannot be read by anybody."""

    def __init__(self, inner: Transport, entity: str, id_: str) -> None:
        self._inner = inner
        self._entity = f'"{entity}":['.encode()
        self._row = re.compile(rb'("Id":"%s","SyncToken":")\d' % id_.encode())

    async def send(self, request: Request, *, deadline: float) -> Response:
        response = await self._inner.send(request, deadline=deadline)
        parts = response.body.split(b'"QueryResponse":')
        spoilt = [self._row.sub(rb"\1-", part) if self._entity in part else part for part in parts]
        return replace(response, body=b'"QueryResponse":'.join(spoilt))


@pytest.mark.virtual
@pytest.mark.parametrize("code", ["4002", "10000"])
async def test_a_row_in_quarantine_that_cannot_be_read_keeps_no_other_from_being_compared(code: str) -> None:
    world = World(seed=2)
    invoices = world.company_of().table("Invoice").all()
    poisoned = {(world.realm, "Invoice"): frozenset({invoices[-1].id})}
    world = World(seed=2, settings=SimulatorSettings(poison_code=code, poisoned=poisoned))
    await world.extract()
    named = broken(world)
    verdicts = await verified(world, run=2)
    assert differing(verdicts) == named
    assert verdicts["Invoice"].compared == len(invoices) - 1
    assert "1 set aside" in verdicts["Invoice"].note
    assert (await verified(world, run=3, repair=True))["Invoice"].equal


@pytest.mark.virtual
async def test_a_row_that_came_to_be_unreadable_is_not_called_equal_and_keeps_no_other_from_being_compared() -> None:
    world = World(seed=2)
    await world.extract()
    named = broken(world)
    id_ = next(reversed(rows(world, "Invoice")))
    world.simulator.injections.add(Injection(PoisonedRow(ids=(id_,), share=0.0), containing="Invoice"))
    assert differing(await verified(world, run=2)) == named
    invoice = (await verified(world, run=3, repair=True))["Invoice"]
    assert (invoice.equal, invoice.differences) == (None, [])
    assert "could not be read" in invoice.note


@pytest.mark.virtual
async def test_what_is_set_aside_beside_an_older_version_is_no_difference() -> None:
    world = World(seed=2)
    await world.extract()
    id_ = next(reversed(rows(world, "Customer")))
    world.simulator.injections.add(Injection(PoisonedRow(ids=(id_,), share=0.0), containing="Customer"))
    await world.extract(run_id=RunId(2))
    assert id_ in rows(world, "Customer")
    await anyio.sleep(3600)
    later = world.company_of().table("Customer").all()[0]
    world.company_of().replace("Customer", later.id, decode(later.doc) | {"Notes": "later"})
    customer = (await verified(world, run=3))["Customer"]
    assert customer.equal, customer
    assert customer.note == "1 set aside in quarantine; 1 changed since they were read"


@pytest.mark.virtual
@pytest.mark.parametrize("deep", [True, False])
async def test_pages_that_are_too_large_are_asked_for_smaller(deep: bool) -> None:
    world = World(seed=2, page_rows=10)
    await world.extract()
    named = {one for one in broken(world) if deep or one[2] is not DifferenceKind.ALTERED}
    world.simulator.injections.add(Injection(AnswerTooLarge(over_rows=7), lanes=("query",)))
    verdicts = await verified(world, run=2, deep=deep)
    assert named <= differing(verdicts)
    assert all(one.equal is not None for entity, one in verdicts.items() if entity != "TrialBalance")


@pytest.mark.virtual
async def test_ids_that_intuit_gives_with_their_documents_only_are_compared() -> None:
    """That a server gives some members alone is not promised."""
    world = World(seed=2, page_rows=10)
    await world.extract()
    named = {one for one in broken(world) if one[2] is not DifferenceKind.ALTERED}
    refused = fault("4001", "QueryValidationError: Invalid projection")
    world.wrap = lambda inner: Tap(
        inner, before=lambda _, statement: refused if statement.startswith("SELECT Id, MetaData") else None
    )
    verdicts = await verified(world, run=2, deep=False)
    assert named <= differing(verdicts)
    assert all(one.equal is not None for entity, one in verdicts.items() if entity != "TrialBalance")


@pytest.mark.virtual
async def test_an_entity_that_takes_too_long_to_count_is_compared_row_by_row() -> None:
    world = World(seed=2)
    await world.extract()
    named = {one for one in broken(world) if one[0] == "Customer"}
    slow = GatewayTimeout()
    world.simulator.injections.add(Injection(slow, lanes=("batch",), containing="COUNT(*) FROM Customer WHERE"))
    customer = (await verified(world, run=2, deep=False))["Customer"]
    assert customer.counted is None
    assert {("Customer", one.id, one.kind) for one in customer.differences} == named


@pytest.mark.virtual
async def test_what_is_not_counted_comes_to_an_end_though_people_go_on() -> None:
    world = World(seed=2, entities=[CATALOGUE["Customer"]], settings=SimulatorSettings(latency_s=2.0))
    ids = world.sow("Customer", PAGE_ROWS_MAX + 100, second=lambda number: 90_000 + number)
    await world.extract()
    await anyio.sleep(3600)
    del rows(world, "Customer")[ids[-1]]
    company, came = world.company_of(), iter(range(999))
    slow = GatewayTimeout()
    world.simulator.injections.add(Injection(slow, containing="COUNT(*) FROM Customer WHERE"))
    world.wrap = lambda inner: Tap(
        inner, after=lambda *_: company.create("Customer", {"DisplayName": f"came meanwhile {next(came)}"})
    )
    customer = (await verified(world, run=2))["Customer"]
    assert (customer.equal, customer.counted) == (False, None)
    assert [one.id for one in customer.differences] == [ids[-1]]


@pytest.mark.virtual
async def test_an_entity_of_which_nothing_can_be_read_is_given_up_after_some_rows() -> None:
    world = World(seed=2)
    customers = world.sow("Customer", 2 * UNREAD_MAX, second=lambda number: 1_000 + number)
    await world.extract()
    unread = PoisonedRow(ids=tuple(customers), share=0.0)
    world.simulator.injections.add(Injection(unread, entities=("Customer",), containing="Customer"))
    customer = (await verified(world, run=2))["Customer"]
    assert customer.equal is None
    assert f"more than {UNREAD_MAX} objects cannot be read" in customer.note


@pytest.mark.virtual
@pytest.mark.parametrize("held", [True, False])
async def test_a_row_that_comes_unreadable_is_not_called_equal(held: bool) -> None:
    """What of it is held is not what the company has; what is not held is missing."""
    world = World(seed=2)
    await world.extract()
    id_ = next(iter(rows(world, "Customer")))
    if not held:
        del rows(world, "Customer")[id_]
    world.wrap = lambda inner: WrongSyncToken(inner, "Customer", id_)
    for run, deep in ((2, True), (3, False)):
        customer = (await verified(world, run=run, deep=deep))["Customer"]
        assert customer.equal is (None if held else False)
        assert [one.id for one in customer.differences] == ([] if held else [id_])
    await anyio.sleep(3600)
    now = world.company_of().table("Customer").get(id_)
    world.company_of().replace("Customer", id_, decode(now.doc) | {"Notes": "later"})
    for run, deep in ((4, True), (5, False)):
        customer = (await verified(world, run=run, deep=deep))["Customer"]
        assert customer.equal, "how it stood when it was read, nobody can say any more"


@pytest.mark.virtual
async def test_what_cannot_be_asked_for_by_its_id_is_not_called_equal() -> None:
    """What the company shows and we have not is missing; of what we have and cannot look at, nobody can say."""
    world = World(seed=2)
    await world.extract()
    named = {one for one in broken(world) if one[2] is not DifferenceKind.EXTRA}
    unread = ItemFault(code="10000", item_entities=("Bill", "Customer", "Vendor"), share=1.0)
    world.simulator.injections.add(Injection(unread, lanes=("batch",), containing="Id IN"))
    verdicts = await verified(world, run=2)
    assert differing(verdicts) == named
    assert verdicts["Bill"].equal is None
    assert "could not be read" in verdicts["Bill"].note


@pytest.mark.virtual
async def test_what_could_not_be_read_is_not_done_with() -> None:
    """The same command goes on with it: what differs in it is named and repaired once Intuit lets it be read."""
    world = World(seed=2)
    await world.extract()
    customers = frozenset(rows(world, "Customer"))
    broken(world)
    unread = PoisonedRow(ids=tuple(customers), share=0.0)
    world.simulator.injections.add(Injection(unread, containing="FROM Customer"))
    verdicts = await verified(world, run=2, repair=True)
    assert (verdicts["Customer"].equal, verdicts["Bill"].equal) == (None, True)
    world.simulator.injections.clear()
    verdicts = await verified(world, run=2, repair=True)
    assert verdicts["Customer"].equal
    assert rows(world, "Customer").keys() == customers
    assert world.store.scan_now(RunId(2), world.realm).finished, "a trial balance not compared keeps nothing open"


@pytest.mark.virtual
async def test_one_row_that_cannot_be_read_keeps_no_other_from_the_sample() -> None:
    world = World(seed=2)
    await world.extract()
    customers = rows(world, "Customer")
    unread = PoisonedRow(ids=(next(iter(customers)),), share=0.0)
    world.simulator.injections.add(Injection(unread, lanes=("batch",), entities=("Customer",), containing="Customer"))
    customer = (await verified(world, run=2, deep=False))["Customer"]
    assert customer.equal is None
    assert "could not be read" in customer.note
    assert customer.compared == min(len(customers), IDS_PER_STATEMENT) - 1
