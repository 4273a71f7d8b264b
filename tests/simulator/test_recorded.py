"""The simulator's answers beside recorded ones: the same keys and types, the envelope's in the same order, the headers.

The recordings show the sample company, and so do we: what differs is listed, with its reason.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from backfill.simulator.call import Call
from backfill.simulator.core import Simulator
from backfill.simulator.fleet import Fleet
from backfill.simulator.settings import ServerLimits, SimulatorSettings
from tests.recordings import recording, skip_without_recordings

skip_without_recordings()

REALM = "9130357000000001"
OF_THE_CONNECTION = {"date", "connection", "transfer-encoding", "content-length"}


def recorded(name: str, number: int = 0) -> dict:
    return json.loads(recording(name))[number]["response"]


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


# What a recorded object has and ours has not, or ours has beside it, and why.
DROPPED = {f"{address}.{part}": "str" for address in ("BillAddr", "ShipAddr") for part in ("Lat", "Long")}
"""Left out of addresses by Intuit since August 2025, after the recordings."""
CURRENCIES = {"ExchangeRate": "number", "HomeTotalAmt": "number"}
"""Our sample company trades in several currencies, as some clients' tests need; the recorded one did not yet."""


def leaves(value: object, path: str = "") -> dict[str, str]:
    """Every path of an object to its type; of an array the elements' paths together."""
    found: dict[str, str] = {}
    parts = [(f"{path}.{key}".lstrip("."), part) for key, part in value.items()] if isinstance(value, dict) else []
    for name, part in parts or [(path, each) for each in value if isinstance(value, list)]:
        if isinstance(part, dict | list) and part:
            found |= leaves(part, name)
        else:
            found[name] = "number" if type(part) in (int, float) else type(part).__name__
    return found


def alike(ours: object, theirs: object, *, lacks: dict[str, str], has: dict[str, str]) -> None:
    """The same paths with the same types, but for what is listed."""
    found, wanted = leaves(ours), leaves(theirs)
    assert {path: kind for path, kind in wanted.items() if path not in found} == lacks
    assert {path: kind for path, kind in found.items() if path not in wanted} == has
    assert {path: kind for path, kind in found.items() if wanted.get(path, kind) != kind} == {}


class Sandbox:
    """The sample company, asked what the recordings asked."""

    def __init__(self) -> None:
        def now() -> datetime:
            return datetime(2026, 11, 20, 18, tzinfo=UTC)

        fleet = Fleet(realms=1, seed=6, now=now, rows_min=600, rows_max=700)
        limits = ServerLimits(requests_per_second=None)
        self._simulator = Simulator(SimulatorSettings(limits=limits), fleet, now=now, seed=6)
        self.realm_id = fleet.realm_ids[0]

    async def ask(self, method: str, path: str, body: object = None, **params: str):
        token = self._simulator.credentials(self.realm_id).access_token
        headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
        sent = b"" if body is None else json.dumps(body).encode()
        return await self._simulator.exchange(Call(self.realm_id, method, path, params, headers, sent))


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox()


def exchange(name: str, number: int = 0) -> tuple[Any, dict[str, Any]]:
    """A recorded request's body, and the response."""
    found = json.loads(recording(name))[number]
    return found["request"].get("body"), found["response"]


async def test_an_invoice_is_created_read_and_deleted(sandbox: Sandbox) -> None:
    body, response = exchange("create-invoice")
    answer = await sandbox.ask("POST", "/invoice", body)
    same(answer, response, depth=1)
    made = json.loads(answer.body)["Invoice"]
    alike(made, response["body"]["Invoice"], lacks=DROPPED, has=CURRENCIES)
    given = ("CustomerRef", "CurrencyRef", "Line", "TxnTaxDetail", "TotalAmt", "Balance", "EmailStatus", "SyncToken")
    assert {key: made[key] for key in given} == {key: response["body"]["Invoice"][key] for key in given}
    read = await sandbox.ask("GET", f"/invoice/{made['Id']}")
    assert json.loads(read.body)["Invoice"] == made
    _, response = exchange("delete-invoice", 1)
    gone = {"Id": made["Id"], "SyncToken": made["SyncToken"]}
    answer = await sandbox.ask("POST", "/invoice", gone, operation="delete")
    same(answer, response, depth=9)
    wanted = response["body"]["Invoice"] | {"Id": made["Id"]}
    assert list(json.loads(answer.body)["Invoice"].items()) == list(wanted.items())


async def test_an_unknown_property(sandbox: Sandbox) -> None:
    body, response = exchange("error-400_json")
    answer = await sandbox.ask("POST", "/invoice", body)
    same(answer, response, depth=9)
    (ours,), (theirs,) = (found["Fault"]["Error"] for found in (json.loads(answer.body), response["body"]))
    assert (ours["Message"], ours["code"]) == (theirs["Message"], theirs["code"])
    before, _, after = theirs["Detail"].partition(" (83 known properties: ")
    assert ours["Detail"].startswith(before), "how many are known, and their order, are the schema's of that day"
    assert ours["Detail"].endswith(after[after.index(" [truncated]") :])


async def test_a_batch_with_writes(sandbox: Sandbox) -> None:
    body, response = exchange("batch-basic")
    # Who changed SalesReceipt 11 before the recording was somebody else: ours still stands where it was.
    await sandbox.ask("POST", "/salesreceipt", {"Id": "11", "SyncToken": await token(sandbox, "salesreceipt", "11"),
                                                "sparse": True, "PrivateNote": "Changed"})  # fmt: skip
    stale = body["BatchItemRequest"][2]["SalesReceipt"] | {"SyncToken": "99"}
    body["BatchItemRequest"][2]["SalesReceipt"] = stale
    body["BatchItemRequest"][1]["Invoice"]["Id"] = "99999"
    answer = await sandbox.ask("POST", "/batch", body)
    same(answer, response, depth=1)
    ours, theirs = json.loads(answer.body)["BatchItemResponse"], response["body"]["BatchItemResponse"]
    assert [list(item) for item in ours] == [list(item) for item in theirs]
    alike(ours[0]["Vendor"], theirs[0]["Vendor"], lacks={}, has={})
    assert ours[1] == theirs[1]
    alike(ours[2], theirs[2], lacks={}, has={})
    assert [error["code"] for error in ours[2]["Fault"]["Error"]] == ["5010"]
    assert shape(ours[3], 2) == shape(theirs[3], 2)


async def token(sandbox: Sandbox, path: str, object_id: str) -> str:
    answer = await sandbox.ask("GET", f"/{path}/{object_id}")
    ((_, doc), *_) = json.loads(answer.body).items()
    return doc["SyncToken"]


async def test_the_sample_company_lists_its_customers_and_vendors_in_the_recorded_order(sandbox: Sandbox) -> None:
    for name, number, entity in (("all-customers", 1, "Customer"), ("get-inactive_vendors", 0, "Vendor")):
        statement = f"SELECT * FROM {entity} MAXRESULTS 1000"
        ours = json.loads((await sandbox.ask("GET", "/query", query=statement)).body)["QueryResponse"][entity]
        theirs = exchange(name, number)[1]["body"]["QueryResponse"][entity]
        names = {row["Id"]: row["DisplayName"].removesuffix(" (deleted)") for row in theirs}
        both = [(row["Id"], row["DisplayName"]) for row in ours if names.get(row["Id"]) == row["DisplayName"]]
        listed = [object_id for object_id, _ in both]
        assert listed == [row["Id"] for row in theirs if row["Id"] in listed]
        assert len(both) >= 26
