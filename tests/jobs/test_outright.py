"""What is usually small is read at once: believed only where the answer is short, and proven like any other."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import anyio
import pytest

from backfill.jobs.costs import Costs, Optimise
from backfill.jobs.outright import OUTRIGHT_ROWS_MAX, USUALLY_MANY, is_usually_small
from backfill.model import RunId
from backfill.pacing.metering import BatchCountsAs
from backfill.qbo.catalogue import CATALOGUE, Reading
from backfill.qbo.query import BATCH_ITEMS_MAX, PAGE_ROWS_MAX
from backfill.simulator.settings import SimulatorSettings
from backfill.wire import Request, Response
from tests.jobs.world import BEGIN, RUN, Tap, World, breaches, fault

pytestmark = pytest.mark.virtual

SMALL = [entity for entity in CATALOGUE.values() if is_usually_small(entity)]
FEWEST = Costs(optimise=Optimise.CALLS, batch_counts_as=BatchCountsAs.ITEMS)


def test_all_of_them_fit_one_call() -> None:
    assert CATALOGUE.keys() > USUALLY_MANY
    assert len(SMALL) <= BATCH_ITEMS_MAX
    # A server may send one row more than each statement asked for.
    assert OUTRIGHT_ROWS_MAX + len(SMALL) < PAGE_ROWS_MAX
    assert not {entity.reading for entity in SMALL} & {Reading.RATES, Reading.LISTING}


@pytest.mark.parametrize(("rows", "believed"), [(-1, True), (0, False), (1, False)])
async def test_only_a_short_answer_is_all_of_it(rows: int, believed: bool) -> None:
    """An answer of as many rows as were asked for may have been cut: what it holds is counted."""
    world = World(seed=1)
    there = len(world.company_of().table("Term"))
    world.sow("Term", OUTRIGHT_ROWS_MAX // len(SMALL) + rows - there, second=lambda number: 90_000 + number)
    await world.extract()
    assert breaches(world) == []
    counted = any("COUNT(*) FROM Term" in statement for statement in world.statements())
    assert counted is not believed


async def test_what_a_full_answer_left_out_is_landed_all_the_same() -> None:
    world = World(seed=1)
    world.sow("Class", 300, second=lambda number: 90_000 + number)
    world.sow("TimeActivity", 1_200, second=lambda number: 90_000 + number)
    await world.extract()
    assert breaches(world) == []


@pytest.mark.parametrize("costs", [Costs(), FEWEST])
async def test_what_was_deleted_since_the_last_run_is_marked(costs: Costs) -> None:
    world = World(seed=3, costs=costs)
    company = world.company_of()
    ids = {name: world.sow(name, 3, second=lambda number: 90_000 + number) for name in ("Transfer", "Bill")}
    await world.extract()
    for name, sown in ids.items():
        company.delete(name, sown[1])
    await anyio.sleep(86_400)
    await world.extract(run_id=RunId(2))
    assert breaches(world) == []
    for name, sown in ids.items():
        live = world.store.live_documents(world.realm, name)
        assert (sown[0] in live, sown[1] in live) == (True, False)


async def test_after_a_long_read_it_is_read_again_and_proven_as_of_the_end() -> None:
    """The books that were read meanwhile may name a term, a class or a department that was not there before."""
    world = World(seed=4, page_rows=20, rows_min=300, rows_max=300, settings=SimulatorSettings(latency_s=0.2))
    changed = []

    def meddle(_request: Request, statement: str) -> None:
        if "SELECT * FROM Invoice" in statement and "CreateTime" in statement and not changed:
            changed.append(world.company_of().create("Term", {"Name": "Net 99"}))

    world.wrap = lambda inner: Tap(inner, after=meddle)
    await world.extract()
    assert changed
    assert breaches(world) == []
    assert any(b"Net 99" in document for document in world.store.live_documents(world.realm, "Term").values())


async def test_where_items_are_billed_it_is_not_read_again() -> None:
    world = World(seed=4, costs=FEWEST)
    world.sow("Invoice", 1_200, second=lambda number: 90_000 + number)
    await world.extract()
    assert breaches(world) == []
    assert (await world.store.scan(RUN, world.realm)).slices, "there was something to wait for"
    assert sum("FROM Term" in statement for statement in world.statements()) == 1


async def test_where_items_are_billed_the_others_are_read_one_by_one_and_counted_only_if_too_large() -> None:
    world = World(seed=5, costs=FEWEST)
    world.sow("Invoice", 1_200, second=lambda number: 90_000 + number)
    await world.extract()
    assert breaches(world) == []
    asked = world.statements()
    assert [statement for statement in asked if "COUNT(*)" in statement and "FROM Invoice" not in statement] == []
    assert any("COUNT(*) FROM Invoice" in statement for statement in asked)
    assert world.store.proofs(world.realm)["Customer"].method == "snapshot"


async def test_what_a_company_does_not_have_is_said_by_the_fault_of_its_own_call() -> None:
    world = World(seed=1, costs=FEWEST)

    def refuses(request: Request, statement: str) -> Response | None:
        known = request.path == "/query" and "FROM Vendor " in statement
        return fault("5030", "feature not supported") if known else None

    world.wrap = lambda inner: Tap(inner, before=refuses)
    await world.extract()
    assert [said for said in breaches(world) if " Vendor " not in said] == []
    assert world.store.proofs(world.realm)["Vendor"].method == "not offered by this company"


class TestRatesBeside:
    """The exchange rates come with the counts, in the answer that lists the currencies once more."""

    async def test_a_currency_that_came_after_they_were_listed(self) -> None:
        world = World(seed=1)  # the first realm of every world trades in several currencies
        company = world.company_of()
        day = BEGIN.date().isoformat()
        done = []

        def meddle(_request: Request, statement: str) -> None:
            if "FROM CompanyCurrency" in statement and not done:
                done.append(statement)
                company.create("CompanyCurrency", {"Code": "SEK", "Name": "Swedish Krona", "Active": True})
                company.create("ExchangeRate", {"SourceCurrencyCode": "SEK", "AsOfDate": day, "Rate": Decimal("0.1")})

        world.wrap = lambda inner: Tap(inner, after=meddle)
        await world.extract()
        assert done
        assert breaches(world) == []
        assert f"SEK:{day}" in world.store.live_documents(world.realm, "ExchangeRate")

    async def test_more_rates_than_fit_beside(self) -> None:
        world = World(seed=1)
        company = world.company_of()
        for number in range(OUTRIGHT_ROWS_MAX):
            day = (BEGIN.date() - timedelta(days=number)).isoformat()
            company.create("ExchangeRate", {"SourceCurrencyCode": "EUR", "AsOfDate": day, "Rate": Decimal("1.1")})
        await world.extract()
        assert breaches(world) == []
        assert len(world.store.live_documents(world.realm, "ExchangeRate")) >= OUTRIGHT_ROWS_MAX

    async def test_they_are_read_at_the_end_where_the_currencies_are_not(self) -> None:
        world = World(seed=1, entities=[CATALOGUE["ExchangeRate"]])
        await world.extract()
        assert breaches(world) == []
        assert len(world.store.live_documents(world.realm, "ExchangeRate")) > 0
