"""Verify: exchange rates, which have no COUNT, no Id and no promised order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import anyio
import pytest
from msgspec import structs

from backfill.jobs.rates import CURRENCIES_MAX
from backfill.qbo.query import PAGE_ROWS_MAX
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.sizes import AnswerTooLarge
from backfill.verdict_model import DifferenceKind
from backfill.wire import Request, Transport
from tests.jobs.verifying import differing, rows, verified
from tests.jobs.world import BEGIN, Tap, World


async def of_many_rates() -> World:
    """More than a page holds, extracted."""
    world = World(seed=2)
    company = world.company_of()
    for number in range(PAGE_ROWS_MAX):
        day = (BEGIN.date() - timedelta(days=number)).isoformat()
        company.create("ExchangeRate", {"SourceCurrencyCode": "EUR", "AsOfDate": day, "Rate": Decimal("1.10")})
    await anyio.sleep(60)  # past the second of the last change
    await world.extract()
    assert len(rows(world, "ExchangeRate")) > PAGE_ROWS_MAX
    return world


def passing_over(inner: Transport, times: Iterator[bool]) -> Transport:
    """A server whose second page of rates begins a row too late, as where a row moved up meanwhile."""

    def before(request: Request, statement: str) -> Request | None:
        if "FROM ExchangeRate" not in statement or f"STARTPOSITION {PAGE_ROWS_MAX + 1}" not in statement:
            return None
        if not next(times, False):
            return None
        later = statement.replace(f"STARTPOSITION {PAGE_ROWS_MAX + 1}", f"STARTPOSITION {PAGE_ROWS_MAX + 2}")
        params = [(key, later if key == "query" else value) for key, value in request.params]
        return structs.replace(request, params=params)

    return Tap(inner, before=before)


@pytest.mark.virtual
async def test_more_rates_than_a_page_are_all_compared() -> None:
    world = await of_many_rates()
    assert (await verified(world, run=2))["ExchangeRate"].compared == len(rows(world, "ExchangeRate"))


@pytest.mark.virtual
async def test_a_rate_that_a_page_passed_over_is_no_difference_and_is_not_marked_deleted() -> None:
    world = await of_many_rates()
    held = rows(world, "ExchangeRate")
    wrong = next(iter(held))
    held[wrong] = replace(held[wrong], doc=held[wrong].doc.replace(b'"Rate":', b'"Rate":1'))
    world.wrap = lambda inner: passing_over(inner, iter([True]))
    named = {("ExchangeRate", wrong, DifferenceKind.ALTERED)}
    assert differing(await verified(world, run=2)) == named
    at_repair = [False, False, True]  # two passes compare, the third page of its kind is the repair's
    world.wrap = lambda inner: passing_over(inner, iter(at_repair))
    assert differing(await verified(world, run=3, repair=True)) == set()
    assert all(row.deleted_at is None for row in held.values())


@pytest.mark.virtual
async def test_rates_that_are_too_large_for_one_answer_are_asked_for_smaller() -> None:
    world = await of_many_rates()
    world.simulator.injections.add(
        Injection(AnswerTooLarge(over_rows=400), lanes=("query",), containing="FROM ExchangeRate")
    )
    found = (await verified(world, run=2))["ExchangeRate"]
    assert (found.equal, found.compared) == (True, len(rows(world, "ExchangeRate")))


@pytest.mark.virtual
async def test_rates_of_more_currencies_than_one_list_names_are_compared() -> None:
    world = World(seed=2)
    company = world.company_of()
    codes = [f"Z{chr(65 + number // 26)}{chr(65 + number % 26)}" for number in range(CURRENCIES_MAX)]
    for code in codes:
        company.create("CompanyCurrency", {"Code": code, "Name": code})
        rate = {"SourceCurrencyCode": code, "AsOfDate": BEGIN.date().isoformat(), "Rate": Decimal("1.10")}
        company.create("ExchangeRate", rate)
    await anyio.sleep(60)  # past the second of the last change
    await world.extract()
    held = rows(world, "ExchangeRate")
    last = f"{codes[-1]}:{BEGIN.date().isoformat()}"
    held[last] = replace(held[last], doc=held[last].doc.replace(b'"Rate":', b'"Rate":1'))
    assert differing(await verified(world, run=2)) == {("ExchangeRate", last, DifferenceKind.ALTERED)}
