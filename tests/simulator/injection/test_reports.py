"""Reports that are cut without a word, or wrong by a cent."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from backfill.simulator.core import Simulator
from backfill.simulator.fleet import Fleet
from backfill.simulator.injection.behaviour import Behaviour
from backfill.simulator.injection.bodies import TruncatedBody
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.mishap import Mishap
from backfill.simulator.injection.reports import CutReport, WrongAmount
from backfill.simulator.settings import SimulatorSettings
from tests.simulator.injection.conftest import Client

YEAR = {"start_date": "2026-01-01", "end_date": "2026-12-31"}
MODERN = Injection(Behaviour(settings={"reports": {"shape": "modern", "lists": "bare"}}))


@pytest.fixture
def client_of():
    """As in the folder's conftest, of a company that has a chart of accounts and books."""

    def make(*injections: Injection) -> Client:
        fleet = Fleet(realms=2, seed=1, now=lambda: datetime(2026, 11, 20, 18, tzinfo=UTC), rows_min=95, rows_max=95)
        simulator = Simulator(SimulatorSettings(), fleet, now=lambda: datetime(2026, 11, 20, 18, tzinfo=UTC), seed=1)
        for injection in injections:
            simulator.injections.add(injection)
        return Client(simulator)

    return make


async def report(client) -> Any:
    response = await client.send("GET", "/reports/BalanceSheet", realm=client.simulator.fleet.realm_ids[1], **YEAR)
    assert response.status == 200
    return json.loads(response.body)


def lines(report: Any) -> list[tuple[str, ...]]:
    """Every head, row and total."""
    found = []
    rows = report.get("Rows") or []
    for row in rows.get("Row", []) if isinstance(rows, dict) else rows:
        found += [texts(row[name]) for name in ("Header", "ColData") if name in row]
        found += lines(row)
        found += [texts(row["Summary"])] if "Summary" in row else []
    return found


def texts(line: Any) -> tuple[str, ...]:
    return tuple(cell["value"] for cell in (line["ColData"] if isinstance(line, dict) else line))


@pytest.mark.parametrize("shape", [(), (MODERN,)])
@pytest.mark.parametrize("most", [1, 2, 3, 10])
async def test_a_cut_report_has_the_first_lines_and_no_total_after_them(client_of, shape, most: int) -> None:
    whole = await report(client_of(*shape))
    cut = await report(client_of(*shape, Injection(CutReport(after_lines=most))))
    assert lines(cut) == lines(whole)[: len(lines(cut))]
    assert most <= len(lines(cut)) <= most + 1 < len(lines(whole))
    last = cut["Rows"]["Row"] if isinstance(cut["Rows"], dict) else cut["Rows"]
    assert "Summary" not in last[-1]


async def test_a_wrong_amount_is_a_cent_more_in_one_cell(client_of) -> None:
    whole, wrong = lines(await report(client_of())), lines(await report(client_of(Injection(WrongAmount()))))
    cells = zip((cell for line in whole for cell in line), (cell for line in wrong for cell in line), strict=True)
    differing = [(one, other) for one, other in cells if one != other]
    assert len(differing) == 1
    assert Decimal(differing[0][1]) - Decimal(differing[0][0]) == Decimal("0.01")


@pytest.mark.parametrize("mishap", [CutReport(after_lines=100_000), WrongAmount()])
async def test_what_is_no_such_report_is_left_alone(client_of, mishap: Mishap) -> None:
    client = client_of(Injection(mishap))
    realm = client.simulator.fleet.realm_ids[1]
    await client.query(realm=realm)
    await client.send("GET", "/reports/AccountList", realm=realm)
    assert client.struck == [0]


@pytest.mark.parametrize("mishap", [CutReport(), WrongAmount()])
async def test_what_is_broken_already_is_left_alone(client_of, mishap: Mishap) -> None:
    client = client_of(Injection(mishap), Injection(TruncatedBody()))
    await client.send("GET", "/reports/BalanceSheet", realm=client.simulator.fleet.realm_ids[1], **YEAR)
    assert client.struck == [0, 1]


async def test_a_service_that_holds_less_for_a_while(client_of) -> None:
    client = client_of(Injection(Behaviour(settings={"reports": {"cells": 100}}), times=1))
    realm = client.simulator.fleet.realm_ids[1]
    answers = [await client.send("GET", "/reports/GeneralLedger", realm=realm, **YEAR) for _ in range(2)]
    assert [b"Unable to display more data." in answer.body for answer in answers] == [True, False]
