"""Rows into a realm, when nothing goes wrong."""

from __future__ import annotations

import pytest

from backfill.jobs.load.work import Mode
from tests.jobs.load.world import LoadWorld

pytestmark = pytest.mark.virtual


def customer(number: int, **more: object) -> dict[str, object]:
    return {
        "entity": "Customer",
        "source_key": f"c{number}",
        "payload": {"DisplayName": f"Customer of ours {number}", **more},
    }


def invoice(number: int, customer_key: str, item: dict[str, str], **more: object) -> dict[str, object]:
    line = {
        "Amount": 100 + number,
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {"ItemRef": item, "Qty": 1, "UnitPrice": 100 + number},
    }
    payload = {"CustomerRef": {"$ref": f"Customer/{customer_key}"}, "DocNumber": f"B-{number}", "Line": [line], **more}
    return {"entity": "Invoice", "source_key": f"i{number}", "payload": payload}


@pytest.mark.parametrize("mode", list(Mode))
async def test_customers_and_their_invoices(mode: Mode) -> None:
    world = LoadWorld(mode=mode)
    world.remember("Customer", "Invoice")
    item = world.ref("Item", Type="Service")
    await world.add(
        *(invoice(number, f"c{number % 20}", item) for number in range(200)),
        *(customer(number) for number in range(20)),
    )
    result = await world.load()
    assert world.breaches() == []
    assert result.proven == world.realm_ids
    assert world.states() == {"applied": 220}
