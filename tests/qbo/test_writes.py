"""Requests that write: their forms, and ids that are the same for the same and for nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backfill.model import RealmId
from backfill.qbo import writes
from backfill.qbo.operations import Operation
from backfill.qbo.writes import Write
from backfill.wire import Lane

REALM = RealmId("42")
VERSIONED = {"Id": "7", "SyncToken": "3"}


def write(entity: str, operation: Operation, **body: Any) -> Write:
    return Write(entity=entity, operation=operation, body=body)


def sent(request_write: Write) -> tuple[str, dict[str, str], dict[str, Any]]:
    request = writes.single(REALM, request_write, "r")
    assert (request.method, request.lane) == ("POST", Lane.WRITE)
    params = dict(request.params)
    assert (params.pop("requestid"), params.pop("minorversion")) == ("r", "75")
    return request.path, params, json.loads(request.body)


@pytest.mark.parametrize(
    ("entity", "operation", "params", "body"),
    [
        ("Invoice", Operation.CREATE, {}, {"Id": "7", "SyncToken": "3", "Name": "N"}),
        ("Invoice", Operation.UPDATE, {}, {"Id": "7", "SyncToken": "3", "Name": "N", "sparse": True}),
        ("Invoice", Operation.FULL_UPDATE, {}, {"Id": "7", "SyncToken": "3", "Name": "N"}),
        ("Invoice", Operation.DELETE, {"operation": "delete"}, VERSIONED),
        ("Invoice", Operation.VOID, {"operation": "void"}, VERSIONED),
        ("Payment", Operation.VOID, {"operation": "update", "include": "void"}, VERSIONED | {"sparse": True}),
        ("Customer", Operation.DELETE, {}, VERSIONED | {"sparse": True, "Active": False}),
        ("Account", Operation.DELETE, {}, VERSIONED | {"sparse": True, "Active": False, "Name": "N"}),
    ],
)
def test_single_forms(entity: str, operation: Operation, params: dict[str, str], body: dict[str, Any]) -> None:
    assert sent(write(entity, operation, **VERSIONED, Name="N")) == (f"/{entity.lower()}", params, body)


@pytest.mark.parametrize(
    ("entity", "operation", "word"),
    [
        ("Invoice", Operation.CREATE, "create"),
        ("Invoice", Operation.UPDATE, "update"),
        ("Invoice", Operation.FULL_UPDATE, "update"),
        ("Invoice", Operation.DELETE, "delete"),
        ("Customer", Operation.DELETE, "update"),
    ],
)
def test_batch_forms(entity: str, operation: Operation, word: str) -> None:
    item = json.loads(writes.batch_item("b", write(entity, operation, **VERSIONED)))
    assert (item["bId"], item["operation"]) == ("b", word)
    assert item[entity]["Id"] == "7"


def test_an_item_stands_under_its_entitys_own_key() -> None:
    assert "CreditCardPaymentTxn" in json.loads(writes.batch_item("b", write("CreditCardPayment", Operation.CREATE)))


def test_what_has_no_certain_form_in_a_batch_goes_singly() -> None:
    assert write("Invoice", Operation.CREATE).batchable
    assert not write("Payment", Operation.VOID).batchable
    allowed = Write(entity="Invoice", operation=Operation.CREATE, body={}, allow_duplicate_number=True)
    assert not allowed.batchable
    assert sent(allowed)[1] == {"include": "allowduplicatedocnum"}


def test_a_requestid_is_of_all_that_makes_a_request() -> None:
    base = write("Invoice", Operation.UPDATE, **VERSIONED, PrivateNote="x")
    first = writes.request_id(REALM, "key", base, 0)
    assert first == writes.request_id(REALM, "key", write("Invoice", Operation.UPDATE, **base.body), 0)
    others = {
        writes.request_id(RealmId("43"), "key", base, 0),
        writes.request_id(REALM, "other", base, 0),
        writes.request_id(REALM, "key", base, 1),
        writes.request_id(REALM, "key", write("Estimate", Operation.UPDATE, **base.body), 0),
        writes.request_id(REALM, "key", write("Invoice", Operation.FULL_UPDATE, **base.body), 0),
        writes.request_id(REALM, "key", write("Invoice", Operation.UPDATE, **base.body | {"SyncToken": "4"}), 0),
        writes.request_id(REALM, "key", write("Invoice", Operation.UPDATE, **base.body | {"PrivateNote": "y"}), 0),
    }
    assert len(others | {first}) == 8
    assert len(first) <= 36


def test_a_batch_has_an_id_of_its_members_and_their_places() -> None:
    assert writes.batch_request_id(["a", "b"]) != writes.batch_request_id(["b", "a"])
    assert len(writes.batch_request_id(["a"])) <= 36
    request = writes.batch(REALM, [writes.batch_item("0", write("Invoice", Operation.CREATE))], "r")
    assert (request.lane, dict(request.params)["requestid"]) == (Lane.BATCH, "r")
    assert list(json.loads(request.body)) == ["BatchItemRequest"]
