"""Law 2 where a run reads a part, or an entity is not what it was when it was counted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import anyio
import pytest

from backfill.model import RunId
from backfill.simulator.documents import decode
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.sizes import AnswerTooLarge
from backfill.simulator.settings import SimulatorSettings
from backfill.wire import Request
from tests.jobs.world import BEGIN, Tap, World, breaches

pytestmark = pytest.mark.virtual


class TestSince:
    """Only what was created or updated since; complete within that."""

    @pytest.mark.parametrize("seed", range(6))
    async def test_into_an_empty_store(self, seed: int) -> None:
        settings = SimulatorSettings(latency_s=0.1, changes_per_minute=60 * (seed % 3))
        world = World(
            seed=seed, realms=2, rows_max=400, since=BEGIN - timedelta(days=200), page_rows=20, settings=settings
        )
        await world.extract()
        assert breaches(world) == []

    async def test_of_a_large_entity_that_cdc_does_not_carry(self) -> None:
        world = World(seed=3, since=BEGIN - timedelta(days=3))
        world.sow("TimeActivity", 1200, second=lambda number: 3600 * number)
        world.sow("Attachable", 1200, second=lambda number: 3600 * number)
        await world.extract()
        assert breaches(world) == []

    async def test_what_was_deleted_since_the_last_run(self) -> None:
        world = World(seed=3, rows_max=300, realms=2)
        await world.extract()
        for realm_id in world.realm_ids:
            world.people(realm_id).act(100)
        await anyio.sleep(86_400)
        for realm_id in world.realm_ids:
            world.people(realm_id).act(100)
        await anyio.sleep(86_400)
        world.since = BEGIN - timedelta(days=1)
        await world.extract(run_id=RunId(2))
        assert breaches(world) == []


@pytest.mark.parametrize("creates", [False, True])
async def test_what_is_deleted_while_it_is_read_by_its_place_hides_nothing_behind_it(creates: bool) -> None:
    """It was met and is gone; what moved to where nobody looked again was not met: as many as the server counts."""
    world = World(seed=3)
    company = world.company_of()
    ids = world.sow("TaxCode", 60, second=lambda number: 90_000 - number)
    too_large = Injection(AnswerTooLarge(over_rows=10), containing="SELECT * FROM TaxCode")
    world.simulator.injections.add(too_large)
    gone = iter(ids[7:8])

    def meddle(_request: Request, statement: str) -> None:
        walked = re.search(r"FROM TaxCode .* ORDERBY .* STARTPOSITION (\d+)", statement)
        if walked and int(walked[1]) > 30 and (id_ := next(gone, None)):
            company.delete("TaxCode", id_)
            if creates:
                company.create("TaxCode", {"Name": "came meanwhile"})

    world.wrap = lambda inner: Tap(inner, after=meddle)
    await world.extract()
    assert next(gone, None) is None
    assert breaches(world) == []


@pytest.mark.parametrize("rows", [10, 1100])
async def test_a_run_since_finds_what_was_deleted_before_it_began(rows: int) -> None:
    """Changed since and landed by an earlier run, then deleted: no answer of this run speaks of it."""
    world = World(seed=3)
    company = world.company_of()
    ids = {
        entity: world.sow(entity, rows, second=lambda number: 90_000 + number) for entity in ("Bill", "TimeActivity")
    }
    await world.extract()
    await anyio.sleep(86_400)
    for entity, sown in ids.items():
        for id_ in sown:
            company.replace(entity, id_, {"Note": "changed"})
    await world.extract(run_id=RunId(2))
    for entity, sown in ids.items():
        company.delete(entity, sown[1])
    await anyio.sleep(86_400)
    world.since = BEGIN + timedelta(hours=12)
    await world.extract(run_id=RunId(3))
    assert breaches(world) == []
    for entity, sown in ids.items():
        live = world.store.live_documents(world.realm, entity)
        assert (sown[0] in live, sown[1] in live) == (True, False)


async def test_a_run_since_is_proven_beside_an_older_row_that_was_set_aside() -> None:
    """Set aside by another run, it is none of what was updated since."""
    poisoned: dict[tuple[str, str], Sequence[str]] = {}
    settings = SimulatorSettings(poisoned=poisoned, poison_code="4002")
    world = World(seed=3, rows_min=300, rows_max=300, settings=settings)
    ids = world.sow("TimeActivity", 20, second=lambda number: 9_000_000 - number)
    poisoned[world.realm, "TimeActivity"] = [ids[5]]
    await world.extract()
    assert len(world.store.refusals(world.realm, "TimeActivity")) == 1
    await anyio.sleep(86_400)
    world.since = BEGIN + timedelta(hours=12)
    result = await world.extract(run_id=RunId(2))
    assert (result.proven, result.troubles) == ([world.realm], [])
    world.company_of().replace("TimeActivity", ids[5], {"Note": "changed"})
    result = await world.extract(run_id=RunId(3))
    assert [(trouble.entity, trouble.code) for trouble in result.troubles] == [("TimeActivity", "quarantined")]


@pytest.mark.parametrize(("changed", "lists"), [(1, 1), (1000, 5)])
async def test_a_run_since_asks_by_id_for_what_was_updated_since_and_for_nothing_older(
    changed: int, lists: int
) -> None:
    world = World(seed=3)
    ids = world.sow("TimeActivity", 5000, second=lambda number: 9_000_000 + number)
    await world.extract()
    await anyio.sleep(86_400)
    company = world.company_of()
    for id_ in ids[:changed]:
        company.replace("TimeActivity", id_, {"Note": "changed"})
    await world.extract(run_id=RunId(2))
    company.delete("TimeActivity", ids[0])
    world.since = BEGIN + timedelta(hours=12)
    before = len(world.statements())
    await world.extract(run_id=RunId(3))
    assert breaches(world) == []
    assert sum("TimeActivity WHERE Id IN" in asked for asked in world.statements()[before:]) <= lists


@pytest.mark.parametrize("entity", ["Bill", "TimeActivity"])
async def test_an_entity_of_which_all_was_deleted_is_not_empty_before_it_is_marked(entity: str) -> None:
    """The server counts none, and so does an answer that brings none: what is held says otherwise."""
    world = World(seed=3)
    sown = world.sow(entity, 10, second=lambda number: 90_000 + number)
    company = world.company_of()
    await world.extract()
    for row in company.table(entity).all():
        company.delete(entity, row.id)
    await world.extract(run_id=RunId(2))
    assert breaches(world) == []
    assert not set(world.store.live_documents(world.realm, entity)).intersection(sown)


async def test_an_entity_that_outgrows_one_answer_while_others_are_read() -> None:
    world = World(seed=11, settings=SimulatorSettings(latency_s=0.1))
    world.sow("TimeActivity", 880, second=lambda number: 90_000 + number)
    done = []

    def meddle(_request: Request, statement: str) -> None:
        if "SELECT * FROM Invoice" in statement and not done:
            done.append(statement)
            for number in range(300):
                world.company_of().create("TimeActivity", {"Note": str(number)})

    world.wrap = lambda inner: Tap(inner, after=meddle)
    await world.extract()
    assert breaches(world) == []


async def test_an_entity_that_outgrew_one_answer_is_not_proven_by_equal_numbers() -> None:
    """As many rows held of an earlier run were deleted as are new: the numbers agree, the rows do not."""
    world = World(seed=12, settings=SimulatorSettings(latency_s=0.1))
    ids = world.sow("TimeActivity", 895, second=lambda number: 90_000 + number)
    await world.extract()
    company = world.company_of()
    for id_ in ids[:400]:
        company.delete("TimeActivity", id_)
    for number in range(395):
        company.create("TimeActivity", {"Note": str(number)})
    await anyio.sleep(86_400)
    done = []

    def meddle(_request: Request, statement: str) -> None:
        if "SELECT * FROM Invoice" in statement and not done:
            done.append(statement)
            for number in range(200):
                company.create("TimeActivity", {"Note": f"late {number}"})
            for id_ in ids[400:595]:
                company.delete("TimeActivity", id_)

    world.wrap = lambda inner: Tap(inner, after=meddle)
    await world.extract(run_id=RunId(2))
    assert breaches(world) == []


async def test_rates_classifications_and_singletons() -> None:
    """What has a reading of its own is landed and proven, too."""
    world = World(seed=1)  # the first realm of every world trades in several currencies
    company = world.company_of()
    today = BEGIN.date().isoformat()
    codes = [decode(row.doc)["Code"] for row in company.table("CompanyCurrency").all()]
    for code in codes:
        company.create("ExchangeRate", {"SourceCurrencyCode": code, "AsOfDate": today, "Rate": Decimal("1.10")})
    await world.extract()
    assert breaches(world) == []
    rates = world.store.live_documents(world.realm, "ExchangeRate")
    assert {f"{code}:{today}" for code in codes} < rates.keys()
    listed = world.store.live_documents(world.realm, "TaxClassification")
    assert len(listed) == len(company.table("TaxClassification")) > 0
    assert set(world.store.live_documents(world.realm, "Preferences")) == {"1"}
    assert set(world.store.live_documents(world.realm, "CompanyInfo")) == {"1"}


async def test_recurring_transactions_that_are_gone_are_marked() -> None:
    world = World(seed=1)
    world.sow("Term", 1, second=lambda _: 90_000)
    company = world.company_of()
    for number in range(5):
        company.create("RecurringTransaction", {"Bill": {"TotalAmt": number, "RecurringInfo": {"Name": str(number)}}})
    await world.extract()
    assert breaches(world) == []
    company.delete("RecurringTransaction", company.table("RecurringTransaction").all()[0].id)
    await world.extract(run_id=RunId(2))
    assert breaches(world) == []


async def test_one_that_came_after_the_answer_is_not_mixed_into_it() -> None:
    """What is gone is asked for with all there are. A newer one among these is for the next run to bring."""
    world = World(seed=1)
    company = world.company_of()
    for row in company.table("RecurringTransaction").all():
        company.delete("RecurringTransaction", row.id)
    old = company.create("RecurringTransaction", {"Bill": {"TotalAmt": 1, "RecurringInfo": {"Name": "old"}}})
    await world.extract()
    company.delete("RecurringTransaction", old.id)
    done = []

    def meddle(_request: Request, statement: str) -> None:
        if "FROM RecurringTransaction" in statement and not done:
            done.append(company.create("RecurringTransaction", {"Bill": {"RecurringInfo": {"Name": "new"}}}))

    world.wrap = lambda inner: Tap(inner, after=meddle)
    await world.extract(run_id=RunId(2))
    assert done
    assert breaches(world) == []


async def test_more_recurring_transactions_than_an_answer_holds_are_landed_and_not_called_proven() -> None:
    """Neither their changes nor their deletes can be asked for, so nobody can say that all were read at one moment."""
    world = World(seed=1)
    world.company_of().create("RecurringTransaction", {"Bill": {"RecurringInfo": {"Name": "first"}}})
    ids = world.sow("RecurringTransaction", 1100, second=lambda number: 90_000 + number)
    await world.extract()
    assert breaches(world, unproven={"RecurringTransaction"}) == []
    proof = world.store.proofs(world.realm)["RecurringTransaction"]
    assert not proof.proven
    assert "more objects than one answer holds" in proof.reason
    landed = {id_.partition(":")[2] for id_ in world.store.live_documents(world.realm, "RecurringTransaction")}
    assert set(ids) <= landed
