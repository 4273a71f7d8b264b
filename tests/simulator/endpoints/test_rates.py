"""Exchange rates and tax classifications, and the entitlements beside the API."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest


async def test_a_rate_is_the_last_one_of_its_day_or_before(client) -> None:
    for day, rate in (("2024-01-10", 2), ("2024-01-20", 3)):
        client.company.create("ExchangeRate", {"SourceCurrencyCode": "XTS", "AsOfDate": day, "Rate": rate})

    async def rate(**params: str) -> int:
        return (await client.json("GET", "/exchangerate", params=params))["ExchangeRate"]["Rate"]

    assert await rate(sourcecurrencycode="XTS") == 3
    assert await rate(sourcecurrencycode="xts", asofdate="2024-01-19") == 2
    assert await rate(SourceCurrencyCode="XTS", AsOfDate="2024-01-20") == 3
    assert (
        await client.code("GET", "/exchangerate", params={"sourcecurrencycode": "XTS", "asofdate": "2024-01-09"})
        == "610"
    )
    assert (
        await client.code("GET", "/exchangerate", params={"sourcecurrencycode": "XTS", "asofdate": "9.1.24"}) == "2070"
    )
    assert await client.code("GET", "/exchangerate") == "2020"


async def test_tax_classifications_by_level_parent_and_id(client) -> None:
    top = client.company.create("TaxClassification", {"Name": "Top", "Level": "7"})
    below = client.company.create("TaxClassification", {"Name": "Below", "Level": "8", "ParentRef": {"value": top.id}})

    async def ids(path: str, **params: str) -> list[str]:
        found = (await client.json("GET", path, params=params))["QueryResponse"]
        return [row["Id"] for row in found.get("TaxClassification", [])]

    every = [row.id for row in client.company.table("TaxClassification").all()]
    assert len(every) > 2
    assert await ids("/taxclassification") == every
    assert await ids("/taxclassification", level="8") == [below.id]
    assert await ids("/taxclassification", level="9") == []
    assert await ids(f"/taxclassification/{top.id}/children") == [below.id]
    assert (await client.json("GET", f"/taxclassification/{below.id}"))["TaxClassification"]["Name"] == "Below"
    assert await client.code("GET", "/taxclassification", params={"level": "x"}) == "2090"
    assert await client.code("GET", "/taxclassification/1/2/3") == "500"


@pytest.mark.parametrize("accept", ["", "*/*", "application/xml", "application/json, application/xml"])
async def test_entitlements_are_xml(client, accept: str) -> None:
    answer = await client.ask("GET", "/entitlements", accept=accept)
    assert (answer.status, answer.content_type) == (200, "application/xml;charset=utf-8")
    root = ET.fromstring(answer.body)
    assert root.tag == "EntitlementsResponse"
    assert root.findtext("PlanName") == "QuickBooks Online Plus"
    assert {element.findtext("term") for element in root.iter("Entitlement")} == {"On", "Off"}


async def test_entitlements_are_not_json(client) -> None:
    answer = await client.ask("GET", "/entitlements", accept="application/json")
    assert answer.status == 406
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.body)
