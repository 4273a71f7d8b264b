"""Every row of Intuit's table of entities, with every operation there is: done where it has it, else refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backfill.entities import ENTITIES as NAMES
from backfill.simulator.call import Call
from tests.simulator.writing.contract import (
    CREATABLE,
    ENTITIES,
    LEFT_OUT,
    UNCOUNTED,
    Asked,
    asked,
    inner,
    key,
    operations,
    path,
    prepared,
)

CASES = list(operations())
UNSUPPORTED = {"query": "4001", "count": "4001", "cdc": "2000"}
"""What is refused with another code than 500."""
SINGLETONS = ("CompanyInfo", "Preferences")


def test_the_table_has_every_entity_and_the_walk_every_operation() -> None:
    assert list(ENTITIES) == list(NAMES)
    assert len(CASES) == 41 * 11
    assert sum(has for _, _, has in CASES) == 292


def request_for(counter: Any, entity: str, operation: str, *, has: bool) -> Asked:
    doc = prepared(counter, entity)
    if operation == "create":
        doc = counter.sample(entity) if has else {"Name": "x"}
    elif operation in {"update", "sparse"} and entity == "ExchangeRate":
        rate = counter.sample(entity)
        return Asked("POST", "/exchangerate", {}, rate, {"operation": "update", entity: rate})
    return asked(operation, entity, doc)


def sent(counter: Any, request: Asked) -> tuple[int, bytes]:
    body = b"" if request.body is None else json.dumps(request.body).encode()
    accept = {"accept": "application/json"}
    answer = counter.api.handle(Call(counter.realm_id, request.method, request.path, request.params, accept, body))
    return answer.status, answer.body


@pytest.mark.parametrize(("entity", "operation", "has"), CASES)
def test_an_operation_is_done_or_refused(counter, british, entity: str, operation: str, has: bool) -> None:
    """As a call of its own and, where it has that form, as an item of a batch; what is refused changes nothing."""
    counter = british if entity == "TaxPayment" else counter  # of which an American company has none
    request = request_for(counter, entity, operation, has=has)
    changes = counter.company.changes
    status, body = sent(counter, request)
    if not has:
        error = refusal(entity, operation, status, body)
        assert counter.company.changes == changes
        if request.item is not None:
            item = counter.batch({"bId": "1", **request.item})["1"]
            assert item["Fault"]["Error"] == [error] or entity in SINGLETONS, "an item is refused like a call"
            assert counter.company.changes == changes
        return
    assert status == 200, body
    check(counter, entity, operation, body)
    if request.item is not None:
        again = request_for(counter, entity, operation, has=True)
        assert again.item is not None
        item = counter.batch({"bId": "1", **again.item})["1"]
        check(counter, entity, operation, json.dumps(item).encode())


def refusal(entity: str, operation: str, status: int, body: bytes) -> dict[str, Any]:
    (error,) = json.loads(body)["Fault"]["Error"]
    # A rate has no Id to be read by, and a POST of what there is already is an update: both lack something.
    lacking = (entity, operation) in {("ExchangeRate", "read"), *((name, "create") for name in SINGLETONS)}
    code = UNSUPPORTED.get(operation, "500")
    if operation == "count" and entity in UNCOUNTED:
        code = "4002"
    assert (status, error["code"]) == (400, "2020" if lacking else code), error
    return error


def check(counter: Any, entity: str, operation: str, body: bytes) -> None:
    """What a good answer to the operation looks like."""
    if operation == "pdf":
        assert body.startswith(b"%PDF-")
        return
    answer = json.loads(body)
    answer.pop("bId", None)
    answer.pop("time", None)
    match operation:
        case "count":
            rows = [row for row in counter.company.table(entity).all() if row.active]
            counted = {} if entity == "CompanyInfo" else {"totalCount": len(rows)}  # of which no number is given
            assert answer == {"QueryResponse": counted}
        case "query":
            found = answer["QueryResponse"]
            assert found == {} or (len(found[key(entity)]), found["startPosition"]) == (found["maxResults"], 1)
        case "cdc":
            ((part,),) = [page["QueryResponse"] for page in answer["CDCResponse"]]
            rows = part.get(key(entity), ())
            assert len(rows) == part.get("maxResults", 0)
            assert bool(rows) != (entity in LEFT_OUT) or entity not in CREATABLE, "one was made in the last thirty days"
        case "delete":
            stub = inner(answer[key(entity)])
            assert (stub["status"], stub.keys()) == ("Deleted", {"domain", "status", "Id"})
        case _:
            found = inner(answer[key(entity)])
            assert found["domain"] == "QBO"
            if operation == "send":
                assert found["EmailStatus"] == "EmailSent"
            if operation == "void":
                assert found["TotalAmt"] == 0
            if operation in {"create", "update", "read"} and "Id" in found and entity in CREATABLE:
                assert counter.get(f"{path(entity)}/{found['Id']}") == answer[key(entity)]
