"""Other readings of what is undocumented, for some calls."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backfill.errors import UsageError
from backfill.simulator.injection.behaviour import Behaviour
from backfill.simulator.injection.injection import Injection
from backfill.simulator.settings import ServerLimits


async def test_for_some_calls_the_service_behaves_otherwise(client_of) -> None:
    client = client_of(Injection(Behaviour(settings={"limit_plus_one": "true"}), entities=("Invoice",)))
    for entity, rows in (("Invoice", 3), ("Customer", 2)):
        answer = json.loads((await client.query(f"SELECT * FROM {entity} MAXRESULTS 2")).body)
        assert answer["QueryResponse"]["maxResults"] == rows
    capped = client_of(Injection(Behaviour(settings={"batch_object_cap": "2", "batch_shuffled": True})))
    answered = await capped.batch({"bId": "1", "Query": "SELECT * FROM Invoice"})
    assert answered[0]["QueryResponse"]["maxResults"] == 2
    uncapped = client_of(Injection(Behaviour(settings={"batch_object_cap": "off"})), batch_object_cap=2)
    assert (await uncapped.batch({"bId": "1", "Query": "SELECT * FROM Invoice"}))[0]["QueryResponse"]["maxResults"] == 6


@pytest.mark.parametrize("settings", [{}, {"latency_s": 1}, {"id_sort": "perhaps"}, {"cdc_object_cap": "many"}])
def test_a_behaviour_that_cannot_be_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(settings), "at least one")):
        Behaviour(settings=settings)


async def test_every_reading_of_a_request_id_can_be_tried(client_of) -> None:
    again = {"replayed": (200, 1), "refused": (400, 1), "unexpected": (400, 1), "executed": (400, 1)}
    for number, (reading, (status, made)) in enumerate(again.items()):
        client = client_of(Injection(Behaviour(settings={"request_id_again": reading})))
        before = len(client.names)
        found = [(await client.create(f"x{number}", requestid=reading)).status for _ in range(2)]
        assert (found, len(client.names) - before) == ([200, status], made), reading
    assert b'"6240"' in (await client.create(f"x{number}", requestid="executed")).body, "the name is taken"


async def test_every_reading_of_batches_and_cdc_can_be_tried(client_of) -> None:
    readings = {"batch_items": "2", "cdc_also": "TimeActivity", "cdc_left_out": "refused", "uncounted": "Bill"}
    readings |= {"bare_rates": "refused", "unqueried": "Transfer", "unnamed_sku": "left_out"}
    client = client_of(Injection(Behaviour(settings=readings)))
    items = [{"bId": str(number), "Query": "SELECT * FROM Bill"} for number in range(3)]
    response = await client.send("POST", "/batch", {"BatchItemRequest": items})
    assert b"Max allowed value is 2" in response.body
    since = {"changedSince": "2026-11-01T00:00:00Z"}
    assert (await client.send("GET", "/cdc", entities="TimeActivity", **since)).status == 200
    assert (await client.send("GET", "/cdc", entities="TaxRate", **since)).status == 400
    assert (await client.query("SELECT COUNT(*) FROM Bill")).status == 400
    assert (await client.query("SELECT * FROM ExchangeRate")).status == 400
    assert (await client.query("SELECT * FROM Transfer")).status == 400
    realm_id, *_ = client.simulator.fleet.realm_ids
    client.simulator.fleet.company(realm_id).create("Item", {"Name": "Shells", "Active": True, "Sku": "S-1"})
    assert b'"Sku"' not in (await client.query("SELECT * FROM Item")).body
    assert b'"Sku"' in (await client.query("SELECT *, Sku FROM Item")).body


@pytest.mark.parametrize(
    ("reading", "operation", "options"),
    [("both", True, True), ("operation", True, False), ("options", False, True), ("refused", False, False)],
)
async def test_every_reading_of_a_void_in_a_batch_can_be_tried(client_of, reading, operation, options) -> None:
    """That the service takes it for a void at all: there is no payment of that Id."""
    client = client_of(Injection(Behaviour(settings={"batch_void": reading})))
    sent = {"Payment": {"Id": "7", "SyncToken": "0", "sparse": True}}
    answered = await client.batch(
        {"bId": "a", "operation": "void", **sent}, {"bId": "b", "operation": "update", "optionsData": "void", **sent}
    )
    taken = [item["Fault"]["Error"][0]["code"] == "610" for item in answered]
    assert taken == [operation, options]


async def test_the_form_of_a_refusal_may_change_meanwhile(client_of) -> None:
    limits = ServerLimits(requests_per_minute=1)
    otherwise = Behaviour(settings={"throttle_body": "json_upper", "retry_after": "seconds"})
    client = client_of(Injection(otherwise, after=2), limits=limits)
    await client.query()
    first, second = [await client.query() for _ in range(2)]
    assert (first.status, first.body[:5], "retry-after" in first.headers) == (429, b"<?xml", False)
    assert (second.status, b'"Fault"' in second.body, "retry-after" in second.headers) == (429, True, True)
    logged = [(entry.injected, entry.limit) for entry in client.simulator.log.entries()]
    assert logged == [("", ""), ("", "requests_per_minute"), ("behaviour", "requests_per_minute")]
