"""The tables of properties hold together, and have what the documents and public clients send."""

from __future__ import annotations

import pytest

from backfill.simulator.catalogue import TRAITS
from backfill.simulator.query.properties import PROPERTIES
from backfill.simulator.writing.schema.notation import Shape, shape
from backfill.simulator.writing.schema.table import ENTITY_SHAPES, PART_SHAPES, RECURRING_KINDS, REQUIRED
from backfill.simulator.writing.shaping import _KINDS

SHAPES: dict[str, Shape] = {f"entity {name}": found for name, found in ENTITY_SHAPES.items()} | {
    f"part {name}": found for name, found in PART_SHAPES.items()
}


def test_the_notation() -> None:
    found = shape("Id, SyncToken: +text\nTotalAmt: -money\nTxnDate: date", "TxnDate: +date\nDocNumber: text 21")
    assert list(found) == ["Id", "SyncToken", "TotalAmt", "TxnDate", "DocNumber"]
    assert (found["Id"].kind, found["Id"].is_kept, found["Id"].is_readonly) == ("text", True, False)
    assert (found["TotalAmt"].is_readonly, found["TxnDate"].is_kept) == (True, True)
    assert (found["DocNumber"].most_characters, found["Id"].most_characters) == (21, 4000)
    assert shape("A: one X|Y Z")["A"].choices == ("X", "Y Z")


@pytest.mark.parametrize("name", SHAPES)
def test_kinds_references_and_parts_are_there(name: str) -> None:
    for known in SHAPES[name].values():
        assert known.kind in _KINDS, known
        if known.kind == "ref":
            assert set(known.choices) <= TRAITS.keys(), known
        if known.kind in {"of", "list"}:
            assert known.argument in PART_SHAPES, known
        if known.kind == "text":
            assert known.most_characters > 0
        if known.kind == "one":
            assert len(known.choices) > 0


def test_everything_that_can_be_written_has_a_shape() -> None:
    writable = {name for name, traits in TRAITS.items() if traits.creatable or traits.updatable}
    assert writable == ENTITY_SHAPES.keys() | {"RecurringTransaction"}
    assert set(RECURRING_KINDS) <= ENTITY_SHAPES.keys()


def test_what_is_required_can_be_sent() -> None:
    for entity, names in REQUIRED.items():
        for name in (part for alternatives in names for part in alternatives.split("|")):
            assert not ENTITY_SHAPES[entity][name].is_readonly


ODD = {"ClassRef", "AccountRef", "TaxRateRef", "CustomerRef", "PaymentType", "LinkedTxn", "TxnTaxDetail", "Line"}


@pytest.mark.parametrize("entity", [name for name in ENTITY_SHAPES if not TRAITS[name].is_transaction])
def test_what_a_list_object_can_be_asked_for_can_be_sent_back(entity: str) -> None:
    """A client that reads, edits and writes sends all it read; transactions share a table of their queries."""
    if entity in {"Customer", "Vendor", "Employee"}:  # their queries share one table
        return
    unknown = PROPERTIES[entity].values() - ENTITY_SHAPES[entity].keys()
    assert unknown <= {"Active", "Name", "FullyQualifiedName", "Description"}
