"""Every entity, every operation it has, every fault code that the operation can meet: alone, and in a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.simulator.writing.contract import (
    CREATABLE,
    DELETABLE,
    ENTITIES,
    NOBODY,
    UPDATABLE,
    VOIDABLE,
    inner,
    key,
    path,
)

TRANSACTIONS = [
    name for name in CREATABLE if "D" in ENTITIES[name] and name not in {"Attachable", "Budget", "RecurringTransaction"}
]
DATED = [name for name in TRANSACTIONS if name != "TimeActivity"]
"""What closed books are closed to: a time activity moves no money."""
PRINTED = [name for name in CREATABLE if "P" in ENTITIES[name]]
QUERYABLE = [name for name in ENTITIES if "Q" in ENTITIES[name] and name != "ExchangeRate"]
CAPTURED = [name for name in ENTITIES if "X" in ENTITIES[name]]
NAMED = {
    name: "DisplayName" if name in {"Customer", "Vendor"} else "Name"
    for name in ("Account", "Class", "Customer", "Department", "Item", "PaymentMethod", "Term", "Vendor", "JournalCode")
}


@dataclass(frozen=True)
class Case:
    """A request on a new object of an entity, and the code it is refused with."""

    entity: str
    operation: str
    code: str
    spoil: Callable[[Any, dict[str, Any]], dict[str, Any]]
    """From the object that was made, to what is sent of it."""
    prepare: Callable[[Any, dict[str, Any]], object] = lambda _counter, _made: None

    def __str__(self) -> str:
        return f"{self.entity}-{self.operation}-{self.code}-{self.spoil.__name__}"


def head(made: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"Id": made["Id"], "SyncToken": made["SyncToken"], **changes}


def of_nobody(_counter: Any, made: dict[str, Any]) -> dict[str, Any]:
    return {**made, "Id": NOBODY}


def with_an_old_token(_counter: Any, made: dict[str, Any]) -> dict[str, Any]:
    return {**made, "SyncToken": str(int(made["SyncToken"]) + 3)}


def without_token(_counter: Any, made: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in made.items() if name != "SyncToken"}


def with_a_bad_id(_counter: Any, made: dict[str, Any]) -> dict[str, Any]:
    return {**made, "Id": "1.5"}


def unspoiled(_counter: Any, made: dict[str, Any]) -> dict[str, Any]:
    return made


def with_an_unknown_property(_counter: Any, made: dict[str, Any]) -> dict[str, Any]:
    return {**made, "BadJson": True}


def gone(counter: Any, made: dict[str, Any]) -> None:
    counter.post(path(made["entity"]), head(made), operation="delete")


def closed(counter: Any, _made: dict[str, Any]) -> None:
    counter.set_preference("AccountingInfoPrefs", BookCloseDate="2026-11-20")


def cases() -> Iterator[Case]:
    forms = {"update": UPDATABLE, "sparse": UPDATABLE, "delete": DELETABLE, "void": VOIDABLE}
    for operation, entities in forms.items():
        for entity in entities:
            if entity == "RecurringTransaction" and operation != "delete":
                continue
            yield Case(entity, operation, "610", of_nobody)
            yield Case(entity, operation, "2030", with_a_bad_id)
            if entity != "Attachable":
                yield Case(entity, operation, "2020", without_token)
                yield Case(entity, operation, "5010", with_an_old_token)
            if operation in {"update", "sparse"}:
                yield Case(entity, operation, "2010", with_an_unknown_property)
            if entity in DELETABLE and entity != "RecurringTransaction":
                yield Case(entity, operation, "610", unspoiled, gone)
            if entity in DATED:
                yield Case(
                    entity, operation, "6210" if operation in {"update", "sparse"} else "6200", unspoiled, closed
                )


CASES = list(cases())


def sent(case: Case, counter: Any, made: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str], str]:
    """Body, parameters and the item's operation."""
    note = {"PrivateNote": "x"} if _has_note(case.entity) else {}
    if case.operation == "update":
        return {**case.spoil(counter, made), **note}, {}, "update"
    short = {name: made[name] for name in ("Id", "SyncToken", "Name", "DisplayName") if name in made}
    if case.operation == "sparse":
        return case.spoil(counter, {**short, "sparse": True, **note}), {}, "update"
    return case.spoil(counter, head(made)), {"operation": case.operation}, case.operation


def _has_note(entity: str) -> bool:
    return entity in TRANSACTIONS and entity != "TimeActivity"


def test_there_are_so_many() -> None:
    assert len(CASES) == 503


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_write_is_refused_alone_and_in_a_batch(counter, case: Case) -> None:
    made = inner(counter.post(path(case.entity), counter.sample(case.entity)))
    case.prepare(counter, {**made, "entity": case.entity})
    body, params, operation = sent(case, counter, made)
    before = counter.company.changes
    error = counter.fault(path(case.entity), body, **params)
    assert error["code"] == case.code, error
    item = counter.batch({"bId": "1", "operation": operation, key(case.entity): body})["1"]
    assert item["Fault"]["Error"] == [error]
    assert counter.company.changes == before


@pytest.mark.parametrize("entity", DATED)
def test_nothing_is_entered_in_closed_books(counter, entity: str) -> None:
    body = counter.sample(entity)
    closed(counter, {})
    assert counter.fault(path(entity), body)["code"] == "6210"


@pytest.mark.parametrize(("entity", "name"), NAMED.items())
def test_a_name_is_used_once(counter, entity: str, name: str) -> None:
    made = counter.post(path(entity), counter.sample(entity))
    error = counter.fault(path(entity), {**counter.sample(entity), name: made[name].upper()})
    assert (error["code"], f"Id={made['Id']}" in error["Detail"]) == ("6240", True)


@pytest.mark.parametrize("entity", [name for name in CREATABLE if name not in {"ExchangeRate", "RecurringTransaction"}])
def test_what_is_not_there_cannot_be_read(counter, entity: str) -> None:
    made = counter.post(path(entity), counter.sample(entity))
    ids = [NOBODY]
    if entity in DELETABLE:
        counter.post(path(entity), head(made), operation="delete")
        ids.append(made["Id"])
    for object_id in ids:
        status, answer = counter.call("GET", f"/{path(entity)}/{object_id}")
        assert (status, answer["Fault"]["Error"][0]["code"]) == (400, "610")


@pytest.mark.parametrize("entity", PRINTED)
def test_a_form_is_sent_to_an_address_and_must_be_there(counter, entity: str) -> None:
    made = counter.post(path(entity), counter.sample(entity))
    asked = {
        ("POST", made["Id"], "send", ""): "6420", ("POST", made["Id"], "send", "nobody"): "2210",
        ("POST", NOBODY, "send", "jo@example.com"): "610", ("GET", NOBODY, "pdf", ""): "610",
    }  # fmt: skip
    if entity in {"Invoice", "Estimate"}:  # the customer's own address may be taken over
        made = counter.post(path(entity), {**made, "BillEmail": None})
    for (method, object_id, action, address), code in asked.items():
        params = {"sendTo": address} if address else {}
        status, answer = counter.call(method, f"/{path(entity)}/{object_id}/{action}", **params)
        assert (status, answer["Fault"]["Error"][0]["code"]) == (400, code), (action, address)


STATEMENTS = {
    "SELECT * FROM {entity} WHERE": "4000",
    "SELECT * FROM {entity} ORDERBY": "4000",
    "SELECT * FROM {entity} GROUP BY Id": "4000",
    "SELECT * FROM {entity} WHERE Id = 'x": "4000",
    "SELECT * FROM {entity}s": "4001",
    "SELECT * FROM {entity} WHERE Nothing = '1'": "4001",
    "SELECT Nothing FROM {entity}": "4001",
    "SELECT * FROM {entity} ORDERBY Nothing": "4001",
    "SELECT * FROM {entity} MAXRESULTS 1001": "4001",
    "SELECT * FROM {entity} MAXRESULTS 0": "4001",
    "SELECT * FROM {entity} WHERE Id > '1'": "4001",
}


@pytest.mark.parametrize("entity", QUERYABLE)
@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_statement_is_refused_alone_and_in_a_batch(counter, entity: str, statement: str) -> None:
    text = statement.format(entity=entity)
    status, answer = counter.call("GET", "/query", query=text)
    (error,) = answer["Fault"]["Error"]
    assert (status, error["code"]) == (400, STATEMENTS[statement])
    assert counter.call("POST", "/query", text.encode())[1]["Fault"]["Error"] == [error]
    assert counter.batch({"bId": "1", "Query": text})["1"]["Fault"]["Error"] == [error]


CHANGES = [
    ({"changedSince": "2026-11-01"}, "2020"),
    ({"entities": "{entity}"}, "2020"),
    ({"entities": "{entity}", "changedSince": "soon"}, "2070"),
    ({"entities": "{entity}", "changedSince": "2026-10-01T00:00:00Z"}, "500"),
    ({"entities": "{entity},Nothing", "changedSince": "2026-11-01"}, "2000"),
    ({"entities": "{entity},TaxAgency", "changedSince": "2026-11-01"}, "2000"),
]


@pytest.mark.parametrize("entity", CAPTURED)
@pytest.mark.parametrize(("params", "code"), CHANGES)
def test_change_data_capture_is_refused_alone_and_in_a_batch(counter, entity: str, params, code: str) -> None:
    params = {name: value.format(entity=entity) for name, value in params.items()}
    status, answer = counter.call("GET", "/cdc", **params)
    (error,) = answer["Fault"]["Error"]
    assert (status, error["code"]) == (400, code)
    item = {name[0].upper() + name[1:]: value for name, value in params.items()}
    assert counter.batch({"bId": "1", "CDCQuery": item})["1"]["Fault"]["Error"] == [error]
