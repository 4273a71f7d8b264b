"""Single rows of an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backfill.simulator.injection.injection import Injection
from backfill.simulator.injection.rows import (
    FlaggedDeleted,
    MissingAttributes,
    PoisonedRow,
    UnknownAttribute,
    Unordered,
)

CDC = {"entities": "Invoice,Customer", "changedSince": "2026-11-01T00:00:00Z"}


def fault(body: bytes) -> dict[str, Any]:
    (error,) = json.loads(body)["Fault"]["Error"]
    return error


@pytest.mark.parametrize("code", ["4002", "10000"])
async def test_a_poisoned_row_fails_every_page_that_holds_it(client_of, code: str) -> None:
    client = client_of(Injection(PoisonedRow(ids=("3",), share=0, code=code), entities=("Invoice", "Customer")))
    assert fault((await client.query("SELECT * FROM Invoice")).body)["code"] == code
    assert fault((await client.send("GET", "/cdc", **CDC)).body)["code"] == code
    assert (await client.query("SELECT * FROM Invoice WHERE Id = '4'")).status == 200
    assert (await client.query("SELECT COUNT(*) FROM Invoice")).status == 200
    assert (await client.send("GET", "/invoice/3")).status == 200
    asked = [{"bId": entity, "Query": f"SELECT * FROM {entity}"} for entity in ("Invoice", "Bill")]
    answered = await client.batch(*asked)
    assert [(item["bId"], "Fault" in item) for item in answered] == [("Invoice", True), ("Bill", False)]
    assert client.struck == [3]


async def test_a_share_of_rows_is_the_same_rows_each_time(client_of) -> None:
    async def poisoned(salt: str) -> list[str]:
        client = client_of(Injection(PoisonedRow(share=0.5, salt=salt)))
        answers = [await client.query(f"SELECT * FROM Invoice WHERE Id = '{number}'") for number in range(1, 7)]
        return ["x" if answer.status == 400 else "-" for answer in answers]

    first = await poisoned("")
    assert first == await poisoned("")
    assert set(first) == {"x", "-"}
    assert any([await poisoned(salt) != first for salt in "abc"])


async def test_live_objects_are_flagged_deleted(client_of) -> None:
    client = client_of(Injection(FlaggedDeleted(ids=("2",), share=0)))
    (answered,) = json.loads((await client.send("GET", "/cdc", **CDC)).body)["CDCResponse"]
    rows = {row["Id"]: row for page in answered["QueryResponse"] for row in page.get("Invoice", ())}
    assert rows["2"].keys() == {"domain", "status", "Id", "MetaData"}
    assert (rows["2"]["status"], rows["2"]["MetaData"].keys()) == ("Deleted", {"LastUpdatedTime"})
    assert "TotalAmt" in rows["3"]
    item = {"bId": "c", "CDCQuery": {"Entities": "Invoice", "ChangedSince": CDC["changedSince"]}}
    ((page,),) = [part["QueryResponse"] for part in (await client.batch(item))[0]["CDCResponse"]]
    assert [row["Id"] for row in page["Invoice"] if row.get("status") == "Deleted"] == ["2"]
    await client.query("SELECT * FROM Invoice")
    assert client.struck == [2], "queries do not know deleted objects"


async def test_attributes_are_missing_or_new_and_numbers_keep_their_scale(client_of) -> None:
    client = client_of(Injection(MissingAttributes()))
    body = (await client.query()).body
    assert b'"Balance"' not in body
    assert (await client.send("GET", "/customer/2")).body.count(b'"Balance":639.00') == 1
    client = client_of(Injection(UnknownAttribute(name="Extra")))
    body = (await client.query()).body
    assert body.count(b'"Extra":{') == 4
    assert b'"Balance":639.00' in body
    assert client.struck == [1]


async def test_rows_come_in_another_order(client_of) -> None:
    ordered = "SELECT * FROM Invoice ORDERBY TotalAmt"
    right = json.loads((await client_of().query(ordered)).body)["QueryResponse"]
    other = json.loads((await client_of(Injection(Unordered())).query(ordered)).body)["QueryResponse"]
    assert right["Invoice"] != other["Invoice"]
    assert sorted(map(str, right["Invoice"])) == sorted(map(str, other["Invoice"]))
