"""The simulator's answers beside recorded ones: the same keys in the same order, the same types, the same headers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backfill.simulator.call import Call
from backfill.simulator.settings import ServerLimits

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "recorded"
if not RECORDED.is_dir():
    pytest.skip("the recorded answers are not part of the repository", allow_module_level=True)

REALM = "9130357000000001"
OF_THE_CONNECTION = {"date", "connection", "transfer-encoding", "content-length"}


def recorded(name: str, number: int = 0) -> dict:
    return json.loads((RECORDED / f"{name}.json").read_text())[number]["response"]


async def answered(simulator, method: str, path: str, *, token: str | None = None, body: bytes = b"", **params: str):
    token = token or simulator.credentials(REALM).access_token
    headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
    return await simulator.exchange(Call(REALM, method, path, params, headers, body))


def shape(value: object, depth: int) -> object:
    """Keys in order and types of values, `depth` levels deep; numbers are one type, whatever their scale."""
    if isinstance(value, dict) and depth:
        return [(key, shape(part, depth - 1)) for key, part in value.items()]
    if isinstance(value, list) and depth:
        return [shape(value[0], depth - 1)] if value else []
    return "number" if isinstance(value, int | float) else type(value).__name__


def same(answer, response: dict, *, depth: int) -> None:
    assert answer.status == response["status"]
    assert shape(json.loads(answer.body), depth) == shape(response["body"], depth)
    wanted = {name.lower().replace("intuit-tid", "intuit_tid") for name in response["headers"]} - OF_THE_CONNECTION
    assert set(answer.headers) == wanted
    for name in ("content-type", "cache-control", "expires", "server", "www-authenticate", "strict-transport-security"):
        found = {key.lower(): value for key, value in response["headers"].items()}.get(name)
        assert answer.headers.get(name) == found, name


async def test_a_count(simulator_of) -> None:
    answer = await answered(simulator_of(), "GET", "/query", query="SELECT COUNT(*) FROM Customer")
    same(answer, recorded("all-customers"), depth=2)


async def test_a_page(simulator_of) -> None:
    answer = await answered(simulator_of(), "GET", "/query", query="SELECT * FROM Customer MAXRESULTS 1000")
    same(answer, recorded("all-customers", 1), depth=2)
    answer = await answered(
        simulator_of(), "GET", "/query", query="SELECT * FROM Customer WHERE Active IN (true, false)"
    )
    inactive = recorded("get-inactive_vendors")
    same(
        answer, inactive | {"body": json.loads(json.dumps(inactive["body"]).replace('"Vendor"', '"Customer"'))}, depth=2
    )


def test_the_default_order_of_lists_is_that_of_the_recording() -> None:
    """Byte by byte: the recording has "PG&E" before "Pam Seitz"."""
    names = [row["DisplayName"] for row in recorded("get-inactive_vendors")["body"]["QueryResponse"]["Vendor"]]
    assert names == sorted(names, key=str.encode)
    updated = [
        row["MetaData"]["LastUpdatedTime"]
        for row in recorded("all-sales_receipts")["body"]["QueryResponse"]["SalesReceipt"]
    ]
    assert updated == sorted(updated, reverse=True)


async def test_a_read(simulator_of) -> None:
    same(await answered(simulator_of(), "GET", "/invoice/1"), recorded("delete-invoice"), depth=1)


async def test_a_fault_of_a_query(simulator_of) -> None:
    answer = await answered(simulator_of(), "GET", "/query", query="SELECT * FROM Custmoer")
    response = recorded("error-400")
    same(answer, response, depth=9)
    assert json.loads(answer.body)["Fault"] == response["body"]["Fault"]
    assert len(answer.body) == int(response["headers"]["Content-Length"])


async def test_an_expired_token(simulator_of, clock) -> None:
    simulator = simulator_of()
    expired = simulator.credentials(REALM).access_token
    clock.forward(hours=1)
    answer = await answered(simulator, "GET", "/customer/1", token=expired)
    response = recorded("error-401")
    same(answer, response, depth=9)
    found = json.dumps(json.loads(answer.body)["fault"]).replace(expired, "AB01EXAMPLE")
    assert json.loads(found) == response["body"]["fault"]


async def test_a_batch(simulator_of) -> None:
    """The recorded request, whose writes this simulator refuses item by item: a fault has the recorded shape."""
    simulator = simulator_of(limits=ServerLimits())
    recording = json.loads((RECORDED / "batch-basic.json").read_text())[0]
    answer = await answered(simulator, "POST", "/batch", body=json.dumps(recording["request"]["body"]).encode())
    same(answer, recording["response"], depth=0)
    body, wanted = json.loads(answer.body), recording["response"]["body"]
    assert list(body) == list(wanted)
    assert [list(item)[-1] for item in body["BatchItemResponse"]] == ["bId"] * 4
    assert list(body["BatchItemResponse"][1]) == list(wanted["BatchItemResponse"][1])
    query = {"BatchItemRequest": [{"bId": "bid4", "Query": "select * from Invoice where TotalAmt > '300.00'"}]}
    body = json.loads((await answered(simulator, "POST", "/batch", body=json.dumps(query).encode())).body)
    wanted_text = json.dumps(wanted["BatchItemResponse"][3]).replace("SalesReceipt", "Invoice")
    assert shape(body["BatchItemResponse"][0], 2) == shape(json.loads(wanted_text), 2)
