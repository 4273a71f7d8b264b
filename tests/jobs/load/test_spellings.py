"""One object named in several spellings: QuickBooks takes them for one name, and so does the load."""

from __future__ import annotations

import pytest

from tests.jobs.load.world import LoadWorld

pytestmark = pytest.mark.virtual


async def test_one_name_in_several_spellings_is_one_need() -> None:
    """Of a row that is still to be made, of what is landed, and of what only the company itself knows."""
    world = LoadWorld()
    existing = next(doc for doc in world.objects("Customer") if doc["Active"])["DisplayName"]
    line = {
        "Amount": 100,
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {"ItemRef": world.ref("Item", Type="Service")},
    }
    spelled = [how(name) for name in (existing, "Customer of ours 3") for how in (str, str.upper, str.lower)]
    invoices = [
        {
            "entity": "Invoice",
            "source_key": f"i{number}",
            "payload": {"CustomerRef": {"$ref": "Customer", "DisplayName": name}, "Line": [line]},
        }
        for number, name in enumerate(spelled)
    ]
    await world.add(
        *invoices, {"entity": "Customer", "source_key": "c3", "payload": {"DisplayName": "Customer of ours 3"}}
    )
    await world.load()
    assert world.states() == {"applied": 7}
