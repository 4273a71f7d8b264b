"""Single items of a batch, within a good answer."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest

from backfill.simulator.injection.batches import ItemFault, ItemsWithoutBid, MissingItems, SlowItems
from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.refusals import ApiFault


def fault(body: bytes) -> dict[str, Any]:
    (error,) = json.loads(body)["Fault"]["Error"]
    return error


def items(count: int, stem: str = "n") -> list[dict[str, Any]]:
    return [
        {"bId": f"b{place}", "operation": "create", "Customer": {"DisplayName": f"{stem}{place}"}}
        for place in range(count)
    ]


@pytest.mark.parametrize("share", [0.01, 0.5, 1.0])
@pytest.mark.parametrize("after_commit", [False, True])
async def test_items_are_refused_within_a_good_answer(client_of, share: float, after_commit: bool) -> None:
    client = client_of(Injection(ItemFault(share=share, after_commit=after_commit)))
    answered = await client.batch(*items(6))
    assert [item["bId"] for item in answered] == [f"b{place}" for place in range(6)]
    refused = [item for item in answered if "Fault" in item]
    assert {item["Fault"]["Error"][0]["code"] for item in refused} == {"3001"}
    assert len(refused) == max(1, 6 * share)
    assert len(client.names) == (6 if after_commit else 6 - len(refused))
    assert {item["Customer"]["DisplayName"] for item in answered if "Customer" in item} <= set(client.names)


async def test_what_one_fault_refuses_another_does_not_let_through(client_of) -> None:
    """Each draws its own items of one call; whoever is refused by either was not done."""
    client = client_of(Injection(ItemFault(code="6000")), Injection(ItemFault(code="3001")), Injection(ItemFault()))
    answered = await client.batch(*items(12))
    assert [item["bId"] for item in answered] == [f"b{place}" for place in range(12)]
    codes = [item["Fault"]["Error"][0]["code"] for item in answered if "Fault" in item]
    assert codes.count("6000") == 6
    assert codes.count("3001") == 3 + 2, "half of what is left, and half of that"
    assert client.names == [item["Customer"]["DisplayName"] for item in answered if "Customer" in item]


async def test_only_items_of_an_entity_or_an_operation(client_of) -> None:
    mishap = ItemFault(code="6000", share=1, item_entities=("vendor",), item_operations=("create",))
    client = client_of(Injection(mishap))
    others = [{"bId": "v", "operation": "create", "Vendor": {"DisplayName": "v"}}, {"bId": "q", "Query": "x"}]
    answered = await client.batch(*items(2), *others)
    assert [("Fault" in item, item["bId"]) for item in answered[:3]] == [(False, "b0"), (False, "b1"), (True, "v")]
    assert client.names == ["n0", "n1"]
    await client.batch(*items(1))
    await client.query()
    assert client.struck == [1], "what has no such item is spared"


@pytest.mark.parametrize("after_commit", [False, True])
async def test_items_are_missing_in_the_answer(client_of, after_commit: bool) -> None:
    client = client_of(Injection(MissingItems(after_commit=after_commit)))
    answered = await client.batch(*items(6))
    assert len(answered) == 3
    assert len(client.names) == (6 if after_commit else 3)
    alone = client_of(Injection(MissingItems(share=1, after_commit=after_commit)))
    before = len(alone.names)
    assert await alone.batch(*items(2, "alone")) == []
    assert len(alone.names) - before == (2 if after_commit else 0)


async def test_items_are_answered_without_their_bid(client_of) -> None:
    client = client_of(Injection(ItemsWithoutBid(share=0.5)))
    answered = await client.batch(*items(6))
    assert sum("bId" not in item for item in answered) == 3
    assert all("Customer" in item for item in answered)
    await client.query()
    assert client.struck == [1]


@pytest.mark.parametrize("mishap", [ItemFault(), MissingItems(), ItemsWithoutBid(), SlowItems()])
async def test_what_is_no_batch_is_done_and_answered(client_of, mishap) -> None:
    client = client_of(Injection(mishap))
    response = await client.send("POST", "/customer", {"DisplayName": "alone"})
    assert json.loads(response.body)["Customer"]["DisplayName"] == "alone"
    assert client.names == ["alone"]
    assert client.struck == [0]


@pytest.mark.virtual
@pytest.mark.parametrize("after_commit", [False, True])
async def test_a_batch_whose_items_take_too_long_together_ends_with_the_gateway(client_of, after_commit: bool) -> None:
    client = client_of(Injection(SlowItems(item_s=5, after_commit=after_commit)))
    began_s = anyio.current_time()
    assert len(await client.batch(*items(24))) == 24
    assert anyio.current_time() - began_s == 120
    response = await client.send("POST", "/batch", {"BatchItemRequest": items(25, "more")})
    assert (response.status, anyio.current_time() - began_s) == (504, 240)
    assert b"006002" in response.body
    assert len(client.names) == 24 + (25 if after_commit else 0)
    await client.query()
    assert client.struck == [2], "what is no batch is spared"


async def test_a_batch_that_is_refused_as_a_whole_stays_so(client_of) -> None:
    for mishap in (ItemFault(after_commit=True), MissingItems(), ItemsWithoutBid()):
        client = client_of(Injection(mishap), Injection(ApiFault(code="1040")))
        response = await client.send("POST", "/batch", {"BatchItemRequest": items(2)})
        assert fault(response.body)["code"] == "1040"
        assert client.struck == [0, 1]
