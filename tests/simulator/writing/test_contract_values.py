"""Every property of every entity with every value that it cannot have: refused by its code, and alike in a batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from backfill.simulator.writing.schema.notation import Property
from backfill.simulator.writing.schema.table import ENTITY_SHAPES, PART_SHAPES
from tests.simulator.writing.contract import CREATABLE, NOBODY, UPDATABLE, key, path

WRONG: Mapping[str, list[tuple[Any, str]]] = {
    "text": [({"x": 1}, "2040"), (["x"], "2040")],
    "word": [({"x": 1}, "2040"), (["x"], "2040")],
    "date": [("yesterday", "2060"), (20260101, "2060"), ("2026-02-30", "2070"), ("1899-12-31", "2190")],
    "time": [("soon", "2070"), (7, "2070")],
    "money": [("much", "2140"), (True, "2140"), (100_000_000_000, "2240")],
    "number": [("much", "2100"), ("NaN", "2110"), (True, "2110"), (100_000_000_000, "2240")],
    "quantity": [("many", "2160"), (-100_000_000_000, "2240")],
    "percent": [("half", "2150"), (101, "2150"), (-1, "2150")],
    "count": [("many", "2080"), (1.5, "2090"), (True, "2090")],
    "flag": [("perhaps", "2230"), (1, "2230")],
    "email": [("nobody", "2210"), (7, "2210")],
    "uri": [("a b", "2200"), (7, "2200")],
    "one": [("Nothing", "2170"), (7, "2170")],
    "ref": [("7", "2120"), ({"value": NOBODY, "colour": "red"}, "2010"), ({"name": "nobody"}, "2020")],
    "of": [("x", "2120"), (["x"], "2120"), ({"NoSuchThing": 1}, "2010")],
    "list": [("x", "2120"), ({}, "2120"), (["x"], "2120"), ([{"NoSuchThing": 1}], "2010")],
    "any": [],
}  # fmt: skip
"""By the kind of a property: values that are none of it, and the code of Intuit's table for each."""
HEAD = frozenset({"Id", "SyncToken", "Active"})
"""What says which object is meant, and whether it is to go: other tests are about these."""


def wrong_values(known: Property) -> Iterator[tuple[Any, str]]:
    yield from WRONG[known.kind]
    if known.kind == "text":
        yield "x" * (known.most_characters + 1), "2050"


def cases(entity: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Each writable property with each wrong value, and the properties of parts, one level below."""
    for known in ENTITY_SHAPES[entity].values():
        if known.is_readonly or known.name in HEAD:
            continue
        for value, code in wrong_values(known):
            yield {known.name: value}, code
        if known.kind not in {"of", "list"}:
            continue
        for part in PART_SHAPES[known.argument].values():
            for value, code in () if part.is_readonly else wrong_values(part):
                inside = {part.name: value}
                yield {known.name: inside if known.kind == "of" else [inside]}, code


ENTITIES = [entity for entity in CREATABLE if entity in ENTITY_SHAPES]
"""The contents of a RecurringTransaction are walked as what they are templates of."""


def test_the_walk_is_as_long_as_the_tables() -> None:
    assert {
        kind for shape in ENTITY_SHAPES.values() for kind in {known.kind for known in shape.values()}
    } <= WRONG.keys()
    assert set(ENTITIES) == set(CREATABLE) - {"RecurringTransaction"}
    assert sum(1 for entity in ENTITIES for _ in cases(entity)) > 8_000


def mistaken(counter: Any, entity: str, body: dict[str, Any], operation: str) -> Iterator[str]:
    """What was refused otherwise than it should, over the entity's cases laid over the body."""
    for change, code in cases(entity):
        asked = {**body, **change}
        status, answer = counter.call("POST", f"/{path(entity)}", asked)
        errors = answer.get("Fault", {}).get("Error", [{}])
        if (status, errors[0].get("code")) != (400, code):
            yield f"{change}: {status} {errors[0]} instead of {code}"
        item = counter.batch({"bId": "1", "operation": operation, key(entity): asked})["1"]
        if item.get("Fault", {}).get("Error") != errors:
            yield f"{change}: in a batch {item} instead of {errors}"


@pytest.mark.parametrize("entity", ENTITIES)
def test_a_wrong_value_is_refused_by_its_code_at_creation(counter, entity: str) -> None:
    body = counter.sample(entity)
    before = counter.company.changes
    assert list(mistaken(counter, entity, body, "create")) == []
    assert counter.company.changes == before


@pytest.mark.parametrize("entity", [entity for entity in UPDATABLE if entity in ENTITIES])
@pytest.mark.parametrize("sparse", [False, True])
def test_a_wrong_value_is_refused_by_its_code_at_an_update(counter, entity: str, sparse: bool) -> None:
    made = counter.post(path(entity), counter.sample(entity))
    head = {"Id": made["Id"], "SyncToken": made["SyncToken"]}
    before = counter.company.changes
    assert list(mistaken(counter, entity, {**head, "sparse": True} if sparse else {**made}, "update")) == []
    assert counter.company.changes == before


@pytest.mark.parametrize("entity", ENTITIES)
def test_a_reference_to_nothing_is_refused(counter, entity: str) -> None:
    """2500 for every reference to an entity that there is; a currency that is none has a code of its own."""
    wrong = []
    for known in ENTITY_SHAPES[entity].values():
        if known.kind != "ref" or known.is_readonly or not known.choices:
            continue
        body = {**counter.sample(entity), known.name: {"value": NOBODY}}
        error = counter.fault(path(entity), body)
        expected = "2220" if known.name == "CurrencyRef" else "2500"
        if error["code"] != expected or NOBODY not in error["Detail"]:
            wrong.append((known.name, error))
    assert wrong == []
