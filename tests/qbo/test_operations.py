"""What may be written of each entity."""

from __future__ import annotations

import pytest

from backfill.errors import UsageError
from backfill.qbo.operations import WRITINGS, Operation, Removal, VoidForm, operation, writing
from backfill.qbo.payload_shapes import ENTITY_KINDS, REQUIRED


def test_every_entity_that_can_be_written_has_its_properties() -> None:
    assert set(ENTITY_KINDS) == set(REQUIRED) == set(WRITINGS)


def test_what_an_object_is_found_again_by_can_be_written() -> None:
    for name, table in WRITINGS.items():
        assert table.natural_key or table.stamp_field, f"{name} could not be found again after a lost reply"
        for attribute in filter(None, (table.natural_key, table.stamp_field)):
            assert attribute in ENTITY_KINDS[name]


def test_what_has_no_stamp_cannot_be_without_its_key() -> None:
    """A new object without either could be made twice."""
    for name, table in WRITINGS.items():
        if not table.stamp_field:
            assert table.natural_key in REQUIRED[name], name


@pytest.mark.parametrize(
    ("entity", "form"),
    [
        ("Invoice", VoidForm.OPERATION),
        ("Payment", VoidForm.INCLUDE),
        ("SalesReceipt", VoidForm.INCLUDE),
        ("BillPayment", VoidForm.INCLUDE),
        ("Bill", VoidForm.NONE),
    ],
)
def test_voids_have_their_own_forms(entity: str, form: VoidForm) -> None:
    assert WRITINGS[entity].void is form
    assert WRITINGS[entity].allows(Operation.VOID) == (form is not VoidForm.NONE)


def test_names_are_made_inactive_and_transactions_deleted() -> None:
    assert WRITINGS["Customer"].removal is Removal.INACTIVE
    assert {name for name, row in WRITINGS.items() if row.removal is Removal.INACTIVE_WITH_NAME} == {"Account", "Class"}
    assert WRITINGS["Invoice"].removal is Removal.HARD


def test_payments_come_after_what_they_pay_and_deposits_last() -> None:
    assert WRITINGS["Invoice"].rank < WRITINGS["Payment"].rank < WRITINGS["Deposit"].rank
    assert WRITINGS["Bill"].rank < WRITINGS["BillPayment"].rank


def test_what_cannot_be_written_is_said_with_what_can() -> None:
    assert writing("invoice") is WRITINGS["Invoice"]
    with pytest.raises(UsageError, match="Preferences cannot be written"):
        writing("Preferences")
    with pytest.raises(UsageError, match="no entity called"):
        writing("Invoce")
    assert operation("Void", WRITINGS["Invoice"]) is Operation.VOID
    with pytest.raises(UsageError, match="has no operation 'void'") as refused:
        operation("void", WRITINGS["Customer"])
    assert refused.value.action == "It has create, update, full_update, delete."
