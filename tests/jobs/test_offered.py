"""That a company has no such entity is believed of two answers, and never against rows held."""

from __future__ import annotations

import anyio
import pytest

from backfill.jobs.costs import Costs, Optimise
from backfill.model import RunId
from backfill.pacing.metering import BatchCountsAs
from backfill.simulator.injection.batches import ItemFault
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.refusals import ApiFault
from backfill.wire import Request, Response
from tests.jobs.verifying import differing, rows, verified
from tests.jobs.world import Tap, World, breaches, fault

pytestmark = pytest.mark.virtual

FEWEST = Costs(optimise=Optimise.CALLS, batch_counts_as=BatchCountsAs.ITEMS)
SAYING_SO = ["500", "2000", "5030"]
NOT_OFFERED = "not offered by this company"


def of_items(code: str, *entities: str, times: int | None = None) -> Injection:
    return Injection(ItemFault(code=code, share=1.0, item_entities=entities), entities=entities, times=times)


def of_calls(code: str, entity: str, *, status: int | None = None, times: int | None = None) -> Injection:
    """Of all calls that ask for this entity alone."""
    return Injection(ApiFault(code=code, status=status), lanes=("query",), entities=(entity,), times=times)


@pytest.mark.parametrize("code", SAYING_SO)
@pytest.mark.parametrize("entity", ["Customer", "Term", "TaxCode", "CompanyInfo", "CompanyCurrency"])
async def test_one_bad_moment_costs_no_row(code: str, entity: str) -> None:
    """Of what is counted and of what is read outright: either is asked for again by itself, and is there."""
    world = World(seed=1)
    world.simulator.injections.add(of_items(code, entity, times=1))
    result = await world.extract()
    assert breaches(world) == []
    assert result.proven == [world.realm]
    assert world.store.proofs(world.realm)[entity].landed_live == len(world.company_of().table(entity)) > 0


@pytest.mark.parametrize("code", SAYING_SO)
async def test_one_way_of_asking_that_is_not_supported_does_not_mean_the_entity(code: str) -> None:
    world = World(seed=2)
    world.simulator.injections.add(of_items(code, "Customer", "Term"))
    await world.extract()
    assert breaches(world) == []
    for entity in ("Customer", "Term"):
        assert world.store.proofs(world.realm)[entity].landed_live == len(world.company_of().table(entity)) > 0


@pytest.mark.parametrize("code", SAYING_SO)
async def test_a_server_that_fails_says_nothing_of_the_company(code: str) -> None:
    """The codes are said with 400. With 500 they prove nothing, however often they are said."""
    world = World(seed=1, costs=FEWEST)
    world.simulator.injections.add(of_items(code, "Vendor"))
    world.simulator.injections.add(of_calls(code, "Vendor", status=500))
    await world.extract()
    assert breaches(world, unproven={"Vendor"}) == []
    assert not world.store.proofs(world.realm)["Vendor"].proven


async def test_a_wrong_question_does_not_mean_the_entity() -> None:
    """4001 is the code of an unknown entity, and of a property that Intuit has taken away as well."""
    world = World(seed=1)
    wrong = "QueryValidationError: Property CreateTime not found for Entity Vendor"
    item = ItemFault(code="4001", detail=wrong, share=1.0, item_entities=("Vendor",))
    world.simulator.injections.add(Injection(item, entities=("Vendor",)))
    world.simulator.injections.add(
        Injection(ApiFault(code="4001", detail=wrong), lanes=("query",), entities=("Vendor",))
    )
    await world.extract()
    assert breaches(world, unproven={"Vendor"}) == []
    proof = world.store.proofs(world.realm)["Vendor"]
    assert not proof.proven
    assert wrong in proof.reason


@pytest.mark.parametrize("costs", [Costs(), FEWEST])
async def test_said_twice_it_is_proven_and_costs_one_call(costs: Costs) -> None:
    world = World(seed=1, costs=costs)
    world.simulator.injections.add(of_items("5030", "Budget"))
    world.simulator.injections.add(of_calls("5030", "Budget"))
    result = await world.extract()
    proof = world.store.proofs(world.realm)["Budget"]
    assert (proof.proven, proof.method, result.proven) == (True, NOT_OFFERED, [world.realm])
    asked = [entry for entry in world.simulator.log.entries(world.realm) if "FROM Budget" in entry.asked]
    assert len([entry for entry in asked if entry.lane == "query"]) == 1, "in a call of its own"


@pytest.mark.parametrize("entity", ["Customer", "Term", "TaxCode"])
async def test_what_is_held_is_not_denied(entity: str) -> None:
    """A company that gave up its plan, or was mistaken for another's: a person is to look."""
    world = World(seed=2)
    await world.extract()
    held = len(world.store.live_documents(world.realm, entity))
    world.simulator.injections.add(of_items("5030", entity))
    world.simulator.injections.add(of_calls("5030", entity))
    await anyio.sleep(86_400)
    result = await world.extract(run_id=RunId(2))
    proof = world.store.proofs(world.realm)[entity]
    assert (proof.proven, result.proven) == (False, [])
    assert f"{held} are held, and Intuit says that there is no such thing" in proof.reason
    assert breaches(world, unproven={entity}) == [], "the others go on"


@pytest.mark.parametrize("times", [1, 2])
async def test_of_a_listing(times: int) -> None:
    world = World(seed=2)
    said = []

    def refuses(request: Request, _statement: str) -> Response | None:
        if "taxclassification" not in request.path or len(said) == times:
            return None
        said.append(request)
        return fault("500", "Operation Could not find resource for relative")

    world.wrap = lambda inner: Tap(inner, before=refuses)
    await world.extract()
    proof = world.store.proofs(world.realm)["TaxClassification"]
    assert (proof.proven, proof.method) == (True, "listing" if times == 1 else NOT_OFFERED)


@pytest.mark.parametrize("held", [0, 1])
async def test_verify_believes_a_listing_that_is_not_offered_where_nothing_is_held(held: int) -> None:
    def refuses(request: Request, _statement: str) -> Response | None:
        refused = fault("500", "Operation Could not find resource for relative")
        return refused if "taxclassification" in request.path else None

    world = World(seed=2)
    if held:
        await world.extract()
    world.wrap = lambda inner: Tap(inner, before=refuses)
    await world.extract(run_id=RunId(2))
    listing = (await verified(world, run=3))["TaxClassification"]
    assert listing.equal is (None if held else True)


@pytest.mark.parametrize("entity", ["Customer", "ExchangeRate"])
async def test_verify_hears_it_twice(entity: str) -> None:
    """Of all that it had lost, the company was said to have none: so nothing seemed to be missing."""
    world = World(seed=1)
    await world.extract()
    rows(world, entity).clear()
    counted = "CompanyCurrency" if entity == "ExchangeRate" else entity
    world.simulator.injections.add(of_items("2000", counted, times=1))
    verdicts = await verified(world, run=2, deep=False)
    missing = {id_ for name, id_, _kind in differing(verdicts) if name == entity}
    assert len(missing) == len(world.company_of().table(entity)) > 0
